"""Build the site: notebooks -> the sources of each edition's pages -> a renderer -> pages of our own, in `_docs/{zh,en,duo}`."""
import os
import shutil
import sys
from pathlib import Path

from web.course import ROOT, Course, notebooks  # noqa: F401 (other tools ask this module where the course lies)
from web.finish import finish
from web.languages import SourceError
from web.prepare import Sources
from web.render import quarto, with_quarto, with_smalldocs
from web.top import top
from web.widgets import write_widgets


def build(course=None):
    """Build every edition of a course aside, and put the new site in the place of the last good one when all is well."""
    course = course or Course()
    new = course.proc / "new"
    shutil.rmtree(new, ignore_errors=True)
    if quarto():
        for edition in course.languages.editions:
            with_quarto(course, edition, new)
    else:
        sources = Sources(course)
        projects = {edition: course.proc / "sources" / edition for edition in course.languages.editions}
        for edition, project in projects.items():
            sources.write(edition, project)
        for edition, project in projects.items():
            finish(course, edition, with_smalldocs(course, edition, project) / edition, project / edition, new / edition)
            keep(course, new, edition)
        above(course, new)
    shutil.rmtree(course.docs, ignore_errors=True)
    new.rename(course.docs)


def keep(course, docs, edition):
    """Keep an edition's pages, at no cost where a file may have two names: Quarto empties the folder before it renders another edition."""
    shutil.rmtree(course.proc / "built" / edition, ignore_errors=True)
    shutil.copytree(docs / edition, course.proc / "built" / edition, copy_function=linked)


def put_back(course, docs):
    """Put the editions that are kept where they are missing."""
    for edition in course.languages.editions:
        kept = course.proc / "built" / edition
        if kept.is_dir() and not (docs / edition).exists():
            shutil.copytree(kept, docs / edition, copy_function=linked)


def linked(source, target):
    """Give a file a second name, or copy it where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def above(course, docs):
    """Write what the editions share and what stands above them into `docs`, and remove what a renderer left beside them."""
    resources = course.config()["project"].get("resources", [])
    for name in ("site_libs", "search.json", *{Path(each.lstrip("/")).parts[0] for each in resources}):
        left = docs / name
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    write_widgets(course, docs / "widgets")
    top(course, docs, sorted({path.name for code in course.languages.codes for path in (docs / code).glob("*.html") if path.stem != "404"}))


if __name__ == "__main__":
    here = Course()
    try:
        build(here)
    except SourceError as error:
        sys.exit(f"{error}\nThe last good site in {here.docs.name} is as it was.")
    print(f"The course is in {here.docs.name}")

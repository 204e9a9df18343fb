"""Build the site: notebooks -> the sources of each edition's pages -> a renderer -> pages of our own, in `_docs/{zh,en,duo}`."""
import shutil
import sys

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
        above(course, new)
    shutil.rmtree(course.docs, ignore_errors=True)
    new.rename(course.docs)


def above(course, docs):
    """Write what the editions share and what stands above them into `docs`."""
    write_widgets(course, docs / "widgets")
    top(course, docs, sorted({path.name for code in course.languages.codes for path in (docs / code).glob("*.html") if path.stem != "404"}))


if __name__ == "__main__":
    here = Course()
    try:
        build(here)
    except SourceError as error:
        sys.exit(f"{error}\nThe last good site in {here.docs.name} is as it was.")
    print(f"The course is in {here.docs.name}")

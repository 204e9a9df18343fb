"""What Quarto runs before and after it renders (`pre-render` and `post-render` in _quarto.yml).

Quarto tells in the environment what it does: the profile, which is an edition; where the pages go; whether it renders all of them, and
if not, which. It starts these scripts with any Python; where that one lacks what they need, they go on with the course's own, in .venv."""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path.cwd()  # Quarto starts its scripts in the folder of the project
OWN = (ROOT / ".venv/bin/python", ROOT / ".venv/Scripts/python.exe")


def edition(course):
    """The edition that the active profiles name; the first one if they name none."""
    profiles = re.split(r"[ ,]+", os.environ.get("QUARTO_PROFILE", ""))
    return next((name for name in profiles if name in course.languages.editions), course.languages.editions[0])


def listed(variable):
    """The files that Quarto lists in an environment variable, or in a file that another one names, where the list would be too long."""
    file = os.environ.get(f"QUARTO_USE_FILE_FOR_{variable.removeprefix('QUARTO_')}")
    text = Path(file).read_text(encoding="utf-8") if file else os.environ.get(variable, "")
    return [line for line in text.splitlines() if line]


def whole():
    """Whether all pages are rendered, after what was in the folder before has been removed."""
    return bool(os.environ.get("QUARTO_PROJECT_RENDER_ALL"))


def before(course):
    """Write the sources of the edition's pages into a folder named after it, where Quarto finds them; what is up to date stays."""
    from web.prepare import Sources
    Sources(course).write(edition(course), course.root)


def after(course):
    """Set what was rendered in our own pages, and put back the editions that Quarto removed from the folder before it began.

    What stands above the editions is written again for a single page too: Quarto puts resources, and a map of its own, beside them."""
    from web.build import above, keep, put_back
    from web.finish import finish
    from web.languages import SourceError
    now, out = edition(course), course.root / os.environ["QUARTO_PROJECT_OUTPUT_DIR"]
    if out.resolve() == course.root:
        raise SourceError("The pages need a folder of their own: give one as `output-dir`, as _quarto.yml does")
    rendered = None if whole() else {Path(name).name for name in listed("QUARTO_PROJECT_OUTPUT_FILES")}
    finish(course, now, out / now, course.root / now, out / now, rendered)
    keep(course, out, now)
    if whole():
        put_back(course, out)
    above(course, out)


def main(step):
    """Run a step, and tell of an error in a line."""
    sys.path[0] = str(Path(__file__).parent.parent)
    try:
        from web.course import Course
        from web.languages import SourceError
        step = {"before": before, "after": after}[step]
    except ModuleNotFoundError as error:
        own = next((path for path in OWN if path.is_file()), None)
        if own is None or Path(sys.prefix) == own.parent.parent:
            sys.exit(f"{error}. What building the pages needs is installed by `make docs`, into .venv")
        sys.exit(subprocess.run([own, *sys.argv]).returncode)
    try:
        step(Course(ROOT))
    except SourceError as error:
        sys.exit(str(error))

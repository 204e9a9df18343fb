"""What an nbdev user types by reflex, made right for a course in two languages: `python -m tools.reflex` writes these commands into .venv.

nbdev's own `nbdev-docs`, `nbdev-readme` and `nbdev-prepare` know one language: they would put another site and another README in the place
of ours. The names with underscores, which nbdev no longer has, work too. Every other command of nbdev is left as it is."""
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOTE = "# Written by tools/reflex.py"
SCRIPT = f"""#!{{python}}
{NOTE}
import sys
sys.path.insert(0, {{root!r}})
from tools.reflex import main
sys.exit(main({{name!r}}, sys.argv[1:]))
"""


class Refuse:
    """A processor of nbdev for documentation: whoever runs nbdev's own command is told what to run, before anything is replaced."""

    def __init__(self, nb=None):
        raise RuntimeError("The site is in two languages: run `make docs` for all of it, `make preview NB=02 EDITION=zh` for one page")


def commands():
    """The commands that nbdev installs, each with its module and function."""
    return {entry.name: entry.value for entry in distribution("nbdev").entry_points if entry.group == "console_scripts"}


def nbdev(name, arguments=()):
    """Run nbdev's own command; returns its exit status."""
    module, function = commands()[f"nbdev-{name}"].split(":")
    program = f"import sys; sys.argv[0] = 'nbdev-{name}'; from {module} import {function}; sys.exit({function}())"
    return subprocess.run([sys.executable, "-c", program, *arguments]).returncode


def ours(module, *arguments):
    """Run a module of the course; returns its exit status."""
    path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run([sys.executable, "-m", module, *arguments], env={**os.environ, "PYTHONPATH": path}).returncode


def export(arguments):
    """Export the package, and make README.md from the front page as well."""
    return nbdev("export", arguments) or ours("web.readme")


def prepare(arguments):
    """What is done before a commit: clean, export, make README.md, run the notebooks."""
    return nbdev("clean") or export([]) or nbdev("test", arguments)


def bump(arguments):
    """Raise the version, in settings.ini too, from which the package is made."""
    failed = nbdev("bump-version", arguments)
    settings = Path("settings.ini")
    text = settings.read_text(encoding="utf-8")
    lib = re.search(r"^lib_path *= *(\S+)", text, re.MULTILINE)[1]
    version = re.search(r'^__version__ = "(.*)"', Path(lib, "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)[1]
    settings.write_text(re.sub(r"^version *=.*$", f"version = {version}", text, flags=re.MULTILINE), encoding="utf-8")
    return failed


def migrate(arguments):
    """Refuse to."""
    print("The configuration is in pyproject.toml, [tool.nbdev], already; settings.ini stays, since setup.py and web/ read it.")
    return 1


OURS = {
    "export": export, "prepare": prepare, "bump-version": bump, "migrate-config": migrate,
    "docs": lambda arguments: ours("web.build"),
    "preview": lambda arguments: ours("web.preview", *(arguments or ["index"])),
    "readme": lambda arguments: ours("web.readme"),
}


def main(name, arguments):
    """Run what a command stands for."""
    return OURS[name](arguments) if name in OURS else nbdev(name, arguments)


def install(folder):
    """Write the commands into a folder of programs: those that are ours, and a form with underscores of each."""
    for command in commands():
        name = command.removeprefix("nbdev-")
        forms = {command, command.replace("-", "_")} if name in OURS else {command.replace("-", "_")}
        for form in forms if command.startswith("nbdev-") else ():
            path = Path(folder, form)
            path.unlink(missing_ok=True)
            path.write_text(SCRIPT.format(python=sys.executable, root=str(ROOT), name=name), encoding="utf-8")
            path.chmod(0o755)


if __name__ == "__main__":
    install(Path(sys.executable).parent)

"""nbdev, as its users know it: one configuration in two files, and commands that keep both languages, the README and the site."""
import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from tools import reflex
from web.course import ROOT

FIXTURE = ROOT / "tests/fixture_course"
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NBDEV, PROJECT = CONFIG["tool"]["nbdev"], CONFIG["project"]
SETTINGS = configparser.ConfigParser(delimiters=["="])
SETTINGS.read(ROOT / "settings.ini", encoding="utf-8")
SETTINGS = SETTINGS["DEFAULT"]


def test_the_two_files_agree():
    shared = {key for key in NBDEV if key in SETTINGS}
    assert shared >= {"lib_path", "nbs_path", "doc_path", "branch"}, "a place that web/ or setup.py needs is missing"
    assert {key: SETTINGS[key] for key in shared} == {key: NBDEV[key] for key in shared}
    assert (PROJECT["name"], PROJECT["requires-python"]) == (SETTINGS["lib_name"], f">={SETTINGS['min_python']}")
    version = re.search(r'^__version__ = "(.*)"', (ROOT / SETTINGS["lib_path"] / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert version[1] == SETTINGS["version"], "change `version` in settings.ini and `__version__` in the package together"


def test_every_other_value_has_one_source():
    """What setup.py takes from settings.ini is `dynamic` in pyproject.toml; a value in both would win there without a word."""
    given = {"version", "description", "keywords", "readme", "license", "authors", "classifiers", "dependencies", "optional-dependencies",
             "entry-points", "urls"}
    assert given <= set(PROJECT["dynamic"]) and not given & set(PROJECT)
    assert not set(NBDEV) & {"version", "description", "keywords", "author", "user", "git_url"}


def test_the_package_is_made_of_settings_ini(tmp_path):
    copy = tmp_path / "project"
    shutil.copytree(ROOT, copy, ignore=lambda folder, names: [] if Path(folder).name == SETTINGS["lib_path"] else
                    [name for name in names if Path(folder) == ROOT and name not in
                     {"setup.py", "settings.ini", "pyproject.toml", "README.md", SETTINGS["lib_path"]}])
    text = (copy / "settings.ini").read_text(encoding="utf-8")
    text = re.sub("^description = .*$", "description = Other words", text, flags=re.MULTILINE)
    (copy / "settings.ini").write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "setup.py", "-q", "egg_info"], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    info = (copy / f"{SETTINGS['lib_name']}.egg-info/PKG-INFO").read_text(encoding="utf-8")
    for line in ("Summary: Other words", f"Version: {SETTINGS['version']}", f"Requires-Python: >={SETTINGS['min_python']}"):
        assert line in info.splitlines()
    required = re.findall(r"^Requires-Dist: (\w+)[^;\n]*$", info, re.MULTILINE)
    assert required == re.findall(r"([A-Za-z]\w*)[<>=]", SETTINGS["requirements"])


@pytest.fixture
def project(tmp_path):
    """The small course as an nbdev project with this one's configuration, and nbdev's own commands run in it."""
    root = tmp_path / "course"
    shutil.copytree(FIXTURE, root)
    for name in ("web", "tools"):
        (root / name).symlink_to(ROOT / name)
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace(f'"{SETTINGS["lib_path"]}"', '"jour"')
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    (root / "jour/__init__.py").write_text('__version__ = "0.1.0"\n', encoding="utf-8")
    return root


def run(program, root, *arguments, **env):
    """Run Python code, or a script, in a project."""
    command = [sys.executable, "-c", program] if isinstance(program, str) else [program]
    return subprocess.run([*command, *arguments], cwd=root, capture_output=True, text=True, env={**os.environ, **env})


def own(name, root, *arguments, **env):
    """nbdev's own command, as it is where tools/reflex.py has written none."""
    module, function = reflex.commands()[f"nbdev-{name}"].split(":")
    return run(f"from {module} import {function}; {function}()", root, *arguments, **env)


def languages(root):
    """The language of each cell of each notebook."""
    return {path.name: [cell.metadata.get("lang") for cell in nbformat.read(path, as_version=4).cells]
            for path in sorted((root / "nbs").glob("*.ipynb"))}


def test_languages_survive_nbdev_clean(project):
    before = languages(project)
    assert before["00_jour.ipynb"].count("fr") == before["00_jour.ipynb"].count("en") == 3
    path = project / "nbs/00_jour.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells[1].metadata["scrolled"] = True
    nbformat.write(nb, path)
    done = own("clean", project)
    assert done.returncode == 0, done.stderr
    assert languages(project) == before
    assert "scrolled" not in path.read_text(encoding="utf-8"), "nbdev-clean has not run"


def test_without_its_line_they_would_not(project):
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(text.replace("allowed_cell_metadata_keys", "other_keys"), encoding="utf-8")
    own("clean", project)
    assert set(sum(languages(project).values(), [])) == {None}


@pytest.mark.slow
def test_nbdevs_own_prepare_leaves_the_readme(project):
    (project / "README.md").write_text("both languages", encoding="utf-8")
    os.utime(project / "README.md", (0, 0))
    before = languages(project)
    done = own("prepare", project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "README.md").read_text(encoding="utf-8") == "both languages" and languages(project) == before


@pytest.mark.slow
def test_nbdevs_own_docs_stops_before_it_replaces_the_site(project, tmp_path):
    (project / "_docs").mkdir()
    (project / "_docs/index.html").write_text("both languages", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/quarto").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (tmp_path / "bin/quarto").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = own("docs", project, "--n_workers", "0", PATH=path, PYTHONPATH=str(project))
    assert done.returncode and "run `make docs` for all of it" in done.stderr
    assert (project / "_docs/index.html").read_text(encoding="utf-8") == "both languages"


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """The commands that the course puts in the place of nbdev's, in a folder of their own."""
    folder = tmp_path / "commands"
    folder.mkdir()
    reflex.install(folder)
    return folder


def test_commands_with_underscores_and_hyphens_are_there(commands):
    names = {path.name for path in commands.iterdir()}
    for name in ("prepare", "export", "test", "docs", "clean", "preview", "readme"):
        assert f"nbdev_{name}" in names
        assert (f"nbdev-{name}" in names) == (name in reflex.OURS)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["nbdev-prepare", "nbdev_prepare"])
def test_prepare_exports_tests_and_makes_the_readme_in_both_languages(project, commands, form):
    before = languages(project)
    (project / "README.md").write_text("old", encoding="utf-8")
    (project / "jour/lumiere.py").write_text("old", encoding="utf-8")
    done = run(commands / form, project)
    assert done.returncode == 0, done.stdout + done.stderr
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "# Le jour\n" in readme and "# The day\n" in readme and "Ce cours est petit" in readme and "This course is small" in readme
    exported = (project / "jour/lumiere.py").read_text(encoding="utf-8")
    assert "# %% ../nbs/00_jour.ipynb #code-mean\n" in exported and "nbdev" not in re.sub("#.*", "", exported)
    assert languages(project) == before and [path.name for path in (project / "nbs").glob("*.yml")] == ["figures.yml"]


@pytest.mark.slow
def test_prepare_fails_where_a_notebook_does(project, commands):
    path = project / "nbs/index.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace('"1 + 1"', '"1 / 0"'), encoding="utf-8")
    done = run(commands / "nbdev_prepare", project)
    assert done.returncode and "ZeroDivisionError" in done.stdout + done.stderr


@pytest.mark.slow
def test_test_runs_the_notebooks(project, commands):
    assert run(commands / "nbdev_test", project).returncode == 0


@pytest.mark.slow
def test_docs_builds_all_editions(project, commands):
    done = run(commands / "nbdev-docs", project, PATH=os.path.dirname(sys.executable))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (project / "_docs").iterdir() if path.is_dir()} == {"fr", "en", "deux", "widgets"}


def test_a_raised_version_is_raised_in_both_files(project, commands):
    (project / "settings.ini").write_text((FIXTURE / "settings.ini").read_text(encoding="utf-8") + "version = 0.1.0\nlib_path = jour\n",
                                          encoding="utf-8")
    done = run(commands / "nbdev-bump-version", project)
    assert done.returncode == 0, done.stderr
    assert '__version__ = "0.1.1"' in (project / "jour/__init__.py").read_text(encoding="utf-8")
    assert "version = 0.1.1\n" in (project / "settings.ini").read_text(encoding="utf-8")


def test_the_configuration_is_not_migrated_again(project, commands):
    before = (project / "pyproject.toml").read_bytes()
    done = run(commands / "nbdev_migrate_config", project)
    assert done.returncode and "already" in done.stdout and (project / "pyproject.toml").read_bytes() == before

"""`quarto render --profile EDITION` gives the site that `make docs` gives. Where Quarto is not there, tests/quarto_double.py takes its
steps; in the workflow that publishes, it is there."""
import json
import os
import shutil
import subprocess
import sys

import lxml.html
import pytest

from web.build import build
from web.course import ROOT, Course
from web.hooks import edition, listed

FIXTURE, EDITIONS = ROOT / "tests/fixture_course", ("fr", "en", "deux")
SEEN = ("href", "src", "alt", "width", "height", "lang", "open")
TEXT = """Deux choses :
1. le matin ;
2. le soir.

| heure | ce que l'on voit par la fenêtre quand il fait assez clair pour voir quelque chose |
|---:|---|
| 8 | le jour |
"""  # a list right after a paragraph, and a table whose lines are long
DOUBLE = f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/quarto_double.py" "$@"\n'


def files(folder):
    """Every file below a folder, with its content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def course(root):
    """The small course, with what renderers read differently."""
    shutil.copytree(FIXTURE, root)
    path = root / "nbs/00_jour.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"] += [{"cell_type": "markdown", "id": f"more-{lang}", "metadata": {"lang": lang}, "source": TEXT}
                          for lang in EDITIONS[:2]]
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return root


@pytest.fixture
def project(tmp_path):
    """The small course with web/ in it, as a project that Quarto renders; folders of the same names deeper down are none of it."""
    root = course(tmp_path / "course")
    (root / "web").symlink_to(ROOT / "web")
    for name in ("nbs", *EDITIONS):
        shutil.copytree(FIXTURE / "nbs", root / "older" / name)
    return root


@pytest.fixture
def quarto(tmp_path, monkeypatch):
    """A `quarto` on the PATH: the real one, or its double."""
    if not shutil.which("quarto"):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "quarto").write_text(DOUBLE, encoding="utf-8")
        (folder / "quarto").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def run(root, *arguments, **env):
        done = subprocess.run(["quarto", *arguments], cwd=root, env={**os.environ, **env}, capture_output=True, text=True)
        said = done.stdout + done.stderr
        assert done.returncode == 0 and "WARN" not in said, said
    return run


@pytest.fixture
def site(tmp_path):
    """The site as smalldocs builds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("web.build.quarto", lambda: False)
        build(Course(course(tmp_path / "plain")))
    return files(tmp_path / "plain/_docs")


def seen(content):
    """What a reader gets of a page: its text without spaces, and its elements with what leads, shows or is shown by them.

    Boxes that only lay out, and the pieces into which code is cut for its colours, are a renderer's own affair."""
    page = lxml.html.document_fromstring(content.decode())
    elements = [(element.tag, [element.get(name) for name in SEEN], element.get("style", "").replace(" ", "").strip(";"),
                 element.get("id") if element.tag == "section" else None) for element in page.iter() if element.tag not in ("div", "span")]
    return "".join(page.text_content().split()), elements


def alike(found, expected):
    """The same files, and the same to a reader, whatever the renderer."""
    assert sorted(found) == sorted(expected)
    for name, content in expected.items():
        if name.endswith(".html") and b"page-text" in content:
            for one, other in zip(seen(found[name]), seen(content), strict=True):
                assert one == other, name
        else:
            assert found[name] == content, name


@pytest.mark.slow
def test_each_profile_renders_its_edition_and_leaves_the_others(project, quarto, site):
    for name in EDITIONS:
        quarto(project, "render", "--profile", name)
        assert {path.name for path in (project / "_docs").iterdir() if path.is_dir()} == {*EDITIONS[:EDITIONS.index(name) + 1], "widgets"}
    alike(files(project / "_docs"), site)
    quarto(project, "render", "--profile", "fr", "--no-clean")
    alike(files(project / "_docs"), site)


@pytest.mark.slow
def test_make_docs_has_quarto_do_the_same(project, quarto, site):
    subprocess.run([sys.executable, "-m", "web.build"], cwd=project, check=True, env={**os.environ, "PYTHONPATH": str(project)})
    alike(files(project / "_docs"), site)
    assert not (project / "_proc/new").exists()


@pytest.mark.slow
def test_quarto_that_fails_leaves_the_last_good_site(project, quarto):
    (project / "_docs").mkdir()
    (project / "_docs/index.html").write_text("the last good site", encoding="utf-8")
    (project / "GLOSSARY.md").write_text("# A | B\n\n| English |\n|---|\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "web.build"], cwd=project, env={**os.environ, "PYTHONPATH": str(project)},
                          capture_output=True, text=True)
    assert done.returncode and "needs a column named Français" in done.stderr and "could not render the fr edition" in done.stderr
    assert list(files(project / "_docs")) == ["index.html"]


@pytest.mark.slow
def test_a_page_that_is_finished_is_not_finished_again(project, quarto):
    quarto(project, "render", "--profile", "fr")
    before = files(project / "_docs")
    done = subprocess.run([sys.executable, "web/after.py"], cwd=project, capture_output=True, text=True, env={
        **os.environ, "QUARTO_PROFILE": "fr", "QUARTO_PROJECT_OUTPUT_DIR": "_docs", "QUARTO_PROJECT_RENDER_ALL": "1"})
    assert done.returncode == 0, done.stderr
    assert files(project / "_docs") == before


@pytest.mark.slow
def test_without_a_profile_the_first_edition_is_rendered(project, quarto):
    quarto(project, "render", QUARTO_PROFILE="")
    assert (project / "_docs/fr/index.html").is_file() and not (project / "_docs/en").exists()


@pytest.mark.slow
def test_one_page_is_rendered_alone(project, quarto):
    """What `quarto preview` does when a notebook was saved: it renders the page that is asked for."""
    quarto(project, "render", "--profile", "fr")
    before = {path: path.stat().st_mtime_ns for path in (project / "_docs/fr").rglob("*") if path.is_file()}
    sources = {path: path.stat().st_mtime_ns for path in (project / "fr").rglob("*") if path.is_file()}
    notebook = project / "nbs/00_jour.ipynb"
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(text.replace("Le jour, puis la nuit", "Le matin, puis le jour"), encoding="utf-8")
    above = {name: content for name, content in files(project / "_docs").items() if not name.startswith("fr/")}
    quarto(project, "render", "fr/00_jour.ipynb", "--profile", "fr")
    assert {name: content for name, content in files(project / "_docs").items() if not name.startswith("fr/")} == above
    page = (project / "_docs/fr/00_jour.html").read_text(encoding="utf-8")
    assert "Le matin, puis le" in page and 'id="page-text"' in page and page.count("<main") == 1
    entries = (project / "_docs/fr/search.js").read_text(encoding="utf-8")
    assert "Le matin" in entries and "Ce cours est petit" in entries
    touched = {path.name for path, time in before.items() if path.stat().st_mtime_ns != time}
    wanted = {"00_jour.html", "00_jour.ipynb", "search.js"}
    assert touched == wanted, "a page that did not change is written again: a preview would render it again"
    assert {path.name for path, time in sources.items() if path.stat().st_mtime_ns != time} == {"00_jour.ipynb"}
    quarto(project, "render", "--profile", "en")
    assert (project / "_docs/fr/00_jour.html").read_text(encoding="utf-8") == page, "an edition is not put back as it was last made"


@pytest.mark.slow
def test_the_steps_need_not_be_started_by_the_courses_own_python(project):
    bare = subprocess.run([sys.executable, "-S", "-E", "web/before.py"], cwd=project, capture_output=True, text=True)
    assert bare.returncode == 1 and "is installed by `make docs`, into .venv" in bare.stderr
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (project / ".venv/bin/python").chmod(0o755)
    done = subprocess.run([sys.executable, "-S", "-E", "web/before.py"], cwd=project, capture_output=True, text=True,
                          env={**os.environ, "QUARTO_PROFILE": "en"})
    assert done.returncode == 0, done.stderr
    assert (project / "en/00_jour.ipynb").is_file() and not (project / "fr").exists()


@pytest.mark.slow
def test_pages_are_not_written_over_their_sources(project):
    for step in ("before", "after"):
        done = subprocess.run([sys.executable, f"web/{step}.py"], cwd=project, capture_output=True, text=True,
                              env={**os.environ, "QUARTO_PROJECT_OUTPUT_DIR": ".", "QUARTO_PROJECT_RENDER_ALL": "1"})
    assert done.returncode == 1 and "The pages need a folder of their own" in done.stderr
    assert (project / "fr/00_jour.ipynb").is_file()


@pytest.mark.parametrize(("profiles", "expected"), [("", "fr"), ("en", "en"), ("draft,deux", "deux"), ("draft en", "en"), ("draft", "fr")])
def test_the_profile_names_the_edition(monkeypatch, profiles, expected):
    monkeypatch.setenv("QUARTO_PROFILE", profiles)
    assert edition(Course(FIXTURE)) == expected


def test_a_list_of_files_may_stand_in_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("QUARTO_PROJECT_OUTPUT_FILES", "_docs/a.html\n_docs/b.html")
    assert listed("QUARTO_PROJECT_OUTPUT_FILES") == ["_docs/a.html", "_docs/b.html"]
    (tmp_path / "list").write_text("_docs/c.html", encoding="utf-8")
    monkeypatch.setenv("QUARTO_USE_FILE_FOR_PROJECT_OUTPUT_FILES", str(tmp_path / "list"))
    assert listed("QUARTO_PROJECT_OUTPUT_FILES") == ["_docs/c.html"]


def test_the_course_and_the_small_one_are_configured_alike():
    """What the tests show of the small course holds for this one: the same scripts and format, a profile for each edition, its folder
    rendered."""
    for root in (ROOT, FIXTURE):
        course = Course(root)
        project = course.config()["project"]
        assert course.config()["format"] == Course(FIXTURE).config()["format"]
        assert (project["pre-render"].split()[0], project["post-render"].split()[0]) == ("web/before.py", "web/after.py")
        assert course.config()["profile"]["group"] == list(course.languages.editions)
        for name in course.languages.editions:
            assert course.config(name)["project"]["render"] == [f"/{name}/*.ipynb", f"/{name}/*.qmd"], json.dumps(course.config(name))
            assert course.config(name)["lang"] == course.languages.tags[name]
        assert all((ROOT / script).is_file() for script in (project["pre-render"], project["post-render"]))


def test_quarto_finds_what_it_would_add_to_gitignore():
    assert {"/.quarto/", "**/*.quarto_ipynb"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())

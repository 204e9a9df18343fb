"""`make preview`: a page is built again when its notebook is saved, and the browser shows it."""
import functools
import shutil
import threading
import urllib.request

import nbformat
import pytest

from tests.conftest import PATIENCE
from web.course import ROOT
from web.languages import SourceError
from web.preview import Changes, Handler, Preview
from web.serve import server


@pytest.fixture
def preview(tmp_path):
    """A preview of the small course's chapter, built once."""
    shutil.copytree(ROOT / "tests/fixture_course", tmp_path / "course")
    made = Preview(tmp_path / "course", "00", "fr")
    made.start()
    made.build()
    return made


@pytest.fixture
def served(preview):
    """The preview's server and the changes that it tells of."""
    changes = Changes()
    serving = server(functools.partial(Handler, directory=preview.folder, changes=changes), 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}", changes
    serving.shutdown()


def edit(preview, old, new):
    """Save the notebook with other words in it."""
    path = preview.course.nbs / "00_jour.ipynb"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def page(preview):
    """The page as it is now."""
    return (preview.folder / preview.edition / f"{preview.name}.html").read_text(encoding="utf-8")


def test_one_page_is_built_and_leads_to_the_others(preview):
    assert preview.address == "/fr/00_jour.html"
    for part in ('id="page-text"', 'href="index.html">Le jour</a>', 'href="glossary.html#day"'):
        assert part in page(preview)
    assert {path.name for path in (preview.folder / "fr").glob("*.html")} == {"00_jour.html", "404.html"}


def test_a_saved_notebook_is_seen_once_and_built_again(preview):
    assert not preview.changed()
    edit(preview, "Le jour, puis la nuit", "Le matin, puis le jour")
    assert preview.changed() and not preview.changed()
    preview.build()
    assert "Le matin, puis le" in page(preview) and "puis la nuit" not in page(preview)
    edit(preview, "\\\\frac{1}{n}", "\\\\frac{1}{m}")
    (preview.root / "GLOSSARY.md").write_text("# Mots | Words\n\n| English | Français |\n|---|---|\n", encoding="utf-8")
    assert preview.changed()
    preview.build()
    assert "\\frac{1}{m}" in page(preview) and "glossary.html#day" not in page(preview)


def test_a_site_that_was_built_before_surrounds_the_page(tmp_path, monkeypatch):
    from web.build import build
    from web.course import Course
    shutil.copytree(ROOT / "tests/fixture_course", tmp_path / "course")
    monkeypatch.setattr("web.build.quarto", lambda: False)
    build(Course(tmp_path / "course"))
    before = (tmp_path / "course/_docs/fr/00_jour.html").read_bytes()
    made = Preview(tmp_path / "course", "00_jour", "fr")
    made.start()
    edit(made, "Le jour, puis la nuit", "Le matin, puis le jour")
    made.build()
    assert "Le matin" in page(made) and (made.folder / "en/index.html").is_file() and (made.folder / "fr/glossary.html").is_file()
    assert (tmp_path / "course/_docs/fr/00_jour.html").read_bytes() == before, "a preview changes the site that was built"


def test_a_problem_is_told_and_the_page_stays(preview, capsys):
    changes, before = Changes(), page(preview)
    edit(preview, "## La moyenne | The mean *light*", "## La moyenne")
    preview.again(changes)
    [(kind, text)] = changes.happened
    assert kind == "problem" and "needs two halves" in text and "00_jour, cell 4" in capsys.readouterr().out and page(preview) == before
    edit(preview, "## La moyenne", "## La moyenne | The mean *light*")
    preview.again(changes)
    assert [kind for kind, _ in changes.happened] == ["problem", "page"]


def test_the_server_sends_pages_that_listen_and_changes_as_they_come(served):
    address, changes = served
    with urllib.request.urlopen(f"{address}/fr/00_jour.html") as answer:
        text = answer.read().decode()
    assert answer.headers["Cache-Control"] == "no-store" and text.count('new EventSource("/_changes?after=0")') == 1 and "</html>" in text
    with urllib.request.urlopen(f"{address}/fr/site.css") as answer:
        assert b"EventSource" not in answer.read()
    with urllib.request.urlopen(f"{address}/_changes?after=0") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        changes.tell("page")
        assert [stream.readline() for _ in range(3)] == [b"event: page\n", b"data: null\n", b"\n"]
        changes.tell("problem", "cell 3: é")
        assert [stream.readline().decode() for _ in range(2)] == ["event: problem\n", 'data: "cell 3: é"\n']
    with urllib.request.urlopen(f"{address}/fr/00_jour.html") as answer:
        assert "/_changes?after=2" in answer.read().decode()
    with urllib.request.urlopen(f"{address}/_changes?after=1") as stream:
        assert stream.readline() == b"event: problem\n", "what happened between the page and its listening is lost"
    with urllib.request.urlopen(f"{address}/_changes?after=7") as stream:
        changes.tell("page")
        assert stream.readline() == b"event: page\n", "a page of an earlier preview hears nothing"


def test_a_browser_shows_the_new_page_where_the_old_one_was(served, preview, browser):
    address, changes = served
    tab = browser.new_page(viewport={"width": 600, "height": 300})
    tab.set_default_timeout(PATIENCE)
    tab.goto(address + preview.address)
    tab.evaluate("scrollTo({top: 200, behavior: 'instant'})")
    edit(preview, "Le jour, puis la nuit", "Le matin, puis le jour")
    preview.again(changes)
    tab.wait_for_function("document.querySelector('main')?.innerText.includes('Le matin')")
    tab.wait_for_function("scrollY === 200")
    edit(preview, "## La moyenne | The mean *light*", "## La moyenne")
    preview.again(changes)
    tab.wait_for_selector("#preview-problem")
    assert "needs two halves" in tab.locator("#preview-problem").inner_text()
    tab.close()


@pytest.mark.parametrize(("name", "edition", "advice"), [("07", "fr", "there are index, 00_jour"), ("00", "zh", "there are fr, en, deux")])
def test_what_is_not_there_is_said(tmp_path, name, edition, advice):
    shutil.copytree(ROOT / "tests/fixture_course", tmp_path / "course")
    with pytest.raises(SourceError, match=advice):
        Preview(tmp_path / "course", name, edition)


def test_the_small_course_is_valid():
    for path in (ROOT / "tests/fixture_course/nbs").glob("*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))

"""Slides for a teacher: of the small course, to which a summary and an exercise are added, what is on them and how a browser shows them."""
import re
import shutil

import lxml.html
import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from tests.conftest import ROOT
from web.build import build
from web.course import Course
from web.languages import SourceError
from web.slides import FOLDER, Slides, slides

FIXTURE = ROOT / "tests/fixture_course"
CLAIMS = {"fr": ["En juin le jour est long.", "En mars il dort.", "La moyenne est $\\mu$, voir le [début](index.ipynb).", "C'est tout."],
          "en": ["In June the day is long.", "In March it is short.", "The mean is $\\mu$, see the [start](index.ipynb).", "That is all."]}
END = ["## Résumé | Summary", *({lang: "\n".join(f"- {claim}" for claim in claims)} for lang, claims in CLAIMS.items()),
       "## Exercices | Exercises", {"fr": "Calculer $$x_1 + x_2.$$"}, {"en": "Compute $$x_1 + x_2.$$"},
       "## Références | References", {"fr": "- Un livre"}, {"en": "- A book"}]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The small course with such an end to its first chapter, built, its slides made."""
    course = Course(tmp_path_factory.mktemp("slides") / "course")
    shutil.copytree(FIXTURE, course.root)
    path = course.nbs / "00_jour.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for text in END:
        lang, source = next(iter(text.items())) if isinstance(text, dict) else (None, text)
        notebook.cells.append(new_markdown_cell(source, metadata={"lang": lang} if lang else {}))
    nbformat.write(notebook, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("web.build.quarto", lambda: False)
        build(course)
    assert slides(course) == 4
    return course


def shown(course, edition, name):
    """The slides of a chapter, each its kind, its heading and its words."""
    page = lxml.html.fromstring((course.root / FOLDER / edition / f"{name}.html").read_text(encoding="utf-8"))
    for hidden in page.xpath("//annotation | //*[@class='katex-html']"):
        hidden.drop_tree()
    return [(slide.get("class").split()[1], *(" ".join(" ".join(part.itertext()).split()) for part in slide.xpath("./h2 | ./div")))
            for slide in page.xpath("//main/section")]


def test_slides_hold_what_a_chapter_shows_in_one_language(course):
    mean = "μ = 1 n ∑ i x i"
    assert shown(course, "fr", "00_jour") == [
        ("title", "Le jour · Chapitre 0 La lumière Combien d’heures il fait jour Flèches ou espace pour avancer"),
        ("formulas", "La moyenne", mean), ("figure", "La moyenne", "Plus clair à droite"),
        ("claims", "Résumé", f"{CLAIMS['fr'][0]} {CLAIMS['fr'][1]}"),
        ("claims", "Résumé", "La moyenne est μ , voir le début. C’est tout.")]
    assert shown(course, "en", "00_jour") == [
        ("title", "The day · Chapter 0 The light How many hours are light Arrow keys or space"),
        ("formulas", "The mean light", mean), ("figure", "The mean light", "Lighter on the right"),
        ("claims", "Summary", f"{CLAIMS['en'][0]} {CLAIMS['en'][1]}"),
        ("claims", "Summary", "The mean is μ , see the start. That is all.")]


def test_each_figure_and_formula_has_its_section(course):
    year = shown(course, "fr", "01_annee")
    assert [slide[:2] for slide in year[1:]] == [("formulas", "La somme ∑ i x i"), ("figure", "Les images"), ("figure", "Les images")]
    assert year[2][2].startswith("Plus clair à droite : x 7") and "soleil" in (course.root / FOLDER / "fr/01_annee.html").read_text("utf-8")


def test_slides_need_nothing_beside_them(course):
    for path in (course.root / FOLDER).glob("*/*.html"):
        text = path.read_text(encoding="utf-8")
        addresses = re.findall(r"""(?:src|href)=["']([^"']*)|url\(([^)]*)\)""", text)
        assert len(addresses) > 20 and "formulatoken" not in text and "<!--drawing" not in text
        assert {(one or other).partition(":")[0] for one, other in addresses if not (one or other).startswith("#")} == {"data"}, path


def test_without_a_site_there_is_something_to_do(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "course")
    with pytest.raises(SourceError, match="fr/00_jour is not built yet; run `python -m web.build` first"):
        slides(Course(tmp_path / "course"))


def test_claims_are_spread_evenly(course):
    texts = {1: [1], 3: [3], 4: [2, 2], 5: [2, 3], 6: [3, 3], 7: [2, 2, 3]}
    for count, wanted in texts.items():
        section = lxml.html.fragment_fromstring(f"<section><ul>{'<li>so</li>' * count}</ul></section>")
        assert [slide.content.count("<li>") for slide in Slides(course, "fr").claims(section, "")] == wanted


def test_a_browser_turns_the_slides_and_prints_one_on_a_page(course, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((course.root / FOLDER / "fr/01_annee.html").as_uri())
    page.evaluate("document.fonts.ready.then(() => {})")
    count = page.locator(".slide").count()
    for key, number in (("ArrowRight", 1), (" ", 2), ("ArrowLeft", 1), ("End", count - 1), ("PageDown", count - 1), ("PageUp", count - 2),
                        ("Home", 0)):
        page.keyboard.press(key)
        assert page.evaluate("Math.round(scrollY / innerHeight)") == number, key
    cut = """[...document.querySelectorAll(".slide .content")].filter((each) => each.scrollHeight > each.clientHeight + 1
        || each.scrollWidth > each.clientWidth + 1).map((each) => each.parentNode.id)"""
    assert page.evaluate(cut) == [] and page.evaluate("document.documentElement.scrollWidth") == 1280
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == count
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"} and sum(url.startswith("file") for url in asked) == 1
    context.close()

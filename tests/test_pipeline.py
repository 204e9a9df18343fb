"""The way from notebooks to pages, on a small course in French and English: web/ knows neither a subject nor a language."""
import ast
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import lxml.html
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from web.build import build
from web.course import ROOT, Course
from web.finish import Site, inner, size, take
from web.formulas import Formulas
from web.languages import Languages, SourceError
from web.read import directives
from web.readme import readme
from web.search import sections

FIXTURE = ROOT / "tests/fixture_course"
EDITIONS, CHAPTERS = ("fr", "en", "deux"), ("00_jour", "01_annee", "index")


@pytest.fixture
def without_quarto(monkeypatch):
    """The renderer that is always there."""
    monkeypatch.setattr("web.build.quarto", lambda: False)


@pytest.fixture
def course(tmp_path, without_quarto):
    """The small course, in a folder of its own."""
    shutil.copytree(FIXTURE, tmp_path / "course")
    return Course(tmp_path / "course")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The small course's site, and how often each notebook was read for it."""
    root, read, counted = tmp_path_factory.mktemp("built") / "course", nbformat.read, []
    shutil.copytree(FIXTURE, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("web.build.quarto", lambda: False)
        patch.setattr(nbformat, "read", lambda path, **options: (counted.append(Path(path).name), read(path, **options))[1])
        build(Course(root))
    return root / "_docs", counted


def page(built, edition, name):
    """A page of the site, parsed."""
    return lxml.html.document_fromstring((built[0] / edition / f"{name}.html").read_text(encoding="utf-8"))


def texts(built, edition, name, path):
    """The texts that an XPath finds in a page, without the spaces of the source."""
    return [" ".join(found.text_content().split()) for found in page(built, edition, name).xpath(path)]


def test_each_notebook_is_read_once(built):
    assert sorted(built[1]) == ["00_jour.ipynb", "01_annee.ipynb", "index.ipynb"]


def test_every_edition_has_every_page(built):
    assert sorted(path.name for path in built[0].iterdir()) == ["404.html", "deux", "en", "fr", "index.html", "robots.txt", "sitemap.xml",
                                                                "widgets"]
    names = {"00_jour", "01_annee", "404", "api", "api_lumiere", "contents", "glossary", "index"}
    for edition in EDITIONS:
        assert {path.stem for path in (built[0] / edition).glob("*.html")} == names
        others = {path.name for path in (built[0] / edition).iterdir() if path.suffix != ".html"}
        assert others == {"figures", "fonts", "images", "search.js", "site.css", "site.js", *(f"{page}.ipynb" for page in CHAPTERS)}


def test_a_page_shows_its_language(built):
    title, prose = "//main/header/h1", "//main//p[contains(., 'Le jour, puis') or contains(., 'A day, then')]"
    heading = "//main/section/h2/text()"
    assert (texts(built, "fr", "00_jour", title), texts(built, "en", "00_jour", title)) == (["0 La lumière"], ["0 The light"])
    assert texts(built, "fr", "00_jour", prose)[0].startswith("Le jour, puis la nuit") and len(texts(built, "fr", "00_jour", prose)) == 1
    assert texts(built, "en", "00_jour", prose)[0].startswith("A day, then a night") and len(texts(built, "en", "00_jour", prose)) == 1
    assert page(built, "fr", "00_jour").xpath(heading) == ["La moyenne"]
    assert page(built, "en", "00_jour").xpath(heading) == ["The mean "]
    assert [page(built, edition, "00_jour").get("lang") for edition in EDITIONS] == ["fr", "en-GB", "fr"]
    assert page(built, "fr", "00_jour").xpath("//main//img/@alt") == ["Un dégradé : de 0 à 1"]
    assert page(built, "en", "00_jour").xpath("//main//img/@alt") == ["A gradient: from 0 to 1"]
    for edition, has, lacks in (("fr", "La moyenne d'une liste", "The mean of a list"), ("en", "The mean of a list", "La moyenne d'une")):
        code = " ".join(texts(built, edition, "00_jour", "//main//pre"))
        assert has in code and lacks not in code and "hidden" not in code and "default_exp" not in code and "tolerance" not in code


def test_the_edition_with_both_shows_both(built):
    pairs = page(built, "deux", "00_jour").xpath("//main//div[@class='pair']")
    assert [[(side.get("class"), side.get("lang")) for side in pair] for pair in pairs] == [[("first", "fr"), ("second", "en-GB")]] * 4
    assert texts(built, "deux", "00_jour", "//main/header/*") == [
        "0 La lumière", "The light", "Combien d’heures il fait jour", "How many hours are light"]
    assert texts(built, "deux", "00_jour", "//main/section/h2/span[@class='second'][@lang='en-GB']") == ["The mean light"]
    assert not page(built, "deux", "00_jour").xpath("//main//div[contains(@class, 'second-title')]")
    assert texts(built, "deux", "00_jour", "//nav[@class='turn']/a") == [
        "Précédent PreviousLe jour The day", "Suivant NextL’année The year"]


def test_links_of_the_readme_lead_from_the_repositorys_root():
    assert readme(Course(FIXTURE)).count("](nbs/00_jour.ipynb#the-mean-light)") == 2


def test_anchors_come_from_the_second_half_in_every_edition(built):
    for edition in EDITIONS:
        assert page(built, edition, "00_jour").xpath("//main//section/@id") == ["the-mean-light", "summer-and-winter"]
        links = page(built, edition, "index").xpath("//main//p/a[contains(@href, '#')]/@href")
        assert set(links) == {"00_jour.html#the-mean-light"}
        assert page(built, edition, "00_jour").xpath("//nav[@class='toc']//a/@href") == ["#the-mean-light", "#summer-and-winter"]
        assert page(built, edition, "00_jour").xpath("//main//h2/a[@class='anchor']/@href") == ["#the-mean-light"]


def test_the_parts_of_the_course_are_the_sidebars_sections(built):
    parts = {edition: texts(built, edition, "index", "(//nav[@class='chapters'])[1]//*[self::p or self::li]") for edition in EDITIONS}
    assert parts == {"fr": ["Le jour", "Le début", "La lumière", "L’année"], "en": ["The day", "The beginning", "The light", "The year"],
                     "deux": ["Le jour The day", "Le début The beginning", "La lumière The light", "L’année The year"]}


def test_terms_and_names_are_linked_in_both_languages(built):
    for edition, words in (("fr", ["jour", "nuit", "moyenne"]), ("en", ["day", "night", "mean"])):
        assert texts(built, edition, "00_jour", "//main//a[@class='term']") == words
        assert page(built, edition, "00_jour").xpath("//main//a[@class='term']/@href") == [
            "glossary.html#day", "glossary.html#night", "glossary.html#mean"]
        assert page(built, edition, "00_jour").xpath("//main//p/a[code]/@href") == ["api_lumiere.html#mean_light"]


def test_the_pages_beside_the_chapters_speak_the_languages(built):
    heads = {edition: texts(built, edition, "glossary", "//th") for edition in EDITIONS}
    assert heads == {"fr": ["Français", "Anglais", "Définition", "Signe", "Sens"], "deux": heads["fr"],
                     "en": ["English", "French", "Definition", "Symbol", "Meaning"]}
    assert texts(built, "fr", "glossary", "//section[@id='terms']//tr/td[1]") == ["jour", "nuit", "moyenne"]
    assert page(built, "fr", "glossary").xpath("//tr/td[2]/span/@lang") == ["en-GB"] * 3
    assert texts(built, "en", "glossary", "//section[@id='terms']//tr/td[3]")[0] == "The time when the sun is up."
    assert texts(built, "fr", "glossary", "//section[@id='notation']//tr/td[2]") == ["la moyenne", "les heures d’un mois"]
    assert len(page(built, "fr", "glossary").xpath("//section[@id='notation']//tr/td[1]//*[@class='katex']")) == 2
    both = page(built, "deux", "glossary").xpath("//section[@id='notation']//tr[1]/td[2]")[0]
    assert both.text_content().split() == ["la", "moyenne", "the", "mean"] and both.xpath("./span/@lang") == ["en-GB"]
    assert texts(built, "fr", "contents", "//main/section[1]/p") == ["Combien d’heures il fait jour", "Environ 5 minutes."]
    assert "180 mots par minute" in texts(built, "fr", "contents", "//main")[0]
    assert texts(built, "en", "contents", "//main//h2") == ["0 The light#", "1 The year#"]
    entry = {edition: " ".join(texts(built, edition, "api_lumiere", "//section[@id='mean_light']")) for edition in EDITIONS}
    assert "La moyenne d’une liste" in entry["fr"] and "Les heures" in entry["fr"] and "Expliqué sous La moyenne" in entry["fr"]
    assert "The mean of a list" in entry["en"] and "Hours are" in entry["en"] and "Explained under The mean" in entry["en"]
    assert not re.search("liste|heures|Expliqué", entry["en"]) and not re.search("list of|Hours|Explained", entry["fr"])
    assert "La moyenne" in entry["deux"] and "The mean" in entry["deux"]


def test_the_page_at_the_top_chooses_between_the_two(built):
    text = (built[0] / "index.html").read_text(encoding="utf-8")
    assert "{'fr': 'fr', 'en': 'en'}" in text and '?? "en")' in text
    assert re.findall(r'href="(\w+)/index.html" lang="([\w-]+)">([^<]*)', text) == [
        ("fr", "fr", "Français"), ("en", "en-GB", "English"), ("deux", "fr", "Français et anglais")]
    listed = re.findall("<loc>([^<]+)", (built[0] / "sitemap.xml").read_text(encoding="utf-8"))
    assert len(listed) == 14 and {url.split("/")[4] for url in listed} == {"fr", "en"}
    assert texts(built, "deux", "404", "//section/h1") == ["Page introuvable", "No such page"]


def test_the_front_page_has_a_way_in_and_a_card_for_each_chapter(built):
    for edition, way in (("fr", "Commencer"), ("en", "Start"), ("deux", "Commencer Start")):
        tree = page(built, edition, "index")
        assert [(link.text, link.get("href")) for link in tree.xpath("//p[@class='start']/a")] == [(way, "00_jour.html")]
        assert not page(built, edition, "00_jour").xpath("//p[@class='start']")
        cards = tree.xpath("//ul[@class='cards']")
        assert len(cards) == 1 + (edition == "deux") and not tree.xpath("//main//ul[not(@class) and .//a[@href='00_jour.html']]")
        assert [card.xpath("a/@href") for card in cards[0]] == [["00_jour.html"], ["01_annee.html"]]
        pictures = tree.xpath("//li/div[@class='picture' and @aria-hidden]")
        own = [page(built, edition, name).xpath("//figure[not(ancestor::*[@data-widget])]")[:1] for name in ("00_jour", "01_annee")]
        assert len(pictures) == sum(map(len, own)) * (edition != "deux") and any(own), "the first figure of each chapter that has one"
        assert all(picture.xpath(".//svg | .//img") for picture in pictures)


def test_the_code_of_a_widget_is_folded_below_it(tmp_path):
    cell = ('<div class="cell"><details class="code-fold"><summary>Code</summary></details>'
            '<div class="cell-output"><div data-widget="clock"></div></div></div>')
    text = f'<main><h1 class="title">T</h1>{cell}<div class="cell"><details class="code-fold"></details><p>Printed</p></div></main>'
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    order = re.findall("<(details|div data-widget|p)", take(tmp_path / "page.html", tmp_path, "Here").text)
    assert order == ["div data-widget", "details", "details", "p"]


def test_no_line_breaks_between_a_short_formula_and_what_stands_beside_it():
    site, (short, long) = Site.__new__(Site), (f"formulatoken{digit * 16}x" for digit in "01")
    site.formulas = SimpleNamespace(known={short: {"tex": "x"}, long: {"tex": "x + " * 9}})
    kept = site.kept_together(f"<p>是{short}：{long}，{short} 。({short} and {short}</p>")
    assert kept == f'<p>是<span class="together">{short}：</span>{long}，{short} 。<span class="together">({short}</span> and {short}</p>'


def test_the_search_index_has_what_a_reader_sees(built):
    script = (built[0] / "en/search.js").read_text(encoding="utf-8")
    found = {entry["href"]: entry for entry in json.loads(script.removeprefix("window.searchIndex = ").partition(";\n")[0])}
    assert found["00_jour.html"] == {"href": "00_jour.html", "title": "The light", "section": "", "text":
                                     "How many hours are light View source · Download the notebook A day, then a night: the mean is μ."}
    section = found["00_jour.html#the-mean-light"]
    assert section["section"] == "The mean light" and "The function mean_light returns … show()" in section["text"]
    assert "\\frac" not in script and "formulatoken" not in script
    assert found["00_jour.html#summer-and-winter"]["text"] == "month hours June 16"


def test_pictures_tables_and_formulas_are_finished(built):
    tree = page(built, "en", "00_jour")
    [image] = tree.xpath("//main//div[@data-widget='clock']//img")
    assert (image.get("width"), image.get("height"), image.get("loading")) == ("40", "20", "lazy")
    assert len(tree.xpath("//main//div[@class='table-scroll']/table")) == 1
    assert len(tree.xpath("//main//*[@class='katex']")) == 2 and len(tree.xpath("//main//*[@class='formula']")) == 1
    assert tree.xpath("//script/@src") == ["../widgets/host.js", "site.js"]
    assert sorted(path.name for path in (built[0] / "widgets").iterdir()) == ["clock-hours.js", "clock.js", "host.js"]


def test_nothing_in_web_names_a_language():
    """Codes, tags and words of the course's two languages stand in languages.yml alone."""
    for path in sorted((ROOT / "web").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {ast.get_docstring(node, clean=False) for node in ast.walk(tree)
                     if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))}
        strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        for text in set(strings) - documents:
            assert text not in ("zh", "en", "duo", "zh-Hans", "English", "Chinese"), f"{path.name}: {text!r}"
            assert not re.search(r"[\u3400-\u9fff]", text), f"{path.name}: {text!r}"
    assert "zh" not in (ROOT / "web/page.html").read_text(encoding="utf-8") + (ROOT / "web/site.js").read_text(encoding="utf-8")


def changed(course, name, change):
    """Change the cells of a notebook of the course."""
    path = course.nbs / f"{name}.ipynb"
    nb = nbformat.read(path, as_version=4)
    change(nb.cells)
    nbformat.write(nb, path)


BAD = {
    "a cell without its partner": (new_markdown_cell("Seul.", metadata={"lang": "fr"}), "without its partner in English"),
    "a heading in one language": (new_markdown_cell("## Seul"), "needs two halves, `Français | English`"),
    "an unknown language": (new_markdown_cell("Allein.", metadata={"lang": "de"}), "it is fr or en"),
    "no formula": (new_markdown_cell(r"$\frac{1}{$"), "does not parse"),
    "no page": (new_markdown_cell("[?](nowhere.ipynb)"), "nowhere.ipynb leads nowhere"),
    "no anchor": (new_markdown_cell("[?](index.ipynb#nowhere)"), "#nowhere names no heading there"),
    "no such widget": (new_code_cell("#| widget: nothing\n1 + 1"), "not declared"),
    "a widget without a picture": (new_code_cell("#| widget: clock\n1 + 1"), "no stored picture"),
}


@pytest.mark.parametrize("damage", BAD)
def test_a_bad_notebook_stops_the_build_and_leaves_the_last_good_site(course, damage):
    cell, advice = BAD[damage]
    changed(course, "00_jour", lambda cells: cells.append(cell))
    course.docs.mkdir()
    (course.docs / "index.html").write_text("the last good site", encoding="utf-8")
    last = len(course.notebook("00_jour").cells) - 1
    with pytest.raises(SourceError, match=rf"00_jour, cell {last}\b.*{re.escape(advice)}"):
        build(course)
    assert [file.name for file in course.docs.iterdir()] == ["index.html"]


def test_a_bad_title_is_named(course):
    changed(course, "00_jour", lambda cells: cells.pop(0))
    with pytest.raises(SourceError, match="00_jour, cell 0: the notebook opens with `# Français | English`"):
        build(course)


def test_a_file_that_is_no_notebook_is_named(course):
    (course.nbs / "00_jour.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match="00_jour.ipynb cannot be read as a notebook"):
        build(course)


def test_a_chapter_that_the_sidebar_has_and_the_folder_has_not_is_named(course):
    (course.nbs / "00_jour.ipynb").unlink()
    with pytest.raises(SourceError, match="the sidebar lists 00_jour.ipynb, which is not in nbs/"):
        build(course)


def test_a_chapter_that_the_sidebar_has_not_comes_last(course):
    shutil.copy(course.nbs / "index.ipynb", course.nbs / "00_nuit.ipynb")
    assert course.parts == [("", ["index"]), ("Le début | The beginning", ["00_jour", "01_annee"]), ("", ["00_nuit"])]
    assert course.pages == ["index", "00_jour", "01_annee", "00_nuit"]


def test_languages_that_cannot_be_told_apart_are_refused():
    values = Languages.read(FIXTURE / "languages.yml").labels
    with pytest.raises(SourceError, match="needs a `telltale`"):
        Languages(values | {"first": values["first"] | {"telltale": ""}})
    with pytest.raises(SourceError, match="languages.yml: 'second'"):
        Languages({key: value for key, value in values.items() if key != "second"})


@pytest.mark.parametrize(("source", "found", "code"), [
    ("#| exports\n#| fig-cap: a: b\nx = 1", {"exports": ("", False), "fig-cap": ("a: b", True)}, ["x = 1"]),
    ("#|hide\n\nx", {"hide": ("", False)}, ["", "x"]),
    ("%%time\n#| eval: false\nx\n#| late: 1", {"eval": ("false", True)}, ["%%time", "x", "#| late: 1"]),
    ("#| default_exp: data", {"default_exp": ("data", True)}, []), ("x", {}, ["x"]), ("", {}, [])])
def test_directives_are_those_that_a_cell_opens_with(source, found, code):
    assert directives(source) == (found, code)


QUARTO = """<!DOCTYPE html>
<html lang="en"><head><title>T</title></head><body><main class="content" id="quarto-document-content">
<header id="title-block-header" class="quarto-title-block default"><div class="quarto-title"><h1 class="title">A &amp; <em>B</em></h1></div>
<div><div class="description"><p>What it is</p></div></div></header>
<div class="second-title" lang="en"><p>C</p></div>
<p>a &lt; b, fish &amp; chips</p>
<section id="one" class="level2"><h2 class="anchored">One <a href="x.html">link</a></h2>
<div class="sourceCode" id="cb1">
<pre><code><span id="cb1-1"><a href="#cb1-1" aria-hidden="true" tabindex="-1"></a><span class="kw">if</span> x:</span>
<span id="cb1-2"><a href="#cb1-2" aria-hidden="true" tabindex="-1"></a>  y <span>=</span> 1</span></code></pre>
<button title="Copy" class="code-copy-button"><i class="bi"></i></button></div>tail
<img src="p.svg"> <table><tr><td>1</td></tr></table> after
</section></main></body></html>"""


def test_a_page_as_quarto_writes_it_is_taken(tmp_path):
    (tmp_path / "p.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30.4 20"></svg>', encoding="utf-8")
    (tmp_path / "page.html").write_text(QUARTO, encoding="utf-8")
    part = take(tmp_path / "page.html", tmp_path, "Here")
    assert (part.title, part.description, part.second_title, part.second_description) == ("A &amp; <em>B</em>", "What it is", "C", "")
    assert part.toc == [("one", "2", "One <span>link</span>")]
    assert part.text.startswith("<p>a &lt; b, fish &amp; chips</p>") and "title" not in part.text and "button" not in part.text
    assert ('<span class="line"><span class="kw">if</span> x:</span>\n<span class="line" style="--indent:2">  y = 1</span></code>'
            in part.text) and "tail" in part.text
    assert '<img src="p.svg" width="30" height="20" loading="lazy">' in part.text
    assert '<div class="table-scroll"><table><tr><td>1</td></tr></table></div> after' in part.text
    assert 'One <a href="x.html">link</a><a class="anchor" href="#one" aria-label="Here">#</a></h2>' in part.text
    assert [section[:2] for section in part.sections] == [["", ""], ["one", "One link"]]


def test_a_page_of_another_renderer_is_refused(tmp_path):
    (tmp_path / "page.html").write_text("<html><body><p>Hello</p></body></html>", encoding="utf-8")
    with pytest.raises(SourceError, match="page.html: the renderer's page has no main with a .title"):
        take(tmp_path / "page.html", tmp_path, "Here")


def test_a_picture_without_a_viewbox_has_its_own_size(tmp_path):
    (tmp_path / "p.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="12.6px" height="7"/>', encoding="utf-8")
    assert size(tmp_path / "p.svg") == (13, 7)


def test_text_before_the_first_element_stays_escaped():
    assert inner(lxml.html.fragment_fromstring("<p>1 &lt; 2 <b>&amp;</b> 3</p>")) == "1 &lt; 2 <b>&amp;</b> 3"


def test_typeset_formulas_are_kept(tmp_path, monkeypatch):
    first = Formulas(tmp_path / "kept.json")
    text = first.take("`$x$` and $x^2$", "here")
    first.typeset()
    monkeypatch.setattr("web.formulas.katex", lambda formulas: pytest.fail(f"typeset again: {formulas}"))
    second = Formulas(tmp_path / "kept.json")
    assert second.take("`$x$` and $x^2$", "here") == text
    second.typeset()
    assert "katex" in second.fill(text) and second.fill(text, "text") == "`$x$` and x2" and second.fill(text, "tex") == "`$x$` and x^2"


def test_what_nobody_reads_is_not_searched():
    main = lxml.html.fragment_fromstring('<main>Before <style>p { x }</style><svg><text>drawn</text></svg><button>Copy</button>after'
                                         '<section id="a"><h2>A <b>b</b></h2><p>one</p><p>two</p><!-- note --></section>end</main>')
    found = [[" ".join(text.split()) for text in section] for section in sections(main)]
    assert found == [["", "", "Before afterend"], ["a", "A b", "one two"]]


def test_a_notebook_is_read_again_when_it_was_written_again(course):
    first = course.notebook("00_jour")
    assert Course(course.root).notebook("00_jour") is first
    changed(course, "00_jour", lambda cells: cells.append(new_markdown_cell("## Un | One")))
    assert course.notebook("00_jour") is first, "one build sees one state of a notebook"
    assert len(Course(course.root).notebook("00_jour").cells) == len(first.cells) + 1

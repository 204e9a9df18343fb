"""Figures: how they look, and what becomes of them and of folded code on the pages."""
import base64
import io
import itertools
import json
import re
import shutil
import struct

import lxml.etree
import lxml.html
import nbformat
import numpy as np
import pytest
import torch
from IPython.core.pylabtools import print_figure
from matplotlib import pyplot as plt
from matplotlib import rc_context, rcParams
from matplotlib.colors import to_rgb
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from PIL import Image

from tests.test_quarto import quarto  # noqa: F401 (a fixture)
from tools import rules
from tools.outputs import joined
from vae_nb import show_images
from web.build import build
from web.contents import minutes
from web.course import ROOT, Course
from web.figures import COLOURS, TEXT, Words, drawing, texts
from web.languages import SourceError
from web.readme import readme

GROUNDS = {"light": "#ffffff", "dark": "#16191d"}
SEEN = {  # what a reader sees of linear red, green and blue: Machado, Oliveira and Fernandes (2009), severity 1
    "with all cones": np.eye(3),
    "without red ones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "without green ones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "without blue ones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
OKLAB = (np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]),
         np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]))


@pytest.fixture
def style():
    """The course's style, for one test."""
    with rc_context():
        plt.style.use("vae_nb.course")
        yield rcParams
    plt.close("all")


def linear(color):
    """The linear red, green and blue of a color."""
    values = np.array(to_rgb(color))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055)**2.4)


def contrast(one, other):
    """The contrast ratio of WCAG between two colours."""
    low, high = sorted(linear(color) @ [0.2126, 0.7152, 0.0722] for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(color, seen):
    """A color in OKLab, as somebody sees it."""
    cones, axes = OKLAB
    return axes @ np.cbrt(cones @ np.clip(np.array(seen) @ linear(color), 0, 1))


def test_every_colour_is_seen_on_light_and_on_dark(style):
    cycle = style["axes.prop_cycle"].by_key()["color"]
    assert len(cycle) == 6
    for ground in GROUNDS.values():
        assert min(contrast(color, ground) for color in cycle) >= 3
    assert contrast(style["text.color"], GROUNDS["light"]) >= 4.5 and contrast(style["text.color"], GROUNDS["dark"]) >= 3.8


@pytest.mark.parametrize("seen", SEEN)
def test_the_colours_of_the_cycle_are_told_apart(style, seen):
    cycle = style["axes.prop_cycle"].by_key()["color"]
    apart = {pair: np.linalg.norm(lab(pair[0], SEEN[seen]) - lab(pair[1], SEEN[seen])) for pair in itertools.combinations(cycle, 2)}
    assert min(apart.values()) >= 0.05, min(apart, key=apart.get)
    assert min(apart[pair] for pair in itertools.combinations(cycle[:3], 2)) >= 0.08


def test_all_that_is_no_data_has_one_colour(style):
    names = ("text", "axes.edge", "axes.label", "xtick.", "ytick.", "patch.edge", "hatch.", "grid.", "boxplot.boxprops.")
    assert {style[f"{name}{'.' * (name == 'text')}color"] for name in names} == {"#767676"} < set(COLOURS)


def test_words_in_a_colour_of_the_data_can_be_read(style):
    """A page mixes them with its ink, as color-mix does."""
    share = float(re.search(r"(\d+)%", TEXT)[1]) / 100
    for ink, ground in (("#1e2227", "#fefefd"), ("#dde2e7", "#16191d")):
        for color in style["axes.prop_cycle"].by_key()["color"]:
            mixed = share * np.array(to_rgb(color)) + (1 - share) * np.array(to_rgb(ink))
            assert contrast(tuple(mixed), ground) >= 4.5, (color, ground)


def svg(figure):
    """A figure as a notebook stores it, and its root element."""
    text = print_figure(figure, "svg", metadata={"Date": None})
    return text, lxml.etree.fromstring(text.encode())


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_figure_has_text_and_no_ground_and_is_the_same_again(style):
    def drawn():
        figure, (left, right) = plt.subplots(1, 2)
        left.plot([1, 2], [2, 1], label="train")
        left.set(xlabel="epoch", ylabel="loss, nats per image")
        left.legend()
        right.imshow(np.eye(5), cmap="gray")
        return svg(figure)
    (text, root), (again, _) = drawn(), drawn()
    assert text == again
    assert {"epoch", "loss, nats per image", "train"} <= {"".join(found.itertext()) for found in root.iter("{*}text")}
    styles = " ".join(found.get("style", "") for found in root.iter("{*}path", "{*}rect"))
    assert not re.search("fill: #(?!6079d3)", styles), "something is painted behind the figure"
    assert 600 < float(root.get("width").removesuffix("pt")) * 96 / 72 < 700


@pytest.mark.parametrize(("count", "columns", "least"), [(1, 10, 4), (3, 10, 4), (5, 5, 4), (40, 10, 2)])
def test_the_pixels_of_an_image_are_large_and_sharp(monkeypatch, count, columns, least):
    monkeypatch.setattr(plt, "show", lambda: None)
    show_images(torch.rand(count, 1, 28, 28), columns=columns)
    _, root = svg(plt.gcf())
    [image] = root.iter("{*}image")
    png = base64.b64decode(image.get("{http://www.w3.org/1999/xlink}href").partition(",")[2])
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == ((28, 28) if count == 1 else (2 + 30 * min(count, columns), 2 + 30 * -(-count // columns)))
    assert "pixelated" in image.get("style"), "the browser would blur the pixels"
    assert float(root.get("width").removesuffix("pt")) * 96 / 72 / width >= least
    assert float(root.get("width").removesuffix("pt")) <= 520
    plt.close("all")


SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="504pt" height="100pt" viewBox="0 0 504 100" xmlns="http://www.w3.org/2000/svg">
 <metadata>of the program</metadata><!-- a note -->
 <defs><style type="text/css">*{stroke: red}</style><clipPath id="p1"><rect width="9" height="9"/></clipPath></defs>
 <g id="figure_1"><path id="line" d="M 0 0
L 9 9" clip-path="url(#p1)" style="stroke: #767676; fill: #6079d3"/><use xlink:href="#line" x="3"/><rect fill="#808080"/></g>
 <image xlink:href="data:image/png;base64,
QUJD
" width="1" height="1"/>
 <text style="font: italic 700 11px 'DejaVu Sans', sans-serif; text-anchor: middle" transform="rotate(-90 1 2)">hours of light</text>
 <text x="495" y="50" style="font-size: 11px; font-family: 'DejaVu Sans'; fill: #6079d3">day <tspan>12</tspan></text>
 <text>x < 3</text>
</svg>""".replace("x < 3", "x &lt; 3")
ARMED = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" onload="alert(1)">
<script>alert(1)</script><foreignObject><body/></foreignObject><a xlink:href="javascript:alert(1)"><text>link</text></a>
<g onclick="alert`1`" class="toc"><image href="https://elsewhere.example/x.png"/><image href="data:image/svg+xml;base64,QUJD"/></g>
<use href="other.svg#x"/><path style="fill: url(https://elsewhere.example/x); background: image-set('//elsewhere.example/x');
 stroke: #111111" stroke="url(http://elsewhere.example/x)" d="M0 0"/>
<rect width="3"><animate attributeName="href" values="javascript:alert(1)"/></rect></svg>"""


def drawn(svg, label="label", translated=str):
    """A drawing on a page named n, where pictures of pixels lie in a folder."""
    return drawing(svg, "n", label, lambda content, kind: f"folder/{content.decode()}.{kind}", translated)


def test_a_drawing_has_the_colours_of_the_page():
    html = drawn(SVG)
    assert html.startswith("<svg ") and "\n" not in html and "metadata" not in html and "note" not in html and "<style" not in html
    assert 'd="M 0 0 L 9 9"' in html and 'style="stroke: currentColor; fill: #6079d3"' in html
    assert '<rect fill="var(--soft)"></rect>' in html
    assert 'width="672" height="133" viewBox="0 0 504 100" role="img" aria-label="label" class="wide"' in html
    assert 'href="folder/ABC.png"' in html
    assert "DejaVu" not in html and "x &lt; 3" in html
    assert "font-style: italic; font-weight: 700; font-size: calc(var(--figure-text, 1) * 11px); text-anchor: middle" in html
    assert f"fill: {TEXT.format('#6079d3')}" in html


def test_ids_are_the_drawings_own_and_those_that_nothing_needs_are_gone():
    html = drawn(SVG)
    assert sorted(re.findall(' id="(.*?)"', html)) == ["n-0", "n-1"]
    assert '<clipPath id="n-0">' in html and 'clip-path="url(#n-0)"' in html and 'id="n-1"' in html and 'href="#n-1"' in html


def test_a_drawing_neither_runs_nor_loads_anything():
    html = drawn(ARMED, 'a "label" <b>')
    for bad in ("script", "alert", "foreignObject", "elsewhere", "other.svg", "svg+xml", "animate", "toc", "link", "<b>"):
        assert bad not in html, bad
    assert 'stroke: #111111' in html and 'd="M0 0"' in html and 'viewBox="0 0 9 9"' in html


def test_words_are_replaced_and_stay_where_they_were():
    html = drawn(SVG, translated={"hours of light": "heures", "day 12": "jour 12"}.get)
    assert re.search(r'text-anchor: middle" transform="rotate\(-90 1 2\)">heures</text>', html) and ">jour 12</text>" in html
    assert texts(SVG) == ["hours of light", "day 12", "x < 3"]


@pytest.mark.parametrize("bad", ["", "<svg", "<html/>", '<svg xmlns="http://www.w3.org/2000/svg"/>'])
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(ValueError, match="the picture"):
        drawn(bad)


def listed(tmp_path, text):
    """The words that a list has."""
    (tmp_path / "figures.yml").write_text(text, encoding="utf-8")
    return Words(tmp_path / "figures.yml")


def test_a_number_stands_for_itself(tmp_path):
    words = listed(tmp_path, "epoch: 轮\nepoch {}: 第{}轮\n'{} of {}': '{}/{}'\nno: 否\nN = {}: 共{}\n")
    for text, first in (("epoch", "轮"), ("epoch 3", "第3轮"), ("epoch 1,000", "第1,000轮"), ("epoch −1.5e-3", "第−1.5e-3轮"),
                        ("epoch x", "epoch x"), ("3 of 40%", "3/40%"), ("no", "否"), ("N = 3.", "共3."), ("other", "other")):
        assert words.first(text) == first
    assert words.entry("epoch 3") == "epoch {}" and words.entry("other") is None
    assert Words(tmp_path / "nothing.yml").first("epoch") == "epoch"


@pytest.mark.parametrize("bad", ["epoch {}: 轮", "epoch: [轮]", "epoch: {", "epoch:\n  a: b"])
def test_a_bad_entry_is_named(tmp_path, bad):
    with pytest.raises(SourceError, match="figures.yml"):
        listed(tmp_path, bad)


HINT = "<details><summary>{}</summary>\n\n{} $x^2$ `y`\n\n```python\n{} = 1\n```\n\n</details>"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 40, 20)).decode()


def cells():
    """A chapter with figures, folds and hints."""
    lines = "#| fig-cap: Voir | See\n#| fig-alt: Un dessin | A drawing\nplot()"
    svg, png = ({"image/svg+xml": SVG}, {"image/png": PNG})
    return [
        new_markdown_cell("# La nuit | The night"),
        new_code_cell("#| fold: imports\nimport secret\n%config x", id="imports"),
        new_code_cell("%config y", id="magic"),
        new_code_cell("judge()", id="both", outputs=[new_output("execute_result", {"text/plain": "Faux : non.\n| Wrong: no."})]),
        new_code_cell("#| exporti\nlimit: int = 3\n\ndef inner(): y = 1\nclass A: b = 2\nc = 3\nd = 4", id="inner"),
        new_code_cell("#| exporti\nlast = 5"),
        new_code_cell(f"#| fold: figure\n{lines}", id="first", outputs=[new_output("display_data", svg | png)]),
        new_code_cell(lines, id="second", outputs=[new_output("display_data", svg), new_output("display_data", png)]),
        new_markdown_cell("![Un œil | An eye](images/eye.svg)", id="eye"),
        new_markdown_cell(HINT.format("Aide du jour", "caché", "réponse"), metadata={"lang": "fr"}),
        new_markdown_cell(HINT.format("Hint of the day", "hidden", "answer"), metadata={"lang": "en"}),
        new_markdown_cell("Après.", metadata={"lang": "fr"}), new_markdown_cell("Afterwards.", metadata={"lang": "en"}),
        new_markdown_cell("## Long | Long"), new_code_cell("x" * 88, outputs=[new_output("stream", text="z" * 88)]),
        new_code_cell(f"def far(near):\n    if near:\n        return {'near + ' * 20}1",
                      outputs=[new_output("stream", text="y" * 88 + "  y\nlast")]),
        new_markdown_cell("Un mot de plus. " * 40, metadata={"lang": "fr"}),
        new_markdown_cell("One more word. " * 40, metadata={"lang": "en"}),
    ]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The small course with that chapter, built."""
    root = tmp_path_factory.mktemp("figures") / "course"
    shutil.copytree(ROOT / "tests/fixture_course", root)
    (root / "nbs/images").mkdir(exist_ok=True)
    (root / "nbs/images/eye.svg").write_text(SVG.replace("day", "night"), encoding="utf-8")
    nbformat.write(nbformat.v4.new_notebook(cells=cells()), root / "nbs/03_nuit.ipynb")
    shutil.copy(root / "nbs/03_nuit.ipynb", root / "nbs/04_nuit.ipynb")
    made = Course(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("web.build.quarto", lambda: False)
        build(made)
    return made


def page(course, edition, name="03_nuit"):
    """The text of a page, as HTML and parsed."""
    text = (course.docs / edition / f"{name}.html").read_text(encoding="utf-8")
    return text, lxml.html.document_fromstring(text).find(".//main")


@pytest.mark.parametrize(("edition", "drawn", "label", "caption"), [
    ("fr", ["heures de lumière", "jour 12", "x < 3"], "Un dessin", ["Voir"]),
    ("en", ["hours of light", "day 12", "x < 3"], "A drawing", ["See"]),
    ("deux", ["heures de lumière", "jour 12", "x < 3"], "Un dessin", ["Voir", "See"])])
def test_figures_stand_in_the_page_in_its_language(course, edition, drawn, label, caption):
    text, main = page(course, edition)
    first, second, png, eye = main.xpath(".//figure[@class='plot']")
    for figure in (first, second):
        [svg] = figure.xpath("./svg")
        assert [" ".join(found.text_content().split()) for found in svg.iter("text")] == drawn and svg.get("aria-label") == label
        assert [found.text_content() for found in figure.xpath("./figcaption//p")] == caption and figure[0] is svg
    assert png[0].tag == "img" and (png[0].get("width"), png[0].get("alt")) == ("40", label) and png[1].tag == "figcaption"
    assert [child.tag for child in eye] == ["svg"] and "x < 3" in eye.text_content() and eye[0].get("aria-label") in ("Un œil", "An eye")
    pixels = [image.get("href") for image in main.xpath(".//svg//image")]
    assert len(set(pixels)) == 3 and {(course.docs / edition / path).read_bytes() for path in pixels} == {b"ABC"}
    ids = re.findall(' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and sum("-first-" in each for each in ids) == 2
    assert 'viewBox="0 0 504 100"' in text and "drawings/" not in text and not (course.docs / edition / "drawings").exists()


@pytest.mark.parametrize(("edition", "words"), [
    ("fr", ["Importations", "Code du paquet : limit, inner, A, c, …", "Code de la figure"]),
    ("en", ["Imports", "Code of the package: limit, inner, A, c, …", "Code of the figure"]),
    ("deux", ["Importations Imports", "Code du paquet : limit, inner, A, c, … Code of the package: limit, inner, A, c, …",
              "Code de la figure Code of the figure"])])
def test_folded_code_is_behind_a_line_and_its_output_is_not(course, edition, words):
    _, main = page(course, edition)
    folds = main.xpath(".//details[@class='fold']")
    assert [(fold[0].tag, fold[0].text_content(), fold.get("open")) for fold in folds] == [("summary", line, None) for line in words]
    assert [fold.xpath("./div[contains(@class, 'sourceCode')]")[0].text_content().strip() for fold in folds] == \
        ["import secret", "limit: int = 3\n\ndef inner(): y = 1\nclass A: b = 2\nc = 3\nd = 4\n\n\nlast = 5", "plot()"]
    assert not main.xpath(".//details//figure")
    assert not any(word in main.text_content() for word in ("fold", "%config", "exporti"))
    assert len(main.xpath(".//div[contains(@class, 'sourceCode')]")) == (9 if edition == "deux" else 8), "an empty cell leaves a block"


@pytest.mark.parametrize("edition", ["fr", "en", "deux"])
def test_hints_are_whole_and_no_search_gives_them_away(course, edition):
    _, main = page(course, edition)
    hints = main.xpath(".//details[not(@class)]")
    assert len(hints) == (2 if edition == "deux" else 1)
    for hint in hints:
        assert (hint[0].tag, hint[0].text_content()) in (("summary", "Aide du jour"), ("summary", "Hint of the day"))
        assert len(hint.xpath(".//*[@class='katex']")) == 1
        assert len(hint.xpath("./p/code")) == 1 and len(hint.xpath(".//div[contains(@class, 'sourceCode')]")) == 1
    assert "Afterwards." in main.text_content() or "Après." in main.text_content()
    script = (course.docs / edition / "search.js").read_text(encoding="utf-8")
    entry = next(each["text"] for each in json.loads(script.removeprefix("window.searchIndex = ").partition(";\n")[0])
                 if each["href"] == "03_nuit.html")
    assert "import secret" in entry and not re.search("hidden|caché|answer|réponse|lumière|of light", entry)
    assert entry.endswith({"fr": "Après.", "en": "Afterwards.", "deux": "Afterwards."}[edition])


@pytest.mark.parametrize(("edition", "said"), [("fr", "Faux : non."), ("en", "Wrong: no."), ("deux", "Faux : non.\n| Wrong: no.")])
def test_an_output_in_both_languages_is_in_the_pages(course, edition, said):
    _, main = page(course, edition)
    [output] = main.xpath(".//div[contains(@class, 'cell-output')]//pre[contains(., 'Faux') or contains(., 'Wrong')]")
    assert output.text_content().strip() == said


def test_code_is_not_folded_as_something_unknown(course):
    root = course.root.parent / "other"
    shutil.copytree(course.root, root, ignore=shutil.ignore_patterns("_*s", "_proc"))
    for fold, message in (("#| fold: import", "code is not folded as 'import'; languages.yml has imports, figure, check, package"),
                          ("#| exports\n#| fold: check", "code of the package is no check; fold it as `package`")):
        nbformat.write(nbformat.v4.new_notebook(cells=[*cells()[:1], new_code_cell(f"{fold}\nx")]), root / "nbs/04_nuit.ipynb")
        with pytest.raises(SourceError, match=f"04_nuit, cell 1: {message}"):
            build(Course(root))
    nbformat.write(nbformat.v4.new_notebook(cells=[*cells()[:1], new_code_cell(
        "x", outputs=[new_output("display_data", {"image/svg+xml": "<svg"})])]), root / "nbs/04_nuit.ipynb")
    with pytest.raises(SourceError, match="04_nuit, cell 1: the picture is no SVG"):
        build(Course(root))


def test_the_readme_has_neither_folded_code_nor_empty_blocks(course):
    root = course.root.parent / "front"
    shutil.copytree(course.root, root, ignore=shutil.ignore_patterns("_docs", "_proc"))
    shutil.copy(root / "nbs/03_nuit.ipynb", root / "nbs/index.ipynb")
    text = readme(Course(root))
    assert "secret" not in text and "```python\n\n```" not in text
    assert text.count("```python\nplot()") == 2 and "<summary>Hint of the day" in text


def test_what_is_folded_takes_no_time_to_read(course):
    code, prose = "x\n" * 300, "mot " * 3000

    def estimated(code, prose, **directives):
        cells = [new_code_cell(code), new_markdown_cell(prose, metadata={"lang": "fr"})]
        return minutes([dict(cell) | {"directives": directives} for cell in cells], course.languages.first, course.languages.second)
    for directive, value in (("fold", "imports"), ("exporti", "")):
        assert estimated(code, HINT.format("a", prose, "b"), **{directive: (value, bool(value))}) == 5
    assert estimated(code, prose) == 40


@pytest.mark.slow
def test_quarto_gives_the_same_page(course, tmp_path, quarto):  # noqa: F811 (it is the fixture)
    root = tmp_path / "figures"
    shutil.copytree(course.root, root, ignore=shutil.ignore_patterns("_docs", "_proc"))
    (root / "web").symlink_to(ROOT / "web")
    quarto(root, "render", "--profile", "fr")
    (_, expected), (_, found) = page(course, "fr"), page(Course(root), "fr")
    for path in (".//figure", ".//figure/*", ".//figcaption", ".//details[@class='fold']/summary", ".//details[not(@class)]"):
        one, other = ([" ".join([each.tag, *each.text_content().split()]) for each in main.xpath(path)] for main in (expected, found))
        assert one == other and one, path
    assert {each.name for each in (root / "_docs/fr").iterdir()} == {each.name for each in (course.docs / "fr").iterdir()}


@pytest.fixture
def opened(course, browser):
    """Opens the chapter in a window of some width."""
    made = []

    def one(edition="en", width=1280, **options):
        made.append(browser.new_page(viewport={"width": width, "height": 900}, **options))
        made[-1].goto((course.docs / edition / "03_nuit.html").as_uri())
        return made[-1]
    yield one
    for each in made:
        each.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("edition", ["en", "deux"])
def test_the_copy_button_is_over_no_code(opened, edition, width):
    page = opened(edition, width)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    over = page.evaluate("""() => [...document.querySelectorAll("main div.sourceCode")].map((block) => {
        const button = block.querySelector(".copy-button").getBoundingClientRect(), range = document.createRange();
        range.selectNodeContents(block.querySelector("code"));
        return [button.height >= 24 && button.width >= 24, [...range.getClientRects()].some((each) =>
            each.top < button.bottom && each.bottom > button.top && each.left < button.right && each.right > button.left)];
    })""")
    assert len(over) == (9 if edition == "deux" else 8) and all(block == [True, False] for block in over)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_code_has_88_columns_prose_some_70_and_a_figure_the_whole_column(opened):
    page = opened()
    code, prose, figure, column = page.evaluate("""() => {
        const pre = [...document.querySelectorAll("main pre")].find((each) => each.textContent.includes("x".repeat(88)));
        const width = (selector) => [...document.querySelectorAll(selector)].pop().getBoundingClientRect().width;
        return [pre.scrollWidth - pre.clientWidth, width("main p"), width("figure svg.wide"), width("main")];
    }""")
    assert code == 0 and figure == column > 700
    assert 65 <= prose / 8 <= 75, "letters are about 8 pixels wide"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_cut_has_a_shade(opened, scheme):
    page = opened(width=390, color_scheme=scheme)

    def edge(text, scroll=0):
        """Whether there is a shade at the left and at the right of what was printed, or of code, below its text."""
        pre = page.locator("main pre").filter(has_text=text)
        pre.evaluate("(pre, scroll) => { pre.scrollLeft = scroll; }", scroll)
        pixels = np.array(Image.open(io.BytesIO(pre.screenshot())).convert("RGB")).astype(int)
        return [np.abs(pixels[-6, at] - pixels[-6, 195]).max() > 4 for at in (slice(4, 14), slice(-12, -1))]
    assert edge("y" * 88) == [False, True] and edge("y" * 88, 200) == [True, True] and edge("y" * 88, 9999) == [True, False]
    assert edge("x" * 88) == edge("z" * 88) == [False, False], "code and a single line go on below"


def test_code_goes_on_below_where_it_has_no_room(opened):
    """Further in than the line begins, so that no code is cut; each line is one for whoever copies it."""
    page = opened(width=390)
    line = page.locator(".line", has_text="near + near")
    edges = line.evaluate("""(line) => {
        const range = document.createRange();
        range.selectNodeContents(line);
        return [...range.getClientRects()].map((box) => [Math.round(box.top), box.left, box.right]);
    }""")
    rows = {top: [box for box in edges if abs(box[0] - top) < 5] for top in sorted({box[0] for box in edges})}
    begin = page.locator(".line", has_text="def far").evaluate("(line) => line.getBoundingClientRect().left")
    column = line.evaluate("""(line) => {
        const range = document.createRange();
        range.setStart(document.createTreeWalker(line, NodeFilter.SHOW_TEXT).nextNode(), 0);
        range.setEnd(range.startContainer, 1);
        return range.getBoundingClientRect().width;
    }""")
    assert len(rows) > 3 and all(right < 390 for _, _, right in edges) and 4 < column < 12
    first, *lefts = [min(left for _, left, _ in row) for row in rows.values()]
    assert first < begin + 8 and all(left > first + 9 * column for left in lefts), "8 columns in, and then some"
    assert page.evaluate("[...document.querySelectorAll('main .sourceCode pre')].every((each) => each.scrollWidth <= each.clientWidth)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_is_drawn_in_the_pages_ink(opened, scheme):
    page = opened(color_scheme=scheme)
    ink, line = page.evaluate("""() => [getComputedStyle(document.body).color,
        getComputedStyle(document.querySelector("figure svg path")).stroke]""")
    assert ink == line and (min(map(int, re.findall(r"\d+", ink))) > 200) == (scheme == "dark")


def test_folded_code_opens_by_keyboard_without_script(opened):
    page = opened(java_script_enabled=False)
    code = page.locator(".fold div.sourceCode").first
    assert not code.is_visible() and page.locator("figure svg").first.is_visible()
    page.locator(".fold summary").first.focus()
    page.keyboard.press("Enter")
    assert code.is_visible()


def test_what_is_folded_is_not_printed(opened):
    page = opened()
    page.locator(".fold summary").nth(1).click()
    page.emulate_media(media="print")
    assert [each.is_visible() for each in page.locator(".fold").all()] == [False, True, False]
    hint = page.locator("details:not(.fold)")
    assert hint.locator("summary").is_visible() and not hint.locator("p").first.is_visible()
    assert page.locator("figure svg").first.is_visible()


def noticed(tmp_path, *cells, words="hours of light: 日照\nday {}: 第{}天\n"):
    """What the rules say of a notebook, with a list of words."""
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    (tmp_path / "figures.yml").write_text(words, encoding="utf-8")
    cells = rules.read(tmp_path / "n.ipynb").cells
    return [message for rule in (rules.pairs, rules.typography, rules.details) for message in rule(cells)] + rules.words(
        cells, tmp_path / "figures.yml")


def figure(text):
    """A cell that drew a text."""
    svg = SVG.replace("hours of light", text)
    return new_code_cell("plot()", outputs=[new_output("display_data", {"image/svg+xml": svg})])


@pytest.mark.parametrize("text", ["hours of light", "day 3", "0.5", "−1.5", "1e-3", "10³", "A", "z₁", "σ²", "x̂ − x", "log p(x|z)",
                                  "exp(½ log σ²)"])
def test_rules_pass_words_of_the_list_numbers_and_symbols(tmp_path, text):
    assert noticed(tmp_path, figure(text)) == []


@pytest.mark.parametrize(("text", "said"), [
    ("loss", "'loss' in a figure is not in nbs/figures.yml"), ("day x", "'day x' in a figure is not"), ("KL", "'KL' in a figure is not"),
    ("lr = 0.1", "'lr = 0.1' in a figure is not"), ("损失", "its words are English"), ("z" * 200_000, "a figure of 20")])
def test_rules_name_the_words_that_the_list_has_not(tmp_path, text, said):
    assert any(said in message and message.startswith("cell 0") for message in noticed(tmp_path, figure(text), words="day {}: 第{}天\n"))


def test_rules_look_into_pictures_that_no_code_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "NBS", tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/eye.svg").write_text(SVG.replace("hours of light", "iris"), encoding="utf-8")
    [message] = noticed(tmp_path, new_markdown_cell("![眼睛 | An eye](images/eye.svg) ![无 | None](images/no.svg)"))
    assert message.startswith("cell 0: 'iris'")


def test_rules_name_words_that_no_figure_has(tmp_path):
    words = "day {}: 第{}天\nhours of light: 日照\nnight: 夜\nhours of light: 日光\n"
    assert noticed(tmp_path, figure("hours of light"), words=words) == []
    assert rules.unused([tmp_path / "n.ipynb"], tmp_path / "figures.yml") == [f"figures.yml: {message}" for message in (
        "no figure has 'night'", "'hours of light' stands there twice", "'hours of light' stands after 'night'")]


def pair(zh, en):
    """A cell and its partner."""
    return new_markdown_cell(zh, metadata={"lang": "zh"}), new_markdown_cell(en, metadata={"lang": "en"})


HINTS = ("<details><summary>提示一</summary>\n\n用$x$，共3个，见`y`。\n\n```python\nx = 1\n```\n\n</details>",
         "<details><summary>Hint 1</summary>\n\nUse $x$, 3 of them, see `y`.\n\n```python\nx = 1\n```\n\n</details>")


def test_rules_pass_hints(tmp_path):
    assert noticed(tmp_path, *pair(*HINTS)) == []


@pytest.mark.parametrize(("old", "new", "said"), [
    ("3 of", "4 of", "numbers differ"), ("$x$", "$y$", "formulas differ"), ("`y`", "`z`", "code differ"),
    ("x = 1", "x = 2", "code blocks differ"), ("</summary>\n", "</summary>", "an empty line"),
    ("\n\n</details>", "\n</details>", "an empty line"),
    ("<summary>Hint 1</summary>", "", "hints differ"), ("Hint 1", "提示", "there is Chinese in it")])
def test_rules_compare_hints(tmp_path, old, new, said):
    assert old in HINTS[1] and any(said in message for message in noticed(tmp_path, *pair(HINTS[0], HINTS[1].replace(old, new))))


def test_stored_drawings_have_no_date():
    [output] = joined([new_output("display_data", {"image/svg+xml": SVG})])
    assert output.data["image/svg+xml"] == SVG.replace("\n <metadata>of the program</metadata>", "") != SVG

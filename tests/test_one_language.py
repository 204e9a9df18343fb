"""Notebooks in one language: that no word of the other is left, that they run, and that pages, Colab and `make lab` lead to them."""
import base64
import json
import re
import shutil

import lxml.html
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from web import lab
from web.build import build
from web.colab import LINK, PUBLISHED, colab_link
from web.course import ROOT, Course
from web.figures import texts
from web.languages import HEADING, SourceError
from web.notebooks import FOLDED, notebooks
from web.pages import HIDDEN, aside, fold_of
from web.read import DIRECTIVE

FIXTURE = ROOT / "tests/fixture_course"
EDITIONS = ("fr", "en", "deux")
HAN = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
SVG = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text>day <tspan>3</tspan></text><text>hours of light</text>'
       "<text>x</text></svg>")
MORE = [
    new_code_cell("#| fold: package\ndef autumn():\n    \"\"\"Autumn.\n    L'été est fini.\"\"\"\nwinter: int = 2\na = b = 1", id="folded"),
    new_code_cell("#| exporti\n#| tolerance: 0.1\ndef inner(): return 1", id="internal"),
    new_code_cell("#| hide\n%config Application.log_level = 30\nsecret = 1", id="hidden"),
    new_code_cell("#| fold: check\n%%time\n1 + 1", id="timed"),
    new_code_cell("judge()", id="judged", outputs=[new_output("execute_result", {"text/plain": "✗ C'est faux.\n| It is wrong."}),
                                                   new_output("stream", text="8.0 | 16.0")]),
    new_code_cell("#| eval: false\n#| fig-cap: Des jours | Days\n#| fig-alt: Des mots | Words\ndraw()", id="drawn", outputs=[
        new_output("display_data", {"image/svg+xml": SVG, "text/plain": "<Figure>"})]),
    new_code_cell("#| fig-cap: Sans image | Without a picture\n1", id="undrawn"),
    new_markdown_cell("## Secret | Secret -", id="aside"),
    new_markdown_cell("[Colab](https://colab.research.google.com/github/someone/jour/blob/main/nbs/00_jour.ipynb), ici", id="colab-fr",
                      metadata={"lang": "fr"}),
    new_markdown_cell("[Colab](https://colab.research.google.com/github/someone/jour/blob/main/nbs/00_jour.ipynb), here", id="colab-en",
                      metadata={"lang": "en", "tags": ["kept"]}),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small course, its first chapter with one of each thing that is treated in a way of its own."""
    root = tmp_path_factory.mktemp("small") / "course"
    shutil.copytree(FIXTURE, root)
    nb = nbformat.read(root / "nbs/00_jour.ipynb", as_version=4)
    nb.cells += MORE
    nbformat.write(nb, root / "nbs/00_jour.ipynb")
    return Course(root)


@pytest.fixture(scope="module")
def built(small):
    """The site of that course."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("web.build.quarto", lambda: False)
        build(small)
    return small.docs


@pytest.fixture(scope="module", params=["small", "this"])
def made(request, small):
    """The notebooks of both languages, of the small course and of this one: the course, and for each language its notebooks by name."""
    course = small if request.param == "small" else Course()
    return course, {code: {name: nbformat.reads(text, as_version=4) for name, text in notebooks(course, code).items()}
                    for code in course.languages.codes}


def chapter(small, edition):
    """The cells of the small course's first chapter in a language, by their ids."""
    return {cell.id: cell for cell in nbformat.reads(notebooks(small, edition)["00_jour.ipynb"], as_version=4).cells}


def each(made):
    """Each notebook of each language: the language, the notebook, and the one that it is made of."""
    course, found = made
    for code, files in found.items():
        assert list(files) == [f"{name}.ipynb" for name in course.pages]
        yield from ((code, files[notebook.path.name], notebook) for notebook in course.notebooks)


def test_the_prose_is_that_of_one_language_and_all_of_it(made):
    for code, nb, source in each(made):
        nbformat.validate(nb)
        ids = [cell.id for cell in nb.cells]
        assert len({*ids}) == len(ids) and "lang" not in {key for cell in nb.cells for key in cell.metadata}
        other = {cell["id"] for cell in source.cells if cell["metadata"].get("lang") not in (None, code)}
        own = [cell["id"] for cell in source.cells if cell["cell_type"] == "markdown" and cell["id"] not in other and not aside(cell)]
        assert own == [cell.id for cell in nb.cells if cell.cell_type == "markdown" and not cell.id.endswith("-caption")]
        assert other and not other & {*ids}, f"{code}/{source.path.name}"


def test_lines_for_both_are_halved(made):
    course, _ = made
    for code, nb, source in each(made):
        shown = {cell.id: cell.source for cell in nb.cells}
        for cell in source.cells:
            for line in cell["source"].splitlines() if cell["cell_type"] == "markdown" and not aside(cell) else []:
                if (found := HEADING.match(line)) and cell["metadata"].get("lang") is None:
                    half = found[2].split(" | ")[code == course.languages.second.code]
                    assert f"{found[1]} {half}" in shown[cell["id"]].splitlines(), f"{code}/{source.path.name}"
        lines = [line for cell in nb.cells if cell.cell_type == "markdown" for line in cell.source.splitlines() if not line.startswith("|")]
        assert not [line for line in lines if course.languages.separator in re.sub(r"`[^`]*`|\$[^$]*\$", "", line)], source.path.name
        assert not [line for line in lines if re.search(r"\{#[\w-]+\}$", line)], source.path.name


def test_no_program_reads_what_is_left_of_the_code(made):
    for _, nb, source in each(made):
        code_cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        assert not [cell.id for cell in code_cells if "#|" in cell.source or any(map(DIRECTIVE.match, cell.source.splitlines()))]
        kept = {cell["id"]: "\n".join(cell["code"]).strip("\n") for cell in source.cells if cell["cell_type"] == "code"}
        for cell in code_cells:
            bare = re.sub(r"\A#@title .*\n", "", cell.source)
            assert bare == re.sub(r" +#\| hide_line$", "", kept[cell.id], flags=re.MULTILINE), f"{source.path.name}, {cell.id}"
        assert [cell.id for cell in code_cells] == [name for name, text in kept.items() if text], "nothing that runs is left out"


def test_what_a_page_folds_or_hides_is_folded(made):
    for _, nb, source in each(made):
        folded = {cell["id"] for cell in source.cells if fold_of(cell) or HIDDEN & cell["directives"].keys()}
        for cell in nb.cells:
            if cell.cell_type == "code":
                titled = cell.source.startswith("#@title ")
                magic = cell.source.startswith("%%")  # before which no title may stand
                assert titled == (cell.id in folded and not magic), f"{source.path.name}, {cell.id}"
                assert {key: cell.metadata.get(key) for key in FOLDED} == (FOLDED if cell.id in folded else dict.fromkeys(FOLDED))


def outputs(cells):
    """What the code of a notebook's cells gave, output by output, by kind."""
    found = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    return [output.get("data", {"stream": output.get("text")}) for output in found]


def test_outputs_speak_one_language(made):
    course, _ = made
    for code, nb, source in each(made):
        first = code == course.languages.first.code
        for new, old in zip(outputs(nb.cells), outputs(source.cells), strict=True):
            assert [*new] == [*old], f"{code}/{source.path.name}"
            for kind, value in new.items():
                if kind == "image/svg+xml":
                    assert texts(value) == [course.words.first(text) if first else text for text in texts(old[kind])], source.path.name
                elif kind == "text/plain":
                    assert value == old[kind].split("\n| ")[0 if first else -1], source.path.name
                else:
                    assert value == old[kind], source.path.name


def test_nothing_is_chinese_in_english_but_the_code(made):
    course, found = made
    for name, nb in found["en"].items() if course.root == ROOT else []:
        shown = [json.dumps(cell.source if cell.cell_type == "markdown" else cell.outputs, ensure_ascii=False) for cell in nb.cells]
        assert not [text for text in shown if HAN.search(text)], name


def test_links_lead_to_the_notebooks_of_the_same_language(made):
    course, found = made
    count = 0
    for code, files in found.items():
        headings = {name: {cell.id for cell in nb.cells if cell.cell_type == "markdown" and HEADING.match(cell.source)}
                    for name, nb in files.items()}
        for name, nb in files.items():
            shown = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
            for target, fragment in re.findall(r"\]\((\w*(?:\.ipynb)?)(?:#([^)]*))?\)", shown):
                count += bool(fragment)
                assert target in files and (not fragment or fragment.removeprefix("cell-id=") in headings[target]), f"{code}/{name}"
            offered = course.root == ROOT or name == "00_jour.ipynb"
            assert {*LINK.findall(shown)} == ({colab_link(name.removesuffix(".ipynb"), course.settings, code)} if offered else set())
    assert count >= 4


def test_each_thing_of_a_cell_is_treated(small):
    fr, en = chapter(small, "fr"), chapter(small, "en")
    assert fr["text-4"].source == "# La lumière\n\n> Combien d'heures il fait jour" and en["text-7"].source == "## The mean *light*"
    assert fr["folded"].source.startswith("#@title Code du paquet : autumn, winter, a\ndef autumn():")
    assert en["folded"].source.splitlines()[2:4] == ['    """Autumn.', "    L'été est fini.\"\"\""], "code is the same in both languages"
    assert en["internal"].source == "#@title Code of the package: inner\ndef inner(): return 1"
    assert fr["hidden"].source == "#@title Préparation\n%config Application.log_level = 30\nsecret = 1"
    assert fr["timed"].source == "%%time\n1 + 1", "nothing may stand before a cell magic"
    assert [fr["judged"].outputs[0].data["text/plain"], en["judged"].outputs[0].data["text/plain"]] == ["✗ C'est faux.", "It is wrong."]
    assert fr["judged"].outputs[1].text == "8.0 | 16.0"
    assert texts(fr["drawn"].outputs[0].data["image/svg+xml"]) == ["jour 3", "heures de lumière", "x"]
    assert texts(en["drawn"].outputs[0].data["image/svg+xml"]) == ["day 3", "hours of light", "x"]
    assert (fr["drawn-caption"].source, en["drawn-caption"].source) == ("> Des jours", "> Days")
    assert [*fr].index("drawn-caption") == [*fr].index("drawn") + 1 and "undrawn-caption" not in fr
    assert "code-exp" not in fr and "aside" not in fr and en["colab-en"].metadata == {"tags": ["kept"]}


def test_a_picture_of_the_prose_is_a_part_of_it(small):
    (small.nbs / "images/soleil.svg").write_text(SVG, encoding="utf-8")
    for code, alt, word in (("fr", "Un soleil dessiné", "jour 3"), ("en", "A sun that is drawn", "day 3")):
        cells = nbformat.reads(notebooks(small, code)["01_annee.ipynb"], as_version=4).cells
        [source] = [cell.source for cell in cells if "](data:" in cell.source]
        found = re.fullmatch(r"!\[(.*)\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", source)
        assert found[1] == alt and texts(base64.b64decode(found[2]).decode())[0] == word


def page(docs, edition, name):
    """A page of a site, parsed."""
    return lxml.html.document_fromstring((docs / edition / f"{name}.html").read_text(encoding="utf-8"))


def test_a_page_offers_its_own_notebook(built, small):
    for edition in EDITIONS:
        for name in small.pages:
            links = page(built, edition, name).xpath("//main//a[@download]/@href")
            assert links == [f"{name}.ipynb"] * (2 if edition == "deux" else 1), "beside the page, so that it is found from disk too"
            offered = (built / edition / links[0]).read_text(encoding="utf-8")
            assert offered == (notebooks(small, edition)[f"{name}.ipynb"])
    assert (built / "deux/00_jour.ipynb").read_bytes() == (small.nbs / "00_jour.ipynb").read_bytes()
    words = [page(built, edition, "00_jour").xpath("//main//a[@download]/text()") for edition in EDITIONS]
    assert words == [["Télécharger le carnet"], ["Download the notebook"], ["Télécharger le carnet", "Download the notebook"]]


def test_a_page_opens_its_own_notebook_in_colab(built):
    start = "https://colab.research.google.com/github/someone/jour/blob"
    for edition, folder in (("fr", "notebooks/fr"), ("en", "notebooks/en"), ("deux", "main/nbs")):
        found = page(built, edition, "00_jour").xpath("//main//a[contains(@href, 'colab')]/@href")
        assert {*found} == {f"{start}/{folder}/00_jour.ipynb"}


@pytest.mark.slow
def test_every_page_of_this_course_offers_and_opens_its_own(site):
    course = Course()
    for edition in course.languages.editions:
        folder = f"{PUBLISHED}/{edition}" if edition != "duo" else "main/nbs"
        for name in course.pages:
            root = page(site, edition, name)
            assert {*root.xpath("//main//a[@download]/@href")} == {f"{name}.ipynb"} and (site / edition / f"{name}.ipynb").is_file()
            links = {*root.xpath("//main//a[contains(@href, 'colab.research')]/@href")}
            assert links == {f"https://colab.research.google.com/github/vae-nb/vae_nb/blob/{folder}/{name}.ipynb"}


def test_lab_brings_notebooks_up_to_date_and_keeps_what_a_reader_changed(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "course")
    (tmp_path / "course/nbs/data").mkdir()
    (tmp_path / "course/nbs/.ipynb_checkpoints").mkdir()
    folder, changed = lab.fill(Course(tmp_path / "course"), "fr")
    made = notebooks(Course(tmp_path / "course"), "fr")
    assert folder == tmp_path / "course/lab/fr" and not changed
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.ipynb")} == made
    assert (folder / "data").resolve() == tmp_path / "course/nbs/data" and not (folder / ".ipynb_checkpoints").exists()

    (folder / "00_jour.ipynb").write_text("the reader's", encoding="utf-8")
    (folder / "mine.ipynb").write_text("another", encoding="utf-8")
    opened = json.loads(made["index.ipynb"])
    opened["metadata"]["language_info"] = {"name": "python", "version": "3.13"}
    (folder / "index.ipynb").write_text(json.dumps(opened, indent=2), encoding="utf-8")
    run = json.loads(made["01_annee.ipynb"])
    next(cell for cell in run["cells"] if cell["cell_type"] == "code")["outputs"] = []
    (folder / "01_annee.ipynb").write_text(json.dumps(run), encoding="utf-8")
    for path in (tmp_path / "course/nbs").glob("*.ipynb"):
        path.write_text(path.read_text(encoding="utf-8").replace("lumière", "clarté"), encoding="utf-8")
    for _ in range(2):
        assert {*lab.fill(Course(tmp_path / "course"), "fr")[1]} == {"00_jour.ipynb", "01_annee.ipynb"}
        assert (folder / "00_jour.ipynb").read_text(encoding="utf-8") == "the reader's"
        assert json.loads((folder / "01_annee.ipynb").read_text(encoding="utf-8")) == run
    assert (folder / "mine.ipynb").read_text(encoding="utf-8") == "another"
    assert (folder / "index.ipynb").read_text(encoding="utf-8") == notebooks(Course(tmp_path / "course"), "fr")["index.ipynb"]

    (folder / lab.WRITTEN).unlink()
    assert "00_jour.ipynb" in lab.fill(Course(tmp_path / "course"), "fr")[1], "of what is not known to be the course's nothing is lost"
    for name in ("00_jour.ipynb", "01_annee.ipynb"):
        (folder / name).unlink()
    assert lab.fill(Course(tmp_path / "course"), "fr")[1] == [] and "clarté" in (folder / "00_jour.ipynb").read_text(encoding="utf-8")


def test_lab_opens_the_folder_of_an_edition(tmp_path, monkeypatch, capsys):
    shutil.copytree(FIXTURE, tmp_path / "course")
    monkeypatch.setattr("web.lab.Course", lambda: Course(tmp_path / "course"))
    for edition, folder in (("en", "lab/en"), (None, "nbs"), ("deux", "nbs")):
        lab.main(edition)
        assert capsys.readouterr().out == f"{tmp_path / 'course' / folder}\n"
    (tmp_path / "course/lab/en/index.ipynb").write_text("the reader's", encoding="utf-8")
    lab.main("en")
    out, said = capsys.readouterr()
    assert out == f"{tmp_path / 'course/lab/en'}\n" and "index.ipynb" in said
    with pytest.raises(SourceError, match="no edition zh; there are fr, en, deux"):
        lab.main("zh")


@pytest.mark.slow
@pytest.mark.parametrize("code", ["zh", "en"])
def test_a_chapter_in_one_language_runs_from_top_to_bottom(code, tmp_path):
    (tmp_path / "data").symlink_to(ROOT / "nbs/data", target_is_directory=True)
    nb = nbformat.reads(notebooks(Course(), code)["14_widget.ipynb"], as_version=4)
    NotebookClient(nb, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert all(cell.execution_count for cell in nb.cells if cell.cell_type == "code")

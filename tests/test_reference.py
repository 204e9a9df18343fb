"""The pages beside the chapters: API, glossary and contents, and the links that lead to them."""
import ast
import re
import subprocess
import sys
from types import SimpleNamespace

import griffe
import pytest

from tools.rules import banned
from web.contents import minutes
from web.course import ROOT, Course
from web.glossary import Glossary, Term
from web.languages import SourceError
from web.links import FirstUses, Words
from web.prepare import Sources
from web.read import directives
from web.reference import bindings, methods, signature
from web.top import not_found

pytestmark = pytest.mark.xdist_group("reference")  # the pages are prepared once

COURSE = Course()
LANGUAGES, EDITIONS, HAN = COURSE.languages, COURSE.languages.editions, re.compile(r"[\u3400-\u9fff]")
ANCHOR = re.compile(r'\{#([^}\s]+)\}|\bid="([^"]+)"')
TERM = re.compile(r"\[[^\]]+\]\(glossary\.qmd#([\w-]+)\)\{\.term\}")
API = re.compile(r"\]\((api_\w+)\.qmd#([\w.]+)\)")
NO_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", {package!r}): raise ImportError(name)
sys.meta_path.insert(0, Refuse())
from web.course import Course
from web.prepare import Sources
sources = Sources(Course())
for edition in ("zh", "en", "duo"): print(len(sources.beside(edition)))
"""


def mk_cell(source, cell_type="code", metadata=None):
    """A cell as web.read gives it."""
    found, code = directives(source) if cell_type == "code" else ({}, [])
    return {"cell_type": cell_type, "source": source, "metadata": metadata or {}, "directives": found, "code": code, "outputs": []}


@pytest.fixture(scope="module")
def sources():
    """The sources of all pages."""
    return Sources(COURSE)


@pytest.fixture(scope="module")
def reference(sources):
    """The package as the API pages see it."""
    return sources.reference


@pytest.fixture(scope="module")
def pages(sources):
    """Every page beside the chapters as Markdown, by edition and name."""
    return {edition: sources.beside(edition) for edition in EDITIONS}


@pytest.fixture(scope="module")
def prose(sources, tmp_path_factory):
    """The Markdown of every chapter's page, by edition and name."""
    folder = tmp_path_factory.mktemp("pages")
    def text(notebook, edition):
        cells = sources.pages.page(notebook, edition, folder)
        return "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    return {edition: {notebook.name: text(notebook, edition) for notebook in COURSE.notebooks} for edition in EDITIONS}


def anchors(text):
    """The ids on a page."""
    return [first or second for first, second in ANCHOR.findall(text)]


def exported():
    """The names in the `__all__` of each module, and the public methods of its classes, by Python's own parser."""
    found = {}
    for path in sorted((ROOT / "vae_nb").glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lists = [node.value for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"]
        if lists:
            classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in ast.literal_eval(lists[0])
                       and "Protocol" not in [getattr(base, "id", "") for base in node.bases]]
            methods = {f"{cls.name}.{node.name}": node for cls in classes for node in cls.body
                       if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}
            functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
            found[path.stem] = {name: functions.get(name) for name in ast.literal_eval(lists[0])} | methods
    return found


@pytest.mark.slow
@pytest.mark.parametrize("edition", EDITIONS)
def test_every_public_name_has_its_entry(edition, pages):
    modules = exported()
    assert modules and {f"api_{module}" for module in modules} == {name for name in pages[edition] if name.startswith("api_")}
    for module, names in modules.items():
        assert set(names) <= set(anchors(pages[edition][f"api_{module}"])), module
        assert f"(api_{module}.qmd)" in pages[edition]["api"]


@pytest.mark.slow
def test_anchors_are_the_same_in_every_edition_and_stand_once(pages):
    for name, text in pages["en"].items():
        assert len(anchors(text)) == len(set(anchors(text))), name
        assert all(anchors(pages[edition][name]) == anchors(text) for edition in EDITIONS), name


def test_docstrings_are_in_the_pages_language(pages):
    for module, names in exported().items():
        for name, node in names.items():
            if node is None:
                continue
            lines = [line for line in ast.get_docstring(node).split("\n") if line]
            for edition in EDITIONS:
                text = pages[edition][f"api_{module}"].replace("\\", "")
                entry = re.search(rf"^##+ \S+ {{#{re.escape(name)}}}\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)[1]
                for line in lines:
                    expected = edition != ("en" if HAN.search(line) else "zh")
                    assert ("".join(line.split()) in "".join(entry.split())) == expected, f"{edition}, {module}, {name}: {line}"


def test_an_english_page_has_no_chinese(pages):
    for name, text in pages["en"].items():
        assert not HAN.search(re.sub(r"\[[^\]]*\]\{lang=zh-Hans\}", "", text)), name


@pytest.mark.slow
def test_every_chapter_and_section_is_in_the_contents(pages, prose):
    for edition in EDITIONS:
        text = pages[edition]["contents"]
        for notebook in COURSE.chapters:
            assert f"[{LANGUAGES.half(COURSE.title(notebook)[0], edition)}]({notebook.path.name})" in text
            links = re.findall(rf"\({re.escape(notebook.path.name)}#([\w-]+)\)", text)
            assert links and set(links) <= set(anchors(prose[edition][notebook.name])), f"{edition}, {notebook.name}"


def test_reading_time_counts_words_characters_and_lines():
    cells = [mk_cell("字" * 3500, "markdown", metadata={"lang": "zh"}), mk_cell("word " * 4000, "markdown", metadata={"lang": "en"}),
             mk_cell("#| fig-alt: x\n" + "a = 1\n\n" * 60), mk_cell("#| hide\n" + "a = 1\n" * 600)]
    zh, en = LANGUAGES.first, LANGUAGES.second
    assert (minutes(cells, zh, en), minutes(cells, en, zh)) == (15, 25)
    cells.append(mk_cell("word " * 2000, "markdown", metadata={"lang": "zh"}))
    assert minutes(cells, zh, en) == 25, "English words in Chinese prose take their time"


@pytest.mark.slow
def test_the_front_page_tells_how_long_each_chapter_takes(prose):
    both = [LANGUAGES.first, LANGUAGES.second]
    for lang, other, pattern in zip(both, both[::-1], (r"。约(\d+)分钟。$", r"\. About (\d+) minutes\.$"), strict=True):
        items = re.findall(r"^- \[[^]]+\]\((\w+)\.ipynb\)(.*)$", prose[lang.code]["index"], re.MULTILINE)
        assert [name for name, _ in items] == COURSE.pages[1:]
        for name, text in items:
            assert int(re.search(pattern, text)[1]) == minutes(COURSE.notebook(name).cells, lang, other), name
    assert not re.search(r"约\d+分钟。$|About \d+ minutes\.$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_term_and_symbol_is_in_the_glossary(pages, sources):
    ruled_out, own = banned(), {edition: text["glossary"] for edition, text in pages.items()}
    assert len(sources.glossary.terms) > 100 and len(sources.glossary.symbols) > 40 and len(ruled_out) > 30
    for edition, codes in (("zh", ["zh"]), ("en", ["en"]), ("duo", ["zh", "en"])):
        for term in sources.glossary.terms:
            assert all(f"[{sources.glossary.word(term, lang)}]" in own[edition] for lang in (LANGUAGES.first, LANGUAGES.second)), term
            assert all(term.meaning[code] in own[edition] for code in codes), term
        for symbol in sources.glossary.symbols:
            assert symbol.formula in own[edition] and all(symbol.meaning[code] in own[edition] for code in codes), symbol
        assert not any(f"[{word}]" in own[edition] for word in ruled_out), edition


def test_a_definition_is_one_short_sentence(sources):
    """They are shown where a term stands, too."""
    for term in sources.glossary.terms:
        zh, en = term.meaning["zh"], term.meaning["en"]
        assert zh.endswith("。") and zh.count("。") == 1 and len(zh) <= 60, term
        assert en.endswith(".") and len(en.split()) <= 30 and not HAN.search(en), term
        assert not re.search(r"[`$*\[]", zh + en), f"{term}: a definition is plain text"


def test_term_links_resolve_and_stand_once(pages, prose):
    for edition, texts in prose.items():
        known = set(anchors(pages[edition]["glossary"]))
        for name, text in texts.items():
            halves = re.split(r"^:::: \{\.second lang=en\}\n", text, flags=re.MULTILINE) if edition == "duo" else [text]
            found = TERM.findall(text)
            assert found and set(found) <= known, f"{edition}, {name}"
            assert max(map(found.count, found)) <= (2 if len(halves) > 1 else 1), f"{edition}, {name}"


def test_links_to_names_resolve(pages, prose):
    texts = {(edition, name): text for edition in EDITIONS for name, text in {**prose[edition], **pages[edition]}.items()}
    found = {(edition, *link) for (edition, _), text in texts.items() for link in API.findall(text)}
    assert len(found) > 20
    for edition, target, name in found:
        assert name in anchors(pages[edition][target]), f"{edition}, {target}#{name}"


def test_explanations_are_linked_where_they_stand(reference, prose):
    entries = [entry for found in reference.entries.values() for entry in found]
    assert all(entry.taught for entry in entries)
    for entry in entries:
        name, _, place = entry.taught[1].partition(".ipynb")
        assert not place or place[1:] in anchors(prose["zh"][name]), entry.name


def linked(zh, en, names=None):
    """Two partner cells with links to the terms encoder, mean and prior, and to the given names."""
    rows = [("encoder", "编码器"), ("mean", "均值"), ("prior (p)", "先验"), ("autoencoder (VAE)", "自编码器")]
    found = [Term({"en": english, "zh": chinese}) for english, chinese in rows]
    words = {lang.code: Words(found, lang) for lang in (LANGUAGES.first, LANGUAGES.second)}
    cells = [mk_cell(zh, "markdown", metadata={"lang": "zh"}), mk_cell(en, "markdown", metadata={"lang": "en"})]
    FirstUses(words, names or {}, Glossary(COURSE).anchor).link([cells])
    return [cell["source"] for cell in cells]


def test_first_uses_are_linked():
    zh, en = linked("编码器给出均值，编码器。", "Encoders give a mean; the encoder.")
    assert zh == "[编码器](glossary.qmd#encoder){.term}给出[均值](glossary.qmd#mean){.term}，编码器。"
    assert en == "[Encoders](glossary.qmd#encoder){.term} give a [mean](glossary.qmd#mean){.term}; the encoder."
    assert linked("自编码器", "VAEs")[1] == "[VAEs](glossary.qmd#autoencoder){.term}"
    assert linked("是**先验**的", "the **prior**")[0] == "是[**先验**](glossary.qmd#prior){.term}的"


@pytest.mark.parametrize("text", [
    "## encoder", "`encoder`", "$encoder$", "$$\nencoder\n$$", "[the encoder](a.ipynb)", "![encoder](a.svg)", "<b title='encoder'></b>",
    "```\nencoder\n```", "transencoder", "encoder-free", "**encoder net**", "https://a.org/encoder", "vae"])
def test_other_places_stay_as_they_are(text):
    assert linked("编码器，自编码器", text)[1] == text


def test_a_word_in_another_sense_is_not_linked():
    assert linked("这说明什么？", "What does it mean?")[1] == "What does it mean?"


def test_names_are_linked_outside_code_and_links():
    names = {"fit": "api_train.qmd#fit"}
    assert linked("用`fit`，`fit`", "`fit()` and `x.fit`", names) == [
        "用[`fit`](api_train.qmd#fit)，`fit`", "[`fit()`](api_train.qmd#fit) and `x.fit`"]
    assert linked("[`fit`](a.ipynb)", "```\nfit\n```", names) == ["[`fit`](a.ipynb)", "```\nfit\n```"]


def test_a_name_used_for_something_else_is_not_the_packages():
    code = ["#| exports\ndef fit(x): pass\nLARGEST = 1", "%matplotlib inline\nfrom vae_nb.data import mnist",
            "from torch import load, save as keep\nfetch = 1\ndef sizes(missing): pass", "%%bash\nls -l"]
    ours, others = bindings([mk_cell(source) for source in code], "vae_nb")
    assert ours == {"fit", "LARGEST", "mnist"} and {"load", "keep", "fetch", "sizes", "missing"} <= others and not ours & others


def test_a_plain_word_is_linked_only_where_the_notebook_has_it(reference):
    word, link = next((name, link) for name, link in reference.targets().items() if name.isalpha() and name.islower())
    module = link.removeprefix("api_").split(".")[0]
    assert word not in reference.linkable([]) and "loss_function" in reference.linkable([])
    assert word in reference.linkable([mk_cell(f"from vae_nb.{module} import {word}")])
    assert "loss_function" not in reference.linkable([mk_cell("loss_function = 1")])


def test_source_is_linked_beside_colab(sources):
    address = "https://github.com/vae-nb/vae_nb/blob/main/nbs/01_x.ipynb"
    colab = "https://colab.research.google.com/github/a"
    for texts in ((f"[去]({colab})", f"[go]({colab})"), ("字", "word")):
        both = zip(texts, ("zh", "en"), strict=True)
        cells = [mk_cell("# a | b", "markdown"), *(mk_cell(text, "markdown", metadata={"lang": lang}) for text, lang in both)]
        sources.pages.links.add_source(cells, "01_x")
        for cell, source, notebook in zip(cells[1:], ("查看源文件", "View source"), ("下载笔记本", "Download the notebook"), strict=False):
            assert cell["source"].endswith(f"[{source}]({address}) · [{notebook}](download:01_x.ipynb)")


def test_a_long_signature_takes_a_line_for_each_parameter(tmp_path):
    source = ("def short(images, size=128): ...\n"
              "def long(images: dict[str, int], size: int = 128, *, shuffle: bool = False) -> list[int]: ...\n")
    (tmp_path / "r.py").write_text(source, encoding="utf-8")
    module = griffe.load("r", search_paths=[tmp_path], allow_inspection=False)
    assert signature(module["short"]) == "short(images, size=128)"
    assert signature(module["long"]).split("\n") == [
        "long(", "    images: dict[str, int],", "    size: int = 128,", "    *,", "    shuffle: bool = False,", ") -> list[int]"]


@pytest.mark.parametrize(("text", "advice"), [
    ("", "open with"), ("English only.", "open with"), ("只有中文。", "open with"), ("English. 中文在同一行。", "open with"),
    ("English.\n中文。\n\nDetails.", "details in both languages"), ("English.\n中文。\n\n细节。", "details in both languages")])
def test_a_docstring_in_one_language_is_named(text, advice, reference):
    thing = SimpleNamespace(is_attribute=False, docstring=SimpleNamespace(value=text), filepath=ROOT / "pkg/model.py", lineno=3,
                            path="pkg.model.VAE.encode", module=SimpleNamespace(path="pkg.model"))
    with pytest.raises(SourceError, match=r"pkg/model.py, line 3: the docstring of VAE.encode must .*" + advice):
        reference.docstring(thing)


HEAD = ["| English | 中文 | Definition | 释义 |", "|---|---|---|---|"]


@pytest.mark.parametrize(("lines", "advice"), [
    (["| English | Chinese |", "|---|---|"], "the table needs a column named 中文"),
    (["| English | 中文 | 释义 |", "|---|---|---|"], "the table needs a column named Definition"),
    ([*HEAD, "| mean | 均值 | A number. | |"], "'mean' has nothing in the column 释义"),
    ([*HEAD, "| mean | 均值 | | 一个数。 |"], "'mean' has nothing in the column Definition"),
    ([*HEAD, "| mean | 均值 |"], "'mean' has nothing in the column Definition"),
    ([*HEAD, "| mean | | A number. | 一个数。 |"], "'mean' has nothing in the column 中文"),
    ([*HEAD, "", "| symbol | English | 中文 |", "|---|---|---|", "| $x$ | | 图像 |"], r"'\$x\$' has nothing in the column English")])
def test_what_is_missing_in_the_glossary_is_named(lines, advice):
    glossary = Glossary(COURSE)
    glossary.lines = lines
    with pytest.raises(SourceError, match=f"GLOSSARY.md: {advice}"):
        assert not [glossary.terms, glossary.symbols]


def test_a_glossary_may_have_words_alone():
    glossary = Glossary(COURSE)
    glossary.lines = ["# 术语 | Terms", "", "| 中文 | English | not |", "|---|---|---|", "| 均值 | mean | 平均 |"]
    page = glossary.page("en", lambda *parts: "front")
    table = "| English | Chinese |\n|---|---|\n| [mean]{#mean} | [均值]{lang=zh-Hans} |"
    assert page == f"front\n\n::: {{.glossary}}\n\n{table}\n\n:::\n" and not glossary.symbols



def test_a_missing_page_leads_back():
    text = not_found(COURSE, [("zh", "duo"), ("en", "duo")])
    assert text.count('href="/vae_nb/duo/index.html"') == text.count('href="/vae_nb/duo/contents.html"') == 2 and "{{" not in text


def test_the_members_of_a_protocol_need_no_entries(tmp_path):
    source = "from typing import Protocol\nclass Like(Protocol):\n    def f(self): ...\nclass Real:\n    def f(self): ...\n"
    (tmp_path / "p.py").write_text(source, encoding="utf-8")
    module = griffe.load("p", search_paths=[tmp_path], allow_inspection=False)
    assert methods(module["Like"]) == ([], []) and [member.name for member in methods(module["Real"])[0]] == ["f"]


def test_what_is_inherited_leads_to_an_entry_that_is_there(tmp_path):
    source = ("__all__ = ['Open', 'Real']\nclass Closed:\n    def f(self): ...\nclass Open:\n    def g(self): ...\n"
              "class Real(Closed, Open):\n    def h(self): ...\n")
    (tmp_path / "q.py").write_text(source, encoding="utf-8")
    own, inherited = methods(griffe.load("q", search_paths=[tmp_path], allow_inspection=False)["Real"])
    assert [member.path for member in own] == ["q.Real.h"] and [member.path for member in inherited] == ["q.Open.g"]


@pytest.mark.slow
def test_the_pages_need_neither_torch_nor_the_package():
    done = subprocess.run([sys.executable, "-c", NO_TORCH.format(package="vae_nb")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == len(EDITIONS), done.stderr

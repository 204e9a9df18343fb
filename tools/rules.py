"""What every notebook of the course keeps to. Each rule takes a notebook's cells and returns messages: cell and what to do."""
import json
import re
import tempfile
from collections import Counter
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import yaml

from tools.outputs import NBS, SVG, notebooks, read
from web.course import Course
from web.figures import LIST, Words, texts
from web.glossary import Glossary

ROOT = NBS.parent
HAN = re.compile(r"[\u3400-\u9fff]")
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+?\$", re.S)
CODE = re.compile(r"`[^`\n]+`")
FENCE = re.compile(r"^```.*?^```", re.S | re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
DOCSTRING = re.compile(r'^ *""".*?"""', re.S | re.M)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*%?")
SUMMARY = re.compile(r"<summary>.*?</summary>")
DETAILS = re.compile(r"</summary>(?!\n\n)|(?<!\n\n)</details>")
LARGEST = 200_000
LETTERS = re.compile(r"[A-Za-zÀ-ÿ]{2,}")
FUNCTIONS = {"log", "ln", "exp", "sin", "cos", "max", "min"}
ASIDE = re.compile(r"^#\|\s*(?:fold:|export)", re.M)
HALVES = re.compile(r"^#\|\s*(?:fig-cap|fig-alt):\s*(.+)$", re.M)
SEPARATOR = " | "
SUMMING_UP = "## 小结 | Summary"
SUMMARIES = r"^## (?:小结|回顾|总结) \||\| (?:Summary|In short)$"
HAN_SPACE = r"[\u3400-\u9fff，。；：？！、）》”] +[A-Za-z0-9$`\\]|[A-Za-z0-9$`%)] +[\u3400-\u9fff（《“]"
HALF_WIDTH = r"[\u3400-\u9fff][,;:?!](?![A-Za-z0-9_])|[\u3400-\u9fff]\.(?:\s|$)|[\u3400-\u9fff]\(|\)[\u3400-\u9fff]"
CJK_PUNCTUATION = "，。；：？！、（）《》“”"
MARKS = CJK_PUNCTUATION + "`$()%\"'."
GREEK = ("alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi varphi "
         "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega").split()
NAMED = re.compile(rf"\\(?:(?:mathcal|mathbb|mathrm|operatorname)\*?(?: *\{{[^}}]*\}}| *[A-Za-z])|(?:{'|'.join(GREEK)})(?![A-Za-z]))")
INDEX = r"(?:_(?:\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z0-9]))?'*"
DISTRIBUTION = re.compile(rf"(?<![A-Za-z\\_])[pq]{INDEX}\((?:[xz]{INDEX}|\\mid|[,; ])+\)")
TEXT = re.compile(r"\\text\{[^{}]*\}")
VARIANTS = {  # spellings that stand for a symbol of the notation, each with what to write
    r"(?<![A-Za-z\\_])[pq](?:_\\?[A-Za-z]+)?\([^()|]*(?<!\\)\|": r"`\mid` for what is given",
    r"(?<!D_\{\\mathrm\{)KL": r"`D_{\mathrm{KL}}`",
    r"(?<!\\mathbb )(?<![A-Za-z\\{])E(?= *(?:_|\[|\\[bB]ig))": r"`\mathbb E` for an expectation",
    r"(?<!\\mathcal )(?<![A-Za-z\\])N *(?:\\[bB]igg?[lr]?)?\(": r"`\mathcal N` for a normal distribution",
    r"\\mathcal L(?!\}?_)": r"`\mathcal L_1` or `\mathcal L_k` for a bound, `\ell` for the loss",
    r"\\sigma *(?:\\[bB]igg?[lr]?)?\(": r"`\operatorname{sigmoid}`; `\sigma` is a standard deviation",
    r"\\ln(?![A-Za-z])": r"`\log`",
}


def lang(cell):
    """`zh`, `en`, or None for a cell that is for both."""
    return cell.metadata.get("lang")


def code_lines(cell, docstrings=True):
    """The lines of a code cell that count: not blank, not a directive; without `docstrings`, which stand in two languages, if asked for."""
    source = cell.source if docstrings else DOCSTRING.sub("", cell.source)
    return [line for line in source.splitlines() if line.strip() and not line.startswith("#|")]


def prose(text):
    """The text without code, formulas and the targets of links."""
    for pattern in (FENCE, FORMULA, CODE):
        text = pattern.sub(" ", text)
    return LINK.sub("]", text)


def numbers(text):
    """The numbers standing in prose, thousands separators removed; the lines of hints are numbered as each language has it."""
    return Counter(n.replace(",", "") for n in NUMBER.findall(prose(SUMMARY.sub(" ", text))))


def facts(text):
    """What both languages must share: formulas, code, links and numbers."""
    bare = FENCE.sub(" ", text)
    return {
        "formulas": Counter(re.sub(r"\s+", "", f) for f in FORMULA.findall(CODE.sub(" ", bare))),
        "code": Counter(CODE.findall(bare)),
        "code blocks": Counter(FENCE.findall(text)),
        "hints": Counter(re.findall("<summary>", bare)),
        "links": Counter(LINK.findall(bare)),
        "numbers": numbers(text),
    }


def pairs(cells):
    """Each Chinese cell is followed by its English partner, and says the same in formulas, code, links and numbers."""
    messages, before = [], None
    for i, cell in enumerate(cells):
        if (mine := lang(cell)) not in (None, "zh", "en"):
            messages.append(f"cell {i}: lang {mine!r} is not known; use zh or en")
        if mine == "zh" and not HAN.search(cell.source):
            messages.append(f"cell {i}: marked zh, but there is no Chinese in it")
        if mine == "en" and HAN.search(prose(cell.source)):
            messages.append(f"cell {i}: marked en, but there is Chinese in it")
        if mine == "en" and (before is None or lang(before) != "zh"):
            messages.append(f"cell {i}: English without its Chinese cell before it")
        if before is not None and lang(before) == "zh" and mine != "en":
            messages.append(f"cell {i - 1}: Chinese without its English cell after it")
        if before is not None and lang(before) == "zh" and mine == "en":
            zh, en = facts(before.source), facts(cell.source)
            for kind in zh:
                if zh[kind] != en[kind]:
                    only = f"only in Chinese {list(zh[kind] - en[kind])}, only in English {list(en[kind] - zh[kind])}"
                    messages.append(f"cells {i - 1} and {i}: {kind} differ: {only}")
        before = cell
    if before is not None and lang(before) == "zh":
        messages.append(f"cell {len(cells) - 1}: Chinese without its English cell after it")
    return messages


def halves(cells):
    """A cell without `lang` holds no prose in one language only: headings, captions and quotes read `中文 | English`."""
    messages = []
    for i, cell in enumerate(cells):
        if cell.cell_type == "code":
            lines = HALVES.findall(cell.source)
        elif lang(cell) is None:
            lines = [re.sub(r"^[#>\s]+", "", line) for line in cell.source.splitlines() if re.match(r"#+ |> ", line)]
            rest = [line for line in FORMULA.sub("", FENCE.sub("", cell.source)).splitlines() if not re.match(r"#+ |> |!\[|\||<", line)]
            if any(re.search(r"[A-Za-z]{3}|" + HAN.pattern, line) for line in rest):
                messages.append(f"cell {i}: prose without lang; mark it zh or en")
        else:
            lines = []
            if re.search(r"^#+ ", FENCE.sub("", cell.source), re.M):
                messages.append(f"cell {i}: a heading stands in a cell of its own, `## 中文 | English`, without lang")
        for line in lines:
            left, middle, right = line.strip("\"' ").partition(SEPARATOR)
            if not middle or not HAN.search(left) or HAN.search(right) or SEPARATOR in right:
                messages.append(f"cell {i}: {line!r} needs two halves, `中文 | English`")
    return messages


def headings(cells):
    """A heading stands alone in its cell, apart from the title with its `>` line; a summary, which slides are made of, has one name."""
    found = [(i, cell.source.strip()) for i, cell in enumerate(cells) if cell.cell_type == "markdown" and re.match(r"##+ ", cell.source)]
    return [*(f"cell {i}: put the heading in a cell of its own" for i, text in found if "\n" in text),
            *(f"cell {i}: the summary is headed `{SUMMING_UP}`" for i, text in found if re.search(SUMMARIES, text) and text != SUMMING_UP)]


def typography(cells):
    """Chinese without typed spaces next to Latin, with full-width punctuation, one source line a paragraph."""
    messages = []
    for i, cell in enumerate(cells):
        if cell.cell_type != "markdown" or lang(cell) == "en":
            continue
        text = FENCE.sub("", cell.source)
        if lang(cell) is None:
            text = "\n".join(line.split(SEPARATOR)[0] for line in text.splitlines() if HAN.search(line) and not line.startswith("|"))
        body = "\n".join(re.sub(r"^\s*(?:[-*+]|\d+\.|#+|>|\|)\s+", "", line) for line in text.splitlines())
        cells_of_tables = re.sub(r"\s*\|\s*", "|", body)
        for found in re.finditer(HAN_SPACE, cells_of_tables):
            messages.append(f"cell {i}: typed space in {found[0]!r}")
        for found in re.finditer(HALF_WIDTH, prose(text)):
            messages.append(f"cell {i}: half-width punctuation in {found[0]!r}")
        for found in re.finditer(r"[\u3400-\u9fff" + CJK_PUNCTUATION + r"]\n[^\n\s\-*+\d|#>`$!]", text):
            messages.append(f"cell {i}: a Chinese paragraph is one source line; broken at {found[0]!r}")
        for found in re.finditer(r"\*\*([^*\n]+)\*\*", text):  # `**` between a mark and a letter neither opens nor closes
            before, after = text[:found.start()][-1:], text[found.end():][:1]
            if HAN.match(after) and found[1][-1] in MARKS or HAN.match(before) and found[1][0] in MARKS:
                messages.append(f"cell {i}: {found[0]!r} does not turn bold; keep letters at both ends within the `**`")
    return messages


@cache
def banned():
    """The renderings the glossary rules out, each with the one to use."""
    terms = Glossary(Course(ROOT)).tables[0].rows
    return {word.strip(): row["中文"] for row in terms if row["not"] for word in re.sub(r"\(.*?\)", "", row["not"]).split(",")}


def glossary(cells):
    """No rendering that the glossary rules out."""
    words = banned()
    return [f"cell {i}: {word} is ruled out; use {right}" for i, cell in enumerate(cells) if lang(cell) != "en"
            for word, right in words.items() if word in cell.source]


@cache
def notation():
    """What the notation of the course has: letters and names with a macro of their own, and distributions with what they depend on."""
    formulas = [symbol.formula for symbol in Glossary(Course(ROOT)).symbols]
    return {name for formula in formulas for name in named(formula)}, {name for formula in formulas for name in distributions(formula)}


def named(formula):
    """The Greek letters, and the letters and names in a script of their own, in a formula."""
    return NAMED.findall(formula)


def distributions(formula):
    """The distributions of images and latent variables that a formula writes out, without the indices of the variables."""
    plain = [re.sub(rf" |(?<=[xz]){INDEX}", "", found) for found in DISTRIBUTION.findall(formula)]
    return {found.replace(r"\mid", r"\mid ") for found in plain}


def signs(cells):
    """Formulas keep to the notation in GLOSSARY.md: one sign for each thing, written in one way."""
    messages, (names, known) = [], notation()
    for i, cell in enumerate(cells):
        text = "\n".join(HALVES.findall(cell.source)) if cell.cell_type == "code" else CODE.sub(" ", FENCE.sub(" ", cell.source))
        for formula in map(partial(TEXT.sub, ""), FORMULA.findall(text)):
            wrong = [f"{pattern[0]!r}: write {right}" for variant, right in VARIANTS.items() if (pattern := re.search(variant, formula))]
            new = {*named(formula)} - names | distributions(formula) - known
            wrong += [f"{name} is not in the notation of GLOSSARY.md" for name in sorted(new)]
            messages += [f"cell {i}: {each}, in {' '.join(formula.split())}" for each in wrong]
    return messages


def small(cells):
    """No code cell over 40 lines: a class or a figure may need them, most cells are far shorter."""
    return [f"cell {i}: {len(code_lines(cell))} lines of code; at most 40" for i, cell in enumerate(cells)
            if cell.cell_type == "code" and len(code_lines(cell)) > 40]


def clean_outputs(cells):
    """No stored error, no warning, no glyph missing from a plot, no path of a machine."""
    messages, here = [], [f"{folder}/" for folder in (ROOT, Path.home(), tempfile.gettempdir())]
    for i, cell in enumerate(cells):
        text = json.dumps(cell.get("outputs", []), ensure_ascii=False)
        for bad in ('"output_type": "error"', "Warning", "Glyph", "site-packages", "/home/", "/Users/", *here):
            if bad in text:
                messages.append(f"cell {i}: {bad!r} in a stored output")
    return messages


def figures(cells):
    """Every stored picture has a caption and an alternative text in both languages."""
    messages = []
    for i, cell in enumerate(cells):
        drawn = any(kind.startswith("image/") for o in cell.get("outputs", []) for kind in o.get("data", {}))
        for key in ("fig-cap", "fig-alt"):
            if drawn and not re.search(rf"^#\|\s*{key}:", cell.source, re.M):
                messages.append(f"cell {i}: a picture without `#| {key}: 中文 | English`")
        if cell.cell_type == "markdown":
            for alt in re.findall(r"!\[([^\]]*)\]\(", cell.source):
                if SEPARATOR not in alt:
                    messages.append(f"cell {i}: the picture's alternative text {alt!r} needs two halves")
    return messages


def details(cells):
    """What is folded in a Markdown cell is Markdown only between blank lines."""
    return [f"cell {i}: an empty line stands after `</summary>` and before `</details>`" for i, cell in enumerate(cells)
            if cell.cell_type == "markdown" and DETAILS.search(FENCE.sub("x", cell.source))]


def drawn(cells):
    """The SVGs of a notebook, each with the number of its cell: stored outputs, and pictures that stand in Markdown."""
    for i, cell in enumerate(cells):
        yield from ((i, output.data[SVG]) for output in cell.get("outputs", []) if SVG in output.get("data", {}))
        if cell.cell_type == "markdown":
            yield from ((i, (NBS / path).read_text(encoding="utf-8")) for path in re.findall(r"!\[[^\]]*\]\(([^)\s:]+\.svg)\)", cell.source)
                        if (NBS / path).is_file())


def symbols(text):
    """Whether a text of a figure is the same in every language: numbers, letters that stand alone, functions."""
    return set(LETTERS.findall(text)) <= FUNCTIONS


def words(cells, path=NBS / LIST):
    """Every text of a figure is a number, a symbol, or English that the list of words has; no figure is heavier than it need be."""
    known, messages = Words(path), []
    for i, svg in drawn(cells):
        for text in sorted(set(texts(svg))):
            if HAN.search(text):
                messages.append(f"cell {i}: {text!r} in a figure; its words are English, and {LIST} has the Chinese")
            elif not symbols(text) and known.entry(text) is None:
                messages.append(f"cell {i}: {text!r} in a figure is not in {NBS.name}/{LIST}; add `{text}: 中文`")
        if len(svg) > LARGEST:
            messages.append(f"cell {i}: a figure of {len(svg):,} characters, over {LARGEST:,}; draw the many points with rasterized=True")
    return messages


def unused(paths, path=NBS / LIST):
    """Entries of the list of words that no figure in the notebooks at `paths` has, that stand there twice, or out of order."""
    known = Words(path)
    used = {known.entry(text) for each in paths for _, svg in drawn(read(each).cells) for text in texts(svg)}
    keys = [key.value for key, _ in yaml.compose(path.read_text(encoding="utf-8")).value]
    return [*(f"{LIST}: no figure has {key!r}" for key in known.entries if key not in used),
            *(f"{LIST}: {key!r} stands there twice" for key, count in Counter(keys).items() if count > 1),
            *(f"{LIST}: {after!r} stands after {before!r}" for before, after in pairwise(keys) if after.casefold() < before.casefold())]


def budgets(cells):
    """The sizes DESIGN asks for, as numbers. Of code that is folded on pages, or the package's, only the largest counts."""
    sizes = [(len(code_lines(cell, docstrings=False)), ASIDE.search(cell.source)) for cell in cells
             if cell.cell_type == "code" and code_lines(cell)]
    code = sorted(size for size, aside in sizes if not aside)
    words = sorted(len(cell.source.split()) for cell in cells if lang(cell) == "en")
    lines = [line.strip() for cell in cells if cell.cell_type == "code" for line in code_lines(cell)]
    comments = sum(line.startswith("#") for line in lines)
    def at(values, share): return values[int(share * len(values))] if values else 0
    largest = max([size for size, _ in sizes] or [0])
    return {
        "code cells": len(code), "code median": median(code or [0]), "code p90": at(code, 0.9), "code max": largest,
        "words median": median(words or [0]), "words p90": at(words, 0.9), "comments %": 100 * comments / max(1, len(lines)),
    }


RULES = [pairs, halves, headings, typography, glossary, signs, small, clean_outputs, figures, details, words]


def check(path):
    """Every message for one notebook."""
    cells = read(path).cells
    return [f"{Path(path).name}, {message}" for rule in RULES for message in rule(cells)]


if __name__ == "__main__":
    import sys
    for path in notebooks():
        if not sys.argv[1:] or path.stem in sys.argv[1:]:
            print("\n".join(check(path)) or f"{path.stem}: nothing found")
            print("  ", {k: round(v, 1) for k, v in budgets(read(path).cells).items()})
    if not sys.argv[1:]:
        print("\n".join(unused(notebooks())))

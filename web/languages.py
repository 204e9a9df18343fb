"""Two languages in one notebook: which cells a page shows, and which half of a line `A | B`. web/FORMAT.md describes the format.

What the two languages are, languages.yml says; this file knows none."""
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import yaml

HEADING = re.compile(r"^(#+)\s+(.*?)\s*$")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
ANCHOR = re.compile(r"^(#+ .*?) \{#[^}]*\}$", re.MULTILINE)  # a heading with the id that pages give it
DOCSTRING = re.compile(r'^(?P<indent>[ \t]*)(?P<open>[rR]?""")(?P<text>[^\n]*\n.*?)(?P<close>\s*""")', re.MULTILINE | re.DOTALL)


class SourceError(ValueError):
    """What is wrong with a source of the pages, in which place, and what to do."""


@dataclass(frozen=True)
class Language:
    """One of the two languages, as languages.yml describes it."""
    code: str
    tag: str
    name: str
    other: str
    unit: str
    speed: int
    words: bool = True
    plural: str = ""
    telltale: str = ""
    parentheses: str = "()"


class Languages:
    """The two languages of a course: what each edition shows of a text in both."""

    def __init__(self, values, name="languages.yml"):
        try:
            self.first, self.second = Language(**values["first"]), Language(**values["second"])
            self.separator, self.both, self.labels = values["separator"], values["both"]["code"], values
            self.names = {self.first.code: self.first.name, self.second.code: self.second.name, self.both: values["both"]["name"]}
            self.telltale = re.compile(self.first.telltale)
        except (KeyError, TypeError) as error:
            raise SourceError(f"{name}: {error}; the file in web's own course, beside its README, shows all that is needed") from error
        if not self.first.telltale:
            raise SourceError(f"{name}: `first` needs a `telltale`, which finds something in each of its texts and in none of the other's")
        self.codes = (self.first.code, self.second.code)
        self.editions = (*self.codes, self.both)
        self.tags = {self.first.code: self.first.tag, self.second.code: self.second.tag, self.both: self.first.tag}
        self.shape = f"{self.first.name}{self.separator}{self.second.name}"  # for messages

    @classmethod
    def read(cls, path):
        """The languages that the file at `path` describes."""
        return cls(yaml.safe_load(Path(path).read_text(encoding="utf-8")), Path(path).name)

    def of(self, code):
        """The language with this code."""
        return self.first if code == self.first.code else self.second

    def half(self, line, edition):
        """The half of `A | B` that an edition shows; a line without two halves as it is."""
        first, separator, second = line.partition(self.separator)
        return line if not separator else second.strip() if edition == self.second.code else first.strip()

    def label(self, part, key, edition, /, **values):
        """What an edition says in one place, from languages.yml, with `{key}` replaced by values; the edition with both says it in both."""
        shown = self.codes if edition == self.both else [edition]
        text = " ".join(dict.fromkeys(self.half(self.labels[part][key], code) for code in shown))
        return text.format(**values) if values else text

    def both_halves(self, part, key, /, **values):
        """A label in both languages, `A | B`."""
        return self.separator.join(self.label(part, key, code, **values) for code in self.codes)

    def shown(self, line, edition):
        """The half of `A | B` that an edition shows, as Markdown; in the edition with both, the second one marked."""
        if edition != self.both or self.separator not in line:
            return self.half(line, edition)
        return f"{self.half(line, self.first.code)} {self.marked(self.half(line, self.second.code))}"

    def marked(self, text):
        """Markdown text in the second language, where it stands beside the first."""
        return f"[{text}]{{.second lang={self.second.tag}}}"

    def shown_html(self, first, second, edition):
        """Both languages' HTML as an edition shows it, the second one marked where both stand."""
        if edition == self.both:
            return f'{first} <span class="second" lang="{self.second.tag}">{second}</span>' if second else first
        return second if edition == self.second.code else first

    def anchor(self, line):
        """The id of a heading, made from its second half, so that it is the same in every edition."""
        text = unicodedata.normalize("NFKD", re.sub(r"[$`*]", "", self.half(line, self.second.code))).lower()
        text = "".join(letter for letter in text if not unicodedata.combining(letter))
        return re.sub(r"[^a-z0-9]+", "-", text).strip("-") or "section"

    def heading(self, line, edition):
        """A heading line with its id; the edition with both shows both halves."""
        marks, text = HEADING.match(line).groups()
        return f"{marks} {self.shown(text, edition)} {{#{self.anchor(text)}}}"

    def shared(self, source, edition):
        """A cell for both languages as one edition shows it: headings and alternative texts by halves."""
        lines = []
        for line in source.splitlines():
            if HEADING.match(line):
                lines.append(self.heading(line, edition))
            else:
                lines.append(PICTURE.sub(lambda m: f"![{self.half(m[1], edition)}]({m[2]})", line))
        return "\n".join(lines)

    def details(self, text):
        """The paragraphs of a docstring's details in the second and in the first language."""
        paragraphs = re.split(r"\n[ \t]*\n", text.strip("\n"))
        return tuple("\n\n".join(part for part in paragraphs if bool(self.telltale.search(part)) == first) for first in (False, True))

    def opens(self, second, first):
        """Whether these are the two lines that a docstring opens with: one in the second language, then one in the first."""
        return not self.telltale.search(second) and bool(self.telltale.search(first))

    def docstrings(self, source, edition):
        """Code whose docstrings open with a line in each language, without what is in the language that the page does not show."""
        if edition == self.both:
            return source

        def one(match):
            second, first, more = [*match["text"].split("\n", 2), ""][:3]
            if not self.opens(second, first):
                return match[0]
            details = self.details(more)
            line, rest = (second, details[0]) if edition == self.second.code else (first.strip(), details[1])
            gap = "\n\n" if rest else ""
            return f'{match["indent"]}{match["open"]}{line}{gap}{rest}{match["close"]}'

        return DOCSTRING.sub(one, source)

    def title(self, cells, name):
        """Both halves of the title and of the description, from the first cell: `# A | B` and `> A | B`."""
        source = cells[0]["source"] if cells and cells[0]["cell_type"] == "markdown" else ""
        found = re.match(r"# (.+)\s*(?:\n+> (.+))?\s*$", source)
        if not found or self.separator not in found[1] or (found[2] and self.separator not in found[2]):
            raise SourceError(f"{name}, cell 0: the notebook opens with `# {self.shape}`, an empty line, and `> {self.shape}`")
        return found[1].strip(), (found[2] or "").strip()

    def pair(self, first, second):
        """The paragraphs of both languages side by side."""
        return (f"::::: {{.pair}}\n:::: {{.first lang={self.first.tag}}}\n{first}\n::::\n"
                f":::: {{.second lang={self.second.tag}}}\n{second}\n::::\n:::::")

    def paragraph(self, first, second, edition):
        """What an edition shows of a text in both languages."""
        return self.pair(first, second) if edition == self.both else second if edition == self.second.code else first

    def select(self, cells, edition, place):
        """The cells of one edition, in order: the other language dropped, or both paired; `place(cell)` names a cell in messages.

        Raises `SourceError` for a cell without its partner, an unknown `lang`, or a heading without its two halves."""
        chosen, waiting = [], None
        for cell in cells:
            lang = cell["metadata"].get("lang")
            if lang not in (None, *self.codes):
                raise SourceError(f"{place(cell)}: lang {lang!r} is not known; it is {' or '.join(self.codes)}")
            if (lang == self.second.code) != (waiting is not None):
                raise SourceError(f"{place(cell)}: a cell in {self.first.name}, then its partner in {self.second.name}: one has no other")
            before, waiting = waiting, cell if lang == self.first.code else None
            if lang is None:
                chosen.append(cell | {"source": self.either(cell, edition, place)})
            elif edition == lang:
                chosen.append(cell)
            elif edition == self.both and before is not None:
                chosen.append(cell | {"source": self.pair(before["source"], cell["source"])})
        if waiting is not None:
            raise SourceError(f"{place(waiting)}: a cell in {self.first.name} without its partner in {self.second.name}")
        return chosen

    def either(self, cell, edition, place):
        """The source of a cell for both languages as one edition shows it."""
        if cell["cell_type"] != "markdown":
            return self.docstrings(cell["source"], edition)
        missing = [line for line in cell["source"].splitlines() if HEADING.match(line) and self.separator not in line]
        if missing:
            raise SourceError(f"{place(cell)}: the heading {missing[0]!r} needs two halves, `{self.shape}`")
        return self.shared(cell["source"], edition)

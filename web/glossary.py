"""The glossary: terms with their definitions and symbols with their meanings, from GLOSSARY.md, and its page."""
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest

from web.languages import HEADING, SourceError

NAME = "GLOSSARY.md"
COLUMN = re.compile(r"\s*\|\s*")


@dataclass(eq=False)
class Term:
    """A row of the glossary: each language's word as it is shown, and what it means, by the language's code; and what else it is called."""
    shown: dict
    meaning: dict = field(default_factory=dict)
    also: list = field(default_factory=list)

    def forms(self, lang):
        """What a text says for the term in a language: the word, and what stands beside it in parentheses.

        Of a language with words apart these are abbreviations alone, such as `(VAE)`; of another one they may be a second word."""
        first, *more = [part.strip() for part in re.split(r"[()（）]", self.shown[lang.code]) if part.strip()]
        return [first, *(form for form in more if form.isupper() or not lang.words)]


@dataclass(eq=False)
class Symbol:
    """A row of the notation: a formula, and what it stands for, by the language's code."""
    formula: str
    meaning: dict


@dataclass
class Table:
    """A table of GLOSSARY.md: the heading `## A | B` above it, if there is one, its columns, and its rows, each a cell by column."""
    heading: str
    columns: list
    rows: list

    def cells(self, row, columns):
        """The cells of a row in `columns`, names by code. Raises `SourceError` where there is no such column, or nothing in it."""
        for name in columns.values():
            if name not in self.columns:
                raise SourceError(f"{NAME}: the table needs a column named {name}")
            if not row.get(name):
                raise SourceError(f"{NAME}: {row[self.columns[0]]!r} has nothing in the column {name}")
        return {code: row[name] for code, name in columns.items()}


class Glossary:
    """The terms and symbols of a course, in the order of its GLOSSARY.md; without that file there are none, and no page.

    The file has a heading `# A | B`, a table of terms, and perhaps a second one, of symbols; a heading `## A | B` may stand above each.
    Terms have a column for each language, headed by its name, and one in each for what they mean, headed by what languages.yml says for
    `definition`; or none of the latter; and perhaps a column `also` of what others call them, which a search understands and no page
    shows. Symbols have a formula in the first column, and what it means in those of the languages."""

    def __init__(self, course):
        self.course, self.languages = course, course.languages
        self.path = course.root / NAME

    @cached_property
    def lines(self):
        """The lines of GLOSSARY.md."""
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []

    @cached_property
    def tables(self):
        """The tables of GLOSSARY.md."""
        found, heading, inside = [], "", False
        for line in self.lines:
            if line.startswith("|"):
                cells = COLUMN.split(line.strip().strip("|").strip())
                if inside:
                    found[-1].rows.append(dict(zip_longest(found[-1].columns, cells, fillvalue="")))
                else:
                    found.append(Table(heading, cells, []))
            elif match := HEADING.match(line):
                heading = match[2] if match[1] == "##" else ""
            inside = line.startswith("|")
        for table in found:
            del table.rows[:1]  # the line of dashes
        return found

    @cached_property
    def terms(self):
        """The terms."""
        if not self.tables:
            return []
        table, meanings = self.tables[0], {}
        if set(self.definitions.values()) & set(table.columns):
            meanings = self.definitions
        table.cells(dict.fromkeys(table.columns, "-"), self.names | {f"definition, {code}": name for code, name in meanings.items()})
        return [Term(table.cells(row, self.names), table.cells(row, meanings), [word for word in row.get("also", "").split(", ") if word])
                for row in table.rows]

    @cached_property
    def symbols(self):
        """The symbols."""
        return [Symbol(row[table.columns[0]], table.cells(row, self.names)) for table in self.tables[1:2] for row in table.rows]

    @property
    def names(self):
        """The names of the columns of both languages, by code, the second language's first."""
        return {lang.code: lang.name for lang in (self.languages.second, self.languages.first)}

    @property
    def definitions(self):
        """The names of the columns of definitions in both languages, by code."""
        return {code: self.languages.label("text", "definition", code) for code in self.names}

    def anchor(self, term):
        """A term's id on the glossary page."""
        return self.languages.anchor(re.sub(r"\(.*?\)", "", term.shown[self.languages.second.code]))

    def word(self, term, lang):
        """A term's word in a language, with that language's parentheses."""
        return term.shown[lang.code].translate(str.maketrans("()", lang.parentheses))

    def said(self, meaning, edition):
        """What an edition says of a term or a symbol; the edition with both says it in both languages."""
        first, second = (meaning.get(code, "") for code in self.languages.codes)
        return self.languages.shown(f"{first}{self.languages.separator}{second}", edition) if meaning else ""

    def meanings(self, edition):
        """What each term means in an edition's languages, one to a line, by its anchor."""
        codes = self.languages.codes if edition == self.languages.both else [edition]
        return {self.anchor(term): "\n".join(term.meaning[code] for code in codes) for term in self.terms if term.meaning}

    def synonyms(self, edition):
        """For the search of an edition: what else a reader may type for a term, each with the word that the pages have."""
        codes = self.names if edition == self.languages.both else [edition]
        found = {}
        for term in self.terms:
            own = [form.lower() for code in codes for form in term.forms(self.languages.of(code))]
            all_forms = [form.lower() for lang in (self.languages.first, self.languages.second) for form in term.forms(lang)]
            found |= {other: own[0] for other in [*all_forms, *map(str.lower, term.also)] if other not in own}
        return found

    def page(self, edition, front_matter):
        """The page as Markdown, its own language first; each term has an anchor."""
        own, other = self.languages.first, self.languages.second
        own, other = (other, own) if edition == other.code else (own, other)
        words = [[own.name, own.other, self.definitions[own.code]]]
        for term in self.terms:
            words.append([f"[{self.word(term, own)}]{{#{self.anchor(term)}}}", f"[{self.word(term, other)}]{{lang={other.tag}}}",
                          self.said(term.meaning, edition)])
        if not any(term.meaning for term in self.terms):
            words = [row[:2] for row in words]
        meanings = [[self.languages.label("text", "symbol", own.code), self.languages.label("text", "meaning", own.code)],
                    *([symbol.formula, self.said(symbol.meaning, edition)] for symbol in self.symbols)]
        parts = [front_matter(self.lines[0].removeprefix("# "), self.languages.both_halves("text", "glossary-description"), edition)]
        for table, rows in zip(self.tables, (words, meanings), strict=False):
            parts += [self.languages.heading(f"## {table.heading}", edition)] if table.heading else []
            parts.append(f"::: {{.glossary}}\n\n{markdown(rows)}\n\n:::")
        return "\n\n".join(parts) + "\n"


def markdown(rows):
    """Rows of cells as a table, the first one its head."""
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *rest])

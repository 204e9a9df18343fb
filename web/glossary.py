"""The glossary: its terms, from GLOSSARY.md, and its page."""
import re
from dataclasses import dataclass
from functools import cached_property

from web.languages import SourceError

COLUMN = re.compile(r"\s*\|\s*")


@dataclass(eq=False)
class Term:
    """A row of the glossary, or one of the terms in it: each language's word as it is shown, by the language's code."""
    shown: dict

    def forms(self, lang):
        """What a text says for the term in a language: the word, and what stands beside it in parentheses.

        Of a language with words apart these are abbreviations alone, such as `(VAE)`; of another one they may be a second word."""
        first, *more = [part.strip() for part in re.split(r"[()（）]", self.shown[lang.code]) if part.strip()]
        return [first, *(form for form in more if form.isupper() or not lang.words)]


class Glossary:
    """The terms of a course, in the order of its GLOSSARY.md; without that file there are none, and no page."""

    def __init__(self, course):
        self.course, self.languages = course, course.languages
        self.path = course.root / "GLOSSARY.md"

    @cached_property
    def lines(self):
        """The lines of GLOSSARY.md: a heading `# A | B`, and a table with a column for each language, named as the language is."""
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []

    @cached_property
    def terms(self):
        """The terms; a row such as `encoder / decoder` holds two."""
        rows = [COLUMN.split(line.strip().strip("|").strip()) for line in self.lines if line.startswith("|")]
        if not rows:
            return []
        columns = {}
        for lang in (self.languages.second, self.languages.first):
            if lang.name not in rows[0]:
                raise SourceError(f"GLOSSARY.md: the table needs a column named {lang.name}")
            columns[lang.code] = rows[0].index(lang.name)
        found = []
        for row in rows[2:]:
            words = {code: row[column] for code, column in columns.items()}
            if len({text.count(" / ") for text in words.values()}) > 1:
                raise SourceError("GLOSSARY.md: {!r} and {!r} need as many parts, with ` / ` between".format(*words.values()))
            parts = zip(*(text.split(" / ") for text in words.values()), strict=True)
            found += [Term(dict(zip(words, part, strict=True))) for part in parts]
        return found

    def anchor(self, term):
        """A term's id on the glossary page."""
        return self.languages.anchor(re.sub(r"\(.*?\)", "", term.shown[self.languages.second.code]))

    def word(self, term, lang):
        """A term's word in a language, with that language's parentheses."""
        return term.shown[lang.code].translate(str.maketrans("()", lang.parentheses))

    def page(self, edition, front_matter):
        """The page as Markdown, its own language first; each term has an anchor."""
        own, other = self.languages.first, self.languages.second
        own, other = (other, own) if edition == other.code else (own, other)
        rows = [f"| {own.name} | {own.other} |", "|---|---|"]
        for term in self.terms:
            rows.append(f"| [{self.word(term, own)}]{{#{self.anchor(term)}}} | [{self.word(term, other)}]{{lang={other.tag}}} |")
        front = front_matter(self.lines[0].removeprefix("# "), self.languages.both_halves("text", "glossary-description"), edition)
        return "\n\n".join([front, "\n".join(rows)]) + "\n"

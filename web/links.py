"""Links of the pages: those that a page has and its notebook need not (first uses of glossary terms and of public names, the notebook's
source), and a check of those that the notebooks have."""
import re
from itertools import pairwise

from web.colab import LINK
from web.formulas import TOKENS
from web.languages import SourceError

APART = (r"^\#{1,6}[ ][^\n]*|^:{3,}[^\n]*|<(?:a\b.*?</a|summary\b.*?</summary)>|</?[A-Za-z!][^>]*>|https?://\S+"
         r"|!?\[(?:[^\[\]]|\[[^\[\]]*\])*\](?:\([^)\n]*\)|\[[^\]\n]*\])?(?:\{[^}\n]*\})?")
DOWNLOAD = "download:"  # marks the link to a file beside the page, of which a renderer would make one to the page itself
TARGET = re.compile(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]*))?\)")


class Words:
    """The glossary's terms in one language: where they stand in a text, the longest first, whole words where words are set apart."""

    def __init__(self, terms, lang):
        self.lang = lang
        self.by_form = {form.lower(): term for term in terms for form in term.forms(lang)}
        forms = sorted((form for term in terms for form in term.forms(lang)), key=len, reverse=True)
        found = "|".join(f"(?-i:{form})" if form.isupper() else r"\s+".join(map(re.escape, form.split())) for form in forms) or "(?!)"
        self.pattern = rf"(?i:(?<![\w-])(?:{found})(?:{lang.plural})?(?![\w-]))" if lang.words else f"(?:{found})"
        self.text = re.compile(rf"(?P<apart>{APART})|{TOKENS.pattern}|\*\*(?P<bold>{self.pattern})\*\*|(?P<word>{self.pattern})",
                               re.DOTALL | re.MULTILINE)

    def term(self, text):
        """The term that a matched text is a form of."""
        form = " ".join(text.lower().split())
        return self.by_form.get(form) or self.by_form[form.removesuffix(self.lang.plural)]

    def terms_in(self, text):
        """All terms of a text, wherever they stand."""
        return {self.term(found[0]) for found in re.finditer(self.pattern, text)}


class FirstUses:
    """Links in one notebook's prose; each term and each name is linked where it first stands, once in each language.

    A term is linked only where the partner in the other language has it too, so that `mean` is not taken for the verb."""

    def __init__(self, words, names, anchor):
        self.words, self.names, self.anchor, self.done = words, names, anchor, set()

    def linked(self, source, code, other, partner):
        """The Markdown of a cell with its links; headings, code, formulas, links, pictures and HTML stay as they are."""
        words = self.words[code]
        meant = self.words[other].terms_in(partner)

        def one(match):
            word, skipped = match["bold"] or match["word"], match["skip"]
            if word and (term := words.term(word)) in meant:
                key, target = (code, term), f"(glossary.qmd#{self.anchor(term)}){{.term}}"
            elif skipped and (name := skipped.strip("`").removesuffix("()")) in self.names:
                key, target = (code, name), f"({self.names[name]})"
            else:
                return match[0]
            if key in self.done or {source[match.start() - 1:match.start()], source[match.end():match.end() + 1]} & {"*", "_"}:
                return match[0]
            self.done.add(key)
            return f"[{match[0]}]{target}"
        return words.text.sub(one, source)

    def link(self, pairs):
        """Put the links into the pairs of cells of a notebook."""
        first, second = self.words
        for one, other in pairs:
            sources = one["source"], other["source"]
            one["source"] = self.linked(sources[0], first, second, sources[1])
            other["source"] = self.linked(sources[1], second, first, sources[0])


class Links:
    """What puts all these links into the cells of notebooks, on the way to their pages."""

    def __init__(self, course, glossary, reference):
        self.course, self.glossary, self.reference, self.languages = course, glossary, reference, course.languages
        self.words = {lang.code: Words(glossary.terms, lang) for lang in (self.languages.first, self.languages.second)}

    def pairs(self, cells):
        """The cells in the first language with their partners in the second."""
        return [both for both in pairwise(cells) if tuple(cell["metadata"].get("lang") for cell in both) == self.languages.codes]

    def add_source(self, cells, name):
        """Put links to the notebook, the one in the repository and the one beside the page, with the Colab link, or at the top."""
        address = self.course.source_link(f"{self.course.settings['nbs_path']}/{name}.ipynb")
        beside = next((pair for pair in self.pairs(cells) if all(LINK.search(cell["source"]) for cell in pair)), None)
        if not beside:
            beside = [{"cell_type": "markdown", "source": "", "metadata": {"lang": code}} for code in self.languages.codes]
            cells[1:1] = beside
        for cell, code in zip(beside, self.languages.codes, strict=True):
            links = [f"[{self.languages.label('text', key, code)}]({target})"
                     for key, target in (("source", address), ("notebook", f"{DOWNLOAD}{name}.ipynb"))]
            cell["source"] = " · ".join(filter(None, [cell["source"].rstrip(), *links]))

    def add(self, cells, notebook):
        """Put the links into the cells of a notebook's page; a link to the glossary's file leads to its page."""
        for cell in cells:
            cell["source"] = cell["source"].replace(f"({self.course.source_link('GLOSSARY.md')})", "(glossary.qmd)")
        self.add_source(cells, notebook.name)
        FirstUses(self.words, self.reference.linkable(notebook.cells), self.glossary.anchor).link(self.pairs(cells))


def check_links(course, pages):
    """Raises `SourceError` for a link in a notebook that leads to no page, picture or anchor; `pages` holds the pages' sources by name."""
    for notebook in course.notebooks:
        for cell in notebook.cells:
            if cell["cell_type"] != "markdown":
                continue
            for name, fragment in TARGET.findall(TOKENS.sub("", cell["source"])):
                place = f"{notebook.place(cell)}: the link to {name}{'#' * bool(fragment)}{fragment}"
                target = pages.get(name or notebook.path.name)
                if target is None and not (course.nbs / name).exists():
                    raise SourceError(f"{place} leads nowhere; link to a notebook, such as `{notebook.path.name}`, or to a file in images/")
                if fragment and f"{{#{fragment}}}" not in (target or ""):
                    raise SourceError(f"{place} names no heading there; an anchor is made of the heading's half in "
                                      f"{course.languages.second.name}, such as `#two-words`")

"""Links that the pages have and the notebooks need not: first uses of glossary terms and of public names, and the notebook's source."""
import re
from itertools import pairwise

from execnb.nbio import mk_cell, read_nb

from web.colab import LINK
from web.course import settings, source_link
from web.formulas import TOKENS

APART = (r"^\#{1,6}[ ][^\n]*|^:{3,}[^\n]*|<a\b.*?</a>|</?[A-Za-z!][^>]*>|https?://\S+"
         r"|!?\[(?:[^\[\]]|\[[^\[\]]*\])*\](?:\([^)\n]*\)|\[[^\]\n]*\])?(?:\{[^}\n]*\})?")


def pairs(cells):
    """The Chinese cells with their English partners."""
    return [(zh, en) for zh, en in pairwise(cells) if (zh["metadata"].get("lang"), en["metadata"].get("lang")) == ("zh", "en")]


class Words:
    """The glossary's terms in one language: where they stand in a text, the longest first, English ones whole and with a plural s."""

    def __init__(self, terms, lang):
        self.by_form = {form.lower(): term for term in terms for form in term.forms[lang]}
        forms = sorted((form for term in terms for form in term.forms[lang]), key=len, reverse=True)
        found = "|".join(f"(?-i:{form})" if form.isupper() else r"\s+".join(map(re.escape, form.split())) for form in forms)
        self.pattern = rf"(?i:(?<![\w-])(?:{found})s?(?![\w-]))" if lang == "en" else f"(?:{found})"
        self.text = re.compile(rf"(?P<apart>{APART})|{TOKENS.pattern}|\*\*(?P<bold>{self.pattern})\*\*|(?P<word>{self.pattern})",
                               re.DOTALL | re.MULTILINE)

    def term(self, text):
        """The term that a matched text is a form of."""
        form = " ".join(text.lower().split())
        return self.by_form.get(form) or self.by_form[form.removesuffix("s")]

    def terms_in(self, text):
        """All terms of a text, wherever they stand."""
        return {self.term(found[0]) for found in re.finditer(self.pattern, text)}


class FirstUses:
    """Links in one notebook's prose; each term and each name is linked where it first stands, once in each language.

    A term is linked only where the partner in the other language has it too, so that `mean` is not taken for the verb."""

    def __init__(self, words, names):
        self.words, self.names, self.done = words, names, set()

    def linked(self, source, lang, partner):
        """The Markdown of a cell with its links; headings, code, formulas, links, pictures and HTML stay as they are."""
        words, other = self.words[lang], self.words["en" if lang == "zh" else "zh"]
        meant = other.terms_in(partner)

        def one(match):
            word, code = match["bold"] or match["word"], match["skip"]
            if word and (term := words.term(word)) in meant:
                key, target = (lang, term), f"(glossary.qmd#{term.anchor}){{.term}}"
            elif code and (name := code.strip("`").removesuffix("()")) in self.names:
                key, target = (lang, name), f"({self.names[name]})"
            else:
                return match[0]
            if key in self.done or {source[match.start() - 1:match.start()], source[match.end():match.end() + 1]} & {"*", "_"}:
                return match[0]
            self.done.add(key)
            return f"[{match[0]}]{target}"
        return words.text.sub(one, source)

    def link(self, cells):
        """Put the links into the cells of a notebook."""
        for zh, en in pairs(cells):
            zh["source"], en["source"] = self.linked(zh["source"], "zh", en["source"]), self.linked(en["source"], "en", zh["source"])


def add_source(cells, name):
    """Put a link to the notebook in the repository beside the Colab link, or at the top where there is none."""
    address = source_link(f"{settings()['nbs_path']}/{name}.ipynb")
    links = {"zh": f"[查看源文件]({address})", "en": f"[View source]({address})"}
    beside = next((pair for pair in pairs(cells) if all(LINK.search(cell["source"]) for cell in pair)), None)
    if not beside:
        beside = [mk_cell("", "markdown", metadata={"lang": lang}) for lang in links]
        cells[1:1] = beside
    for cell, link in zip(beside, links.values(), strict=True):
        cell["source"] = f"{cell['source'].rstrip()} · {link}".removeprefix(" · ")


class Links:
    """What puts all these links into notebooks, on the way to their pages."""

    def __init__(self, terms, reference):
        self.words, self.reference = {lang: Words(terms, lang) for lang in ("zh", "en")}, reference

    def add(self, cells, path):
        """Put the links into the cells of the notebook at `path`; a link to the glossary's file leads to its page."""
        for cell in cells:
            cell["source"] = cell["source"].replace(f"({source_link('GLOSSARY.md')})", "(glossary.qmd)")
        add_source(cells, path.stem)
        FirstUses(self.words, self.reference.linkable(read_nb(path).cells)).link(cells)

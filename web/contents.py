"""The contents page: every chapter with what it teaches, how long it takes, and its sections."""
import re

from web.course import number
from web.formulas import TOKENS
from web.languages import HEADING

SECONDS = 5  # for a line of code
HIDDEN = {"hide", "default_exp", "export", "exporti", "fold"}
ITEM = re.compile(r"^- \[[^\]]*\]\((?P<name>\w+)\.ipynb\).*$", re.MULTILINE)
DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)


def minutes(cells, lang, other):
    """The estimated time to read a chapter: what languages.yml says for words or characters, and 5 seconds for each line of code.

    In a language without words apart, words of the other one are counted too. Formulas, hidden cells and what is folded are not; the
    result is a multiple of 5."""
    prose = " ".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown" and cell["metadata"].get("lang") == lang.code)
    prose = re.sub(r"\]\([^)]*\)", "]", TOKENS.sub(" ", DETAILS.sub(" ", prose)))
    code = [line for cell in cells if cell["cell_type"] == "code" and not HIDDEN & cell["directives"].keys()
            for line in cell["source"].splitlines() if line.strip() and not line.startswith("#|")]
    counted = [lang] if lang.words else [lang, other]
    time = sum(len(re.findall(each.unit, prose)) / each.speed for each in counted) + len(code) * SECONDS / 60
    return max(5, 5 * round(time / 5))


def timed(course, cells):
    """Put the reading time of a chapter at the end of each item of a list that begins with a link to it; the front page has such a list."""
    languages = course.languages
    for lang, other in ((languages.first, languages.second), (languages.second, languages.first)):
        def add(match, lang=lang, other=other):
            time = minutes(course.notebook(match["name"]).cells, lang, other)
            return f"{match[0]}{' ' if lang.words else ''}{languages.label('text', 'minutes', lang.code, minutes=time)}"
        for cell in cells:
            if cell["metadata"].get("lang") == lang.code:
                cell["source"] = ITEM.sub(add, cell["source"])


class Contents:
    """The contents page of a course."""

    def __init__(self, course):
        self.course, self.languages = course, course.languages

    def summary(self, notebook, lang, other):
        """What the page says of one chapter in one language: its description, its reading time, its sections."""
        languages, code = self.languages, lang.code
        description = languages.half(self.course.title(notebook)[1], code)
        read = languages.label("text", "minutes", code, minutes=minutes(notebook.cells, lang, other))
        matches = [HEADING.match(cell["source"]) for cell in notebook.cells if cell["cell_type"] == "markdown"]
        found = [match[2] for match in matches if match and match[1] == "##"]
        sections = "\n".join(f"- [{languages.half(line, code)}]({notebook.path.name}#{languages.anchor(line)})" for line in found)
        return f"{description}\n\n{read}\n\n::: {{.sections}}\n{sections}\n:::"

    def heading(self, notebook, edition):
        """A heading that leads to the chapter."""
        languages, line = self.languages, self.course.title(notebook)[0]
        first, second = (f"[{languages.half(line, code)}]({notebook.path.name})" for code in languages.codes)
        both = f"{first} {second}{{.second lang={languages.second.tag}}}"
        shown = {languages.first.code: first, languages.second.code: second, languages.both: both}[edition]
        return f"## {' '.join(filter(None, [number(notebook.name), shown]))} {{#{languages.anchor(line)}}}"

    def page(self, edition, front_matter):
        """The page as Markdown."""
        languages = self.languages
        both = [(languages.first, languages.second), (languages.second, languages.first)]
        speeds = {"first": languages.first.speed, "second": languages.second.speed, "code": SECONDS}
        estimate = [languages.label("text", "estimate", lang.code, **speeds) for lang, _ in both]
        front = front_matter(*(languages.both_halves("text", name) for name in ("contents", "contents-description")), edition)
        parts = [front, languages.paragraph(*estimate, edition)]
        for notebook in self.course.chapters:
            parts += [self.heading(notebook, edition), languages.paragraph(*(self.summary(notebook, *langs) for langs in both), edition)]
        return "\n\n".join(parts) + "\n"

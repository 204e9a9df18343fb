"""README.md from the front page's notebook: all of it in one language, then all of it in the other. Run as `python -m web.readme`."""
import re

from web.colab import opening
from web.course import Course, write
from web.formulas import TOKENS
from web.languages import ANCHOR, PICTURE
from web.pages import PICTURES, text_of, visible


def for_github(text, nbs):
    """Markdown as GitHub reads it: formulas that may touch Chinese, links from the repository's root, no ids on headings."""
    text = TOKENS.sub(lambda m: f"$`{m['inline']}`$" if m["inline"] else m[0], text)
    text = PICTURE.sub(lambda m: f"![{m[1]}]({nbs}/{m[2]})", text)
    text = re.sub(r"(?<!!)(\[[^\]]*\])\((\w+\.ipynb(?:#[\w-]+)?)\)", rf"\1({nbs}/\2)", text)
    return ANCHOR.sub(r"\1", text)


def block(cell, nbs):
    """A cell as Markdown: prose as it is, code with its text outputs; folded code and pictures drawn by code are left to the pages."""
    if cell["cell_type"] != "code":
        return for_github(cell["source"], nbs)
    parts = [f"```python\n{cell['source']}\n```"] if cell["source"] and "fold" not in cell["directives"] else []
    for output in cell["outputs"]:
        data = output.get("data", {})
        text = text_of(output.get("text") or data.get("text/plain", ""))
        if text and not data.keys() & PICTURES:
            parts.append(f"```\n{text.strip()}\n```")
    return "\n\n".join(parts)


def readme(course=None):
    """The text of README.md."""
    course = course or Course()
    languages, nbs = course.languages, course.settings["nbs_path"]
    notebook = course.notebook("index")
    name, description = course.title(notebook)
    parts = [f"<!-- Made from {nbs}/index.ipynb by `make export`; change it there. -->"]
    for lang, other in ((languages.first, languages.second), (languages.second, languages.first)):
        cells = [opening(block(cell, nbs), notebook, course, lang.code)
                 for cell in languages.select(visible(notebook)[1:], lang.code, notebook.place)]
        parts += [f"# {languages.half(name, lang.code)}",
                  f'<a name="{lang.name.lower()}"></a>[{other.name}](#{other.name.lower()})', f"> {languages.half(description, lang.code)}"]
        parts += [text for text in cells if text.strip()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    here = Course()
    write(here.root / "README.md", readme(here))

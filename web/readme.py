"""README.md from the front page's notebook: all of it in Chinese, then all of it in English. Run as `python -m web.readme`."""
import re

from execnb.nbio import read_nb
from nbdev.process import NBProcessor

from web.course import NBS, ROOT
from web.formulas import TOKENS
from web.languages import PICTURE, half, select, title
from web.pages import OURS, STANDARD, places, text_of


def for_github(text):
    """Markdown as GitHub reads it: formulas that may touch Chinese, links from the repository's root, no ids on headings."""
    text = TOKENS.sub(lambda m: f"$`{m['inline']}`$" if m["inline"] else m[0], text)
    text = PICTURE.sub(lambda m: f"![{m[1]}](nbs/{m[2]})", text)
    text = re.sub(r"(?<!!)(\[[^\]]*\])\((\w+\.ipynb)\)", r"\1(nbs/\2)", text)
    return re.sub(r"^(#+ .*?) \{#[^}]*\}$", r"\1", text, flags=re.MULTILINE)


def block(cell):
    """A cell as Markdown: prose as it is, code with its text outputs; pictures drawn by code are left to the pages."""
    if cell["cell_type"] != "code":
        return for_github(cell["source"])
    code = OURS.sub("", cell["source"]).strip()
    parts = [f"```python\n{code}\n```"]
    for output in cell["outputs"]:
        data = output.get("data", {})
        text = text_of(output.get("text") or data.get("text/plain", ""))
        if text and "image/png" not in data:
            parts.append(f"```\n{text.strip()}\n```")
    return "\n\n".join(parts)


def readme():
    """The text of README.md."""
    path = NBS / "index.ipynb"
    name, description = title(read_nb(path).cells, path.stem)
    parts = ["<!-- Made from nbs/index.ipynb by `make export`; change it there. -->"]
    for edition, other in (("zh", "[English](#english)"), ("en", "[中文](#中文)")):
        processor = NBProcessor(path, STANDARD)
        processor.process()
        cells = [block(cell) for cell in select(processor.nb.cells[1:], edition, places(path))]
        here = "中文" if edition == "zh" else "english"
        parts += [f"# {half(name, edition)}", f'<a name="{here}"></a>{other}', f"> {half(description, edition)}"]
        parts += [text for text in cells if text.strip()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    (ROOT / "README.md").write_text(readme(), encoding="utf-8")

"""Two languages in one notebook: which cells a page shows, and which half of a line `中文 | English`.

A markdown cell with the metadata `{"lang": "zh"}` is Chinese, the one after it, `{"lang": "en"}`, its English partner; a cell
without `lang` is for both, and its one-liners (headings, captions, alternative texts) carry both languages with ` | ` between."""
import re
import unicodedata

SEPARATOR = " | "
EDITIONS = ("zh", "en", "duo")
LANG_TAGS = {"zh": "zh-Hans", "en": "en", "duo": "zh-Hans"}
HEADING = re.compile(r"^(#+)\s+(.*?)\s*$")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
DOCSTRING = re.compile(r'^(?P<indent>[ \t]*)(?P<open>[rR]?""")(?P<text>[^\n]*\n.*?)(?P<close>\s*""")', re.MULTILINE | re.DOTALL)
HAN = re.compile(r"[\u3400-\u9fff]")


class SourceError(ValueError):
    """What is wrong with a notebook, in which cell, and what to do."""


def half(line, edition):
    """The half of `中文 | English` that an edition shows; a line without two halves as it is."""
    zh, separator, en = line.partition(SEPARATOR)
    return line if not separator else en.strip() if edition == "en" else zh.strip()


def shown(line, edition):
    """The half of `中文 | English` that an edition shows, as Markdown; `duo` shows both, the English one marked as English."""
    both = edition == "duo" and SEPARATOR in line
    return f"{half(line, 'zh')} [{half(line, 'en')}]{{.en lang=en}}" if both else half(line, edition)


def shown_html(zh, en, edition):
    """Both languages' HTML as an edition shows it, the English one marked as English where both stand."""
    return f'{zh} <span class="en" lang="en">{en}</span>' if edition == "duo" else en if edition == "en" else zh


def anchor(line):
    """The id of a heading, made from its English half, so that it is the same in every edition."""
    text = unicodedata.normalize("NFKD", re.sub(r"[$`*]", "", half(line, "en"))).lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-") or "section"


def heading(line, edition):
    """A heading line with its id; `duo` shows both halves."""
    marks, text = HEADING.match(line).groups()
    return f"{marks} {shown(text, edition)} {{#{anchor(text)}}}"


def shared(source, edition):
    """A cell for both languages as one edition shows it: headings, quotes and alternative texts by halves."""
    lines = []
    for line in source.splitlines():
        if HEADING.match(line):
            lines.append(heading(line, edition))
        else:
            lines.append(PICTURE.sub(lambda m: f"![{half(m[1], edition)}]({m[2]})", line))
    return "\n".join(lines)


def details(text):
    """The English and the Chinese paragraphs of a docstring's details."""
    paragraphs = re.split(r"\n[ \t]*\n", text.strip("\n"))
    return tuple("\n\n".join(part for part in paragraphs if bool(HAN.search(part)) == chinese) for chinese in (False, True))


def docstrings(source, edition):
    """Code whose docstrings open with an English and a Chinese line, without what is in the language that the page does not show."""
    if edition == "duo":
        return source

    def one(match):
        english, chinese, more = [*match["text"].split("\n", 2), ""][:3]
        if HAN.search(english) or not HAN.search(chinese):
            return match[0]
        first, rest = (english, details(more)[0]) if edition == "en" else (chinese.strip(), details(more)[1])
        gap = "\n\n" if rest else ""
        return f'{match["indent"]}{match["open"]}{first}{gap}{rest}{match["close"]}'

    return DOCSTRING.sub(one, source)


def title(cells, name):
    """Both halves of the title and of the description, from the first cell: `# 中文 | English` and `> 中文 | English`."""
    source = cells[0]["source"] if cells and cells[0]["cell_type"] == "markdown" else ""
    found = re.match(r"# (.+)\s*(?:\n+> (.+))?\s*$", source)
    if not found or SEPARATOR not in found[1] or (found[2] and SEPARATOR not in found[2]):
        raise SourceError(f"{name}, cell 0: the notebook opens with `# 中文 | English`, an empty line, and `> 中文 | English`")
    return found[1].strip(), (found[2] or "").strip()


def pair(zh, en):
    """The Chinese and the English paragraph side by side."""
    return f"::::: {{.pair}}\n:::: {{.zh lang=zh-Hans}}\n{zh}\n::::\n:::: {{.en lang=en}}\n{en}\n::::\n:::::"


def paragraph(zh, en, edition):
    """What an edition shows of a text in both languages."""
    return pair(zh, en) if edition == "duo" else en if edition == "en" else zh


def select(cells, edition, place):
    """The cells of one edition, in order: the other language dropped, or both paired; `place(cell)` names a cell in messages.

    Raises `SourceError` for a cell without its partner, an unknown `lang`, or a heading without its two halves."""
    chosen, waiting = [], None
    for index, cell in enumerate(cells):
        lang = cell["metadata"].get("lang")
        if lang not in (None, "zh", "en"):
            raise SourceError(f"{place(cell)}: lang {lang!r} is not known; it is zh or en")
        if (lang == "en") != (waiting is not None):
            raise SourceError(f"{place(cell)}: a Chinese cell and its English partner must follow each other")
        waiting = cell if lang == "zh" else None
        if lang is None:
            if cell["cell_type"] == "markdown":
                missing = [line for line in cell["source"].splitlines() if HEADING.match(line) and SEPARATOR not in line]
                if missing:
                    raise SourceError(f"{place(cell)}: the heading {missing[0]!r} needs two halves, `中文 | English`")
                cell = {**cell, "source": shared(cell["source"], edition)}
            else:
                cell = {**cell, "source": docstrings(cell["source"], edition)}
            chosen.append(cell)
        elif edition == lang:
            chosen.append(cell)
        elif edition == "duo" and lang == "en":
            chosen.append({**cell, "source": pair(cells[index - 1]["source"], cell["source"])})
    if waiting is not None:
        raise SourceError(f"{place(waiting)}: a Chinese cell without its English partner")
    return chosen

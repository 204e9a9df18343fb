"""Pages beside the chapters: the contents, the glossary, and the page for an address that does not exist."""
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from execnb.nbio import read_nb

from web.course import ROOT, chapters, filled
from web.formulas import TOKENS
from web.languages import HAN, HEADING, LANG_TAGS, SourceError, anchor, half, paragraph, title
from web.pages import front_matter

WORDS, CHARACTERS, SECONDS = 200, 350, 5  # English words and Chinese characters read in a minute, seconds for a line of code
HIDDEN = re.compile(r"^#\|\s*(?:hide|default_exp)\b", re.MULTILINE)
MISSING = {
    "zh": ("没有这一页", "地址也许写错了，也许页面已经移走。", {"index": "首页", "contents": "目录"}),
    "en": ("No such page", "The address may be mistyped, or the page has moved.", {"index": "Front page", "contents": "Contents"}),
}
LATIN = re.compile(r"[A-Za-z][\w'-]*")


@dataclass(eq=False)
class Term:
    """A row of the glossary, or one of the terms in it: both languages as they are shown, and the forms that stand in prose."""
    english: str
    chinese: str

    @property
    def anchor(self):
        """The term's id on the glossary page."""
        return anchor(re.sub(r"\(.*?\)", "", self.english))

    @property
    def forms(self):
        """What a text says for the term in each language: the term, an abbreviation such as `(VAE)`, a second Chinese word."""
        found = {lang: [part.strip() for part in re.split(r"[()（）]", text) if part.strip()]
                 for lang, text in (("en", self.english), ("zh", self.chinese))}
        return {"en": [found["en"][0], *(form for form in found["en"][1:] if form.isupper())], "zh": found["zh"]}


def terms():
    """The terms of GLOSSARY.md, in its order; a row such as `encoder / decoder` holds two."""
    rows = [[column.strip() for column in line.strip("|").split("|")] for line in glossary_lines() if line.startswith("|")]
    found = []
    for english, chinese, *_ in rows[2:]:
        if english.count(" / ") != chinese.count(" / "):
            raise SourceError(f"GLOSSARY.md: {english!r} and {chinese!r} need as many parts, with ` / ` between")
        found += [Term(*both) for both in zip(english.split(" / "), chinese.split(" / "), strict=True)]
    return found


def glossary_lines():
    """The lines of GLOSSARY.md: a heading `# 中文 | English`, and a table whose first columns are English and Chinese."""
    return (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines()


def glossary(edition):
    """The glossary page, its own language first; each term has an anchor."""
    tag, first, second = ("{lang=zh-Hans}", "English", "Chinese") if edition == "en" else ("{lang=en}", "中文", "英文")
    rows = [f"| {first} | {second} |", "|---|---|"]
    for term in terms():
        chinese = term.chinese.replace("(", "（").replace(")", "）")
        own, other = (term.english, chinese) if edition == "en" else (chinese, term.english)
        rows.append(f"| [{own}]{{#{term.anchor}}} | [{other}]{tag} |")
    name = glossary_lines()[0].removeprefix("# ")
    front = front_matter(name, "本课程用词的中英对照 | The terms of the course in both languages", edition)
    return "\n\n".join([front, "\n".join(rows)]) + "\n"


def minutes(cells, lang):
    """The estimated time to read a chapter: 200 English words or 350 Chinese characters a minute, and 5 seconds for each line of code.

    Formulas and hidden cells are not counted; the result is a multiple of 5."""
    prose = " ".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown" and cell["metadata"].get("lang") == lang)
    prose = re.sub(r"\]\([^)]*\)", "]", TOKENS.sub(" ", prose))
    code = [line for cell in cells if cell["cell_type"] == "code" and not HIDDEN.search(cell["source"])
            for line in cell["source"].splitlines() if line.strip() and not line.startswith("#|")]
    time = len(LATIN.findall(prose)) / WORDS + len(HAN.findall(prose)) / CHARACTERS + len(code) * SECONDS / 60
    return max(5, 5 * round(time / 5))


def summary(path, lang):
    """What the contents page says of one chapter in one language: its description, its reading time, its sections."""
    cells = read_nb(path).cells
    description = half(title(cells, path.stem)[1], lang)
    time = minutes(cells, lang)
    matches = [HEADING.match(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    found = [match[2] for match in matches if match and match[1] == "##"]
    sections = "\n".join(f"- [{half(line, lang)}]({path.name}#{anchor(line)})" for line in found)
    read = f"约{time}分钟。" if lang == "zh" else f"About {time} minutes."
    return f"{description}\n\n{read}\n\n::: {{.sections}}\n{sections}\n:::"


def chapter_heading(line, name, edition):
    """A heading on the contents page that leads to the chapter."""
    links = {"zh": f"[{half(line, 'zh')}]({name})", "en": f"[{half(line, 'en')}]({name})"}
    both = f"{links['zh']} {links['en']}{{.en lang=en}}"
    return f"## {both if edition == 'duo' else links[edition]} {{#{anchor(line)}}}"


def contents(edition):
    """The contents page: every chapter with what it teaches and how long it takes."""
    description = "每一章讲什么，读完大约要多久 | What each chapter teaches, and how long it takes to read"
    zh = f"时间是估计值：每分钟{CHARACTERS}个汉字或{WORDS}个英文单词，每行代码{SECONDS}秒，不含运行代码。"
    en = f"The times are estimates: {WORDS} words a minute and {SECONDS} seconds for a line of code, without running any."
    parts = [front_matter("目录 | Contents", description, edition), paragraph(zh, en, edition)]
    for path in chapters():
        line = title(read_nb(path).cells, path.stem)[0]
        parts += [chapter_heading(line, path.name, edition), paragraph(summary(path, "zh"), summary(path, "en"), edition)]
    return "\n\n".join(parts) + "\n"


def not_found(editions, site):
    """The page for an address that does not exist: for each of `editions`, language and edition, a text and links below `site`.

    The links are absolute, since a server sends the page for addresses of any depth."""
    base = urlsplit(site).path.rstrip("/")
    blocks = []
    for lang, edition in editions:
        name, text, labels = MISSING[lang]
        links = "".join(f'<li><a href="{base}/{edition}/{page}.html">{label}</a></li>' for page, label in labels.items())
        blocks.append(f'<section lang="{LANG_TAGS[lang]}">\n<h1>{name}</h1>\n<p>{text}</p>\n<ul>{links}</ul>\n</section>')
    return filled("plain.html", {
        "lang": LANG_TAGS[editions[0][0]], "title": " · ".join(MISSING[lang][0] for lang, _ in editions),
        "head": '<meta name="robots" content="noindex">\n<link rel="icon" href="data:,">', "body": "\n".join(blocks)})


def add_not_found(docs, site):
    """Write a `404.html` into every edition, and one in both languages above them."""
    pages = {"zh/404.html": [("zh", "zh")], "en/404.html": [("en", "en")], "duo/404.html": [("zh", "duo"), ("en", "duo")],
             "404.html": [("zh", "zh"), ("en", "en")]}
    for name, editions in pages.items():
        (docs / name).write_text(not_found(editions, site), encoding="utf-8")

"""What is made of the rendered pages: the title and the text of each are set in a page of our own, the same for every renderer."""
import copy
import html
import json
import re
import shutil
import struct
from dataclasses import asdict, dataclass, field
from pathlib import Path

import lxml.etree
import lxml.html
from lxml.html.builder import DIV, A, E

from web.course import HERE, filled, number, write
from web.formulas import Formulas
from web.glossary import Glossary
from web.languages import SourceError
from web.links import DOWNLOAD
from web.notebooks import notebooks
from web.pages import DRAWINGS
from web.prepare import kept
from web.search import FOLD, entries, sections
from web.widgets import HOST

ICON = "images/favicon.svg"
LEVELS = ("h2", "h3", "h4", "h5", "h6")
DRAWING = re.compile(rf"<!--({DRAWINGS}/[^>]+\.svg)-->")
COLUMNS = re.compile(r"\S {2,}\S|\t")  # what is printed in columns, which lines that go on below would break
BESIDE = re.compile(r"([(（“]?)(formulatoken[0-9a-f]{16}x)([,.;:?!)，。：；、）！？”]*)")
SHORT = 16  # of TeX: a formula that may stay on one line with the mark after it
CHAPTER = re.compile(r"((?!index)\w+)\.html")
CARD = re.compile(r"<!--card (\w+)-->")
TERM = re.compile(r'<a\b[^>]*class="term"[^>]*>')
OWN = b'<main id="page-text"'  # what a page has that is finished
ASSETS = ("figures", "fonts", "images", "site.css")  # what web/prepare.py lays beside the sources of the pages


@dataclass
class Part:
    """What is taken from a rendered page, as HTML, a token for each formula; the second title is that of an edition in both languages."""
    title: str
    description: str
    second_title: str
    second_description: str
    text: str
    toc: list  # the level, the anchor and the words of each section
    sections: list = field(default_factory=list)  # anchor, heading and words, for the search
    picture: str = ""  # the first one of the page, for its card on the front page


def inner(element):
    """The HTML within an element."""
    children = [lxml.html.tostring(child, encoding="unicode") for child in element]
    return "".join([html.escape(element.text or "", quote=False), *children]).strip()


def headings(main):
    """The sections of a page that have a heading and an id, each with its heading."""
    for section in main.iter("section"):
        first = next(iter(section), None)
        if first is not None and first.tag in LEVELS and section.get("id"):
            yield section, first


def take(path, folder, anchor):
    """The parts of the rendered page at `path`, whose pictures lie in `folder`; `anchor` names the link that a heading has to itself.

    Raises `SourceError` where a renderer writes no such thing."""
    main = next(lxml.html.document_fromstring(path.read_text(encoding="utf-8")).iter("main"), None)

    def part(name, needed=False):
        found = main.xpath(f".//*[contains(concat(' ', @class, ' '), ' {name} ')]") if main is not None else []
        if needed and not found:
            raise SourceError(f"{path.name}: the renderer's page has no main with a .{name}; use the versions that constraints.txt names")
        if not found:
            return ""
        element = found[0]
        if len(element) == 1 and element[0].tag == "p" and not (element.text or "").strip():
            element = element[0]
        return inner(element)

    shown = [part("title", needed=True), part("description"), part("second-title"), part("second-description")]
    for leaving in main.xpath(".//header[@id='title-block-header'] | .//button[contains(@class, 'code-copy-button')]"
                              " | .//a[starts-with(@href, '#cb') and @aria-hidden='true' and @tabindex='-1']"
                              " | .//div[@class='second-title' or @class='second-description']"):
        leaving.drop_tree()
    evened(main, folder.name)
    for plot in main.xpath(".//div[contains(concat(' ', @class, ' '), ' plot ')]"):
        framed(plot)
    for code in main.xpath(".//div[contains(@class, 'sourceCode')]/pre/code"):
        lined(code)
    for printed in main.xpath(".//div[contains(@class, 'cell-output')]//pre"):
        if not COLUMNS.search(printed.text_content()):
            printed.set("class", "wrapped")
    for fold in main.xpath(".//details[@class='code-fold']"):
        fold.set("class", FOLD)
    for widget in main.xpath(".//div[@data-widget]"):  # what it is made of stands below it
        for fold in widget.xpath("ancestor::div[contains(@class, 'cell')][last()]/details"):
            fold.getparent().append(fold)
    found = sections(main)
    toc = [(section.get("id"), heading.tag[1], linkless(heading)) for section, heading in headings(main) if heading.tag in LEVELS[:2]]
    for image in main.iter("img"):
        measured(image, folder)
    for link in main.xpath(f".//a[starts-with(@href, '{DOWNLOAD}')]"):
        link.attrib.update({"href": link.get("href").removeprefix(DOWNLOAD), "download": ""})
    for table in list(main.iter("table")):
        boxed(table)
    for section, heading in headings(main):
        heading.append(A("#", {"class": "anchor", "href": f"#{section.get('id')}", "aria-label": anchor}))
    for image in main.xpath(f".//img[starts-with(@src, '{DRAWINGS}/')]"):
        image.getparent().replace(image, lxml.html.HtmlComment(image.get("src")))
    for items in main.xpath(".//ul"):
        carded(items)
    first = next(iter(main.xpath(".//figure[not(ancestor::*[@data-widget])]/node()[self::img or self::comment()]")), None)

    def drawn(element):
        return DRAWING.sub(lambda match: (folder / match[1]).read_text(encoding="utf-8"), element)
    picture = "" if first is None else drawn(lxml.html.tostring(first, encoding="unicode", with_tail=False))
    return Part(*shown, text=drawn(inner(main)), toc=toc, sections=found, picture=picture)


def evened(main, edition):
    """Undo what Quarto alone does to the text of an edition's page, so that it looks the same from every renderer.

    A picture has a paragraph to itself there, which here would be a caption; long tables have columns as wide as their lines in the
    source; and links lead to pages beside this one by way of the folder above."""
    for paragraph in main.xpath(".//div[contains(concat(' ', @class, ' '), ' plot ')]/p[img]"):
        paragraph.drop_tag()
    for columns in list(main.iter("colgroup")):
        columns.drop_tree()
    for link in main.iter("a"):
        link.set("href", link.get("href", "").removeprefix(f"../{edition}/"))


def linkless(heading):
    """The HTML of a heading without its links, for a place where it is one itself."""
    words = copy.deepcopy(heading)
    for link in words.iter("a"):
        link.tag = "span"
        link.attrib.pop("href", None)
    return inner(words)


def framed(plot):
    """Make a picture and the paragraphs below it a figure with its caption."""
    picture = next(plot.iter("img"))
    caption = E.figcaption(*(child for child in plot if picture not in child.iter()))
    plot.tag, plot.text, picture.tail = "figure", None, None
    plot[:] = [picture, caption] if len(caption) else [picture]


def measured(image, folder):
    """Give a local picture its size, so that nothing moves when it comes, and have it loaded when it is near."""
    source = image.get("src", "")
    if "width" not in image.attrib and re.fullmatch(r"[^:]+\.(?:png|svg)", source) and not source.startswith(DRAWINGS):
        for name, value in zip(("width", "height", "loading"), (*map(str, size(folder / source)), "lazy"), strict=True):
            image.set(name, value)


def size(path):
    """Width and height of a PNG or SVG picture."""
    if path.suffix == ".png":
        return struct.unpack(">II", path.read_bytes()[16:24])
    svg = lxml.etree.parse(path).getroot()
    box = re.split(r"[ ,]+", svg.get("viewBox", "").strip())
    found = box[2:] if len(box) == 4 else [re.match(r"[\d.]+", svg.get(name))[0] for name in ("width", "height")]
    return tuple(round(float(value)) for value in found)


def lined(code):
    """Put each line of highlighted code into an element of its own that knows how far it is indented, whatever the renderer did."""
    for line in code.xpath("span[starts-with(@id, 'cb')]"):  # Quarto's own
        line.drop_tag()
    pieces = [(code.text, None)] + [piece for token in code for piece in ((token.text_content(), token.get("class")), (token.tail, None))]
    lines = [[]]
    for text, kind in pieces:
        first, *more = (text or "").split("\n")
        lines[-1].append((first, kind))
        lines += [[(words, kind)] for words in more]
    code[:], code.text = [], None
    for tokens in lines:
        words = "".join(text for text, _ in tokens)
        indent = len(words) - len(words.lstrip())
        line = E.span({"class": "line"} | ({"style": f"--indent:{indent}"} if indent else {}),
                      *(E.span({"class": kind}, text) if kind else text for text, kind in tokens if text))
        if {kind for text, kind in tokens if text.strip()} == {"st"}:
            line.set("class", "line said")
        line.tail = "\n" if tokens is not lines[-1] else None
        code.append(line)


def boxed(table):
    """Put a table into a box of its own that scrolls."""
    box = DIV({"class": "table-scroll"})
    box.tail, table.tail = table.tail, None
    table.getparent().replace(table, box)
    box.append(table)


def carded(items):
    """Make a list whose items all begin with a link to a chapter cards, each with a place for that chapter's picture."""
    links = [next(iter(item), None) for item in items]
    targets = [CHAPTER.fullmatch(link.get("href", "")) if link is not None and link.tag == "a" else None for link in links]
    if all(targets) and not any((item.text or "").strip() for item in items):
        items.set("class", "cards")
        for item, target in zip(items, targets, strict=True):
            item.insert(0, lxml.html.HtmlComment(f"card {target[1]}"))


class Site:
    """The pages of one edition, made of what is taken from rendered pages."""

    def __init__(self, course, edition, parts, formulas):
        self.course, self.edition, self.parts, self.formulas = course, edition, parts, formulas
        self.languages, self.codes, self.both = course.languages, course.languages.codes, course.languages.both
        self.glossary = Glossary(course)
        self.meanings = self.glossary.meanings(edition)
        self.site = html.escape(course.name(edition))

    def label(self, name):
        """What the edition says in one place of a page."""
        return self.languages.label("page", name, self.edition)

    def links(self, page):
        """The links of the header, from the configuration's `navbar`."""
        made = []
        for item in self.course.config(self.edition)["website"].get("navbar", {}).get("left", []):
            target = item["href"]
            current = ' aria-current="page"' if target == page else ""
            text = self.languages.half(item["text"], self.edition)
            if self.edition == self.both:
                text = item["text"].replace(self.languages.separator, " ")
            made.append(f'<a href="{html.escape(target)}"{current}>{html.escape(text)}</a>')
        return "".join(made)

    def switch(self, page):
        """Links to the same page in every edition, the current one marked."""
        made = []
        for other in self.languages.editions:
            current, tag = ' aria-current="true"' if other == self.edition else "", self.languages.tags[other]
            made.append(f'<a href="../{other}/{page}" hreflang="{tag}" lang="{tag}"{current}>{self.languages.names[other]}</a>')
        return "".join(made)

    def chapter_name(self, name):
        """A chapter's title as the edition shows it; its notebook's own words, as long as its page has not been rendered."""
        if part := self.parts.get(f"{name}.html"):
            return self.languages.shown_html(part.title, part.second_title or part.title, self.edition)
        line = self.course.title(self.course.notebook(name))[0]
        halves = (html.escape(self.languages.half(line, code)) for code in self.codes)
        return self.languages.shown_html(*halves, self.edition)

    def chapter_list(self, page):
        """The front page and the chapters, part by part, each with the number that its name begins with."""
        made = []
        for part, names in self.course.parts:
            items = []
            for name in names:
                current = ' aria-current="page"' if f"{name}.html" == page else ""
                link = f'<a href="{name}.html"{current}>{self.chapter_name(name)}</a>'
                items.append(f'<li data-number="{number(name)}">{link}</li>')
            halves = (html.escape(self.languages.half(part, code)) for code in self.codes)
            made += [f'<p class="part">{self.languages.shown_html(*halves, self.edition)}</p>'] if part else []
            made += [f'<ul>{"".join(items)}</ul>'] if items else []
        return "".join(made)

    def turn(self, page):
        """Links to the chapters before and after, on the front page and the chapters."""
        order, name = self.course.pages, page.removesuffix(".html")
        if name not in order:
            return ""
        at, made = order.index(name), []
        for rel, key, beside in (("prev", "previous", at - 1), ("next", "next", at + 1)):
            if 0 <= beside < len(order):
                words = f"<span>{self.label(key)}</span><span>{self.chapter_name(order[beside])}</span>"
                made.append(f'<a rel="{rel}" href="{order[beside]}.html">{words}</a>')
        return f'<nav class="turn" aria-label="{self.label("turn")}">{"".join(made)}</nav>'

    def toc(self, part):
        """The table of contents of a page: links to its sections and to theirs; none for a page without sections."""
        items = "".join(f'<li class="level{level}"><a href="#{anchor}">{words}</a></li>' for anchor, level, words in part.toc)
        return f'<nav class="toc" aria-label="{self.label("toc")}"><p>{self.label("toc")}</p><ul>{items}</ul></nav>' if items else ""

    def head(self, page):
        """What a page's head tells a search engine."""
        site, second = self.course.site, self.languages.second.code
        if self.edition == self.both:
            return '<meta name="robots" content="noindex">'
        made = [f'<link rel="canonical" href="{site}/{self.edition}/{page}">']
        made += [f'<link rel="alternate" hreflang="{self.languages.tags[code]}" href="{site}/{code}/{page}">' for code in self.codes]
        default = "" if page == "index.html" else f"{second}/{page}"
        return "\n".join([*made, f'<link rel="alternate" hreflang="x-default" href="{site}/{default}">'])

    def heading(self, page):
        """A page's title, with its number, and description; in both languages on a page in both."""
        part, tag = self.parts[page], self.languages.second.tag
        before = f'<span class="number">{number(page)}</span> ' if number(page) else ""
        made = [f"<h1>{before}{part.title}</h1>"]
        made += [f'<p class="title-second" lang="{tag}">{part.second_title}</p>'] if part.second_title else []
        made += [f'<div class="description">{part.description}</div>'] if part.description else []
        made += [f'<div class="description" lang="{tag}">{part.second_description}</div>'] if part.second_description else []
        return "\n".join(made)

    def start(self, page):
        """On the front page, the way to the first chapter."""
        others = self.course.pages[1:] if page == "index.html" else []
        return f'\n<p class="start"><a href="{others[0]}.html">{self.label("start")}</a></p>' if others else ""

    def plain(self, text, kind="tex"):
        """HTML as text, for an attribute, a title or a search."""
        words = lxml.html.fragment_fromstring(text, create_parent="div").text_content() if text else ""
        return " ".join(self.formulas.fill(words, kind).split())

    def cards(self, text):
        """A text with the pictures of the chapters that its cards lead to; side by side with another language there are none."""
        def one(match):
            part = self.parts.get(f"{match[1]}.html")
            shown = part and part.picture and self.edition != self.both
            return f'<div class="picture" aria-hidden="true">{part.picture}</div>' if shown else ""
        return CARD.sub(one, text)

    def kept_together(self, text):
        """A text in which no line breaks between a short formula and the mark or bracket beside it."""
        def one(match):
            short = (match[1] or match[3]) and len(self.formulas.known[match[2]]["tex"]) <= SHORT
            return f'<span class="together">{match[0]}</span>' if short else match[0]
        return BESIDE.sub(one, text)

    def script_labels(self, part):
        """What a page's script says, and what the terms mean that the page links to, as JSON."""
        said = {key: self.languages.label("script", key, self.edition) for key in self.languages.labels["script"]}
        terms = [re.search(r'#([^"]*)"', link)[1] for link in TERM.findall(part.text)]
        meanings = {anchor: self.meanings[anchor] for anchor in terms if anchor in self.meanings}
        text = json.dumps(said | {"meanings": meanings}, ensure_ascii=False)
        return text.replace("<", "\\u003c")

    def compose(self, page):
        """One whole page, from its parts and those of the pages it leads to."""
        part, labels = self.parts[page], self.languages.labels
        host = f'<script src="../widgets/{HOST}" defer></script>' if "data-widget=" in part.text else ""
        title = html.escape(f"{number(page)} {self.plain(part.title)}".strip())
        icon = ICON if (self.course.nbs / ICON).is_file() else "data:,"
        values = {key: self.label(key) for key in labels["page"]} | {
            "lang": self.languages.tags[self.edition], "edition": self.edition, "kind": "both" if self.edition == self.both else "one",
            "site": self.site, "icon": icon, "head": self.head(page) + host,
            "title": self.site if page == "index.html" else f"{title} · {self.site}",
            "description": html.escape(self.plain(part.description)), "pages": self.links(page), "editions": self.switch(page),
            "labels": self.script_labels(part),
            "chapters": self.chapter_list(page), "heading": self.heading(page) + self.start(page), "turn": self.turn(page),
            "toc": self.toc(part),
            "text": self.kept_together(self.cards(part.text)),
        }
        return self.formulas.fill(filled("page.html", values))

    def index(self):
        """The script that holds the search index."""
        found = []
        for page, part in self.parts.items():
            shown = [self.plain(text, "text") for text in (part.title, part.second_title, part.description, part.second_description)]
            texts = [[anchor, self.formulas.fill(heading, "text"), self.formulas.line(words)] for anchor, heading, words in part.sections]
            found += entries(texts, page, shown[0], " ".join(shown[1:]))
        made = {"searchIndex": found, "searchSynonyms": self.glossary.synonyms(self.edition)}
        return "".join(f"window.{name} = {json.dumps(value, ensure_ascii=False)};\n" for name, value in made.items())


def finish(course, edition, rendered, sources, out, names=None):
    """Write the pages of an edition into `out`, from the folder of rendered pages and that of their `sources`.

    The parts of every page are kept, so that a renderer may bring some pages only: those that `names` has, or all that are there. A page
    that is finished already is left alone. Nothing is left in `out` but the pages and what they need."""
    formulas, store = Formulas(kept(course)), course.proc / "parts" / edition
    anchor = course.languages.label("page", "anchor", edition)
    there = {f"{path.stem}.html" for path in (*sources.glob("*.ipynb"), *sources.glob("*.qmd"))}
    for path in sorted(Path(rendered).glob("*.html")):
        if path.name in (there if names is None else names & there) and OWN not in path.read_bytes():
            write(store / f"{path.stem}.json", json.dumps(asdict(take(path, sources, anchor)), ensure_ascii=False))
    parts = {f"{path.stem}.html": Part(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(store.glob("*.json"))}
    site = Site(course, edition, {page: part for page, part in parts.items() if page in there}, formulas)
    made = {page: site.compose(page) for page in site.parts} | {"search.js": site.index(), **notebooks(course, edition)}
    for name, text in made.items():
        write(out / name, text)
    write(out / "site.js", (HERE / "site.js").read_bytes())
    for name in ASSETS:
        for path in [sources / name] if (sources / name).is_file() else sources.glob(f"{name}/**/*"):
            if path.is_file():
                write(out / path.relative_to(sources), path.read_bytes())
    for path in out.iterdir():
        if path.name not in {*made, *ASSETS, "site.js", "404.html"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


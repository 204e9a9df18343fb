"""What is made of the rendered pages: the title and the text of each are set in a page of our own, the same for every renderer."""
import html
import json
import re
import shutil
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from web.course import ROOT, chapters, filled
from web.formulas import fill
from web.languages import EDITIONS, LANG_TAGS, SourceError, shown_html
from web.search import index
from web.widgets import HOST

HERE = Path(__file__).parent
NAMES = {"zh": "中文", "en": "English", "duo": "中英对照"}
LABELS = yaml.safe_load((HERE / "labels.yml").read_text(encoding="utf-8"))
ICON = "images/favicon.svg"
SECTION = re.compile(
    r'(?P<open><section id="(?P<id>[^"]+)"[^>]*>\s*<h(?P<level>[2-6])\b[^>]*>)(?P<name>.*?)(?P<close></h[2-6]>)', re.DOTALL)
LEFT_BEHIND = ("*.html", "site_libs", "search.json", "sitemap.xml", "robots.txt")  # what a renderer adds
RENDERERS_OWN = re.compile(  # copy buttons, and Quarto's empty links at the start of each line of code
    r'<button\b[^>]*code-copy-button.*?</button>|<a href="#cb[^"]*" aria-hidden="true" tabindex="-1"></a>', re.DOTALL)

CHOOSE = """
  const languages = navigator.languages.map((language) => language.slice(0, 2).toLowerCase());
  const wanted = languages.find((language) => language === "zh" || language === "en");
  location.replace((wanted || "en") + "/index.html" + location.hash);
"""  # on the page at the top


@dataclass
class Part:
    """What is taken from a rendered page, as HTML."""
    title: str
    description: str
    text: str


@cache
def website(edition):
    """The `website` values of an edition's Quarto configuration."""
    names = ("_quarto.yml", f"_quarto-{edition}.yml")
    values = [yaml.safe_load((ROOT / name).read_text(encoding="utf-8")).get("website", {}) for name in names]
    return values[0] | values[1]


def label(text, edition):
    """The half of a label that an edition shows; English in the English one alone."""
    zh, en = text.split(" | ")
    return en if edition == "en" else zh


def take(path, formulas):
    """The parts of the rendered page at `path`, its formulas in place. Raises `SourceError` where a renderer writes no such thing."""
    text = fill(path.read_text(encoding="utf-8"), formulas)

    def part(pattern, within, needed=True):
        found = re.search(pattern, within, re.DOTALL)
        if needed and not found:
            raise SourceError(f"{path.name}: the renderer's page has no {pattern!r}; use the versions that constraints.txt names")
        return found[1].strip() if found else ""

    main = RENDERERS_OWN.sub("", part(r"<main\b[^>]*>(.*)</main>", text))
    return Part(title=part(r'<h1 class="title">(.*?)</h1>', main),
                description=part(r'<div class="description">(.*?)</div>', main, needed=False),
                text=re.sub(r'<header id="title-block-header".*?</header>', "", main, flags=re.DOTALL).strip())


def size(path):
    """Width and height of a PNG or SVG picture."""
    if path.suffix == ".png":
        return struct.unpack(">II", path.read_bytes()[16:24])
    tag = re.search(r"<svg\b[^>]*>", path.read_text(encoding="utf-8"))[0]
    box = re.search(r'viewBox="[\d.-]+[ ,]+[\d.-]+[ ,]+([\d.]+)[ ,]+([\d.]+)"', tag)
    found = box.groups() if box else [re.search(rf'\b{name}="([\d.]+)', tag)[1] for name in ("width", "height")]
    return tuple(round(float(value)) for value in found)


def pictures(text, folder):
    """The text with the size of every local picture, so that nothing moves when it comes, and each loaded when it is near."""
    def one(match):
        source = re.search(r'src="([^":]+\.(?:png|svg))"', match[0])
        if not source or " width=" in match[0]:
            return match[0]
        width, height = size(folder / source[1])
        return f'{match[0][:-1].rstrip("/ ")} width="{width}" height="{height}" loading="lazy">'
    return re.sub(r"<img\b[^>]*>", one, text)


def tables(text):
    """The text with every table in a box of its own that scrolls."""
    return re.sub(r"<table\b.*?</table>", r'<div class="table-scroll">\g<0></div>', text, flags=re.DOTALL)


def anchors(text, edition):
    """The text with a link to itself in every heading."""
    name = label(LABELS["page"]["anchor"], edition)
    return SECTION.sub(lambda m: f'{m["open"]}{m["name"]}<a class="anchor" href="#{m["id"]}" aria-label="{name}">#</a>{m["close"]}', text)


def contents(text, edition):
    """The table of contents of a page: links to its sections and to theirs; none for a page without sections."""
    made, name = "", label(LABELS["page"]["toc"], edition)
    for found in SECTION.finditer(text):
        words = re.sub(r'<a\b(.*?)(?: href="[^"]*")(.*?)>(.*?)</a>', r"<span\1\2>\3</span>", found["name"])  # no link within a link
        link = f'<a href="#{found["id"]}">{words}</a>'
        made += f'<li class="level{found["level"]}">{link}</li>' if found["level"] in "23" else ""
    return f'<nav class="toc" aria-label="{name}"><p>{name}</p><ul>{made}</ul></nav>' if made else ""


def links(page, edition):
    """The links of the header, from the configuration's `navbar`."""
    made = []
    for item in website(edition).get("navbar", {}).get("left", []):
        target = re.sub(r"\.(?:qmd|ipynb)$", ".html", item["href"])
        current = ' aria-current="page"' if target == page else ""
        made.append(f'<a href="{html.escape(target)}"{current}>{html.escape(item["text"])}</a>')
    return "".join(made)


def switch(page, edition):
    """Links to the same page in every edition, the current one marked."""
    made = []
    for other in EDITIONS:
        current = ' aria-current="true"' if other == edition else ""
        made.append(f'<a href="../{other}/{page}" hreflang="{LANG_TAGS[other]}" lang="{LANG_TAGS[other]}"{current}>{NAMES[other]}</a>')
    return "".join(made)


def chapter_name(page, edition, parts):
    """A chapter's title as the edition shows it."""
    return shown_html(parts["zh"][page].title, parts["en"][page].title, edition)


def chapter_list(page, edition, parts):
    """The front page and the chapters, each with the number that its name begins with."""
    made = []
    for name in (f"{path.stem}.html" for path in [ROOT / "index.ipynb", *chapters()]):
        number = re.match(r"0*(\d+)", name)
        current = ' aria-current="page"' if name == page else ""
        link = f'<a href="{name}"{current}>{chapter_name(name, edition, parts)}</a>'
        made.append(f'<li data-number="{number[1] if number else ""}">{link}</li>')
    return f'<ul>{"".join(made)}</ul>'


def turn(page, edition, parts):
    """Links to the chapters before and after, on the front page and the chapters."""
    order = ["index.html", *(f"{path.stem}.html" for path in chapters())]
    if page not in order:
        return ""
    at = order.index(page)
    made = []
    for rel, key, number in (("prev", "previous", at - 1), ("next", "next", at + 1)):
        if 0 <= number < len(order):
            name, to = label(LABELS["page"][key], edition), order[number]
            made.append(f'<a rel="{rel}" href="{to}"><span>{name}</span><span>{chapter_name(to, edition, parts)}</span></a>')
    return f'<nav class="turn" aria-label="{label(LABELS["page"]["turn"], edition)}">{"".join(made)}</nav>'


def head(page, edition):
    """What a page's head tells a search engine."""
    site = website(edition)["site-url"]
    if edition == "duo":
        return '<meta name="robots" content="noindex">'
    made = [f'<link rel="canonical" href="{site}/{edition}/{page}">']
    made += [f'<link rel="alternate" hreflang="{LANG_TAGS[other]}" href="{site}/{other}/{page}">' for other in ("zh", "en")]
    default = "" if page == "index.html" else f"en/{page}"
    return "\n".join([*made, f'<link rel="alternate" hreflang="x-default" href="{site}/{default}">'])


def heading(page, edition, parts):
    """A page's title and description; in both languages on a page in both."""
    part, english = parts[edition][page], parts["en"][page]
    made = [f"<h1>{part.title}</h1>"]
    made += [f'<p class="title-en" lang="en">{english.title}</p>'] if edition == "duo" else []
    made += [f'<div class="description">{part.description}</div>'] if part.description else []
    made += [f'<div class="description" lang="en">{english.description}</div>'] if edition == "duo" and english.description else []
    return "\n".join(made)


def plain(text):
    """HTML as the text of an attribute or a title."""
    return html.escape(html.unescape(re.sub(r"<[^>]+>|\s+", " ", text).strip()))


def compose(page, edition, parts, folder):
    """One whole page, from its parts and those of the pages it leads to."""
    part = parts[edition][page]
    host = f'<script src="../widgets/{HOST}" defer></script>' if "data-widget=" in part.text else ""
    site = website(edition)["title"]
    values = {key: label(text, edition) for key, text in LABELS["page"].items()} | {
        "lang": LANG_TAGS[edition], "edition": edition, "site": html.escape(site), "icon": ICON, "head": head(page, edition) + host,
        "title": html.escape(site) if page == "index.html" else f"{plain(part.title)} · {html.escape(site)}",
        "description": plain(part.description), "pages": links(page, edition), "editions": switch(page, edition),
        "labels": json.dumps({key: label(text, edition) for key, text in LABELS["script"].items()}, ensure_ascii=False),
        "chapters": chapter_list(page, edition, parts), "heading": heading(page, edition, parts), "turn": turn(page, edition, parts),
        "toc": contents(part.text, edition),
        "text": anchors(tables(pictures(part.text, folder)), edition),
    }
    return filled("page.html", values)


def finish(rendered, docs, formulas):
    """Write the pages of every edition into `docs`, from the folders of rendered pages by edition, with what they need beside them."""
    parts = {edition: {path.name: take(path, formulas) for path in sorted(folder.glob("*.html"))} for edition, folder in rendered.items()}
    for edition, folder in rendered.items():
        shutil.copytree(folder, docs / edition, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        shutil.copy(HERE / "site.js", docs / edition)
        pages = {page: compose(page, edition, parts, folder) for page in parts[edition]}
        for page, text in pages.items():
            (docs / edition / page).write_text(text, encoding="utf-8")
        entries = [entry for page, text in pages.items() for entry in index(text, page)]
        script = f"window.searchIndex = {json.dumps(entries, ensure_ascii=False)};\n"
        (docs / edition / "search.js").write_text(script, encoding="utf-8")


def sitemap(site):
    """The addresses of all pages in one language, and which page is which in the other one."""
    root = website("en")["site-url"]
    urls = []
    for path in sorted((site / "en").glob("*.html")):
        if path.stem != "404":
            places = {lang: f"{root}/{lang}/{path.name}" for lang in ("zh", "en")}
            others = "".join(f'<xhtml:link rel="alternate" hreflang="{LANG_TAGS[lang]}" href="{place}"/>' for lang, place in places.items())
            urls += [f"<url><loc>{place}</loc>{others}</url>" for place in places.values()]
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
            'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n' + "\n".join(urls) + "\n</urlset>\n")


def root_page():
    """The page at the top: it goes to the edition of the browser's language, and has plain links for those without script."""
    titles = {edition: html.escape(website(edition)["title"]) for edition in ("zh", "en")}
    items = "".join(f'<li><a href="{edition}/index.html" lang="{LANG_TAGS[edition]}">{NAMES[edition]}</a></li>' for edition in EDITIONS)
    body = f'<h1><span>{titles["zh"]}</span> <span lang="en">{titles["en"]}</span></h1>\n<ul>{items}</ul>'
    site = website("en")["site-url"]
    marks = [f'<link rel="icon" href="zh/{ICON}" type="image/svg+xml">', f'<link rel="canonical" href="{site}/">']
    marks += [f'<link rel="alternate" hreflang="{LANG_TAGS[lang]}" href="{site}/{lang}/index.html">' for lang in ("zh", "en")]
    marks += [f'<link rel="alternate" hreflang="x-default" href="{site}/">', f"<script>{CHOOSE}</script>"]
    title = f'{titles["zh"]} · {titles["en"]}'
    return filled("plain.html", {"lang": LANG_TAGS["zh"], "title": title, "head": "\n".join(marks), "body": body})


def top(site):
    """Write what stands above the editions: the page that chooses one, and the map for search engines."""
    (site / "index.html").write_text(root_page(), encoding="utf-8")
    (site / "sitemap.xml").write_text(sitemap(site), encoding="utf-8")
    (site / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {website('en')['site-url']}/sitemap.xml\n", encoding="utf-8")

"""What is done to every rendered page, whichever renderer made it: formulas, the switch between editions, labels, nothing from outside."""
import html
import json
import re
import shutil
import struct
from pathlib import Path

import yaml

from web.formulas import fill
from web.languages import EDITIONS, LANG_TAGS

HERE = Path(__file__).parent
NAMES = {"zh": "中文", "en": "English", "duo": "中英对照"}
LABELS = yaml.safe_load((HERE / "labels.yml").read_text(encoding="utf-8"))
FOREIGN_IMPORT = re.compile(r"@import\s*(?:url\(\s*[\"']?https?://[^)]*\)|[\"']https?://[^\"']*[\"'])[^;]*;")
ICON = "images/favicon.svg"


def website(edition):
    """The `website` values of an edition's Quarto configuration."""
    names = ("_quarto.yml", f"_quarto-{edition}.yml")
    values = [yaml.safe_load((HERE.parent / name).read_text(encoding="utf-8")).get("website", {}) for name in names]
    return values[0] | values[1]


def insert(text, pattern, addition):
    """The text with an addition after what the pattern matches. Raises `ValueError` where a renderer writes no such thing."""
    found = re.search(pattern, text, re.DOTALL)
    if not found:
        raise ValueError(f"The renderer's pages have no {pattern!r}")
    return text[:found.end()] + addition + text[found.end():]


def switch(page, edition):
    """Links to the same page in every edition, the current one marked."""
    links = []
    for other in EDITIONS:
        current = ' aria-current="true"' if other == edition else ""
        links.append(f'<a href="../{other}/{page}" hreflang="{LANG_TAGS[other]}" lang="{LANG_TAGS[other]}"{current}>{NAMES[other]}</a>')
    label = "Language" if edition == "en" else "语言"
    return f'<nav class="editions" aria-label="{label}">{"".join(links)}</nav>'


def head(page, edition, site):
    """What a page's head tells a search engine, and the script of our own."""
    script = '<script src="site.js" defer></script>'
    if edition == "duo":
        return f'<meta name="robots" content="noindex">{script}'
    links = [f'<link rel="canonical" href="{site}/{edition}/{page}">']
    links += [f'<link rel="alternate" hreflang="{LANG_TAGS[other]}" href="{site}/{other}/{page}">' for other in ("zh", "en")]
    default = "" if page == "index.html" else f"en/{page}"
    return "".join(links) + f'<link rel="alternate" hreflang="x-default" href="{site}/{default}">{script}'


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
    """The text with every table in a box of its own that scrolls, as smalldocs has it and Quarto has not."""
    return re.sub(r'(<div class="sd-table">\s*)?<table\b.*?</table>',
                  lambda m: m[0] if m[1] else f'<div class="table-scroll">{m[0]}</div>', text, flags=re.DOTALL)


def labels(text):
    """A page with the built-in labels in Chinese."""
    for english, chinese in LABELS["attributes"].items():
        text = re.sub(rf'\b(title|aria-label|placeholder)="{re.escape(english)}"', rf'\1="{chinese}"', text)
    for english, chinese in LABELS["texts"].items():
        text = re.sub(rf"(?<=[>\s]){re.escape(english)}(?=</a>)", chinese, text)
    return text


def script_labels(text):
    """A script with the labels that it writes in Chinese."""
    for english, chinese in LABELS["scripts"].items():
        text = re.sub(rf"(?<=[\"'>]){re.escape(english)}(?=[\"'<])", chinese, text)
    return text


def both_titles(text, english):
    """A page in both languages with the title and the description of the English page under its own."""
    for pattern, tag in ((r'<h1 class="title">(.*?)</h1>', "p"), (r'<div class="description">(.*?)</div>', "div")):
        found = re.search(pattern, english, re.DOTALL)
        if found:
            kind = "title-en" if tag == "p" else "description"
            text = insert(text, pattern, f'<{tag} class="{kind}" lang="en">{found[1]}</{tag}>')
    return text


def finish_page(text, page, edition, folder):
    """One rendered page, its formulas in place, as it is published."""
    page = html.escape(page)
    if edition == "duo":
        text = both_titles(text, (folder.parent / "en" / page).read_text(encoding="utf-8"))
    text = tables(pictures(text, folder))
    text = insert(text, r"<body\b[^>]*>", '<a class="skip" href="#quarto-document-content">Skip to the text</a>')
    text = insert(text, r'<div class="navbar-brand-container.*?</div>', switch(page, edition))
    text = re.sub(r'<nav id="quarto-sidebar"', r'\g<0> aria-label="Chapters"', text)
    text = text.replace("</head>", head(page, edition, website(edition)["site-url"]) + "</head>", 1)
    return text if edition == "en" else labels(text)


def finish(folder, edition, formulas, plain):
    """Finish every page, style sheet, script and search index of one edition."""
    for path in folder.rglob("*.html"):
        text = fill(path.read_text(encoding="utf-8"), formulas)
        path.write_text(finish_page(text, path.relative_to(folder).as_posix(), edition, folder), encoding="utf-8")
    for path in folder.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        if FOREIGN_IMPORT.search(text):
            path.write_text(FOREIGN_IMPORT.sub("", text), encoding="utf-8")
    shutil.copy(HERE / "site.js", folder)
    if edition != "en":
        for path in (folder / "site.js", *folder.rglob("smalldocs.js")):
            path.write_text(script_labels(path.read_text(encoding="utf-8")), encoding="utf-8")
    for path in folder.glob("search.json"):
        escaped = {token: json.dumps(tex, ensure_ascii=False)[1:-1] for token, tex in plain.items()}
        path.write_text(fill(path.read_text(encoding="utf-8"), escaped), encoding="utf-8")
    (folder / "sitemap.xml").unlink(missing_ok=True)


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
    links = "".join(f'<li><a href="{edition}/index.html" lang="{LANG_TAGS[edition]}">{NAMES[edition]}</a></li>' for edition in EDITIONS)
    template = (HERE / "root.html").read_text(encoding="utf-8")
    values = {"zh": titles["zh"], "en": titles["en"], "links": links, "site": website("en")["site-url"], "icon": f"zh/{ICON}"}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def top(site):
    """Write what stands above the editions: the page that chooses one, and the map for search engines."""
    (site / "index.html").write_text(root_page(), encoding="utf-8")
    (site / "sitemap.xml").write_text(sitemap(site), encoding="utf-8")

"""What stands above the editions: the page that chooses one, the pages for an address that does not exist, the map for search engines."""
import html
from urllib.parse import urlsplit

from web.course import filled, write
from web.finish import ICON

CHOOSE = """
  const editions = {editions}, languages = navigator.languages.map((language) => language.split("-")[0].toLowerCase());
  const wanted = languages.find((language) => language in editions);
  location.replace((editions[wanted] ?? "{otherwise}") + "/index.html" + location.hash);
"""


def not_found(course, editions):
    """The page for an address that does not exist: for each of `editions`, language and edition, a text and links.

    The links are absolute, since a server sends the page for addresses of any depth."""
    base, languages = urlsplit(course.site).path.rstrip("/"), course.languages
    blocks = []
    for code, edition in editions:
        name, text, *labels = (languages.label("text", key, code) for key in ("not-found", "not-found-description", "front", "contents"))
        links = "".join(f'<li><a href="{base}/{edition}/{page}.html">{label}</a></li>'
                        for page, label in zip(("index", "contents"), labels, strict=True))
        blocks.append(f'<section lang="{languages.tags[code]}">\n<h1>{name}</h1>\n<p>{text}</p>\n<ul>{links}</ul>\n</section>')
    return filled("plain.html", {
        "lang": languages.tags[editions[0][0]], "title": " · ".join(languages.label("text", "not-found", code) for code, _ in editions),
        "head": '<meta name="robots" content="noindex">\n<link rel="icon" href="data:,">', "body": "\n".join(blocks)})


def sitemap(course, pages):
    """The addresses of all pages in one language, and which page is which in the other one."""
    urls, languages = [], course.languages
    for page in pages:
        places = {code: f"{course.site}/{code}/{page}" for code in languages.codes}
        others = "".join(f'<xhtml:link rel="alternate" hreflang="{languages.tags[code]}" href="{place}"/>'
                         for code, place in places.items())
        urls += [f"<url><loc>{place}</loc>{others}</url>" for place in places.values()]
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
            'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n' + "\n".join(urls) + "\n</urlset>\n")


def root_page(course):
    """The page at the top: it goes to the edition of the browser's language, and has plain links for those without script."""
    languages, site = course.languages, course.site
    first, second = (html.escape(course.name(code)) for code in languages.codes)
    items = "".join(f'<li><a href="{edition}/index.html" lang="{languages.tags[edition]}">{languages.names[edition]}</a></li>'
                    for edition in languages.editions)
    body = f'<h1><span>{first}</span> <span lang="{languages.second.tag}">{second}</span></h1>\n<ul>{items}</ul>'
    icon = f"{languages.first.code}/{ICON}" if (course.nbs / ICON).is_file() else "data:,"
    marks = [f'<link rel="icon" href="{icon}">', f'<link rel="canonical" href="{site}/">']
    marks += [f'<link rel="alternate" hreflang="{languages.tags[code]}" href="{site}/{code}/index.html">' for code in languages.codes]
    editions = {languages.tags[code].split("-")[0]: code for code in languages.codes}
    choose = CHOOSE.format(editions=editions, otherwise=languages.second.code)
    marks += [f'<link rel="alternate" hreflang="x-default" href="{site}/">', f"<script>{choose}</script>"]
    return filled("plain.html", {"lang": languages.first.tag, "title": f"{first} · {second}", "head": "\n".join(marks), "body": body})


def top(course, docs, pages):
    """Write what stands above the editions into `docs`, for editions with these `pages`."""
    first, second = course.languages.codes
    both = course.languages.both
    missing = {f"{first}/404.html": [(first, first)], f"{second}/404.html": [(second, second)],
               f"{both}/404.html": [(first, both), (second, both)], "404.html": [(first, first), (second, second)]}
    for name, editions in missing.items():
        if (docs / name).parent.is_dir():
            write(docs / name, not_found(course, editions))
    write(docs / "index.html", root_page(course))
    write(docs / "sitemap.xml", sitemap(course, pages))
    write(docs / "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {course.site}/sitemap.xml\n")

"""What is done to every rendered page, whichever renderer made it: formulas, the switch between editions, nothing from outside."""
import html
import json
import re

from web.formulas import fill
from web.languages import EDITIONS, LANG_TAGS

NAMES = {"zh": "中文", "en": "English", "duo": "中英对照"}
FOREIGN_IMPORT = re.compile(r"@import\s+(?:url\()?[\"']?https?://[^;]+;")


def switch(page, edition):
    """Links to the same page in the other editions."""
    links = []
    for other in EDITIONS:
        current = ' aria-current="true"' if other == edition else ""
        links.append(f'<a href="../{other}/{page}" hreflang="{LANG_TAGS[other]}" lang="{LANG_TAGS[other]}"{current}>{NAMES[other]}</a>')
    label = "Language" if edition == "en" else "语言"
    return f'<nav class="editions" aria-label="{label}">{"".join(links)}</nav>'


def alternates(page):
    """What tells a search engine of the other languages' pages."""
    return "".join(f'<link rel="alternate" hreflang="{LANG_TAGS[other]}" href="../{other}/{page}">' for other in ("zh", "en"))


def finish(folder, edition, formulas, plain):
    """Finish every page, style sheet and search index of one edition."""
    for path in folder.rglob("*.html"):
        page = html.escape(path.relative_to(folder).as_posix())
        text = fill(path.read_text(encoding="utf-8"), formulas)
        text = text.replace("</head>", f"{alternates(page)}</head>", 1)
        text = re.sub(r"(<body\b[^>]*>)", lambda m, page=page: m[1] + switch(page, edition), text, count=1)
        path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        if FOREIGN_IMPORT.search(text):
            path.write_text(FOREIGN_IMPORT.sub("", text), encoding="utf-8")
    for path in folder.glob("search.json"):
        escaped = {token: json.dumps(tex, ensure_ascii=False)[1:-1] for token, tex in plain.items()}
        path.write_text(fill(path.read_text(encoding="utf-8"), escaped), encoding="utf-8")


def root_page():
    """The page at the top: it goes to the edition of the browser's language, and has plain links for those without script."""
    links = "".join(f'<li><a href="{edition}/index.html" lang="{LANG_TAGS[edition]}">{NAMES[edition]}</a></li>' for edition in EDITIONS)
    return (f'<!doctype html><html lang="zh-Hans"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f'<title>vae_nb</title><script>location.replace((navigator.languages.find(l => /^(zh|en)/i.test(l)) || "en").slice(0, 2)'
            f'.toLowerCase() + "/index.html")</script></head><body><main><h1>vae_nb</h1><ul>{links}</ul></main></body></html>\n')

"""The pages that `make docs` builds, as a reader meets them: in Chromium, over http and from disk, with and without script."""
import gzip
import json
import re
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.conftest import AXE, WCAG
from web.course import Course

ROOT = Path(__file__).parent.parent
EDITIONS = ("zh", "en", "duo")
WIDTHS = (390, 1280)
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
HAN = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
ENGLISH = re.compile(r"(?:[A-Za-z][A-Za-z'’-]*[ ,;:]+){4,}[A-Za-z'’-]+")
BUDGET = 250_000
SHIFTS = """new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shift = (window.shift || 0) + entry.value; }))
    .observe({type: "layout-shift", buffered: true});"""
TEXTS = """(skipped) => {
    const found = [], add = (text, element) => {
        const place = `${element.tagName.toLowerCase()}.${element.className}`;
        if (text && text.trim() && !element.closest(skipped)) found.push([text.trim(), place]);
    };
    const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) add(walk.currentNode.data, walk.currentNode.parentElement);
    for (const name of ["alt", "title", "aria-label", "placeholder"])
        for (const element of document.querySelectorAll(`[${name}]`)) add(element.getAttribute(name), element);
    for (const element of document.querySelectorAll("meta[name=description]")) add(element.content, element);
    return found;
}"""
THIN = """() => {  // a page has thousands of formula parts and code tokens of a few kinds: two of each kind stay
    const seen = {};
    for (const token of document.querySelectorAll("pre code span")) {
        seen[token.className] = (seen[token.className] || 0) + 1;
        if (seen[token.className] > 2) token.replaceWith(...token.childNodes);
    }
    document.querySelectorAll("pre code").forEach((code) => code.normalize());
    for (const formula of [...document.querySelectorAll(".katex")].slice(2)) {
        const {width, height} = formula.getBoundingClientRect(), box = document.createElement("span");
        box.style.cssText = `display: inline-block; width: ${width}px; height: ${height}px`;
        formula.replaceWith(box);
    }
}"""
UNREACHED = """() => [...document.querySelectorAll("main *")].filter((each) => {
    const flow = getComputedStyle(each).overflowX;
    return (flow === "auto" || flow === "scroll") && each.scrollWidth > each.clientWidth
        && !(each.tabIndex === 0 && each.getAttribute("role") === "region" && each.getAttribute("aria-label"));
}).map((each) => each.outerHTML.slice(0, 100))"""
SHIFTED = "document.fonts.ready.then(() => new Promise((done) => setTimeout(() => done(window.shift || 0), 100)))"


def names(site, edition):
    """The pages of an edition that are reached by links, so not the page for an address that does not exist."""
    return sorted(path.name for path in (site / edition).glob("*.html") if path.stem != "404")


def chapters(site):
    """The pages of the chapters."""
    return [name for name in names(site, "en") if name[0].isdigit()]


def opened(browser, home, problems, **options):
    """A page in a context of its own, which notes each request that leaves `home` and each error."""
    context = browser.new_context(reduced_motion="reduce", **options)
    page = context.new_page()
    context.on("request", lambda request: None if request.url.startswith((home, "data:"))
               else problems.append(f"{page.url} asks for {request.url}"))
    page.on("console", lambda message: problems.append(f"{page.url}: {message.text}") if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    return page


@dataclass
class Visit:
    """What is seen of one page: its texts, its widths in windows of some widths, its layout's shift, what the keyboard cannot scroll."""
    texts: list
    wide: dict
    shift: float
    unreached: list


@pytest.fixture(scope="session")
def visits(site, browser, home):
    """Every page seen over http, first on a phone, and the problems met on the way."""
    seen, problems = {}, []
    page = opened(browser, home, problems)
    page.add_init_script(SHIFTS)
    for edition in EDITIONS:
        skipped = "script, style, code, pre, .katex, .editions, main section#references"
        skipped += {"en": ', td [lang|="zh"]', "zh": ', td [lang="en"]', "duo": ', [lang="en"]'}[edition]  # the glossary's second column
        for name in [*names(site, edition), "404.html"]:
            page.set_viewport_size({"width": 390, "height": 850})
            page.goto(f"{home}/{edition}/{name}")
            texts, unreached = page.evaluate(TEXTS, skipped), page.evaluate(UNREACHED)
            page.evaluate("scrollTo(0, document.body.scrollHeight)")
            shift, wide = page.evaluate(SHIFTED), {}
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 850})
                wide[width] = page.evaluate("document.documentElement.scrollWidth")
            seen[edition, name] = Visit(texts, wide, shift, unreached)
    page.context.close()
    return seen, problems


@pytest.fixture(scope="session")
def disk(site, browser):
    """Every page opened from disk on a wide screen: the layout's shift on each, and the problems met."""
    seen, problems = {}, []
    page = opened(browser, site.as_uri(), problems, viewport={"width": 1280, "height": 850})
    page.add_init_script(SHIFTS)
    for edition in EDITIONS:
        for name in names(site, edition):
            page.goto((site / edition / name).as_uri())
            seen[edition, name] = page.evaluate(SHIFTED)
    page.context.close()
    return seen, problems


class Document(HTMLParser):
    """The elements of a page, as the browser gets it."""

    def __init__(self, path):
        super().__init__()
        self.elements = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note the element."""
        self.elements.append((tag, dict(attrs)))

    def ids(self):
        """The ids of the page, where links may lead."""
        return {attrs["id"] for _, attrs in self.elements if "id" in attrs}

    def targets(self):
        """Where the page's links lead, and what it loads."""
        return [attrs[key] for _, attrs in self.elements for key in ("href", "src") if attrs.get(key)]


@pytest.fixture(scope="session")
def documents(site):
    """All pages, parsed."""
    return {path: Document(path) for path in site.rglob("*.html")}


def test_nothing_is_asked_of_another_host_over_http(visits):
    _, problems = visits
    assert not problems


def test_nothing_is_asked_of_another_host_from_disk(disk):
    _, problems = disk
    assert not problems


def test_every_internal_link_leads_to_a_page_and_an_anchor(site, documents):
    ids = {path: document.ids() for path, document in documents.items()}
    own = Course().site
    broken = []
    for path, document in documents.items():
        here = f"{own}/{path.relative_to(site).as_posix()}"
        for target in document.targets():
            url = urljoin(here, target)
            if not url.startswith(own):
                continue
            parts = urlsplit(url[len(own):])
            found = site / unquote(parts.path).lstrip("/")
            found = found / "index.html" if found.is_dir() else found
            if not found.is_file() or (parts.fragment and unquote(parts.fragment) not in ids.get(found, ())):
                broken.append(f"{path.relative_to(site)}: {target}")
    assert not broken


def test_anchors_are_the_same_in_every_edition(site, documents):
    for name in names(site, "en"):
        sections = [[attrs["id"] for tag, attrs in documents[site / edition / name].elements if tag == "section" and "id" in attrs]
                    for edition in EDITIONS]
        assert sections[0] == sections[1] == sections[2], name


def test_pages_in_one_language_have_no_prose_in_the_other(visits):
    mixed = []
    for (edition, name), visit in visits[0].items():
        foreign = {"en": HAN, "zh": ENGLISH}.get(edition)
        mixed += [f"{edition}/{name}: {place}: {text[:80]}" for text, place in visit.texts if foreign and foreign.search(text)]
    assert not mixed


def test_labels_are_in_the_language_of_the_edition(site, documents):
    for path, document in documents.items():
        if path.parent == site or path.stem == "404":
            continue
        labels = [attrs[key] for _, attrs in document.elements for key in ("title", "aria-label", "placeholder") if key in attrs]
        text = path.read_text(encoding="utf-8")
        labels += json.loads(re.search(r'<script id="labels"[^>]*>(.*?)</script>', text)[1]).values()
        assert len(labels) > 15, path
        foreign = [label for label in labels if bool(HAN.search(label)) == (path.parent.name == "en")]
        assert not foreign, path


def search_index(site, edition):
    """The entries of an edition's search index."""
    script = (site / edition / "search.js").read_text(encoding="utf-8")
    return json.loads(script.removeprefix("window.searchIndex = ").removesuffix(";\n"))


def test_the_search_index_of_an_edition_is_in_its_language_and_whole(site, documents):
    entries = search_index(site, "en")
    assert not [entry["href"] for entry in entries if HAN.search(entry["title"] + entry["section"])]
    for edition in EDITIONS:
        listed = {entry["href"] for entry in search_index(site, edition)}
        for name in names(site, edition):
            ids = {attrs["id"] for tag, attrs in documents[site / edition / name].elements if tag == "section" and "id" in attrs}
            assert {name, *(f"{name}#{each}" for each in ids)} <= listed
    unseen = re.compile(r"formulatoken|\\(?:frac|mu|sigma)\b")
    assert not [entry["href"] for entry in entries if unseen.search(entry["text"])]


def test_language_and_search_engine_marks(site, documents):
    own = Course().site
    tags = {"zh": "zh-Hans", "en": "en", "duo": "zh-Hans"}
    listed = re.findall(r"<loc>([^<]+)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(f"{own}/{edition}/{name}" for edition in ("zh", "en") for name in names(site, edition))
    assert not [*site.glob("*/sitemap.xml"), *site.glob("*/robots.txt")]
    for edition in EDITIONS:
        for name in names(site, edition):
            elements = documents[site / edition / name].elements
            assert ("html", tags[edition]) in [(tag, attrs.get("lang")) for tag, attrs in elements], (edition, name)
            links = {(attrs.get("hreflang") or attrs["rel"]): attrs["href"] for tag, attrs in elements
                     if tag == "link" and attrs.get("rel") in ("alternate", "canonical")}
            robots = [attrs["content"] for tag, attrs in elements if tag == "meta" and attrs.get("name") == "robots"]
            if edition == "duo":
                assert (robots, links) == (["noindex"], {}), name
            else:
                default = f"{own}/" if name == "index.html" else f"{own}/en/{name}"
                assert not robots, name
                assert links == {"canonical": f"{own}/{edition}/{name}", "zh-Hans": f"{own}/zh/{name}",
                                 "en": f"{own}/en/{name}", "x-default": default}, name


@pytest.mark.parametrize("width", WIDTHS)
def test_the_switch_leads_to_the_same_anchor(site, browser, home, width):
    name = chapters(site)[1]
    problems = []
    for base in (home, site.as_uri())[:1 if width == 390 else 2]:
        page = opened(browser, base, problems, viewport={"width": width, "height": 850})
        page.goto(f"{base}/zh/{name}")
        anchors = page.evaluate("[...document.querySelectorAll('main section[id]')].map((section) => section.id)")
        for number, (here, there) in enumerate((("zh", "en"), ("en", "duo"), ("duo", "zh")), 2):
            anchor = anchors[number]
            page.goto(f"{base}/{here}/{name}#{anchor}")
            page.click(f'.editions a[href^="../{there}/"]')
            page.wait_for_url(f"{base}/{there}/{name}#{anchor}")
            top = page.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", anchor)
            assert -5 <= top < 425, f"{there}/{name}#{anchor} is {top} px from the top"
        page.goto(f"{base}/zh/{name}")
        page.evaluate("(id) => document.getElementById(id).scrollIntoView()", anchors[4])
        page.evaluate("document.querySelector('.editions a[href^=\"../en/\"]').click()")  # the mouse of Playwright would scroll first
        page.wait_for_url(f"{base}/en/{name}#{anchors[4]}")
        page.goto(f"{base}/zh/{name}")
        page.click('.editions a[href^="../en/"]')
        page.wait_for_url(f"{base}/en/{name}")
        page.context.close()
    assert not problems


def test_the_switch_shows_where_one_is_and_is_large_enough(site, browser, home):
    page = opened(browser, home, [], viewport={"width": 390, "height": 850})
    for edition in EDITIONS:
        page.goto(f"{home}/{edition}/{chapters(site)[0]}")
        links = page.locator(".editions a")
        assert links.count() == 3
        assert page.locator(".editions [aria-current]").get_attribute("href").startswith(f"../{edition}/")
        for link in links.all():
            box = link.bounding_box()
            assert box["width"] >= 24 and box["height"] >= 24 and 0 <= box["x"] and box["x"] + box["width"] <= 390, (edition, box)
    page.context.close()


@pytest.mark.parametrize(("locale", "edition"), [("zh-CN", "zh"), ("zh-TW", "zh"), ("en-GB", "en"), ("fr-FR", "en")])
def test_the_page_at_the_top_chooses_by_language(browser, home, locale, edition):
    page = opened(browser, home, [], locale=locale)
    page.goto(home)
    page.wait_for_url(f"{home}/{edition}/index.html")
    page.context.close()


def test_the_page_at_the_top_has_links_without_script(browser, home):
    page = opened(browser, home, [], java_script_enabled=False)
    page.goto(home)
    assert [link.get_attribute("href") for link in page.locator("a").all()] == [f"{edition}/index.html" for edition in EDITIONS]
    page.context.close()


@pytest.mark.parametrize("edition", EDITIONS)
def test_axe_finds_nothing(site, browser, home, edition):
    folder = ROOT / "web/node_modules/axe-core"
    if not folder.is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=ROOT / "web", check=True)
    axe = (folder / "axe.min.js").read_text(encoding="utf-8")
    page = opened(browser, home, [])
    found = []
    for address in [*(f"{edition}/{name}" for name in [*names(site, edition), "404.html"]), *(["404.html"] if edition == "zh" else [])]:
        page.goto(f"{home}/{address}")
        page.evaluate(THIN)
        page.evaluate(axe)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 850})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(120)
                rules = WCAG if scheme == "light" else COLOUR_RULES  # the others look at what is the same in both
                found += [f"{address}, {width} px, {scheme}: {violation}" for violation in page.evaluate(AXE, rules)]
    page.context.close()
    assert not found


def test_light_and_dark_follow_the_system_and_the_button(site, browser, home):
    brightness = "Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"
    for options in ({}, {"java_script_enabled": False}):
        for scheme in ("light", "dark"):
            page = opened(browser, home, [], color_scheme=scheme, **options)
            page.goto(f"{home}/en/index.html")
            assert (page.evaluate(brightness) < 60) == (scheme == "dark"), (scheme, options)
            if not options:
                page.click(".scheme-button")
                page.wait_for_timeout(200)
                page.reload()
                assert (page.evaluate(brightness) < 60) == (scheme == "light"), f"the button does not leave {scheme}"
            page.context.close()


@pytest.mark.parametrize(("edition", "word"), [("zh", "重参数化"), ("zh", "ReLU"), ("en", "reparameterization trick"), ("duo", "重参数化"),
                                               ("duo", "reparameterization")])
def test_search_finds_a_word_and_leads_to_it(site, browser, home, edition, word):
    problems = []
    for base, width in ((home, 1280), (home, 390), (site.as_uri(), 1280)):
        page = opened(browser, base, problems, viewport={"width": width, "height": 850})
        page.goto(f"{base}/{edition}/index.html")
        page.fill(".search input", word)
        first = page.locator("#search-results a").first
        first.wait_for()
        assert all(part in first.inner_text().lower() for part in word.lower().split())
        assert first.locator("mark").count() and re.search(r"\d", page.locator("#search-results [role=status]").inner_text())
        box = page.locator("#search-results").bounding_box()
        assert 0 <= box["x"] and box["x"] + box["width"] <= width
        page.press(".search input", "ArrowDown")
        assert first.evaluate("(link) => link === document.activeElement")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(rf"/{edition}/\w+\.html(#|$)"))
        assert all(part in page.locator("main").inner_text().lower() for part in word.lower().split())
        page.context.close()
    assert not problems


def test_search_says_that_it_found_nothing_or_cannot_look(browser, home):
    page = opened(browser, home, [])
    page.goto(f"{home}/en/index.html")
    page.fill(".search input", "xyzzy")
    page.wait_for_function("document.querySelector('#search-results p').textContent === 'Nothing found'")
    page.keyboard.press("Escape")
    assert not page.locator("#search-results").is_visible() and page.input_value(".search input") == ""
    page.route("**/search.js", lambda route: route.abort())
    page.reload()
    page.fill(".search input", "loss")
    page.wait_for_function("document.querySelector('#search-results p').textContent.includes('cannot be read')")
    page.context.close()


def test_code_can_be_copied(site, browser, home):
    page = opened(browser, home, [], permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{home}/en/{chapters(site)[1]}")
    code = page.locator("main div.sourceCode").nth(1)
    code.hover()
    code.locator(".copy-button").click()
    page.wait_for_function("document.querySelectorAll('.copy-button')[1].textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()").strip() == code.locator("code").inner_text().strip()
    page.context.close()


def test_the_contents_of_a_page_show_where_one_is(site, browser, home):
    page = opened(browser, home, [], viewport={"width": 1280, "height": 850})
    page.goto(f"{home}/en/{chapters(site)[1]}")
    links = page.locator(".toc a")
    assert page.locator(".toc [aria-current]").count() == 0
    links.nth(5).click()
    page.wait_for_function("document.querySelectorAll('.toc a')[5].getAttribute('aria-current') === 'location'")
    assert page.locator(".toc [aria-current]").count() == 1
    page.set_viewport_size({"width": 1280, "height": 400})
    far = links.nth(links.count() - 6)
    assert far.bounding_box()["y"] > 400
    far.evaluate("(link) => document.getElementById(link.hash.slice(1)).scrollIntoView()")
    page.wait_for_function("document.querySelector('.toc [aria-current]').getBoundingClientRect().bottom <= innerHeight")
    assert far.bounding_box()["y"] < 400
    page.context.close()


def test_pages_read_well_without_script(site, browser, home):
    page = opened(browser, home, [], java_script_enabled=False, viewport={"width": 390, "height": 850})
    for edition in EDITIONS:
        for name in names(site, edition):
            page.goto(f"{home}/{edition}/{name}")
            place = f"{edition}/{name}"
            assert page.locator("main h1").is_visible() and len(page.locator("main").inner_text()) > 200, place
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
            assert page.locator("#page-panel .chapters a").first.is_visible(), place
            flat = "[...document.querySelectorAll('.katex-html')].filter((each) => each.getBoundingClientRect().height < 4).length"
            assert page.evaluate(flat) == 0, f"{place}: formulas that are not to be seen"
    page.context.close()


def test_no_page_scrolls_sideways(visits):
    wide = [f"{edition}/{name}: {visit.wide[width]} px at {width}" for (edition, name), visit in visits[0].items()
            for width in WIDTHS if visit.wide[width] > width]
    assert not wide


def test_the_layout_does_not_shift(visits, disk):
    moved = [f"{edition}/{name}: {visit.shift:.3f} on a phone" for (edition, name), visit in visits[0].items() if visit.shift >= 0.05]
    moved += [f"{edition}/{name}: {shift:.3f} on a wide screen" for (edition, name), shift in disk[0].items() if shift >= 0.05]
    assert not moved


def test_what_scrolls_sideways_is_reached_by_keyboard(site, browser, home, visits):
    unreached = [f"{edition}/{name}: {element}" for (edition, name), visit in visits[0].items() for element in visit.unreached]
    assert not unreached
    page = opened(browser, home, [], viewport={"width": 390, "height": 850})
    page.goto(f"{home}/en/{chapters(site)[1]}")
    stops = page.locator("main [role=region][tabindex='0']")
    narrow = stops.count()
    page.set_viewport_size({"width": 3000, "height": 850})
    page.wait_for_function("(narrow) => document.querySelectorAll('main [role=region]').length < narrow", arg=narrow)
    page.context.close()


def test_the_keyboard_shows_where_it_is(site, browser, home):
    shown = """() => {
        const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
        return [style.outlineStyle !== "none", box.right > 0 && box.left < innerWidth, element.outerHTML.slice(0, 90)];
    }"""
    for width in WIDTHS:
        page = opened(browser, home, [], viewport={"width": width, "height": 850})
        page.goto(f"{home}/zh/{chapters(site)[0]}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('body > .skip:first-child')")
        assert page.evaluate("document.activeElement.textContent") == "跳到正文"
        for _ in range(30):
            visible, inside, element = page.evaluate(shown)
            assert visible and inside, f"{width} px: {element}"
            page.keyboard.press("Tab")
        page.goto(f"{home}/zh/{chapters(site)[0]}")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('main')"), "the skip link does not lead to the text"
        page.context.close()


def test_the_chapters_and_the_contents_of_a_page_are_at_hand_on_a_phone(site, browser, home):
    page = opened(browser, home, [], viewport={"width": 390, "height": 850})
    page.goto(f"{home}/en/{chapters(site)[0]}")
    button, chapter = page.locator(".menu-button"), page.locator("#page-panel .chapters a").first
    assert not chapter.is_visible()
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    assert chapter.is_visible() and page.locator("#page-panel .pages a").first.is_visible() and page.locator(".toc a").first.is_visible()
    page.keyboard.press("Escape")
    assert button.get_attribute("aria-expanded") == "false" and not chapter.is_visible()
    assert button.evaluate("(button) => button === document.activeElement")
    button.click()
    page.locator(".toc a").nth(2).click()
    assert "#" in page.url and not chapter.is_visible()
    page.context.close()


def test_each_language_is_set_in_its_own_way(site, browser, home):
    page = opened(browser, home, [])
    style = """(selector) => { const element = document.querySelector(selector), style = getComputedStyle(element);
        return [parseFloat(style.lineHeight) / parseFloat(style.fontSize), style.lineBreak, style.textAutospace ?? "normal"]; }"""
    for edition, selector, line, rule in (("zh", "main p", 1.75, "strict"), ("en", "main p", 1.6, "auto"),
                                          ("duo", "main .first p", 1.75, "strict"), ("duo", "main .second p", 1.6, "auto")):
        page.goto(f"{home}/{edition}/{chapters(site)[0]}")
        height, breaks, space = page.evaluate(style, selector)
        assert (height >= line - 0.01, breaks, space) == (True, rule, "normal"), (edition, selector)
    page.goto(f"{home}/zh/{chapters(site)[0]}")
    page.evaluate("document.querySelector('main p').innerHTML = '<em>重点</em>'")
    assert page.evaluate("getComputedStyle(document.querySelector('main em')).fontStyle") == "normal"
    page.context.close()


def test_a_printed_page_is_the_text_alone(site, browser, home):
    page = opened(browser, home, [], color_scheme="dark", viewport={"width": 700, "height": 1000})
    page.goto(f"{home}/zh/{chapters(site)[1]}")
    page.emulate_media(media="print", color_scheme="dark")
    for selector in ("#page-header", "#page-panel", ".turn", ".copy-button"):
        assert not page.locator(selector).first.is_visible(), selector
    cut = "[...document.querySelectorAll('main pre')].filter((each) => each.scrollWidth > each.clientWidth + 1).length"
    assert page.evaluate(cut) == 0, "code that runs over the edge of the paper"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(22, 25, 29)"
    page.context.close()


def test_pages_are_light(site, documents):
    for edition in EDITIONS:
        for name in chapters(site):
            path = site / edition / name
            files = {path.parent / target for target in documents[path].targets() if re.fullmatch(r"[^:#?]+\.(css|js)", target)}
            sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in {path, *files}}
            assert sum(sizes.values()) <= BUDGET, f"{edition}/{name}: {sizes}"


def test_pictures_have_a_size_and_an_alternative_text_and_wait(documents, site):
    for path, document in documents.items():
        for tag, attrs in document.elements:
            if tag == "img":
                place = f"{path.relative_to(site)}: {attrs.get('src')}"
                assert attrs.get("alt", "").strip(), place
                assert attrs.get("width", "").isdigit() and attrs.get("height", "").isdigit(), place
                assert attrs.get("loading") == "lazy", place


def test_headings_go_down_one_level_at_a_time(documents, site):
    for path, document in documents.items():
        levels = [int(tag[1]) for tag, attrs in document.elements if re.fullmatch("h[1-6]", tag)]
        assert path.parent == site or path.stem == "404" or levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False)), f"{path.relative_to(site)}: {levels}"

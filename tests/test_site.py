"""The pages that `make docs` builds, as a reader meets them. What a page does is tried on the small course, whose three chapters hold one
of each thing that a page can hold; of this course, each page is looked at once, and what its HTML says is read in every edition."""
import gzip
import json
import re
from collections import Counter
from itertools import pairwise
from urllib.parse import unquote, urljoin, urlsplit

import lxml.etree
import lxml.html
import pytest

from tests.conftest import AXE, PATIENCE, ROOT, WCAG, stamps
from tools.screens import table
from web.course import Course

SMALL, EDITIONS, YEAR = ("fr", "en", "deux"), ("zh", "en", "duo"), "01_annee.html"
WIDTHS = (390, 1280)
NARROW = 360  # what fits here fits a phone 390 px wide in the edition with both languages too, whose second one is indented there
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
HAN = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
ENGLISH = re.compile(r"(?:[A-Za-z][A-Za-z'’-]*[ ,;:]+){4,}[A-Za-z'’-]+")
BUDGET = 250_000
READER = lxml.html.HTMLParser(encoding="utf-8")
SHIFTS = """new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shift = (window.shift || 0) + entry.value; }))
    .observe({type: "layout-shift", buffered: true});"""
SHIFTED = "document.fonts.ready.then(() => new Promise((done) => setTimeout(() => done(window.shift || 0), 50)))"
THIN = """() => {  // a page has thousands of formula parts, code tokens and links of a few kinds: two of each kind stay
    const seen = {}, again = (kind) => (seen[kind] = (seen[kind] || 0) + 1) > 2;
    for (const token of document.querySelectorAll("pre code span")) if (again(token.className)) token.replaceWith(...token.childNodes);
    for (const code of document.querySelectorAll("main pre")) {
        code.normalize();
        if (!code.querySelector("span") && again("pre")) (code.closest("div.sourceCode") ?? code).remove();
    }
    for (const item of document.querySelectorAll(".toc li, .chapters li")) {
        if (!item.querySelector("[aria-current]") && again("li")) item.remove();
    }
    for (const formula of document.querySelectorAll(".katex")) {
        if (!again("katex")) continue;
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
FLAT = """[...document.querySelectorAll("main .katex-html")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 4).map((each) => each.outerHTML.slice(0, 100))"""
CRAMPED = """() => [...document.querySelectorAll("main svg:not(.widget svg)")].flatMap((figure) => {
    const level = [...figure.querySelectorAll("text")].filter((text) => Math.abs(text.getScreenCTM().b) < 0.01);
    const words = level.map((text) => {
        const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
        return { said: text.textContent.trim(), box: text.getBoundingClientRect(), size };
    }).filter(({ said, box }) => said && box.width);
    const meet = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 3
        && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 3;
    const pairs = words.flatMap((one, at) => words.slice(at + 1).map((other) => [one, other]));
    return [
        ...words.filter(({ size }) => size < 7).map(({ said, size }) => `${said}: ${size.toFixed(1)} px`),
        ...words.filter(({ box }) => box.left < 0 || box.right > innerWidth).map(({ said }) => `${said}: cut`),
        ...pairs.filter(([one, other]) => meet(one.box, other.box)).map(([one, other]) => `${one.said} on ${other.said}`),
    ];
})"""
KINDS = ("elsewhere", "sideways", "shift", "unreached", "flat", "axe", "cramped", "cut")
each_kind = pytest.mark.parametrize("kind", KINDS)


def names(site, edition):
    """The pages of an edition that are reached by links, so not the page for an address that does not exist."""
    return sorted(path.name for path in (site / edition).glob("*.html") if path.stem != "404")


def opened(browser, home, problems, **options):
    """A page in a context of its own, which notes each request that leaves `home` and each error; nothing moves while it is measured."""
    context = browser.new_context(reduced_motion="reduce", **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    context.on("request", lambda request: None if request.url.startswith((home, "data:", "blob:"))
               else problems.append(f"{page.url} asks for {request.url}"))
    page.on("console", lambda message: problems.append(f"{page.url}: {message.text}") if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    return page


BLOCKS = """() => {
    const blocks = [...document.querySelectorAll("main pre")].filter((block) => block.offsetParent);
    return {all: blocks.length, cut: blocks.filter((block) => block.scrollWidth > block.clientWidth + 1).length};
}"""


class Walk:
    """A walk over pages, with what is wrong on them by kind: requests to another host and errors, a page that is wider than the window, a
    layout that shifts while it loads, what scrolls and the keyboard does not reach, formulas without height, words of figures that are too
    small, cut off or on each other, and what axe finds; and how many blocks of code and output there are in each width, and how many
    have to be scrolled to be read."""

    def __init__(self, browser, home):
        self.found, self.blocks = {kind: [] for kind in KINDS}, Counter()
        self.home, self.axe = home, (ROOT / "web/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
        self.page = opened(browser, home, self.found["elsewhere"])
        self.page.add_init_script(SHIFTS)

    def note(self, kind, place, things):
        """Something was found in a place."""
        self.found[kind] += [f"{place}: {thing}" for thing in things]

    def visit(self, place, *widths, checked=()):
        """Open a page in a window of the first width, look at it, and then in the others; axe looks in the widths that are `checked`."""
        page = self.page
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": widths[0], "height": 850})
        page.goto(f"{self.home}/{place}")
        self.note("unreached", f"{place}, {widths[0]} px", page.evaluate(UNREACHED))
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        shift = page.evaluate(SHIFTED)
        self.note("shift", f"{place}, {widths[0]} px", [f"{shift:.3f}"] if shift >= 0.05 else [])
        self.note("flat", place, page.evaluate(FLAT))
        for width in widths:
            page.set_viewport_size({"width": width, "height": 850})
            found = page.evaluate("document.documentElement.scrollWidth")
            self.note("sideways", f"{place}, {width} px", [found] if found > width else [])
            self.note("cramped", f"{place}, {width} px", page.evaluate(CRAMPED))
            self.blocks.update({(width, kind): count for kind, count in page.evaluate(BLOCKS).items()})
        if checked:
            page.evaluate(THIN)
            page.evaluate(self.axe)
        for width in checked:
            page.set_viewport_size({"width": width, "height": 850})
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it hears of its width
            page.evaluate("scrollTo({top: 0, behavior: 'instant'})")  # where the header covers a link, axe takes the link for small
            for scheme, rules in (("light", WCAG), ("dark", COLOUR_RULES)):  # the other rules look at what is the same in both
                page.emulate_media(color_scheme=scheme)
                self.note("axe", f"{place}, {width} px, {scheme}", page.evaluate(AXE, rules))


# ---- what a page does, on the small course

@pytest.fixture(scope="session")
def small_walk(small, small_home, browser):
    """What is found on every page of the small course over http: axe looks in both widths and both color schemes."""
    walk = Walk(browser, small_home)
    for edition in SMALL:
        for name in [*names(small, edition), "404.html"]:
            walk.visit(f"{edition}/{name}", *WIDTHS, checked=() if edition == "en" else WIDTHS)
    walk.visit("404.html", *WIDTHS, checked=WIDTHS)
    walk.page.context.close()
    return walk.found


@pytest.fixture(scope="session")
def small_disk(small, browser):
    """What is found on the pages of the small course from disk, on a wide screen."""
    walk = Walk(browser, small.as_uri())
    for name in names(small, "deux"):
        walk.visit(f"deux/{name}", 1280)
    walk.page.context.close()
    return walk.found


@each_kind
def test_on_every_page_of_the_small_course_all_is_well(small_walk, kind):
    assert not small_walk[kind]


@each_kind
def test_from_disk_all_is_well_too(small_disk, kind):
    assert not small_disk[kind]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_switch_leads_to_the_same_anchor(small, browser, small_home, width):
    problems = []
    for base in (small_home, small.as_uri())[:1 if width == 390 else 2]:
        page = opened(browser, base, problems, viewport={"width": width, "height": 850})
        page.goto(f"{base}/fr/{YEAR}")
        anchors = page.evaluate("[...document.querySelectorAll('main section[id]')].map((section) => section.id)")
        for number, (here, there) in enumerate((("fr", "en"), ("en", "deux"), ("deux", "fr")), 2):
            anchor = anchors[number]
            page.goto(f"{base}/{here}/{YEAR}#{anchor}")
            page.click(f'.editions a[href^="../{there}/"]')
            page.wait_for_url(f"{base}/{there}/{YEAR}#{anchor}")
            top = page.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", anchor)
            assert -5 <= top < 425, f"{there}/{YEAR}#{anchor} is {top} px from the top"
        page.goto(f"{base}/fr/{YEAR}")
        page.evaluate("(id) => document.getElementById(id).scrollIntoView()", anchors[4])
        page.evaluate("document.querySelector('.editions a[href^=\"../en/\"]').click()")  # the mouse of Playwright would scroll first
        page.wait_for_url(f"{base}/en/{YEAR}#{anchors[4]}")
        page.goto(f"{base}/fr/{YEAR}")
        page.click('.editions a[href^="../en/"]')
        page.wait_for_url(f"{base}/en/{YEAR}")
        page.context.close()
    assert not problems


def test_the_switch_shows_where_one_is_and_is_large_enough(browser, small_home):
    page = opened(browser, small_home, [], viewport={"width": 390, "height": 850})
    for edition in SMALL:
        page.goto(f"{small_home}/{edition}/{YEAR}")
        links = page.locator(".editions a")
        assert links.count() == 3
        assert page.locator(".editions [aria-current]").get_attribute("href").startswith(f"../{edition}/")
        for link in links.all():
            box = link.bounding_box()
            assert box["width"] >= 24 and box["height"] >= 24 and 0 <= box["x"] and box["x"] + box["width"] <= 390, (edition, box)
    page.context.close()


@pytest.mark.parametrize(("locale", "edition"), [("fr-FR", "fr"), ("fr-CA", "fr"), ("en-US", "en"), ("zh-CN", "en")])
def test_the_page_at_the_top_chooses_by_language(browser, small_home, locale, edition):
    page = opened(browser, small_home, [], locale=locale)
    page.goto(small_home)
    page.wait_for_url(f"{small_home}/{edition}/index.html")
    page.context.close()


def test_the_page_at_the_top_has_links_without_script(browser, small_home):
    page = opened(browser, small_home, [], java_script_enabled=False)
    page.goto(small_home)
    assert [link.get_attribute("href") for link in page.locator("a").all()] == [f"{edition}/index.html" for edition in SMALL]
    page.context.close()


def test_light_and_dark_follow_the_system_and_the_button(browser, small_home):
    brightness = "Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"
    for options in ({}, {"java_script_enabled": False}):
        for scheme in ("light", "dark"):
            page = opened(browser, small_home, [], color_scheme=scheme, **options)
            page.goto(f"{small_home}/en/index.html")
            assert (page.evaluate(brightness) < 60) == (scheme == "dark"), (scheme, options)
            if not options:
                page.click(".scheme-button")
                page.reload()
                assert (page.evaluate(brightness) < 60) == (scheme == "light"), f"the button does not leave {scheme}"
            page.context.close()


def search(page, address, word):
    """Search for a word on a page, and follow the first result with the keyboard."""
    page.goto(address)
    page.fill(".search input", word)
    first = page.locator("#search-results a").first
    first.wait_for()
    assert all(part in first.inner_text().lower() for part in word.lower().split())
    assert first.locator("mark").count() and re.search(r"\d", page.locator("#search-results [role=status]").inner_text())
    box = page.locator("#search-results").bounding_box()
    assert 0 <= box["x"] and box["x"] + box["width"] <= page.viewport_size["width"]
    page.press(".search input", "ArrowDown")
    assert first.evaluate("(link) => link === document.activeElement")
    target = first.evaluate("(link) => link.href")
    page.keyboard.press("Enter")
    page.wait_for_url(target)
    assert all(part in page.locator("main").inner_text().lower() for part in word.lower().split())
    return target


@pytest.mark.parametrize(("edition", "word", "place", "width"), [
    ("fr", "Août", "http", 1280), ("en", "longest night", "http", 390),
    ("deux", "muguet", "disk", 1280), ("deux", "lilies bloom", "http", 1280)])
def test_search_finds_a_word_and_leads_to_it(small, browser, small_home, edition, word, place, width):
    problems, base = [], small_home if place == "http" else small.as_uri()
    page = opened(browser, base, problems, viewport={"width": width, "height": 850})
    assert search(page, f"{base}/{edition}/index.html", word).startswith(f"{base}/{edition}/01_annee.html#")
    page.context.close()
    assert not problems


@pytest.mark.parametrize("width", [390, 1280])
def test_a_result_is_there_at_once(browser, small_home, width):
    """In the middle of a page, by pointer: the section whose heading is what was typed comes first, and stands right below the header."""
    context = browser.new_context(viewport={"width": width, "height": 700})  # in which motion is welcome
    page = context.new_page()
    page.goto(f"{small_home}/en/01_annee.html")
    heading = page.locator("main section h2").last
    wanted = heading.evaluate("(heading) => heading.firstChild.textContent.trim()")
    page.evaluate("scrollTo(0, 600)")
    page.wait_for_function("scrollY > 300")
    if width < 600:
        assert not page.locator(".search input").evaluate("(field) => field.getBoundingClientRect().bottom > 0"), "it is at hand as it is"
        box = page.locator(".search-button").bounding_box()
        page.mouse.click(box["x"] + 9, box["y"] + 9)  # `click` would scroll first
        assert page.evaluate("scrollY") > 300, "opening the search loses the place"
    page.keyboard.type(wanted) if width < 600 else page.fill(".search input", wanted)
    first = page.locator("#search-results a").first
    first.wait_for()
    assert first.locator("strong").inner_text() == wanted and ":~:" not in first.get_attribute("href")
    first.click()
    top = page.evaluate("""() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const header = document.getElementById("page-header").getBoundingClientRect().bottom;
        done([...document.querySelectorAll("main section h2")].at(-1).getBoundingClientRect().top - header);
    })))""")
    end = page.evaluate("scrollY + innerHeight > document.documentElement.scrollHeight - 2")
    assert top >= 0 and (top < 80 or end) and not page.locator("#search-results").is_visible(), top
    assert page.evaluate("document.activeElement === document.body"), "the search stays open over the section"
    context.close()


def test_the_heading_that_is_what_was_typed_comes_first(browser, small_home):
    page = opened(browser, small_home, [])
    sections = [("On mean light, mean light", "mean light " * 20), ("Mean light in winter", ""), ("Mean light", "")]
    entries = [{"href": f"00_jour.html#s{at}", "title": "Mean light", "section": section, "text": text}
               for at, (section, text) in enumerate(sections)]
    body = f"window.searchIndex = {json.dumps(entries)};"
    page.route("**/search.js", lambda route: route.fulfill(body=body, content_type="text/javascript"))
    page.goto(f"{small_home}/en/index.html")
    page.fill(".search input", "mean light")
    page.locator("#search-results a").first.wait_for()
    assert page.locator("#search-results strong").all_inner_texts() == [section for section, _ in reversed(sections)]
    page.context.close()


@pytest.mark.parametrize(("edition", "typed", "word"), [("en", "average", "mean"), ("fr", "valeur moyenne", "moyenne"),
                                                        ("deux", "Average light", "mean light")])
def test_another_word_for_a_term_finds_it(browser, small_home, edition, typed, word):
    page = opened(browser, small_home, [])
    page.goto(f"{small_home}/{edition}/index.html")
    page.fill(".search input", typed)
    first = page.locator("#search-results a").first
    first.wait_for()
    marks = first.locator("mark").all_inner_texts()
    assert marks and {mark.lower() for mark in marks} <= {*word.split()}
    page.context.close()


def test_a_term_says_what_it_means(browser, small_home):
    """On hover until the pointer leaves both, on focus until Escape; at a touch, of which the second leads to the glossary."""
    page = opened(browser, small_home, [])
    page.goto(f"{small_home}/en/00_jour.html")
    term, meaning = page.locator("main a.term").first, page.locator("[role=tooltip]")
    term.hover()
    meaning.wait_for()
    assert meaning.inner_text() == "The time when the sun is up."
    assert term.get_attribute("aria-describedby") == meaning.get_attribute("id")
    meaning.hover()
    page.wait_for_timeout(400)
    assert meaning.is_visible(), "it goes when the pointer reaches it"
    page.mouse.move(0, 0)
    meaning.wait_for(state="hidden")
    term.focus()
    assert meaning.is_visible()
    page.keyboard.press("Escape")
    assert not meaning.is_visible() and term.get_attribute("aria-describedby") is None
    page.context.close()
    page = opened(browser, small_home, [], viewport={"width": 390, "height": 700}, has_touch=True)
    page.goto(f"{small_home}/deux/00_jour.html")
    term, meaning = page.locator("main a.term").first, page.locator("[role=tooltip]")
    term.tap()
    meaning.wait_for()
    assert meaning.inner_text() == "Le temps où le soleil est levé.\nThe time when the sun is up." and page.url.endswith("00_jour.html")
    box = meaning.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    page.locator("h1").tap()
    meaning.wait_for(state="hidden")
    for _ in range(2):
        term.tap()
    page.wait_for_url("**/glossary.html#day")
    page.context.close()


def test_search_says_that_it_found_nothing_or_cannot_look(browser, small_home):
    page = opened(browser, small_home, [])
    page.goto(f"{small_home}/en/index.html")
    page.fill(".search input", "xyzzy")
    page.wait_for_function("document.querySelector('#search-results p').textContent === 'Nothing found'")
    page.keyboard.press("Escape")
    assert not page.locator("#search-results").is_visible() and page.input_value(".search input") == ""
    page.route("**/search.js", lambda route: route.abort())
    page.reload()
    page.fill(".search input", "mean")
    page.wait_for_function("document.querySelector('#search-results p').textContent.includes('cannot be read')")
    page.context.close()


def test_code_can_be_copied(browser, small_home):
    page = opened(browser, small_home, [], permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{small_home}/en/{YEAR}")
    code = page.locator("main div.sourceCode").nth(1)
    code.hover()
    code.locator(".copy-button").click()
    page.wait_for_function("document.querySelectorAll('.copy-button')[1].textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()").strip()
    assert copied == code.locator("code").text_content().strip() and max(map(len, copied.splitlines())) > 100, "long lines are one line"
    page.context.close()


def test_the_contents_of_a_page_show_where_one_is(browser, small_home):
    page = opened(browser, small_home, [], viewport={"width": 1280, "height": 850})
    page.goto(f"{small_home}/en/{YEAR}")
    links = page.locator(".toc a")
    assert page.locator(".toc [aria-current]").count() == 0
    links.nth(5).click()
    page.wait_for_function("document.querySelectorAll('.toc a')[5].getAttribute('aria-current') === 'location'")
    assert page.locator(".toc [aria-current]").count() == 1
    page.set_viewport_size({"width": 1280, "height": 400})
    far = links.nth(links.count() - 6)
    assert far.bounding_box()["y"] > 400
    far.evaluate("(link) => document.getElementById(link.hash.slice(1)).scrollIntoView()")
    page.wait_for_function("(link) => link.getAttribute('aria-current') && link.getBoundingClientRect().bottom <= innerHeight",
                           arg=far.element_handle())
    page.context.close()


def test_pages_read_well_without_script(small, browser, small_home):
    page = opened(browser, small_home, [], java_script_enabled=False, viewport={"width": 390, "height": 850})
    for edition in SMALL:
        for name in names(small, edition):
            place = f"{edition}/{name}"
            page.goto(f"{small_home}/{place}")
            assert page.locator("main h1").is_visible() and page.locator("main").inner_text().strip(), place
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
            assert page.locator("#page-panel .chapters a").first.is_visible(), place
            assert page.evaluate(FLAT) == [], place
    page.context.close()


def test_what_scrolls_sideways_is_a_stop_for_the_keyboard_only_while_it_does(browser, small_home):
    page = opened(browser, small_home, [], viewport={"width": 390, "height": 850})
    page.goto(f"{small_home}/en/{YEAR}")
    labels = [stop.get_attribute("aria-label") for stop in page.locator("main [role=region][tabindex='0']").all()]
    assert set(labels) == {"Scrolling code", "Scrolling formula", "Scrolling table"}
    page.set_viewport_size({"width": 3000, "height": 850})
    page.wait_for_function("(narrow) => document.querySelectorAll('main [role=region]').length < narrow", arg=len(labels))
    page.context.close()


def test_the_keyboard_shows_where_it_is(browser, small_home):
    shown = """() => {
        const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
        return [style.outlineStyle !== "none", box.right > 0 && box.left < innerWidth, element.outerHTML.slice(0, 90)];
    }"""
    for width in WIDTHS:
        page = opened(browser, small_home, [], viewport={"width": width, "height": 850})
        page.goto(f"{small_home}/fr/{YEAR}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('body > .skip:first-child')")
        assert page.evaluate("document.activeElement.textContent") == "Aller au texte"
        for _ in range(30):
            visible, inside, element = page.evaluate(shown)
            assert visible and inside, f"{width} px: {element}"
            page.keyboard.press("Tab")
        page.goto(f"{small_home}/fr/{YEAR}")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('main')"), "the skip link does not lead to the text"
        page.context.close()


def test_the_chapters_and_the_contents_of_a_page_are_at_hand_on_a_phone(browser, small_home):
    page = opened(browser, small_home, [], viewport={"width": 390, "height": 850})
    page.goto(f"{small_home}/en/{YEAR}")
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


def test_a_printed_page_is_the_text_alone(browser, small_home):
    page = opened(browser, small_home, [], color_scheme="dark", viewport={"width": 700, "height": 1000})
    page.goto(f"{small_home}/fr/{YEAR}")
    page.emulate_media(media="print", color_scheme="dark")
    for selector in ("#page-header", "#page-panel", ".turn", ".copy-button"):
        assert not page.locator(selector).first.is_visible(), selector
    cut = "[...document.querySelectorAll('main pre')].filter((each) => each.scrollWidth > each.clientWidth + 1).length"
    assert page.evaluate(cut) == 0, "code that runs over the edge of the paper"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(22, 25, 29)"
    page.context.close()


# ---- every page of this course, in a browser

@pytest.fixture(scope="session")
def walk(site, home, browser):
    """What is found on every page of the course: each is opened once in each language, and axe looks at the English one. The edition with
    both is of the same cells and the same style sheet, so that the largest page of each kind shows what is its own: the columns."""
    walk = Walk(browser, home)
    kinds = ("index.html", "contents.html", "glossary.html", "api.html", "api_*.html", "[0-9]*.html")
    for name in names(site, "en"):
        walk.visit(f"zh/{name}", 1280, NARROW)
        walk.visit(f"en/{name}", NARROW, 1280, checked=WIDTHS[1:])
    for largest in (max((site / "duo").glob(kind), key=lambda path: path.stat().st_size) for kind in kinds):
        walk.visit(f"duo/{largest.name}", *WIDTHS, checked=WIDTHS[:1])
    walk.page.context.close()
    for width, most in ((1280, 0.05), (NARROW, 0.35)):
        share = walk.blocks[width, "cut"] / walk.blocks[width, "all"]
        walk.note("cut", f"{width} px", [f"{share:.0%} of code and outputs"] if share > most else [])
    return walk.found


@each_kind
def test_on_every_page_all_is_well(walk, kind):
    assert not walk[kind]


def test_from_disk_a_page_is_the_same(site, browser):
    walk = Walk(browser, site.as_uri())
    for edition in EDITIONS:
        walk.visit(f"{edition}/index.html", 1280)
    walk.page.context.close()
    assert not any(walk.found.values()), walk.found


CRISP = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const inks = Array.from({length: data.length / 4}, (_, at) => data[4 * at]);
    return inks.filter((ink) => ink > 230).length > 20 && inks.filter((ink) => ink < 25 || ink > 230).length > 0.8 * inks.length;
}"""


@pytest.mark.parametrize("edition", ["zh", "en"])
def test_the_front_page_opens_with_a_digit_and_a_way_in(browser, home, edition):
    """On the first screen of a laptop, whether motion is welcome or not."""
    for motion in ("reduce", "no-preference"):
        page = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion=motion).new_page()
        page.goto(f"{home}/{edition}/index.html")
        canvas = page.locator(".widget canvas").first
        canvas.wait_for()
        page.wait_for_function(f"({CRISP})(document.querySelector('.widget canvas'))")
        for shown in (canvas, page.locator(".start a")):
            box = shown.bounding_box()
            assert box["y"] > 0 and box["y"] + box["height"] <= 800, box
        page.context.close()


def test_chapters_are_no_longer_than_they_may_be_and_open_with_a_picture(site, browser):
    """Everything folded: the first part's have 25 screens at most, and each chapter has a picture on one of its first two."""
    course = Course(docs=site)
    first_part = course.parts[1][1]
    lines = [line.split() for line in table(course, [], browser)][1:]
    rows = [(name, lang, float(screens), first) for name, lang, screens, first, *_ in lines if name != "index"]
    assert len(rows) == 2 * len(course.chapters) and "00_data" in first_part
    assert not [row for row in rows if row[0] in first_part and row[2] > 25.5], "the half screen is for the fonts of another machine"
    assert not [row for row in rows if row[3] not in "12"]


def test_chinese_is_chosen_and_searched(browser, home):
    problems = []
    page = opened(browser, home, problems, locale="zh-TW")
    page.goto(home)
    page.wait_for_url(f"{home}/zh/index.html")
    for edition, word in (("zh", "重参数化"), ("zh", "ReLU"), ("duo", "重参数化")):
        search(page, f"{home}/{edition}/index.html", word)
    page.context.close()
    assert not problems


def test_each_language_is_set_in_its_own_way(browser, home):
    page = opened(browser, home, [])
    style = """(selector) => { const element = document.querySelector(selector), style = getComputedStyle(element);
        return [parseFloat(style.lineHeight) / parseFloat(style.fontSize), style.lineBreak, style.textAutospace ?? "normal"]; }"""
    for edition, selector, line, rule in (("en", "main p", 1.6, "auto"), ("duo", "main .first p", 1.75, "strict"),
                                          ("duo", "main .second p", 1.6, "auto"), ("zh", "main p", 1.75, "strict")):
        page.goto(f"{home}/{edition}/index.html")
        height, breaks, space = page.evaluate(style, selector)
        assert (height >= line - 0.01, breaks, space) == (True, rule, "normal"), (edition, selector)
    page.evaluate("document.querySelector('main p').innerHTML = '<em>重点</em>'")
    assert page.evaluate("getComputedStyle(document.querySelector('main em')).fontStyle") == "normal"
    page.context.close()


# ---- every page of this course, as its HTML says

@pytest.fixture(scope="session")
def documents(site):
    """All pages, parsed."""
    return {path.relative_to(site).as_posix(): lxml.html.parse(str(path), READER).getroot() for path in sorted(site.rglob("*.html"))}


@pytest.fixture(scope="session")
def pages(documents):
    """The pages of the three editions that are reached by links, by edition and name."""
    split = {tuple(place.split("/")): root for place, root in documents.items() if "/" in place}
    return {(edition, name): root for (edition, name), root in split.items() if name != "404.html"}


@pytest.fixture(scope="session")
def index(site):
    """The search index of each edition."""
    scripts = {edition: (site / edition / "search.js").read_text(encoding="utf-8") for edition in EDITIONS}
    return {edition: json.loads(text.removeprefix("window.searchIndex = ").partition(";\n")[0]) for edition, text in scripts.items()}


def test_every_edition_has_every_page(pages):
    of = {edition: {name for each, name in pages if each == edition} for edition in EDITIONS}
    assert of["zh"] == of["en"] == of["duo"] >= {f"{name}.html" for name in Course().pages}


def test_every_internal_link_leads_to_a_page_and_an_anchor(site, documents):
    own, ids = Course().site, {place: set(root.xpath("//@id")) for place, root in documents.items()}
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    broken = []
    for place, root in documents.items():
        for target in set(root.xpath("//@href | //@src")):
            url = urljoin(f"{own}/{place}", target)
            if url.startswith(own):
                parts = urlsplit(url[len(own):])
                found = unquote(parts.path).lstrip("/")
                found = next((each for each in (found, f"{found}/index.html".lstrip("/")) if each in files), None)
                if not found or (parts.fragment and unquote(parts.fragment) not in ids.get(found, ())):
                    broken.append(f"{place}: {target}")
    assert not broken


def test_nothing_is_loaded_from_another_host(documents):
    loaded = "//@src | //@srcset | //@poster | //object/@data | //link[not(@rel='canonical' or @rel='alternate')]/@href"
    elsewhere = [f"{place}: {url}" for place, root in documents.items() for url in root.xpath(loaded)
                 if not url.startswith("data:") and (urlsplit(url).netloc or urlsplit(url).scheme)]
    assert not elsewhere


def test_anchors_are_the_same_in_every_edition(pages):
    for edition, name in pages:
        sections = [pages[each, name].xpath("//section/@id") for each in (edition, "en")]
        assert sections[0] == sections[1], f"{edition}/{name}"


def prose(root, skipped):
    """The texts of a page, and those that are spoken or shown beside it, each with its place; without what is in elements that XPaths of
    `skipped` find."""
    away = set().union(*(root.xpath(path) for path in skipped))
    walk = lxml.etree.iterwalk(root, events=("start", "comment"))
    for event, element in walk:
        texts = [element.tail]
        if event == "start" and element in away:
            walk.skip_subtree()
        elif event == "start":
            texts += [element.text, *(element.get(key) for key in ("alt", "title", "aria-label", "placeholder"))]
            texts += [element.get("content")] if element.get("name") == "description" else []
        for text in filter(str.strip, filter(None, texts)):
            yield text.strip(), f"{element.tag}.{element.get('class')}"


def test_pages_in_one_language_have_no_prose_in_the_other(pages):
    skipped = ["//script", "//style", "//code", "//pre", "//*[contains(concat(' ', @class, ' '), ' katex ')]", "//*[@class='editions']",
               "//main//section[@id='references']"]
    other = {"en": ("//td//*[starts-with(@lang, 'zh')]", HAN), "zh": ("//td//*[@lang='en']", ENGLISH)}  # the glossary's second column
    mixed = []
    for (edition, name), root in pages.items():
        if edition in other:
            column, foreign = other[edition]
            mixed += [f"{edition}/{name}: {place}: {text[:80]}" for text, place in prose(root, [*skipped, column]) if foreign.search(text)]
    assert not mixed


def test_labels_are_in_the_language_of_the_edition(pages):
    for (edition, name), root in pages.items():
        said = json.loads(root.get_element_by_id("labels").text)
        labels = [*root.xpath("//@title | //@aria-label | //@placeholder"), *said.pop("meanings").values(), *said.values()]
        assert len(labels) > 15, (edition, name)
        assert not [label for label in labels if bool(HAN.search(label)) == (edition == "en")], (edition, name)
        both = [*root.xpath("//header//@aria-label | //header//@placeholder"), *said.values()]
        assert edition != "duo" or all(re.search("[A-Za-z]{3}", label) for label in both), (edition, name)


def test_the_search_index_of_an_edition_is_in_its_language_and_whole(pages, index):
    assert not [entry["href"] for entry in index["en"] if HAN.search(entry["title"] + entry["section"])]
    for (edition, name), root in pages.items():
        wanted = {name, *(f"{name}#{anchor}" for anchor in root.xpath("//section/@id"))}
        assert wanted == {entry["href"] for entry in index[edition] if entry["href"].split("#")[0] == name}, (edition, name)
    unseen = re.compile(r"formulatoken|\\(?:frac|mu|sigma)\b")
    assert not [entry["href"] for entry in index["en"] if unseen.search(entry["text"])]


def test_language_and_search_engine_marks(site, pages):
    own, tags = Course().site, {"zh": "zh-Hans", "en": "en", "duo": "zh-Hans"}
    listed = re.findall(r"<loc>([^<]+)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(f"{own}/{edition}/{name}" for edition, name in pages if edition != "duo")
    assert not [*site.glob("*/sitemap.xml"), *site.glob("*/robots.txt")]
    for (edition, name), root in pages.items():
        assert root.get("lang") == tags[edition], (edition, name)
        found = root.xpath("//link[@rel='alternate' or @rel='canonical']")
        links = {link.get("hreflang") or link.get("rel"): link.get("href") for link in found}
        robots = root.xpath("//meta[@name='robots']/@content")
        if edition == "duo":
            assert (robots, links) == (["noindex"], {}), name
        else:
            default = f"{own}/" if name == "index.html" else f"{own}/en/{name}"
            assert not robots, name
            assert links == {"canonical": f"{own}/{edition}/{name}", "zh-Hans": f"{own}/zh/{name}",
                             "en": f"{own}/en/{name}", "x-default": default}, name


def test_a_page_is_all_there_without_script(pages):
    for (edition, name), root in pages.items():
        [title], [chapters] = root.xpath("//main//h1"), root.xpath("//*[@id='page-panel']/nav[@class='chapters']")
        assert title.text_content().strip() and len(chapters.xpath(".//a")) == len(Course().pages), (edition, name)
        assert sum(len(text) for text, _ in prose(root.get_element_by_id("page-text"), [])) > 200, (edition, name)
        assert not root.xpath("//main//*[@hidden]"), (edition, name)


def test_pages_are_light(site, pages):
    for (edition, name), root in pages.items():
        files = {target for target in root.xpath("//@href | //@src") if re.fullmatch(r"[^:#?]+\.(css|js)", target)}
        sizes = {file: len(gzip.compress((site / edition / file).read_bytes())) for file in (name, *files)}
        assert sum(sizes.values()) <= BUDGET, f"{edition}/{name}: {sizes}"


def test_pictures_have_a_size_and_an_alternative_text_and_wait(documents):
    for place, root in documents.items():
        for image in root.iter("img"):
            where = f"{place}: {image.get('src')}"
            assert image.get("alt", "").strip(), where
            assert image.get("width", "").isdigit() and image.get("height", "").isdigit(), where
            assert image.get("loading") == "lazy", where


def test_headings_go_down_one_level_at_a_time(documents):
    for place, root in documents.items():
        levels = [int(heading.tag[1]) for heading in root.iter("h1", "h2", "h3", "h4", "h5", "h6")]
        assert "/" not in place or place.endswith("404.html") or levels.count(1) == 1, place
        assert all(after <= before + 1 for before, after in pairwise(levels)), f"{place}: {levels}"


def test_what_the_author_has_built_stays(before, site):
    assert stamps() == before

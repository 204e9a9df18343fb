"""How long the chapters are, for an author: `python -m tools.screens 02_loss` measures the pages that `make docs` built, everything folded.

For each page it prints how many screens of 1280 by 800 it has, on which of them the first figure stands, how many lie at most between one
figure and the next, and the minutes that the page takes to read."""
import sys

from playwright.sync_api import sync_playwright

from tools.chromium import find
from web.contents import minutes
from web.course import Course

WIDTH, HEIGHT = 1280, 800
FIGURES = "main .widget, main figure:not(.widget figure)"
MEASURE = """(figures) => [document.documentElement.scrollHeight,
    [...document.querySelectorAll(figures)].map((each) => each.getBoundingClientRect().top + scrollY)]"""


def measured(page, address):
    """The screens of a page, the one that the first figure stands on, and the largest distance of two figures; `None` without figures."""
    page.goto(address)
    height, tops = page.evaluate(MEASURE, FIGURES)
    apart = [after - before for before, after in zip(tops, tops[1:], strict=False)]
    return height / HEIGHT, int(tops[0] / HEIGHT) + 1 if tops else None, max(apart) / HEIGHT if apart else None


def table(course, names, browser):
    """A line for each page, edition by edition, as a `browser` shows it."""
    languages = course.languages
    yield f"{'page':16}{'':6}{'screens':>9}{'first figure':>14}{'apart':>7}{'minutes':>9}"
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    for notebook in course.notebooks:
        for lang, other in ((languages.first, languages.second), (languages.second, languages.first)):
            path = course.docs / lang.code / f"{notebook.name}.html"
            if path.is_file() and notebook.name in (names or course.pages):
                screens, first, apart = measured(page, path.as_uri())
                yield (f"{notebook.name:16}{lang.code:6}{screens:9.1f}{first or '-':>14}{'-' if apart is None else f'{apart:.1f}':>7}"
                       f"{minutes(notebook.cells, lang, other):>9}")
    page.close()


if __name__ == "__main__":
    with sync_playwright() as playwright:
        for line in table(Course(), sys.argv[1:], playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])):
            print(line)

"""The search index of an edition: the text of each section of each page, as a reader sees it."""
from html.parser import HTMLParser

BLOCKS = {"p", "li", "pre", "div", "td", "th", "tr", "section", "blockquote", "img", "br"}
LEFT_OUT = {"annotation", "script", "style", "svg", "nav", "button"}
LEFT_OUT_CLASSES = {"katex-html", "anchor"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


class Sections(HTMLParser):
    """The sections of a page, each `[anchor, heading, text]`; the first is what stands before any heading, and its heading is the title."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.skipped, self.inside, self.heading = [["", "", ""]], [0], 0, False, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Enter an element: a section of its own, a heading, or something that is not searched."""
        attrs = dict(attrs)
        self.inside |= tag == "main"
        if not self.inside or tag in VOID:
            self.handle_data(" ")
        elif self.skipped or tag in LEFT_OUT or LEFT_OUT_CLASSES & set((attrs.get("class") or "").split()):
            self.skipped += 1
        elif tag == "section":
            self.found.append([attrs.get("id", ""), "", ""])
            self.open.append(len(self.found) - 1)
        elif tag in HEADINGS:
            self.heading = True
        elif tag in BLOCKS:
            self.handle_data(" ")

    def handle_endtag(self, tag):
        """Leave it."""
        if tag in VOID:
            return
        if self.skipped:
            self.skipped -= 1
        elif tag == "section":
            self.open.pop()
        elif tag in HEADINGS:
            self.heading = False
        elif tag == "main":
            self.inside = False

    def handle_data(self, data):
        """Add a piece of text to the section that is open."""
        if self.inside and not self.skipped:
            self.found[self.open[-1]][1 if self.heading else 2] += data


def index(text, page):
    """The entries of one page: where each section is, the page's title, its heading and its text."""
    tidy = [[anchor, " ".join(heading.split()), " ".join(words.split())] for anchor, heading, words in Sections(text).found]
    title = tidy[0][1]
    return [{"href": f"{page}#{anchor}" if anchor else page, "title": title, "section": heading if number else "", "text": words}
            for number, (anchor, heading, words) in enumerate(tidy)]

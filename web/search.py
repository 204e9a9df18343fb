"""The search index of an edition: the text of each section of each page, as a reader sees it."""
FOLD = "fold"  # the class of code that is folded
BLOCKS = {"p", "li", "pre", "div", "td", "th", "tr", "section", "blockquote", "img", "br", "hr", "input", "source", "track", "wbr",
          "figure", "figcaption", "details", "summary"}
LEFT_OUT = {"annotation", "script", "style", "svg", "nav", "button"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def sections(text):
    """The sections of a page's text, an lxml element, each `[anchor, heading, words]`; the first is what stands before any section."""
    found = [["", "", ""]]

    def enter(element, at, heading):
        tag = element.tag
        hint = tag == "details" and element.get("class") != FOLD  # a search gives no solution away
        if isinstance(tag, str) and tag not in LEFT_OUT and not hint:
            inside, titled = at, heading or tag in HEADINGS
            if tag == "section":
                found.append([element.get("id", ""), "", ""])
                inside = len(found) - 1
            elif tag in BLOCKS:
                found[at][2 if not heading else 1] += " "
            found[inside][1 if titled else 2] += element.text or ""
            for child in element:
                enter(child, inside, titled)
        found[at][1 if heading else 2] += element.tail or ""

    found[0][2] += text.text or ""
    for child in text:
        enter(child, 0, False)
    return found


def entries(found, page, title, opening):
    """The entries of one page: where each section is, the page's title, its heading and its text; `opening` stands under the title."""
    tidy = [[anchor, " ".join(heading.split()), " ".join(words.split())] for anchor, heading, words in found]
    tidy[0] = ["", "", " ".join(f"{opening} {tidy[0][2]}".split())]
    return [{"href": f"{page}#{anchor}" if anchor else page, "title": title, "section": heading, "text": words}
            for anchor, heading, words in tidy]

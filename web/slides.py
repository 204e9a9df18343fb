"""Slides for a teacher, from the pages that were built: run as `python -m web.slides`, after `python -m web.build`.

A chapter's slides are its title, its figures with their captions, its displayed formulas, and the claims of its summary; those of a section
have its heading. They are one HTML file for each chapter and language, which needs nothing beside it."""
import base64
import html
import json
import mimetypes
import re
import sys
from dataclasses import dataclass
from functools import cached_property, partial

import lxml.html

from web.course import HERE, Course, filled, write
from web.finish import Part, inner, linkless
from web.formulas import TOKEN, Formulas
from web.languages import SourceError
from web.prepare import kept, stylesheet

FOLDER = "_slides"
CLAIMS = 3  # on one slide, at most
SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
DRAWN = re.compile(r"<!--drawing (\d+)-->")
BESIDE = re.compile(r'\b(src|href)="((?:figures|images)/[^"]+)"')
FONT = re.compile(r"url\((fonts/[^)]+)\)")


@dataclass
class Slide:
    """What one slide shows: the heading of its section, and its content, both HTML with tokens for formulas; its kind, for the style."""
    heading: str
    content: str
    kind: str


def data_url(path):
    """The content of a file as an address."""
    kind = mimetypes.guess_type(path.name)[0] or "font/woff2"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


class Slides:
    """The slides of a course in one language, from the parts of its pages, and the pictures in its site."""

    def __init__(self, course, edition):
        self.course, self.languages, self.edition = course, course.languages, edition
        self.store, self.pages = course.proc / "parts" / edition, course.docs / edition
        self.formulas = Formulas(kept(course))

    def label(self, name, **values):
        """What the slides say beside the text."""
        return self.languages.label("slides", name, self.edition, **values)

    def anchor(self, name):
        """The anchor of a section whose heading languages.yml names."""
        return self.languages.anchor(self.languages.labels["slides"][name])

    def part(self, name):
        """What was taken from the page of a chapter. Raises `SourceError` if it was not built."""
        path = self.store / f"{name}.json"
        if not path.is_file() or not self.pages.is_dir():
            raise SourceError(f"the page {self.edition}/{name} is not built yet; run `python -m web.build` first")
        return Part(**json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def style(self):
        """The style sheet of the pages, its fonts within it, and that of slides."""
        pages = FONT.sub(lambda match: f"url({data_url(self.pages / match[1])})", stylesheet())
        return pages + (HERE / "slides.css").read_text(encoding="utf-8")

    def displayed(self, text):
        """The displayed formulas in a text, as tokens."""
        return [token for token in TOKEN.findall(text or "") if 'class="formula"' in self.formulas.known[token]["html"]]

    def made(self, part):
        """The slides of a chapter, in the order of its text, without the title."""
        drawings = SVG.findall(part.text)  # they are no HTML, and stay as they are
        numbers = iter(range(len(drawings)))
        main = lxml.html.fragment_fromstring(SVG.sub(lambda _: f"<!--drawing {next(numbers)}-->", part.text), create_parent="main")
        for leaving in main.xpath(".//a[@class='anchor'] | .//details"):
            leaving.drop_tree()
        for section in main.xpath("./section"):
            if section.get("id") in (self.anchor("exercises"), self.anchor("references")):
                section.drop_tree()
        found = list(self.walk(main, "", partial(DRAWN.sub, lambda match: drawings[int(match[1])])))
        return [slide for slide in self.joined(found) if slide.content]

    def walk(self, element, heading, drawn):
        """The slides of what is in an element: figures, displayed formulas, and the claims of the summary."""
        for child in element:
            if child.tag == "section":
                first = next(iter(child), None)
                title = linkless(first) if first is not None and first.tag in ("h2", "h3") else heading
                if child.get("id") == self.anchor("summary"):
                    yield from self.claims(child, title)
                else:
                    yield from self.walk(child, title, drawn)
            elif child.tag == "figure":
                yield Slide(heading, drawn(lxml.html.tostring(unlinked(child), encoding="unicode", with_tail=False)), "figure")
            elif isinstance(child.tag, str):
                yield from (Slide(heading, f"<p>{token}</p>", "formulas") for token in self.displayed(child.text))
                yield from self.walk(child, heading, drawn)
            yield from (Slide(heading, f"<p>{token}</p>", "formulas") for token in self.displayed(child.tail))

    def claims(self, section, heading):
        """The claims of a summary, the items of its lists, as many to each slide."""
        claims = [inner(unlinked(item)) for item in section.iter("li")]
        slides = -(-len(claims) // CLAIMS)
        for number in range(slides):
            some = claims[number * len(claims) // slides:(number + 1) * len(claims) // slides]
            yield Slide(heading, f"<ul>{''.join(f'<li>{claim}</li>' for claim in some)}</ul>", "claims")

    def joined(self, slides):
        """The slides, formulas that follow each other in a section on one."""
        done = []
        for slide in slides:
            if done and slide.kind == "formulas" == done[-1].kind and slide.heading == done[-1].heading:
                done[-1].content += slide.content
            else:
                done.append(slide)
        return done

    def title(self, part, name):
        """The first slide: the chapter's title and what it is about, and the keys."""
        number = re.match(r"0*(\d+)", name)
        above = [self.course.name(self.edition), *([self.label("chapter", number=number[1])] if number else [])]
        return (f'<p>{html.escape(" · ".join(above))}</p><h1>{part.title}</h1><p>{part.description}</p>'
                f'<p class="keys">{self.label("keys")}</p>')

    def page(self, name):
        """The slides of a chapter as one HTML file."""
        part, made = self.part(name), []
        slides = [Slide("", self.title(part, name), "title"), *self.made(part)]
        for number, slide in enumerate(slides, 1):
            heading = f"<h2>{slide.heading}</h2>" if slide.heading else ""
            made.append(f'<section class="slide {slide.kind}" id="{number}">{heading}<div class="content">{slide.content}</div>'
                        f'<footer><span>{part.title}</span> <span>{number} / {len(slides)}</span></footer></section>')
        text = BESIDE.sub(lambda match: f'{match[1]}="{data_url(self.pages / match[2])}"', "\n".join(made))
        title = lxml.html.fragment_fromstring(part.title, create_parent="div").text_content()
        return filled("slides.html", {
            "lang": self.languages.tags[self.edition], "title": html.escape(self.formulas.fill(title, "tex")), "style": self.style,
            "slides": self.formulas.fill(text), "script": (HERE / "slides.js").read_text(encoding="utf-8")})


def unlinked(element):
    """An element whose links are words: they lead to other pages."""
    for link in list(element.iter("a")):
        link.drop_tag()
    return element


def slides(course=None):
    """Write the slides of every chapter in each language; returns how many files there are."""
    course = course or Course()
    for edition in course.languages.codes:
        made = Slides(course, edition)
        for notebook in course.chapters:
            write(course.root / FOLDER / edition / f"{notebook.name}.html", made.page(notebook.name))
    return len(course.languages.codes) * len(course.chapters)


if __name__ == "__main__":
    try:
        print(f"{slides()} files with slides are in {FOLDER}")
    except SourceError as error:
        sys.exit(str(error))

"""A notebook's page in one edition, as a notebook for the renderer: nothing hidden, one language or both, pictures with their captions."""
import base64
import itertools
import json
import re
import struct

from web.colab import opening
from web.contents import timed
from web.course import write
from web.figures import drawing
from web.languages import PICTURE, SourceError
from web.widgets import declared

OURS = {"fig-cap", "fig-alt", "fold", "tolerance", "eval", "widget"}  # directives of ours, which no renderer sees
HIDDEN = {"hide", "export", "default_exp"}  # directives of nbdev for cells that no page shows
INTERNAL = "exporti"  # its directive for code of the package that is not meant for users: pages show it folded
HIDE_LINE = re.compile(r"#\|\s*hide_line\s*$")
MAGIC = re.compile(r"^\s*%.*", re.MULTILINE)
NAMES = re.compile(r"^(?:(?:async )?def|class)\s+(\w+)|^(\w+)\s*(?::[^=]+)?=(?!=)", re.MULTILINE)  # what code defines at its margin
APOSTROPHE = re.compile(r"`[^`]*`|(?<=\w)'(?=\w)")
ANSI = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")
WIDGET = "application/vnd.jupyter.widget-view+json"
SVG = "image/svg+xml"
PICTURES = (SVG, "image/png")  # the kinds of output that become figures, the better one first
DRAWINGS = "drawings"  # the folder of drawings that web/finish.py sets in the pages
KEPT = ("cell_type", "id", "metadata", "source", "outputs", "execution_count")  # what a cell of a page's notebook has of ours


def quoted(text):
    """A string for YAML or HTML attributes, in double quotes."""
    return '"' + text.replace("&", "&amp;").replace('"', "&quot;") + '"'


def text_of(value):
    """Notebook text, which may be stored as a list of lines."""
    return "".join(value) if isinstance(value, list) else value


def code_of(cell):
    """The code of a cell as a page shows it: without directives of ours and of nbdev, magic commands and hidden lines."""
    options = [f"#| {name}: {value}" for name, (value, is_option) in cell["directives"].items()
               if is_option and name not in {INTERNAL, *OURS, *HIDDEN}]
    lines = [line for line in cell["code"] if not HIDE_LINE.search(line)]
    return MAGIC.sub("", "\n".join(options + lines)).strip()


def aside(cell):
    """Whether a cell is a heading that nbdev hides: one that ends in ` -`."""
    source = cell["source"].strip()
    return cell["cell_type"] == "markdown" and source.startswith("#") and source.endswith(" -")


def visible(notebook):
    """Copies of the cells that pages show, in both languages, code as it is shown and outputs without the colours of a terminal."""
    shown = []
    for cell in notebook.cells:
        if HIDDEN & cell["directives"].keys() or aside(cell):
            continue
        cell = {**cell, "metadata": dict(cell["metadata"])}
        if cell["cell_type"] == "code":
            cell["source"] = code_of(cell)
            cell["outputs"] = [output | {"text": ANSI.sub("", text_of(output["text"]))} if output.get("name") == "stdout" else output
                               for output in cell.get("outputs", [])]
        shown.append(cell)
    return shown


def check_widget(course, cell, place):
    """Raises `SourceError` for a cell that names a widget which is not declared, or that has no picture to stand for it."""
    name, *_ = option(cell, "widget").split() or [""]
    if not name:
        return
    if name not in [words[0] for words in declared(course)]:
        raise SourceError(f"{place(cell)}: the widget {name} is not declared; add a line for it to `widgets` in settings.ini")
    if not any(kind in output.get("data", {}) for output in cell.get("outputs", []) for kind in PICTURES):
        raise SourceError(f"{place(cell)}: the widget {name} has no stored picture; run the notebook again and keep its outputs")


def fold_of(cell):
    """As what the code of a cell is folded: what its `fold` says, "package" for internal code of the package, or `None`."""
    return option(cell, "fold") if "fold" in cell["directives"] else "package" if INTERNAL in cell["directives"] else None


def check_fold(course, cell, place):
    """Raises `SourceError` for a cell whose code is folded as what languages.yml has no words for."""
    kinds, kind = course.languages.labels.get("fold", {}), fold_of(cell)
    if kind is not None and kind not in kinds:
        raise SourceError(f"{place(cell)}: code is not folded as {kind!r}; languages.yml has {', '.join(kinds) or 'no `fold`'}")
    if kind == "check" and {"exports", INTERNAL} & cell["directives"].keys():
        raise SourceError(f"{place(cell)}: code of the package is no check; fold it as `package`")


def fold_line(languages, kind, source, edition):
    """The line that stands for code that is folded."""
    names = [*dict.fromkeys("".join(found) for found in NAMES.findall(source))]
    shown = ", ".join(names if len(names) < 5 else [*names[:4], "…"])  # one line on a phone, too
    return languages.label("fold", kind, edition, names=shown)


def said(languages, output, edition):
    """An output; of a text in both languages, in lines `A` and `| B`, what the edition shows."""
    text = text_of(output.get("data", {}).get("text/plain", ""))
    halves = text.split("\n| ")
    if len(halves) != 2 or edition == languages.both:
        return output
    return output | {"data": {"text/plain": halves[edition == languages.second.code]}}


def joined(cells):
    """Cells, of which those that are folded as the same thing, with nothing to see between them, are one, behind a single line."""
    made = []
    for cell in cells:
        before = made[-1] if made else None
        if before and all(each["cell_type"] == "code" and fold_of(each) and each["source"] for each in (before, cell)) \
                and fold_of(before) == fold_of(cell) and not before["outputs"] and not option(cell, "widget"):
            made[-1] = cell | {"source": f"{before['source']}\n\n\n{cell['source']}"}
        else:
            made.append(cell)
    return made


def option(cell, name):
    """The value of a directive of a code cell, without quotation marks; an empty text where there is none."""
    return cell["directives"].get(name, ("", False))[0].strip("\"'")


def front_matter(languages, heading, description, edition):
    """The front matter of a page, both `A | B`: its title and description, its language, and what the edition with both shows beside them.

    What is shown beside them stands in a block of its own, since no renderer's page has a place for a second title. The title's
    apostrophes are curly, as both renderers make those of the text; smalldocs leaves them straight here."""
    lang = languages.first.code if edition == languages.both else edition
    title = APOSTROPHE.sub(lambda match: "’" if match[0] == "'" else match[0], languages.half(heading, lang))
    front = [f"title: {quoted(title)}", f"description: {quoted(languages.half(description, lang))}",
             f"lang: {languages.tags[edition]}"]
    text = "\n".join(["---", *front, "---"])
    if edition != languages.both:
        return text
    title, more = (languages.half(line, languages.second.code) for line in (heading, description))
    blocks = [f"::: {{.second-{name}}}\n{line}\n:::" for name, line in (("title", title), ("description", more)) if line]
    return "\n\n".join([text, *blocks])


class Pages:
    """The pages of the notebooks of a course; `links` puts links into the cells of both languages, before one is chosen."""

    def __init__(self, course, links):
        self.course, self.languages, self.links, self.made = course, course.languages, links, {}

    def cells(self, notebook):
        """The visible cells of a notebook in both languages, links put in; made once for all editions."""
        if notebook.name not in self.made:
            cells = visible(notebook)
            self.course.title(notebook)
            for cell in cells:
                if cell["cell_type"] == "code":
                    check_widget(self.course, cell, notebook.place)
                    check_fold(self.course, cell, notebook.place)
            if notebook.name == "index":
                timed(self.course, cells)
            self.links.add(cells, notebook)
            self.made[notebook.name] = cells[1:]
        return self.made[notebook.name]

    def drawn(self, svg, name, alt, edition, folder, place):
        """A drawing as Markdown: an image that web/finish.py replaces by the drawing itself, which is written into `folder`."""
        count = itertools.count()

        def put(content, kind):
            path = f"figures/{name}-{next(count)}.{kind}"
            write(folder / path, content)
            return path
        translated = str if edition == self.languages.second.code else self.course.words.first
        try:
            html = drawing(svg, name, alt, put, translated)
        except ValueError as error:
            raise SourceError(f"{place}: {error}") from error
        write(folder / DRAWINGS / f"{name}.svg", html)
        return f'<img src="{DRAWINGS}/{name}.svg" alt={quoted(alt)}>'

    def figure(self, cell, image, edition):
        """A picture that a cell drew, as Markdown: its image, and its caption in the edition's language.

        The picture of a widget stands where web/widgets.js puts the widget."""
        languages, caption = self.languages, option(cell, "fig-cap")
        shown = [languages.half(caption, edition)]
        if edition == languages.both:
            shown.append(languages.marked(languages.half(caption, languages.second.code)))
        plot = "\n\n".join(["::: {.plot}", image, *shown, ":::"])
        name, *opening = option(cell, "widget").split() or [""]
        attributes = [f"data-widget={name}", *(f"data-opening={word}" for word in opening)]
        return f":::: {{.widget {' '.join(attributes)}}}\n\n{plot}\n\n::::" if name else plot

    def outputs(self, cell, notebook, folder, edition):
        """The outputs of a code cell, pictures as Markdown figures; a figure's text stays away, and so does a widget without a picture."""
        done, alt = [], self.languages.half(option(cell, "fig-alt"), edition)
        for number, output in enumerate(cell["outputs"]):
            data = output.get("data", {})
            kind, name = next((kind for kind in PICTURES if kind in data), None), f"{notebook.name}-{cell['id']}-{number}"
            if kind is None:
                done += [] if WIDGET in data else [said(self.languages, output, edition)]
                continue
            if kind == "image/png":
                png = base64.b64decode(text_of(data[kind]))
                write(folder / "figures" / f"{name}.png", png)
                width, height = struct.unpack(">II", png[16:24])
                image = f'<img src="figures/{name}.png" alt={quoted(alt)} width="{width}" height="{height}" loading="lazy">'
            else:
                image = self.drawn(text_of(data[kind]), name, alt, edition, folder, notebook.place(cell))
            markdown = self.figure(cell, image, edition)
            done.append({"output_type": "display_data", "metadata": {}, "data": {"text/markdown": markdown}})
        return done

    def pictures(self, cell, notebook, folder, edition):
        """The source of a Markdown cell, its pictures as tags, since Quarto would make the alternative text a caption."""
        count = itertools.count()

        def one(match):
            alt, path = match[1], self.course.nbs / match[2]
            if path.suffix == ".svg" and path.is_file():
                name = f"{notebook.name}-{cell['id']}-{next(count)}"
                image = self.drawn(path.read_text(encoding="utf-8"), name, alt, edition, folder, notebook.place(cell))
            else:
                image = f'<img src="{match[2]}" alt={quoted(alt)}>'
            return f"::: {{.plot}}\n\n{image}\n\n:::"
        return PICTURE.sub(one, cell["source"])

    def folded(self, cell, edition):
        """The source of a code cell, behind a line of the edition's words if it is folded."""
        kind = fold_of(cell)
        if kind is None or not cell["source"]:
            return cell["source"]
        line = fold_line(self.languages, kind, cell["source"], edition)
        return f"#| code-fold: true\n#| code-summary: {quoted(line)}\n{cell['source']}"

    def page(self, notebook, edition, folder):
        """The cells of a notebook's page, its title in front matter; pictures are written beside it into `folder`."""
        chosen = []
        for cell in joined(self.languages.select(self.cells(notebook), edition, notebook.place)):
            if cell["cell_type"] == "code":
                cell = cell | {"source": self.folded(cell, edition), "outputs": self.outputs(cell, notebook, folder, edition)}
            elif cell["cell_type"] == "markdown":
                source = self.pictures(cell, notebook, folder, edition)
                cell = cell | {"source": opening(source, notebook, self.course, edition)}
            chosen.append(cell)
        front, _, beside = front_matter(self.languages, *self.course.title(notebook), edition).partition("\n\n")
        top = [{"cell_type": kind, "source": text, "metadata": {}} for kind, text in (("raw", front), ("markdown", beside)) if text]
        return [*top, *chosen]


def as_notebook(cells, metadata):
    """Cells as the text of a notebook, their sources as lists of lines: of one text Quarto loses the line breaks."""
    made = [{"id": f"made-{number}", **{key: cell[key] for key in KEPT if key in cell}, "source": cell["source"].splitlines(keepends=True)}
            for number, cell in enumerate(cells)]
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False, indent=1)

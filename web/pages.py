"""A notebook's page in one edition, as a notebook for the renderer: nothing hidden, one language or both, pictures with their captions."""
import base64
import json
import re
import struct

from web.course import write
from web.languages import PICTURE, SourceError
from web.widgets import declared

OURS = {"fig-cap", "fig-alt", "tolerance", "eval", "widget"}  # directives of ours, which no renderer sees
HIDDEN = {"hide", "export", "exporti", "default_exp"}  # directives of nbdev for cells that no page shows
HIDE_LINE = re.compile(r"#\|\s*hide_line\s*$")
MAGIC = re.compile(r"^\s*%.*", re.MULTILINE)
ANSI = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")
WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT = ("cell_type", "id", "metadata", "source", "outputs", "execution_count")  # what a cell of a page's notebook has of ours


def quoted(text):
    """A string for YAML or HTML attributes, in double quotes."""
    return '"' + text.replace("&", "&amp;").replace('"', "&quot;") + '"'


def text_of(value):
    """Notebook text, which may be stored as a list of lines."""
    return "".join(value) if isinstance(value, list) else value


def code_of(cell):
    """The code of a cell as a page shows it: without directives of ours and of nbdev, magic commands and hidden lines."""
    options = [f"#| {name}: {value}" for name, (value, is_option) in cell["directives"].items() if is_option and name not in OURS | HIDDEN]
    lines = [line for line in cell["code"] if not HIDE_LINE.search(line)]
    return MAGIC.sub("", "\n".join(options + lines)).strip()


def visible(notebook):
    """Copies of the cells that pages show, in both languages, code as it is shown and outputs without the colours of a terminal."""
    shown = []
    for cell in notebook.cells:
        source = cell["source"].strip()
        if HIDDEN & cell["directives"].keys() or cell["cell_type"] == "markdown" and source.startswith("#") and source.endswith(" -"):
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
    name = option(cell, "widget")
    if not name:
        return
    if name not in [words[0] for words in declared(course)]:
        raise SourceError(f"{place(cell)}: the widget {name} is not declared; add a line for it to `widgets` in settings.ini")
    if not any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
        raise SourceError(f"{place(cell)}: the widget {name} has no stored picture; run the notebook again and keep its outputs")


def option(cell, name):
    """The value of a directive of a code cell, without quotation marks; an empty text where there is none."""
    return cell["directives"].get(name, ("", False))[0].strip("\"'")


def front_matter(languages, heading, description, edition):
    """The front matter of a page, both `A | B`: its title and description, its language, and what the edition with both shows beside them.

    What is shown beside them stands in a block of its own, since no renderer's page has a place for a second title."""
    lang = languages.first.code if edition == languages.both else edition
    front = [f"title: {quoted(languages.half(heading, lang))}", f"description: {quoted(languages.half(description, lang))}",
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
            self.links.add(cells, notebook)
            self.made[notebook.name] = cells[1:]
        return self.made[notebook.name]

    def figure(self, cell, path, edition):
        """A stored picture as Markdown: an image of its own size, its alternative text, and its caption in the edition's language.

        The picture of a widget stands where web/widgets.js puts the widget."""
        languages = self.languages
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        alt, caption = languages.half(option(cell, "fig-alt"), edition), option(cell, "fig-cap")
        shown = [languages.half(caption, edition)]
        if edition == languages.both:
            shown.append(languages.marked(languages.half(caption, languages.second.code)))
        image = f'<img src="figures/{path.name}" alt={quoted(alt)} width="{width}" height="{height}" loading="lazy">'
        plot = "\n\n".join(["::: {.plot}", image, *shown, ":::"])
        name = option(cell, "widget")
        return f":::: {{.widget data-widget={name}}}\n\n{plot}\n\n::::" if name else plot

    def outputs(self, cell, name, folder, edition):
        """The outputs of a code cell, pictures as Markdown figures; a figure's text stays away, and so does a widget without a picture."""
        done = []
        for number, output in enumerate(cell["outputs"]):
            png = output.get("data", {}).get("image/png")
            if png is None:
                done += [] if WIDGET in output.get("data", {}) else [output]
                continue
            path = folder / "figures" / f"{name}-{cell['id']}-{number}.png"
            write(path, base64.b64decode(text_of(png)))
            done.append({"output_type": "display_data", "metadata": {}, "data": {"text/markdown": self.figure(cell, path, edition)}})
        return done

    def page(self, notebook, edition, folder):
        """The cells of a notebook's page, its title in front matter; pictures are written beside it into `folder`."""
        chosen = []
        for cell in self.languages.select(self.cells(notebook), edition, notebook.place):
            if cell["cell_type"] == "code":
                cell = cell | {"outputs": self.outputs(cell, notebook.name, folder, edition)}
            elif cell["cell_type"] == "markdown":  # a picture as a tag, since Quarto would make the alternative text a caption
                source = PICTURE.sub(lambda m: f'::: {{.plot}}\n\n<img src="{m[2]}" alt={quoted(m[1])}>\n\n:::', cell["source"])
                cell = cell | {"source": source}
            chosen.append(cell)
        front, _, beside = front_matter(self.languages, *self.course.title(notebook), edition).partition("\n\n")
        top = [{"cell_type": kind, "source": text, "metadata": {}} for kind, text in (("raw", front), ("markdown", beside)) if text]
        return [*top, *chosen]


def as_notebook(cells, metadata):
    """Cells as the text of a notebook, their sources as lists of lines: of one text Quarto loses the line breaks."""
    made = [{"id": f"made-{number}", **{key: cell[key] for key in KEPT if key in cell}, "source": cell["source"].splitlines(keepends=True)}
            for number, cell in enumerate(cells)]
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False, indent=1)

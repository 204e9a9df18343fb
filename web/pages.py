"""Notebooks as pages of one edition: nbdev's own processors, then ours for languages and pictures."""
import base64
import re
import struct

from execnb.nbio import mk_cell, read_nb
from nbdev.process import NBProcessor
from nbdev.processors import clean_magics, hide_, hide_line, rm_export, rm_header_dash, strip_ansi, strip_hidden_metadata

from web.languages import LANG_TAGS, PICTURE, SourceError, half, select, title
from web.widgets import declared

STANDARD = [strip_ansi, hide_line, rm_header_dash, clean_magics, hide_, rm_export, strip_hidden_metadata]
OURS = re.compile(r"^#\|\s*(?:fig-cap|fig-alt|tolerance|eval|widget):.*\n?", re.MULTILINE)
OPTION = re.compile(r'^(fig-cap|fig-alt|widget):$')

WIDGET = "application/vnd.jupyter.widget-view+json"


def quoted(text):
    """A string for YAML or HTML attributes, in double quotes."""
    return '"' + text.replace("&", "&amp;").replace('"', "&quot;") + '"'


def text_of(value):
    """Notebook text, which may be stored as a list of lines."""
    return "".join(value) if isinstance(value, list) else value


def figure(png, path, options, edition):
    """A stored picture as Markdown: an image of its own size, its alternative text, and its caption in the edition's language.

    The picture of a widget stands where web/widgets.js puts the widget."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    width, height = struct.unpack(">II", png[16:24])
    alt = half(options.get("fig-alt", ""), "en" if edition == "en" else "zh")
    caption = options.get("fig-cap", "")
    shown = [half(caption, "zh"), f'[{half(caption, "en")}]{{.en lang=en}}'] if edition == "duo" else [half(caption, edition)]
    image = f'<img src="figures/{path.name}" alt={quoted(alt)} width="{width}" height="{height}" loading="lazy">'
    plot = "\n\n".join(["::: {.plot}", image, *shown, ":::"])
    return f":::: {{.widget data-widget={name}}}\n\n{plot}\n\n::::" if (name := options.get("widget")) else plot


def check_widget(cell, place):
    """Raises `SourceError` for a cell that names a widget which is not declared, or that has no picture to stand for it."""
    name = "".join(cell.directives_.get("widget:", []))
    if not name:
        return
    if name not in [words[0] for words in declared()]:
        raise SourceError(f"{place(cell)}: the widget {name} is not declared; add a line for it to `widgets` in settings.ini")
    if not any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
        raise SourceError(f"{place(cell)}: the widget {name} has no stored picture; run the notebook again and keep its outputs")


def outputs(cell, stem, folder, edition):
    """The outputs of a code cell, pictures as Markdown figures; a figure's text stays away, and so does a widget that has no picture."""
    options = {m[1]: " ".join(value).strip("\"'") for key, value in cell.directives_.items() if (m := OPTION.match(key))}
    done = []
    for number, output in enumerate(cell.get("outputs", [])):
        png = output.get("data", {}).get("image/png")
        if png is None:
            done += [] if WIDGET in output.get("data", {}) else [output]
            continue
        path = folder / "figures" / f"{stem}-{cell['id']}-{number}.png"
        markdown = figure(base64.b64decode(text_of(png)), path, options, edition)
        done.append({"output_type": "display_data", "metadata": {}, "data": {"text/markdown": markdown}})
    return done


def front_matter(heading, description, edition):
    """The front matter of a page: its title and description, both `中文 | English`, and its language."""
    lang = "zh" if edition == "duo" else edition
    front = [f"title: {quoted(half(heading, lang))}", f"description: {quoted(half(description, lang))}", f"lang: {LANG_TAGS[edition]}"]
    return "\n".join(["---", *front, "---"])


def places(path):
    """How messages name a cell of the notebook at `path`: by its number in the notebook, hidden cells counted."""
    numbers = {cell["id"]: number for number, cell in enumerate(read_nb(path).cells)}
    return lambda cell: f"{path.stem}, cell {numbers.get(cell.get('id'), 0)}"


def page(path, edition, folder, link):
    """The processed notebook of one edition, its title in front matter; pictures are written beside it into `folder`.

    `link` puts links into the cells of both languages, before one is chosen."""
    processor = NBProcessor(path, STANDARD)
    processor.process()
    heading, description = title(read_nb(path).cells, path.stem)
    nb, place = processor.nb, places(path)
    for cell in nb.cells:
        if cell["cell_type"] == "code":
            check_widget(cell, place)
            cell["outputs"] = outputs(cell, path.stem, folder, edition)
            cell["source"] = OURS.sub("", cell["source"])
    link(nb.cells, path)
    nb.cells = select(nb.cells[1:], edition, place)
    for cell in nb.cells:
        if cell["cell_type"] == "markdown":  # as a tag, since Quarto would make the alternative text a caption
            cell["source"] = PICTURE.sub(lambda m: f'::: {{.plot}}\n\n<img src="{m[2]}" alt={quoted(m[1])}>\n\n:::', cell["source"])
    nb.cells.insert(0, mk_cell(front_matter(heading, description, edition), "raw"))
    return nb

"""Notebooks in one language, which readers download from a page, open in Colab, or get by `make lab EDITION=en`.

They hold all code of the notebook that they are made of, one language's words, and nothing that only programs read. What a page folds or
hides is folded here, in JupyterLab's way and in Colab's."""
import base64
import json
import mimetypes

from web.colab import opening
from web.figures import worded
from web.languages import ANCHOR, HEADING, PICTURE
from web.links import TARGET
from web.pages import HIDDEN, HIDE_LINE, PICTURES, SVG, aside, fold_line, fold_of, option, said, text_of

FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # the first for JupyterLab, the second for Colab


class OneLanguage:
    """What makes the notebooks of a course in one language."""

    def __init__(self, course, edition):
        self.course, self.languages, self.edition = course, course.languages, edition

    def text(self, notebook):
        """A notebook as the text of its file."""
        title, description = (self.languages.half(line, self.edition) for line in self.course.title(notebook))
        made = [markdown(notebook.cells[0]["id"], "\n\n".join([f"# {title}", *([f"> {description}"] if description else [])]))]
        cells = [cell for cell in notebook.cells[1:] if not aside(cell)]
        for cell in self.languages.select(cells, self.edition, notebook.place):
            made += self.code(cell) if cell["cell_type"] == "code" else [self.prose(cell, notebook)]
        content = {"cells": made, "metadata": notebook.metadata, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"

    def prose(self, cell, notebook):
        """A Markdown cell. It holds its pictures, since Colab finds none beside a notebook."""
        source = opening(PICTURE.sub(self.picture, ANCHOR.sub(r"\1", cell["source"])), notebook, self.course, self.edition)
        return markdown(cell["id"], TARGET.sub(lambda match: self.link(match, notebook), source), cell["metadata"])

    def picture(self, match):
        """A picture of a Markdown cell; one that is a file of the course as a part of the text."""
        path = self.course.nbs / match[2]
        if not path.is_file():
            return match[0]
        content = self.drawing(path.read_text(encoding="utf-8")).encode() if path.suffix == ".svg" else path.read_bytes()
        return f"![{match[1]}](data:{mimetypes.guess_type(path.name)[0]};base64,{base64.b64encode(content).decode()})"

    def link(self, match, notebook):
        """A link; to a section, as JupyterLab finds it in every language: by the cell of its heading."""
        name, fragment = match[1] or notebook.path.name, match[2]
        if not fragment or not name.endswith(".ipynb"):
            return match[0]
        target = self.course.notebook(name.removesuffix(".ipynb"))
        ids = {self.languages.anchor(found[2]): cell["id"] for cell in target.cells if cell["cell_type"] == "markdown"
               for line in cell["source"].splitlines() if (found := HEADING.match(line))}
        return f"]({name}#cell-id={ids[fragment]})" if fragment in ids else match[0]

    def code(self, cell):
        """A code cell and, below its picture, the caption; nothing of a cell that holds directives alone."""
        source = "\n".join(HIDE_LINE.sub("", line).rstrip() if HIDE_LINE.search(line) else line for line in cell["code"]).strip("\n")
        if not source:
            return []
        kind, title = fold_of(cell), None
        if kind is not None:
            title = fold_line(self.languages, kind, source, self.edition)
        elif HIDDEN & cell["directives"].keys():
            title = self.languages.label("text", "setup", self.edition)
        if title and not source.startswith("%%"):  # before which nothing may stand
            source = f"#@title {title}\n{source}"
        outputs, caption = [self.output(each) for each in cell["outputs"]], self.languages.half(option(cell, "fig-cap"), self.edition)
        made = {"cell_type": "code", "id": cell["id"], "metadata": cell["metadata"] | (FOLDED if title else {}), "execution_count": None,
                "outputs": outputs, "source": source.splitlines(keepends=True)}
        drawn = any(kind in output.get("data", {}) for output in outputs for kind in PICTURES)
        return [made, *([markdown(f"{cell['id']}-caption", f"> {caption}")] if caption and drawn else [])]

    def output(self, output):
        """An output of a cell, its words in the language."""
        output = said(self.languages, output, self.edition)
        if SVG not in (data := output.get("data", {})):
            return output
        return output | {"data": data | {SVG: self.drawing(text_of(data[SVG]))}}

    def drawing(self, svg):
        """An SVG, whose words are in the second language, with those of this one."""
        return worded(svg, self.course.words.first) if self.edition == self.languages.first.code else svg


def markdown(name, source, metadata=None):
    """A Markdown cell, which need not say its language."""
    kept = {key: value for key, value in (metadata or {}).items() if key != "lang"}
    return {"cell_type": "markdown", "id": name, "metadata": kept, "source": source.splitlines(keepends=True)}


def notebooks(course, edition):
    """The notebooks that the pages of an edition offer, by the names of their files; those in both languages are the course's own."""
    if edition == course.languages.both:
        return {notebook.path.name: notebook.path.read_text(encoding="utf-8") for notebook in course.notebooks}
    one = OneLanguage(course, edition)
    return {notebook.path.name: one.text(notebook) for notebook in course.notebooks}

"""The sources of an edition's pages: the notebooks in its languages, the pages beside them, the style sheet and the pictures.

This is what stands before a renderer; web/finish.py is what stands after it."""
import json
import re
from functools import partial

from web.contents import Contents
from web.course import HERE, write
from web.formulas import Formulas, katex_folder
from web.glossary import Glossary
from web.links import Links, check_links
from web.pages import Pages, as_notebook, front_matter, text_of
from web.reference import Reference


class Sources:
    """The sources of all pages of a course. What the editions share is read and made once."""

    def __init__(self, course):
        self.course = course
        self.glossary, self.reference, self.contents = Glossary(course), Reference(course), Contents(course)
        self.pages = Pages(course, Links(course, self.glossary, self.reference))
        self.formulas = Formulas(kept(course))

    def beside(self, edition):
        """The pages of an edition beside the chapters, as Markdown by name."""
        front = partial(front_matter, self.course.languages)
        made = {"contents": self.contents.page(edition, front), **self.reference.pages(edition, front)}
        return made | ({"glossary": self.glossary.page(edition, front)} if self.glossary.lines else {})

    def write(self, edition, project):
        """Write the sources of an edition's pages into the folder named after it in `project`, the folder that a renderer works in.

        Formulas are taken out of them. A file that is up to date is not touched, and one that has no page any more is removed."""
        folder, made = project / edition, {}
        for notebook in self.course.notebooks:
            cells = self.pages.page(notebook, edition, folder)
            for cell in cells:
                take = partial(self.formulas.take, place=notebook.place(cell))
                if cell["cell_type"] == "markdown":
                    cell["source"] = take(cell["source"])
                for number, output in enumerate(cell.get("outputs", [])):
                    if "text/markdown" in (data := output.get("data", {})):
                        cell["outputs"][number] = output | {"data": data | {"text/markdown": take(text_of(data["text/markdown"]))}}
            made[notebook.path.name] = as_notebook(cells, notebook.metadata)
        for name, text in self.beside(edition).items():
            made[f"{name}.qmd"] = self.formulas.take(text, f"the {edition} page {name}")
        check_links(self.course, made)
        self.formulas.typeset()
        for name, text in {**made, "site.css": stylesheet()}.items():
            write(folder / name, text)
        for path in (*folder.glob("*.ipynb"), *folder.glob("*.qmd")):
            if path.name not in made:
                path.unlink()
        for path in (katex_folder() / "dist/fonts").glob("*.woff2"):
            write(folder / "fonts" / path.name, path.read_bytes())
        for path in self.course.nbs.glob("images/**/*"):
            if path.is_file():
                write(folder / path.relative_to(self.course.nbs), path.read_bytes())


def kept(course):
    """Where the typeset formulas of a course are kept, apart for each version of KaTeX."""
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    return course.proc / f"formulas-{lock['packages']['node_modules/katex']['version']}.json"


def stylesheet():
    """KaTeX's style sheet, with its woff2 fonts alone, and ours."""
    katex = (katex_folder() / "dist/katex.min.css").read_text(encoding="utf-8")
    katex = re.sub(r",url\([^)]*\.(?:woff|ttf)\) format\([^)]*\)", "", katex)
    return katex + (HERE / "site.css").read_text(encoding="utf-8")

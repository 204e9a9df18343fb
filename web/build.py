"""Build the site: notebooks -> pages of each edition -> one website for each edition, in `_docs/{zh,en,duo}`."""
import re
import shutil
import sys
from pathlib import Path

import yaml
from execnb.nbio import write_nb

from web.check import check_links
from web.course import DOCS, NBS, PROC, ROOT, notebooks
from web.extras import add_not_found, contents, glossary, terms
from web.finish import finish, top, website
from web.formulas import Formulas
from web.languages import EDITIONS, SourceError
from web.links import Links
from web.pages import page, places
from web.reference import Reference
from web.render import render
from web.widgets import write_widgets

HERE = Path(__file__).parent


def prepare(folder, formulas):
    """Write the pages of all editions, and their pictures, into `folder`; the formulas are taken out of them."""
    reference = Reference()
    links = Links(terms(), reference)
    for edition in EDITIONS:
        (folder / edition).mkdir(parents=True, exist_ok=True)
        for path in notebooks():
            nb = page(path, edition, folder / edition, links.add)
            place = places(path)
            for cell in nb.cells:
                if cell["cell_type"] == "markdown":
                    cell["source"] = formulas.take(cell["source"], place(cell))
                for output in cell.get("outputs", []):
                    if "text/markdown" in output.get("data", {}):
                        output["data"]["text/markdown"] = formulas.take(output["data"]["text/markdown"], place(cell))
            write_nb(nb, folder / edition / f"{path.stem}.ipynb")
        extra = {"contents": contents(edition), "glossary": glossary(edition), **reference.pages(edition)}
        for name, text in extra.items():
            (folder / edition / f"{name}.qmd").write_text(formulas.take(text, f"the {edition} page {name}"), encoding="utf-8")


def merged(base, extra):
    """Two mappings as Quarto merges a profile: nested mappings are joined, other values replaced."""
    joined = dict(base)
    for key, value in extra.items():
        joined[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return joined


def configure(edition, folder):
    """Write the edition's `_quarto.yml`, the root one with `_quarto-<edition>.yml` merged in, the style sheet and the pictures."""
    parts = [yaml.safe_load((ROOT / name).read_text(encoding="utf-8")) for name in ("_quarto.yml", f"_quarto-{edition}.yml")]
    config = merged(merged(*parts), {"project": {"output-dir": "_site"}})
    (folder / "_quarto.yml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    (folder / "site.css").write_text(stylesheet(), encoding="utf-8")
    shutil.copytree(HERE / "node_modules/katex/dist/fonts", folder / "fonts", ignore=shutil.ignore_patterns("*.ttf", "*.woff"))
    shutil.copytree(NBS / "images", folder / "images")


def stylesheet():
    """KaTeX's style sheet, with its woff2 fonts alone, and ours."""
    katex = (HERE / "node_modules/katex/dist/katex.min.css").read_text(encoding="utf-8")
    katex = re.sub(r",url\([^)]*\.(?:woff|ttf)\) format\([^)]*\)", "", katex)
    return katex + (HERE / "site.css").read_text(encoding="utf-8")


def build():
    """Build every edition aside, and put the new site in the place of the last good one when all is well."""
    shutil.rmtree(PROC, ignore_errors=True)
    formulas = Formulas()
    prepare(PROC, formulas)
    check_links(PROC / "zh")
    new = PROC / "_docs"
    typeset = formulas.typeset()
    for edition in EDITIONS:
        configure(edition, PROC / edition)
    finish({edition: render(PROC / edition) for edition in EDITIONS}, new, typeset)
    write_widgets(new / "widgets")
    add_not_found(new, website("en")["site-url"])
    top(new)
    shutil.rmtree(DOCS, ignore_errors=True)
    new.rename(DOCS)


if __name__ == "__main__":
    try:
        build()
    except SourceError as error:
        sys.exit(f"{error}\nThe last good site in _docs is as it was.")
    print(f"The course is in {DOCS.relative_to(Path.cwd())}")

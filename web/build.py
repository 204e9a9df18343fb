"""Build the site: notebooks -> pages of each edition -> one website for each edition, in `_docs/{zh,en,duo}`."""
import re
import shutil
import sys
from pathlib import Path

import yaml
from execnb.nbio import write_nb

from web.finish import finish, root_page
from web.formulas import Formulas
from web.languages import EDITIONS, SourceError
from web.pages import page
from web.render import render

HERE = Path(__file__).parent
ROOT = HERE.parent
NBS, PROC, DOCS = ROOT / "nbs", ROOT / "_proc", ROOT / "_docs"


def notebooks():
    """The notebooks of the course."""
    return sorted(NBS.glob("[!_]*.ipynb"))


def prepare(folder, formulas):
    """Write the pages of all editions, and their pictures, into `folder`; the formulas are taken out of them."""
    for edition in EDITIONS:
        for path in notebooks():
            nb = page(path, edition, folder / edition)
            for index, cell in enumerate(nb.cells):
                place = f"{path.stem}, cell {index} of the {edition} page"
                if cell["cell_type"] == "markdown":
                    cell["source"] = formulas.take(cell["source"], place)
                for output in cell.get("outputs", []):
                    if "text/markdown" in output.get("data", {}):
                        output["data"]["text/markdown"] = formulas.take(output["data"]["text/markdown"], place)
            write_nb(nb, folder / edition / f"{path.stem}.ipynb")


def merged(base, extra):
    """Two mappings as Quarto merges a profile: nested mappings are joined, other values replaced."""
    joined = dict(base)
    for key, value in extra.items():
        joined[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return joined


def configure(edition, folder):
    """Write the edition's `_quarto.yml`, the root one with `_quarto-<edition>.yml` merged in, its style sheet and its pictures."""
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
    new = PROC / "_docs"
    html, plain = formulas.typeset(), formulas.plain()
    for edition in EDITIONS:
        configure(edition, PROC / edition)
        shutil.copytree(render(PROC / edition), new / edition)
        finish(new / edition, edition, html, plain)
    (new / "index.html").write_text(root_page(), encoding="utf-8")
    shutil.rmtree(DOCS, ignore_errors=True)
    new.rename(DOCS)


if __name__ == "__main__":
    try:
        build()
    except SourceError as error:
        sys.exit(f"{error}\nThe last good site in _docs is as it was.")
    print(f"The course is in {DOCS.relative_to(Path.cwd())}")

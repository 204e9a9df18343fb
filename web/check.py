"""Links that lead nowhere, found in the notebooks before anything is rendered."""
import re

from execnb.nbio import read_nb

from web.course import NBS, notebooks
from web.formulas import TOKENS
from web.languages import SourceError

TARGET = re.compile(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]*))?\)")


def check_links(pages):
    """Raises `SourceError` for a link in a notebook that leads to no page, picture or anchor; `pages` holds the pages' sources."""
    for path in notebooks():
        for index, cell in enumerate(read_nb(path).cells):
            if cell["cell_type"] != "markdown":
                continue
            for name, fragment in TARGET.findall(TOKENS.sub("", cell["source"])):
                place = f"{path.stem}, cell {index}: the link to {name}{'#' * bool(fragment)}{fragment}"
                target = pages / (name or path.name)
                if not target.exists() and not (NBS / name).exists():
                    raise SourceError(f"{place} leads nowhere; link to a notebook, such as `{path.name}`, or to a file in images/")
                if fragment and f"{{#{fragment}}}" not in target.read_text(encoding="utf-8"):
                    raise SourceError(f"{place} names no heading there; an anchor is the heading's English half, such as `#two-words`")

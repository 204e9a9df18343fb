"""Notebooks, read from disk: the only place where one is parsed."""
import re
from dataclasses import dataclass
from pathlib import Path

from web.languages import SourceError

DIRECTIVE = re.compile(r"^\s*#\s*\|\s*([\w-]+)\s*(:?)\s*(.*?)\s*$")


@dataclass(eq=False)
class Notebook:
    """A notebook: where it is, its cells as nbformat has them, and what it says of itself. Pages are made of copies of the cells.

    A cell has its `number` too, and if it is code, its `directives`, as `name: (value, whether a colon stands between)`, and its `code`,
    the lines without them."""
    path: Path
    cells: list
    metadata: dict

    @property
    def name(self):
        """The name of the notebook and of its page."""
        return self.path.stem

    def place(self, cell):
        """How messages name a cell: by its number in the notebook, hidden cells counted."""
        return f"{self.name}, cell {cell.get('number', 0)}"


def directives(source):
    """The `#| name value` lines that a code cell opens with, as name and value, and the lines that follow them."""
    found, lines = {}, source.splitlines()
    for number, line in enumerate(lines):
        if match := DIRECTIVE.match(line):
            found[match[1]] = (match[3], bool(match[2]))
        elif line.strip() and not line.lstrip().startswith("%%"):
            return found, [*(line for line in lines[:number] if not DIRECTIVE.match(line)), *lines[number:]]
    return found, [line for line in lines if not DIRECTIVE.match(line)]


def read(path):
    """The notebook at `path`. Raises `SourceError` for a file that is none."""
    import nbformat  # which takes a second to load, and not every step reads a notebook
    try:
        nb = nbformat.read(path, as_version=4)
    except (ValueError, nbformat.reader.NotJSONError) as error:
        raise SourceError(f"{Path(path).name} cannot be read as a notebook: {str(error).splitlines()[0]}") from error
    cells = []
    for number, cell in enumerate(nb.cells):
        found, code = directives(cell.source) if cell.cell_type == "code" else ({}, [])
        cells.append(dict(cell) | {"number": number, "directives": found, "code": code})
    return Notebook(Path(path), cells, dict(nb.metadata))

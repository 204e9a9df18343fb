"""Stored outputs of the notebooks: make them anew (`python -m tools.outputs NAME ...`), or compare them with a fresh run.

A cell's outputs are fresh when the kinds of output are the same, the words are the same, and every number is within the
tolerance: relative 1e-3, or what the cell's own `#| tolerance:` line says. Cells with `#| eval: false` are left alone."""
import math
import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NBS = Path(__file__).parent.parent / "nbs"
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|\bnan\b|\binf\b")
TOLERANCE = re.compile(r"^#\|\s*tolerance:\s*([\d.e+-]+)", re.M)
WIDGET = "application/vnd.jupyter.widget-view+json"
SVG = "image/svg+xml"
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.S)
SKIPPED = re.compile(r"^#\|\s*eval:\s*false", re.M)


def notebooks():
    """The notebooks of the course, in order."""
    return sorted(NBS.glob("*.ipynb"))


def read(path):
    """A notebook as an nbformat node."""
    return nbformat.read(path, as_version=4)


def execute(path):
    """The notebook run from top to bottom in a fresh kernel; cells that are not evaluated keep their outputs."""
    nb = read(path)
    kept = {}
    for cell in nb.cells:
        if cell.cell_type == "code" and SKIPPED.search(cell.source):
            kept[cell.id] = (cell.source, cell.outputs)
            cell.source = ""
    env = os.environ | {"TQDM_DISABLE": "1", "PYTHONHASHSEED": "0"}
    client = NotebookClient(nb, timeout=1200, kernel_name="python3", store_widget_state=False, resources={"metadata": {"path": str(NBS)}})
    client.execute(env=env)
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        if cell.id in kept:
            cell.source, cell.outputs = kept[cell.id]
        cell.execution_count = None
        cell.metadata.pop("execution", None)
        cell.outputs = joined(cell.outputs)
    nb.metadata.pop("language_info", None)
    return nb


def joined(outputs):
    """The outputs with neighbouring pieces of one stream put together, as the speed of the run cuts them differently.

    Of a widget its picture and its text stay: without the kernel that made it nothing could bring it to life. A drawing loses its metadata,
    where its date is, so that the same run has the same outputs."""
    result = []
    for output in outputs:
        output.pop("execution_count", None) if output.output_type != "execute_result" else output.update(execution_count=None)
        data = output.get("data", {})
        data.pop(WIDGET, None)
        if SVG in data:
            data[SVG] = METADATA.sub("", data[SVG])
        if result and output.output_type == "stream" and result[-1].output_type == "stream" and result[-1].name == output.name:
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def texts(output):
    """The text of an output by kind; a picture counts by its kind alone."""
    if output.output_type == "stream":
        return {output.name: output.text}
    if output.output_type == "error":
        return {"error": "\n".join(output.traceback)}
    return {kind: "" if kind.startswith("image/") else str(value) for kind, value in output.data.items()}


def difference(old, new, tolerance):
    """What differs between two texts, or None."""
    if NUMBER.sub("#", old).split() != NUMBER.sub("#", new).split():
        return f"stored {old!r}, now {new!r}"
    for a, b in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True):
        x, y = float(a), float(b)
        same = x == y or (math.isnan(x) and math.isnan(y))
        if not same and not abs(x - y) <= tolerance * max(abs(x), abs(y)) + 1e-9:
            return f"stored {a}, now {b} (tolerance {tolerance:g})"
    return None


def stale(stored, fresh):
    """Messages for the cells whose stored outputs a fresh run does not confirm."""
    messages = []
    for index, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if old.cell_type != "code":
            continue
        tolerance = float(m[1]) if (m := TOLERANCE.search(old.source)) else 1e-3
        before, after = [[texts(o) for o in cell.outputs] for cell in (old, new)]
        if [sorted(o) for o in before] != [sorted(o) for o in after]:
            messages.append(f"cell {index}: stored {[sorted(o) for o in before]}, now {[sorted(o) for o in after]}")
            continue
        for a, b in zip(before, after, strict=True):
            messages += [f"cell {index}: {d}" for kind in a if (d := difference(a[kind], b[kind], tolerance))]
    return messages


def write(path):
    """Run a notebook and keep the new outputs, as `nbdev-clean` would leave them."""
    nb = execute(path)
    nbformat.write(nb, path)


if __name__ == "__main__":
    names = sys.argv[1:]
    for path in notebooks():
        if not names or path.stem in names:
            print(f"running {path.stem}", flush=True)
            write(path)

"""The folder that `make lab` opens: the course's notebooks, or with `EDITION=en` those in one language, in a folder of their own.

`python -m web.lab en` brings lab/en up to date and prints where it is. What a reader changed or ran there stays as it is."""
import hashlib
import json
import os
import sys

import nbformat

from web.course import Course, write
from web.languages import SourceError
from web.notebooks import notebooks

WRITTEN = ".written.json"  # the hash of each notebook as it was written, by which one that a reader changed is told


def digest(text):
    """The hash of a notebook's cells. What JupyterLab writes around them when it opens a notebook is no change of the reader's."""
    try:
        cells = json.dumps(nbformat.reads(text, as_version=4).cells, sort_keys=True)
    except ValueError:
        cells = text
    return hashlib.sha256(cells.encode("utf-8")).hexdigest()


def fill(course, edition):
    """Bring the notebooks of an edition up to date; returns their folder, and the names of those that were changed there and are kept."""
    folder, changed = course.root / "lab" / edition, []
    record = folder / WRITTEN
    written = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    for name, text in notebooks(course, edition).items():
        path, new = folder / name, digest(text)
        if path.is_file() and digest(path.read_text(encoding="utf-8")) not in (written.get(name), new):
            changed.append(name)
        else:
            write(path, text)
            written[name] = new
    write(record, json.dumps(written, indent=1))
    beside(course, folder)
    return folder, changed


def beside(course, folder):
    """Have the folders that lie beside the course's notebooks, such as their data, lie beside these too."""
    for path in course.nbs.iterdir():
        link = folder / path.name
        if path.is_dir() and not path.name.startswith((".", "_")) and not os.path.lexists(link):
            link.symlink_to(os.path.relpath(path, folder), target_is_directory=True)


def main(edition):
    """Print the folder of an edition; without one, and for the edition in both languages, that of the course's own notebooks."""
    course = Course()
    if edition in course.languages.codes:
        folder, changed = fill(course, edition)
        if changed:
            print(f"Changed by you and left as they are: {', '.join(changed)}. Rename or delete one to get the course's.", file=sys.stderr)
    elif edition in (None, course.languages.both):
        folder = course.nbs
    else:
        raise SourceError(f"There is no edition {edition}; there are {', '.join(course.languages.editions)}")
    print(folder)


if __name__ == "__main__":
    try:
        main(*(sys.argv[1:2] or [None]))
    except SourceError as error:
        sys.exit(str(error))

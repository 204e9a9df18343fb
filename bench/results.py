"""Where the results of trainings are kept: a json file with a line for each, and the page made of them."""
import json

from vae_nb.files import write_whole


def known(path):
    """The results in a file; none if it is not there."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def keep(result, path, page, key, table):
    """Put a result into the file, in place of an older one with the same `key`, by which they are sorted, and write the page anew."""
    results = sorted([other for other in known(path) if key(other) != key(result)] + [result], key=key)
    write_whole(path, ("[\n" + ",\n".join(map(json.dumps, results)) + "\n]\n").encode())
    write_whole(page, table(results).encode())

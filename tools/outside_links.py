"""The links that lead out of the repository: each is asked, and those that do not answer are printed with the files that hold them.

Run as `python -m tools.outside_links`; the exit status is 1 if a link is broken. It needs nothing but Python and git."""
import ast
import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urldefrag
from urllib.request import Request, urlopen

ROOT = Path(__file__).parent.parent
WITH_LINKS = ["*.md", "*.ipynb", "vae_nb/*.py", ":!tests"]  # the tests' own course holds addresses that lead nowhere
LETTER = r"[\w.~:/?#@!$&*+,;=%-]"
ADDRESS = re.compile(rf"https?://(?:{LETTER}|\({LETTER}*\))+", re.ASCII)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
REFUSED = (403, 418, 429)  # some hosts show their pages to browsers alone, or not so many at once: that proves nothing
HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; link check)"}  # urllib's own name is refused by more hosts
AT_ONCE = 4


def prose(path):
    """What a reader sees of a file: a notebook's text, a module's docstrings, or all of it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")
    if path.suffix == ".py":
        return "\n".join(ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, DOCUMENTED))
    return text


def addresses(text):
    """The addresses in a text, without fragments and without the marks that end a sentence after them."""
    return {urldefrag(found.rstrip(".,;:!?*_")).url for found in ADDRESS.findall(text)}


def collected(root=ROOT):
    """Each address of a repository, with the files that hold it."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *WITH_LINKS], cwd=root, capture_output=True, text=True, check=True).stdout
    held = defaultdict(list)
    for name in filter(None, listed.split("\0")):
        for address in addresses(prose(root / name)):
            held[address].append(name)
    return dict(sorted(held.items()))


def answer(address, timeout=20, pause=10):
    """The status of a page, or the error in its place. Some servers know no HEAD, and any may fail once, so there are three tries."""
    for method, wait in (("HEAD", 0), ("GET", 0), ("GET", pause)):
        time.sleep(wait)
        try:
            with urlopen(Request(address, method=method, headers=HEADERS), timeout=timeout) as page:
                return page.status
        except HTTPError as error:
            found = error.code
            error.close()
        except (OSError, HTTPException) as error:
            found = str(error) or repr(error)
    return found


def main(root=ROOT):
    """Ask for every address and print what is wrong; 1 if a link is broken."""
    held = collected(root)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(held, pool.map(answer, held), strict=True))
    silent = {address: found for address, found in answers.items() if not (isinstance(found, int) and found < 400)}
    broken = {address for address, found in silent.items() if found not in REFUSED}
    for address, found in silent.items():
        print(f"{'broken' if address in broken else 'refused'}: {address}: {found}\n  in {', '.join(held[address])}")
    print(f"{len(held)} links: {len(broken)} broken, {len(silent) - len(broken)} refused to a program")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())

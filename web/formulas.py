"""Formulas typeset while the pages are built: KaTeX turns every `$...$` into HTML and MathML, so no page needs a script for them."""
import json
import re
import subprocess
from pathlib import Path

from web.languages import SourceError

HERE = Path(__file__).parent
TOKENS = re.compile(
    r"(?P<skip>^(?P<fence>`{3,}).*?^(?P=fence)\s*?$|`[^`\n]+`)|(?<!\\)\$\$(?P<display>.+?)\$\$"
    r"|(?<![\\$])\$(?P<inline>[^$\n]+?)(?<!\\)\$", re.DOTALL | re.MULTILINE)


def katex(formulas):
    """Every formula typeset by KaTeX, in one run of Node."""
    if not (HERE / "node_modules/katex").is_dir():
        subprocess.run(["npm", "ci", "--omit=dev", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    done = subprocess.run(["node", "formulas.mjs"], cwd=HERE, input=json.dumps(formulas), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class Formulas:
    """The formulas of a site: a token stands for each while a renderer works, the typeset formula takes its place in the pages.

    So every renderer gives the same formula, in headings and in the table of contents too."""

    def __init__(self):
        self.known, self.places = {}, []

    def take(self, text, place):
        """The Markdown with a token for each formula; `place` is where it stands, for messages."""
        def one(match):
            if match["skip"]:
                return match[0]
            formula = ((match["display"] or match["inline"]).strip(), bool(match["display"]))
            if formula not in self.known:
                self.known[formula] = f"formulatoken{len(self.known)}x"
                self.places.append(place)
            return self.known[formula]
        return TOKENS.sub(one, text)

    def typeset(self):
        """What stands for each token in a page. Raises `SourceError` naming the place of a formula that does not parse."""
        html = {}
        results = katex([{"tex": tex, "display": display} for tex, display in self.known])
        for ((tex, display), token), place, result in zip(self.known.items(), self.places, results, strict=True):
            if "error" in result:
                raise SourceError(f"{place}: the formula {tex!r} does not parse: {result['error']}")
            extra = ' class="formula"' if display else ""
            html[token] = f"<span{extra}>{result['html']}</span>"
        return html


def fill(text, values):
    """The text with each token replaced by its value."""
    return re.sub(r"formulatoken\d+x", lambda match: values[match[0]], text)

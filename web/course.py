"""Where a course lies: its folders, its settings, its notebooks, each read once."""
import re
from configparser import ConfigParser
from functools import cache, cached_property, lru_cache
from pathlib import Path

import yaml

from web.figures import LIST, Words
from web.languages import Languages, SourceError
from web.read import read

HERE = Path(__file__).parent
ROOT = HERE.parent


@lru_cache(100)
def unchanged(path, _):
    """The notebook at `path`, read again only if it was written since: a preview makes one course after another."""
    return read(path)


def number(name):
    """The number that the name of a chapter or of its page begins with, or nothing."""
    found = re.match(r"0*(\d+)_", name)
    return found[1] if found else ""


class Course:
    """A course in the folder `root`, which holds settings.ini, languages.yml, _quarto.yml and the notebooks."""

    def __init__(self, root=ROOT, docs=None):
        self.root = Path(root).resolve()
        self.proc, self.docs = self.root / "_proc", Path(docs).resolve() if docs else self.root / "_docs"
        self.read = cache(lambda path: unchanged(path, path.stat().st_mtime_ns))

    @cached_property
    def settings(self):
        """The values of settings.ini."""
        parser = ConfigParser(delimiters=["="])
        parser.read(self.root / "settings.ini", encoding="utf-8")
        return parser["DEFAULT"]

    @cached_property
    def languages(self):
        """The two languages of the course."""
        return Languages.read(self.root / "languages.yml")

    @cached_property
    def nbs(self):
        """The folder of the notebooks."""
        return self.root / self.settings["nbs_path"]

    @cached_property
    def words(self):
        """The words of the figures in both languages."""
        return Words(self.nbs / LIST)

    @cached_property
    def paths(self):
        """Where the notebooks of the course are."""
        return sorted(self.nbs.glob("[!_]*.ipynb"))

    @cached_property
    def parts(self):
        """The parts of the course in reading order, each its name, `A | B`, and the names of its pages: the sidebar in _quarto.yml.

        What stands in no section of the sidebar has a part without a name: the front page first, chapters that it does not list last."""
        found, at_hand = [("", [])], [path.stem for path in self.paths]
        for item in self.config()["website"].get("sidebar", {}).get("contents", []):
            section = isinstance(item, dict) and "section" in item
            names = [Path(each).stem for each in (item["contents"] if section else [item])]
            for name in names:
                if name not in at_hand:
                    raise SourceError(f"_quarto.yml: the sidebar lists {name}.ipynb, which is not in {self.nbs.name}/; list what is there")
            found += [(item["section"], names)] if section else []
            found[0][1].extend([] if section else names)
        listed = {name for _, names in found for name in names}
        rest = [name for name in at_hand if name not in listed and name != "index"]
        front = [] if "index" in listed or "index" not in at_hand else ["index"]
        return [("", front + found[0][1]), *found[1:], *([("", rest)] if rest else [])]

    @cached_property
    def pages(self):
        """The names of the front page and the chapters, in reading order."""
        return [name for _, names in self.parts for name in names]

    def notebook(self, name):
        """The notebook of this name."""
        path = self.nbs / f"{name}.ipynb"
        if not path.is_file():
            raise SourceError(f"There is no notebook {name}.ipynb in {self.nbs.name}/")
        return self.read(path)

    @property
    def notebooks(self):
        """The notebooks of the course, in reading order."""
        return [self.notebook(name) for name in self.pages]

    @property
    def chapters(self):
        """The notebooks of the course in reading order, without the front page."""
        return [notebook for notebook in self.notebooks if notebook.name != "index"]

    def title(self, notebook):
        """A notebook's title and description, both `A | B`."""
        return self.languages.title(notebook.cells, notebook.name)

    @cache  # noqa: B019 (a course lives as long as the program)
    def config(self, edition=None):
        """The Quarto configuration of an edition: the root one, with the edition's own merged in."""
        names = ["_quarto.yml", *([f"_quarto-{edition}.yml"] if edition else [])]
        found = {}
        for name in names:
            found = merged(found, yaml.safe_load((self.root / name).read_text(encoding="utf-8")) or {})
        return found

    @property
    def site(self):
        """The address at which the website will stand, without a slash at the end."""
        return self.config()["website"]["site-url"].rstrip("/")

    def name(self, edition):
        """The name of the website in an edition."""
        title = self.config(edition)["website"]["title"]
        codes = self.languages.codes if edition == self.languages.both else [edition]
        return " · ".join(dict.fromkeys(self.languages.half(title, code) for code in codes))

    def source_link(self, path):
        """Where the repository shows a file, given from the repository's root."""
        return f"{self.settings['git_url']}/blob/{self.settings['branch']}/{path}"


def merged(base, extra):
    """Two mappings as Quarto merges a profile: nested mappings are joined, other values replaced."""
    joined = dict(base)
    for key, value in extra.items():
        joined[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return joined


def filled(name, values):
    """The template `name` in this folder with each `{{key}}` replaced by its value."""
    text = (HERE / name).read_text(encoding="utf-8")
    return re.sub(r"\{\{([\w-]+)\}\}", lambda match: values[match[1]], text)


def write(path, text):
    """Write a file, unless it holds that text already, so that what watches files sees only what changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text if isinstance(text, bytes) else text.encode("utf-8")
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)


def notebooks():
    """Where the notebooks of this course are."""
    return Course().paths

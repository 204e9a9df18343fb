"""Where the course lies: its folders, its notebooks, its settings."""
import re
from configparser import ConfigParser
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
NBS, PROC, DOCS = ROOT / "nbs", ROOT / "_proc", ROOT / "_docs"


def notebooks():
    """The notebooks of the course."""
    return sorted(NBS.glob("[!_]*.ipynb"))


def chapters():
    """The notebooks of the course in reading order, without the front page."""
    return [path for path in notebooks() if path.stem != "index"]


@cache
def settings():
    """The values of settings.ini."""
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def source_link(path):
    """Where the repository shows a file, given from the repository's root."""
    return f"{settings()['git_url']}/blob/{settings()['branch']}/{path}"


def filled(name, values):
    """The template `name` in this folder with each `{{key}}` replaced by its value."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return re.sub(r"\{\{([\w-]+)\}\}", lambda match: values[match[1]], text)

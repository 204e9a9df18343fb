"""The Colab link and the install cell of every notebook, from settings.ini. `python -m web.colab` rewrites them, in a fork for instance."""
import json
import re

from web.course import Course

LINK = re.compile(r"https://colab\.research\.google\.com/github/[^)\s\"]+")
PUBLISHED = "notebooks"  # the branch to which the workflow publishes the notebooks in one language
INSTALL = re.compile(r"git\+https://[^\"\s\\]+")


def settings():
    """The values of this course's settings.ini."""
    return Course().settings


def colab_link(name, cfg=None, folder=None):
    """Where Colab opens the notebook of this name: the course's own, or the one in one language from the published `folder`."""
    cfg = cfg or settings()
    place = f"{PUBLISHED}/{folder}" if folder else f"{cfg['branch']}/{cfg['nbs_path']}"
    return f"https://colab.research.google.com/github/{cfg['user']}/{cfg['repo']}/blob/{place}/{name}.ipynb"


def opening(text, notebook, course, edition):
    """A text whose link to a notebook in Colab opens the one that an edition offers: the course's own for both languages."""
    folder = edition if edition in course.languages.codes else None
    return text.replace(colab_link(notebook.name, course.settings), colab_link(notebook.name, course.settings, folder))


def install_cell(cfg=None):
    """The code that installs the package on Colab, and does nothing elsewhere."""
    cfg = cfg or settings()
    return f'#| hide\nimport sys\nif "google.colab" in sys.modules:\n    %pip install -q "git+{cfg["git_url"]}"'


def relink(text, name, cfg=None):
    """A notebook's text with its links pointing to the repository that settings.ini names."""
    cfg = cfg or settings()
    url = cfg["git_url"]
    text = INSTALL.sub(f"git+{url}", LINK.sub(colab_link(name, cfg), text))
    own = re.compile(rf"https://github\.com/[\w-]+/{cfg['repo']}(?![\w-])")
    return own.sub(url, text)


if __name__ == "__main__":
    for path in Course().paths:
        old = path.read_text(encoding="utf-8")
        new = relink(old, path.stem)
        json.loads(new)
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(f"{path.name}: links changed")

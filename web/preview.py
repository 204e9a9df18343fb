"""Read one page while its notebook is written: `python -m web.preview 02 --edition zh` builds it, serves it, and builds it again whenever
the notebook, or anything else that the page is made of, is saved; the browser then shows the new page where it was.

Other pages are those of the last `make docs`, if there was one. smalldocs renders, even where there is Quarto, since it takes less time."""
import argparse
import functools
import json
import shutil
import sys
import threading
import time
import webbrowser
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from web.build import above
from web.course import HERE, Course
from web.figures import LIST
from web.finish import finish
from web.languages import SourceError
from web.prepare import Sources
from web.render import with_smalldocs
from web.serve import server

WAIT = 0.2  # seconds between two looks at the files
EVENTS = "/_changes"
LISTEN = f"""<script>
  const changes = new EventSource("{EVENTS}?after=NUMBER");
  const place = sessionStorage.getItem("preview-place");
  if (place) addEventListener("load", () => scrollTo({{top: Number(place), behavior: "instant"}}));
  sessionStorage.removeItem("preview-place");
  changes.addEventListener("page", () => {{ sessionStorage.setItem("preview-place", scrollY); location.reload(); }});
  changes.addEventListener("problem", (event) => {{
    const box = document.getElementById("preview-problem") ?? document.body.appendChild(document.createElement("pre"));
    Object.assign(box, {{ id: "preview-problem", textContent: JSON.parse(event.data) }}).setAttribute("role", "alert");
    box.style.cssText = "position: fixed; inset: auto 0 0; z-index: 99; margin: 0; padding: 1rem; white-space: pre-wrap;"
      + "background: #b00020; color: #fff";
  }});
</script>
</body>"""


class Changes:
    """What has happened so far, for browsers that wait for the next: a new page, or a problem with it."""

    def __init__(self):
        self.happened, self.condition = [], threading.Condition()

    def tell(self, kind, data=None):
        """Something has happened."""
        with self.condition:
            self.happened.append((kind, json.dumps(data, ensure_ascii=False)))
            self.condition.notify_all()

    def after(self, number, timeout):
        """What has happened after the first `number` events; nothing if there is nothing new in time."""
        with self.condition:
            self.condition.wait_for(lambda: len(self.happened) > number, timeout)
            return self.happened[number:]


class Handler(SimpleHTTPRequestHandler):
    """Serves the site, its pages with a script that waits for changes, and the changes themselves as they happen."""

    def __init__(self, *arguments, changes, **options):
        self.changes = changes
        super().__init__(*arguments, **options)

    def log_message(self, *arguments):
        """Say nothing."""

    def do_GET(self):
        """A file, or the stream of changes."""
        if self.path.startswith(EVENTS):
            return self.stream(int(self.path.rpartition("=")[2]))
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() and self.path.endswith("/") else path
        if path.suffix != ".html" or not path.is_file():
            return super().do_GET()
        number = str(len(self.changes.happened))  # taken before the page is read: what happens after it is new to the page
        page = path.read_text(encoding="utf-8").replace("</body>", LISTEN.replace("NUMBER", number)).encode()
        self.answer("text/html; charset=utf-8", ("Content-Length", str(len(page))))
        self.wfile.write(page)

    def answer(self, kind, *headers):
        """The head of an answer that no browser keeps."""
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Cache-Control", "no-store"), *headers):
            self.send_header(name, value)
        self.end_headers()

    def stream(self, number):
        """Server-sent events after the first `number` of them, until the browser goes away."""
        number = min(number, len(self.changes.happened))  # a page of an earlier preview counts that one's events
        self.answer("text/event-stream")
        try:
            while True:
                new = self.changes.after(number, timeout=15)
                number += len(new)
                text = "".join(f"event: {kind}\ndata: {data}\n\n" for kind, data in new)
                self.wfile.write((text or ": still here\n\n").encode())
                self.wfile.flush()
        except OSError:
            return


class Preview:
    """One page of one edition, built again and again."""

    def __init__(self, root, name, edition):
        self.course = Course(root)
        matching = [page for page in self.course.pages if page == name or page.startswith(f"{name}_")]
        if not matching:
            raise SourceError(f"No notebook is named {name}; there are {', '.join(self.course.pages)}")
        if edition not in self.course.languages.editions:
            raise SourceError(f"There is no edition {edition}; there are {', '.join(self.course.languages.editions)}")
        self.root, self.name, self.edition = self.course.root, matching[0], edition
        self.folder, self.project = self.course.proc / "preview", self.course.proc / "preview-sources"
        self.seen = {}

    def watched(self):
        """When each file that the page is made of was last written."""
        files = [self.course.nbs / f"{self.name}.ipynb", self.course.nbs / LIST,
                 *(self.root / name for name in ("GLOSSARY.md", "languages.yml", "settings.ini")),
                 *self.root.glob("_quarto*.yml"), *self.course.nbs.glob("images/*"),
                 *(HERE / name for name in ("site.css", "site.js", "page.html"))]
        return {path: path.stat().st_mtime_ns for path in files if path.is_file()}

    def changed(self):
        """Whether any of them was written since this was last asked."""
        before, self.seen = self.seen, self.watched()
        return before != self.seen

    def start(self):
        """Lay out the folder that is served: the site as it was last built, so that links lead somewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.project, ignore_errors=True)
        if self.course.docs.is_dir():
            shutil.copytree(self.course.docs, self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.changed()

    def build(self):
        """Build the page anew; everything is read again, since everything may have changed."""
        course = Course(self.root)
        Sources(course).write(self.edition, self.project)
        rendered = with_smalldocs(course, self.edition, self.project, self.name)
        finish(course, self.edition, rendered / self.edition, self.project / self.edition, self.folder / self.edition)
        if not (self.folder / "widgets").is_dir():
            above(course, self.folder)

    @property
    def address(self):
        """The page's path on the server."""
        return f"/{self.edition}/{self.name}.html"

    def watch(self, changes):
        """Build the page whenever it changes, until interrupted."""
        while True:
            time.sleep(WAIT)
            if self.changed():
                self.again(changes)

    def again(self, changes):
        """Build the page and tell the browser."""
        began = time.perf_counter()
        try:
            self.build()
        except SourceError as error:
            print(error, flush=True)
            return changes.tell("problem", str(error))
        print(f"{self.name} ({self.edition}) again, in {time.perf_counter() - began:.1f} s", flush=True)
        changes.tell("page")


def main():
    """Build, serve, watch."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("name", help="a notebook's name, or what it begins with, such as 02")
    parser.add_argument("--edition")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-browser", action="store_true")
    given = parser.parse_args()
    try:
        began, course = time.perf_counter(), Course()
        preview, changes = Preview(course.root, given.name, given.edition or course.languages.editions[0]), Changes()
        preview.start()
        preview.build()
    except SourceError as error:
        sys.exit(str(error))
    serving = server(functools.partial(Handler, directory=preview.folder, changes=changes), given.port)
    address = f"http://127.0.0.1:{serving.server_port}{preview.address}"
    print(f"Built in {time.perf_counter() - began:.1f} s. Read it at {address} (stop with Ctrl-C)", flush=True)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    if not given.no_browser:
        webbrowser.open(address)
    try:
        preview.watch(changes)
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()

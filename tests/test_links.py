"""The check of the links that lead out, against a server of its own: no other host is asked."""
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools import outside_links
from tools.outside_links import ROOT, addresses, answer, collected, main


class Host(BaseHTTPRequestHandler):
    """`/200` and its like give that status; the other paths do what their names say."""

    def reply(self, status, **headers):
        self.server.asked.append((self.command, self.path))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        if self.path == "/moved":
            self.reply(301, Location="/200")
        elif self.path == "/round":
            self.reply(302, Location="/round")
        elif self.path == "/no-head":
            self.reply(403 if self.command == "HEAD" else 200)
        elif self.path == "/once":
            self.reply(200 if self.server.asked.count(("GET", "/once")) else 503)
        elif self.path == "/slow":
            self.server.over.wait(1)
        else:
            self.reply(int(self.path[1:]))

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


@pytest.fixture
def host(monkeypatch):
    """A server, whose addresses `host.at` gives, and what it was asked for."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.asked, server.over = [], threading.Event()
    server.at = lambda path: f"http://127.0.0.1:{server.server_port}{path}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path, status", [("/200", 200), ("/moved", 200), ("/no-head", 200), ("/once", 200), ("/404", 404), ("/403", 403)])
def test_the_status_of_a_page(host, path, status):
    assert answer(host.at(path), pause=0) == status


def test_a_page_that_answers_is_asked_once_and_another_three_times(host):
    answer(host.at("/200"))
    answer(host.at("/404"), pause=0)
    assert host.asked == [("HEAD", "/200"), ("HEAD", "/404"), ("GET", "/404"), ("GET", "/404")]


def test_there_is_a_pause_before_the_last_try(host, monkeypatch):
    waits = []
    monkeypatch.setattr(outside_links.time, "sleep", waits.append)
    answer(host.at("/404"), pause=7)
    assert waits == [0, 0, 7]


def test_errors_are_told(host):
    assert "timed out" in answer(host.at("/slow"), timeout=0.1, pause=0)
    assert answer(host.at("/round"), pause=0) == 302, "a page that moves in a circle"
    host.server_close()
    assert "refused" in answer(host.at("/200"), pause=0)


@pytest.mark.parametrize("text, expected", [
    ("见[甲](https://a.org/x)，[乙](https://b.org/y)。", {"https://a.org/x", "https://b.org/y"}),
    ("[A](https://a.org/x), https://b.org/y. **https://c.org/z**", {"https://a.org/x", "https://b.org/y", "https://c.org/z"}),
    ("地址是https://a.org/x这一页。", {"https://a.org/x"}),
    ("[one](https://a.org/x_(y)#part) and <http://b.org/?q=1&r=2>", {"https://a.org/x_(y)", "http://b.org/?q=1&r=2"}),
    ('pip install "git+https://a.org/x"', {"https://a.org/x"}),
    ("[here](01_model.ipynb#part), ftp://a.org", set()),
])
def test_addresses_in_a_text(text, expected):
    assert addresses(text) == expected


@pytest.fixture
def repository(tmp_path):
    """A repository with a file of each kind, and one that is not in it."""
    cells = [{"cell_type": "markdown", "source": ["[A](https://a.org/page)\n", "https://b.org"]},
             {"cell_type": "code", "source": ["mirror = 'https://mirror.org/'"]}]
    files = {"nbs/01.ipynb": json.dumps({"cells": cells}), "README.md": "https://a.org/page", "docs/more.md": "https://c.org",
             "vae_nb/x.py": 'M = "https://mirror.org/"\ndef f():\n    """See https://d.org."""\n', "tests/own.md": "https://no.org"}
    for name, text in (files | {"build/left.md": "https://left.org", ".gitignore": "build/"}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    subprocess.run("git init -q . && git add .", cwd=tmp_path, shell=True, check=True)
    return tmp_path


def test_notebooks_text_and_docstrings_are_looked_through(repository):
    assert collected(repository) == {"https://a.org/page": ["README.md", "nbs/01.ipynb"], "https://b.org": ["nbs/01.ipynb"],
                                     "https://c.org": ["docs/more.md"], "https://d.org": ["vae_nb/x.py"]}


def test_broken_links_are_printed_with_their_files(repository, monkeypatch, capsys):
    answers = {"https://a.org/page": 404, "https://b.org": 403, "https://c.org": "timed out", "https://d.org": 200}
    monkeypatch.setattr(outside_links, "answer", answers.get)
    assert main(repository) == 1
    assert capsys.readouterr().out.splitlines() == [
        "broken: https://a.org/page: 404", "  in README.md, nbs/01.ipynb", "refused: https://b.org: 403", "  in nbs/01.ipynb",
        "broken: https://c.org: timed out", "  in docs/more.md", "4 links: 2 broken, 1 refused to a program"]
    answers.update({"https://a.org/page": 200, "https://c.org": 200})
    assert main(repository) == 0


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git lists the files")
def test_the_courses_own_links_are_found():
    held = collected()
    assert "README.md" in held["https://github.com/pytorch/examples/tree/main/vae"] and "nbs/07_bugs.ipynb" in sum(held.values(), [])

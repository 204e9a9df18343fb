"""What several test files use: sites built in folders of their own, servers for them, and a Chromium; and the order of the tests, which
run side by side, with one thread each."""
import functools
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

from tools.chromium import find
from web.course import Course
from web.serve import Quiet, server

ROOT = Path(__file__).parent.parent
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE = """(rules) => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then((result) => result.violations.flatMap(
    (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target} ${node.html.slice(0, 120)}`)))"""
PATIENCE = 120_000  # milliseconds that a page has for a step, since the machine may do much else
MEMORY = 3 * 2**30  # what the largest notebook takes, and to spare
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # Node lives beside this Python
sys.modules["rfc3987_syntax"] = None  # nbformat's checker of schemes would make grammars of web addresses with it: a second in each worker
in_memory = Path("/dev/shm")
if in_memory.is_dir() and shutil.disk_usage(in_memory).free > 2 * MEMORY:  # no test is about disks, and thousands of files wait for them
    tempfile.tempdir = os.environ["TMPDIR"] = str(in_memory)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: workers that share cores would wait for each other's threads


def pytest_xdist_auto_num_workers():
    """One worker for each core, as far as the memory goes."""
    return max(1, min(os.cpu_count() or 1, psutil.virtual_memory().available // MEMORY))


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items):
    """What needs a browser or the site is marked so; what uses the same site shares a worker; what takes long comes first."""
    for item in items:
        if "chromium" in item.fixturenames:
            item.add_marker("browser")
        if "site" in item.fixturenames:
            item.add_marker("slow")
        for shared in {"site", "small"} & {*item.fixturenames}:
            item.add_marker(pytest.mark.xdist_group(shared))
    items.sort(key=lambda item: not item.get_closest_marker("slow") and not item.get_closest_marker("browser"))


def pytest_collection_finish():
    """What was imported and collected is not looked through for garbage again and again; and where there is no such device, PyTorch would
    keep the stack of each seeding for the day that one appears."""
    gc.freeze()
    torch = sys.modules.get("torch")
    for devices in (torch.cuda, torch.xpu, torch.mtia) if torch else ():
        if not devices.is_available():
            devices.manual_seed_all = lambda seed: None


def built(root, folder):
    """The site of the course in `root`, as `make docs` builds it of a copy in `folder`: what the author has built stays as it is."""
    folder.mkdir()
    settings = Course(root).settings
    for name in ("settings.ini", "languages.yml", "GLOSSARY.md", "_quarto*.yml", settings["nbs_path"], settings["lib_name"]):
        for path in root.glob(name):
            copy = shutil.copy if path.is_file() else functools.partial(shutil.copytree, ignore=shutil.ignore_patterns("data", "results"))
            copy(path, folder / path.name)
    (folder / "web").symlink_to(ROOT / "web", target_is_directory=True)
    subprocess.run([sys.executable, "-m", "web.build"], cwd=folder, check=True)
    return folder / "_docs"


def stamps():
    """When what the author has built was last written."""
    return {path: path.stat().st_mtime_ns for folder in ("_docs", "_proc") for path in (ROOT / folder).rglob("*")}


@pytest.fixture(scope="session")
def before():
    """The stamps before anything is built for the tests."""
    return stamps()


@pytest.fixture(scope="session")
def site(tmp_path_factory, before):
    """The site of this course, built from the stored outputs."""
    return built(ROOT, tmp_path_factory.mktemp("site") / "course")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The site of the small course, which has one of each thing that a page can hold."""
    return built(ROOT / "tests/fixture_course", tmp_path_factory.mktemp("small") / "course")


@contextmanager
def served(folder):
    """The address at which a folder is served."""
    serving = server(functools.partial(Quiet, directory=folder), 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()


@pytest.fixture(scope="session")
def home(site):
    """The address of the course's site."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def small_home(small):
    """The address of the small course's site."""
    with served(small) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    """The program of a Chromium. Without one the tests that need it are skipped, but on CI they fail."""
    program = find()
    if not program:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium: install one, or run `python -m tools.chromium`")
    return program


@pytest.fixture(scope="session")
def browser(chromium):
    """One browser for all tests; no other host can be reached."""
    with sync_playwright() as playwright:
        here_only = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking", here_only])
        yield running
        running.close()

"""What several test files use: the site as `make docs` builds it, a server for it, and a Chromium; and the order of the tests, which
run side by side, with one thread each.

Chromium is the one that the environment variable CHROMIUM names, or the system's own."""
import functools
import os
import shutil
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

from web.serve import Quiet

ROOT = Path(__file__).parent.parent
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE = """(rules) => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then((result) => result.violations.flatMap(
    (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target} ${node.html.slice(0, 120)}`)))"""
MEMORY = 3 * 2**30  # what the largest notebook takes, and to spare
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # Node lives beside this Python
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: workers that share cores would wait for each other's threads


def pytest_xdist_auto_num_workers():
    """One worker for each core, as far as the memory goes."""
    return max(1, min(os.cpu_count() or 1, psutil.virtual_memory().available // MEMORY))


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items):
    """What needs a browser or the site is marked so; what uses the site shares a worker; what takes long comes first."""
    for item in items:
        if "chromium" in item.fixturenames:
            item.add_marker("browser")
        if "site" in item.fixturenames:
            item.add_marker("slow")
            item.add_marker(pytest.mark.xdist_group("site"))
    items.sort(key=lambda item: not item.get_closest_marker("slow") and not item.get_closest_marker("browser"))


@pytest.fixture(scope="session")
def site():
    """The site, built from the stored outputs."""
    subprocess.run([sys.executable, "-m", "web.build"], cwd=ROOT, check=True)
    return ROOT / "_docs"


@pytest.fixture(scope="session")
def chromium():
    """The path of a Chromium. Without one the tests that need it are skipped, but on CI they fail, after a try to install it."""
    def find():
        names = ("chromium", "chromium-browser", "google-chrome")
        return os.environ.get("CHROMIUM") or next((path for name in names if (path := shutil.which(name))), None)
    path, ci = find(), os.environ.get("CI")
    if not path and ci and os.geteuid() == 0:
        subprocess.run("apt-get update && apt-get install -y chromium", shell=True, check=False)
        path = find()
    if not path:
        (pytest.fail if ci else pytest.skip)("no Chromium: install one, or name its program in the environment variable CHROMIUM")
    return path


@pytest.fixture(scope="session")
def browser(chromium):
    """One browser for all tests; no motion, so that nothing moves while it is measured."""
    with sync_playwright() as playwright:
        here_only = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # no other host can be reached
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking", here_only])
        yield running
        running.close()


@pytest.fixture(scope="session")
def home(site):
    """The address at which the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()

"""The versions that the package promises to work with: the lowest ones, and those that Colab has.

`make versions SET=lowest` (or colab) makes such an environment and runs the package's tests in it, these among them."""
import ast
import json
import os
import re
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
SETS = ["lowest", "colab"]
HERE = os.environ.get("VERSIONS")  # the set whose environment this is
in_a_set = pytest.mark.skipif(HERE not in SETS, reason="for an environment that `make versions` makes")


def requirements():
    """What settings.ini asks for, by name."""
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return {(each := Requirement(text)).name: each.specifier for text in parser["DEFAULT"]["requirements"].split()}


def pins(name):
    """The versions of a set, by package."""
    lines = (ROOT / f"constraints-{name}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("#")[0].strip().split("==") for line in lines if not line.startswith("#"))


def test_each_lower_bound_is_the_one_that_is_tested():
    bounds = {name: [(spec.operator, Version(spec.version)) for spec in specifier] for name, specifier in requirements().items()}
    assert bounds == {name: [(">=", Version(pins("lowest")[name]))] for name in requirements()}


def test_colab_has_all_that_the_package_asks_for():
    unmet = [f"{name}{specifier}: Colab has {pins('colab').get(name)}" for name, specifier in requirements().items()
             if name in pins("colab") and not specifier.contains(pins("colab")[name])]
    assert unmet == []
    assert set(requirements()) - set(pins("colab")) == {"filelock"}, "only what torch itself brings may be missing from the list"


def test_the_workflow_tests_both_sets():
    jobs = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    assert re.findall(r"python-version: \"([\d.]+)\"\n +- run: make versions SET=(\w+)", jobs) == [("3.11", "lowest"), ("3.13", "colab")]


def test_what_runs_in_a_set_imports_nothing_that_it_lacks():
    """A set has the package, what it asks for, and pytest; its tests run without conftest.py."""
    names = re.search(r"UNIT := .*, versions (.*)\)\)\n", (ROOT / "Makefile").read_text(encoding="utf-8"))[1].split()
    names, found = ["versions", *names], set()
    for name in [*(f"test_{name}" for name in names), "ranks"]:
        for node in ast.parse((ROOT / f"tests/{name}.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                found |= {(name, each.name.split(".")[0]) for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                own = node.module == "tests" and [f"tests.{each.name}" for each in node.names]
                found |= {(name, each) for each in own or [node.module if node.module.startswith("tests") else node.module.split(".")[0]]}
    there = {*sys.stdlib_module_names, *(f"tests.test_{name}" for name in names), "tests.ranks", *requirements()}
    there |= {"vae_nb", "pytest", "packaging", "PIL", "numpy", "traitlets"}
    assert {(name, module) for name, module in found if module not in there} == set()


@in_a_set
def test_the_environment_is_that_of_the_set():
    assert {name: version(name).split("+")[0] for name in pins(HERE)} == pins(HERE)
    assert sys.version_info[:2] == {"lowest": (3, 11), "colab": (3, 13)}[HERE]


@in_a_set
@pytest.mark.network
def test_installing_the_package_upgrades_nothing():
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [each["metadata"]["name"].replace("-", "_") for each in json.loads(done.stdout)["install"]] == ["vae_nb"]


NOTEBOOK = """
import torch
from vae_nb import VAE, LatentExplorer, fit
explorer = LatentExplorer(VAE.from_pretrained())
fit(VAE(latent_dim=2), torch.rand(256, 784), torch.rand(100, 784), epochs=1)
explorer
"""


@pytest.mark.slow
def test_the_explorer_and_the_progress_bar_in_a_notebook():
    """The widget is shown, not only its text; the bar is drawn, with no message about a library that it misses."""
    from jupyter_client.manager import start_new_kernel
    shown, streams = [], []

    def collect(message):
        content = message["content"]
        if message["msg_type"] in ("display_data", "execute_result"):
            shown.append(content["data"])
        if message["msg_type"] in ("stream", "error"):
            streams.append(content.get("text") or "\n".join(content["traceback"]))
    manager, client = start_new_kernel(cwd=str(ROOT), env={**os.environ, "OMP_NUM_THREADS": "1"} | {"TQDM_DISABLE": ""})
    try:
        reply = client.execute_interactive(NOTEBOOK, output_hook=collect, timeout=120)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    text = "".join(streams)
    assert reply["content"]["status"] == "ok", text
    assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} <= shown[-1].keys()
    assert "Warning" not in text and "application/json" not in text and "epoch 1" in text + str(shown)

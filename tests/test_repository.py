"""The repository's own rules: what is made from the notebooks is made from them now, and the package stays small."""
import ast
import re
import shutil
import subprocess
import sys
import zipfile
from graphlib import TopologicalSorter

import pytest

from tools.widgets import ENTRIES, bundle
from web.build import ROOT, notebooks
from web.course import Course
from web.readme import readme

ALLOWED = {"torch", "torchvision", "matplotlib", "ipywidgets", "anywidget", "tqdm", "safetensors", "PIL", "numpy", "traitlets", "filelock",
           "vae_nb"}  # PIL and numpy come with torchvision, traitlets with anywidget, filelock with torch


def run(*command, cwd=ROOT):
    """Run a command; its output is in the message if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_clean_and_export_change_nothing(tmp_path):
    """In a copy, so that it is not the author's own notebooks that are cleaned."""
    files = [*notebooks(), *(ROOT / "vae_nb").glob("*.py"), ROOT / "pyproject.toml", ROOT / "settings.ini"]
    for path in files:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    for module, name in (("clean", "nbdev_clean"), ("doclinks", "nbdev_export")):
        run(sys.executable, "-c", f"from nbdev.{module} import {name}; {name}()", cwd=tmp_path)
    changed = [path.name for path in files if path.read_bytes() != (tmp_path / path.relative_to(ROOT)).read_bytes()]
    assert not changed, "run `make export`"


def test_readme_is_made_from_the_front_page():
    assert (ROOT / "README.md").read_text(encoding="utf-8") == readme(), "run `make export`"


def test_the_scripts_of_the_widgets_are_made_from_their_modules(tmp_path):
    bundle(tmp_path)
    old = [name for name in ENTRIES if (tmp_path / f"{name}.js").read_bytes() != (ROOT / f"vae_nb/{name}.js").read_bytes()]
    assert not old, f"{old} in vae_nb: run `make widgets`"


def front(lang):
    """The sources of the front page's cells in a language; `None` for those that are for both."""
    return [cell["source"] for cell in Course().notebook("index").cells if cell["metadata"].get("lang") == lang]


@pytest.mark.slow
def test_the_three_lines_of_the_front_page_are_three_and_run(tmp_path):
    [source] = [text for text in front(None) if "show_images(sample_prior" in text]
    lines = [line for line in source.splitlines() if not line.startswith("#|")]
    assert len(lines) == 3
    check = "import matplotlib.pyplot as plt; assert plt.gcf().axes"
    run(sys.executable, "-c", "\n".join(["import matplotlib; matplotlib.use('agg')", *lines, check]), cwd=tmp_path)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_front_page_leads_to_every_chapter_in_their_order(lang):
    [text] = [text for text in front(lang) if text.count("\n- ") > 10]
    assert re.findall(r"^- \[[^]]+\]\((\w+)\.ipynb\)", text, re.MULTILINE) == Course().pages[1:]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_front_page_quotes_the_mean_of_the_seeds(lang):
    last = [line.split("|") for line in (ROOT / "bench/SEEDS.md").read_text(encoding="utf-8").splitlines() if line.startswith("| 10 |")]
    rows = {float(row[-4]): float(row[-3]) for row in last}
    [text] = [text for text in front(lang) if "SEEDS.md" in text]
    [mean] = map(float, re.findall(r"105\.\d+", text))
    assert mean in rows and f"{rows[mean]:.2f}" in re.findall(r"0\.\d+", text)


@pytest.mark.parametrize("path", sorted((ROOT / "vae_nb").glob("*.py")), ids=lambda path: path.name)
def test_package_imports_nothing_else(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    assert {name.split(".")[0] for name in names} <= ALLOWED | set(sys.stdlib_module_names)


def test_no_module_imports_itself_by_a_detour():
    imported = {}
    for path in (ROOT / "vae_nb").glob("[a-z]*.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
        inside = [node.module or "" for node in nodes if node.level or (node.module or "").startswith("vae_nb")]
        imported[path.stem] = {name.removeprefix("vae_nb").strip(".") for name in inside} - {""}
    order = [*TopologicalSorter(imported).static_order()]
    assert order[0] == "files" and order.index("train") < order.index("speed") and {"model", "loss"} <= imported["train"]
    assert not any("exercises" in each for each in imported.values()), "the package does not need the exercises"


@pytest.mark.slow
def test_model_costs_nothing_beyond_torch():
    code = "import sys, torch; before = set(sys.modules); import vae_nb.model; print(sorted(set(sys.modules) - before))"
    loaded = ast.literal_eval(run(sys.executable, "-c", code))
    assert {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"vae_nb"}


@pytest.mark.slow
def test_wheel_carries_what_is_no_code(tmp_path):
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT))
    wheel = zipfile.ZipFile(next(tmp_path.glob("*.whl")))
    names = ("mnist.safetensors", "digits.safetensors", "mnist2.safetensors", "digits2.safetensors", "dial.safetensors",
             "playground.safetensors", "explore.js", "playground.js", "course.mplstyle")
    assert {f"vae_nb/{name}" for name in names} <= set(wheel.namelist())
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    required = [line.split()[1] for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert any(line.startswith("torch>=") for line in required)
    assert not any(name.startswith(("nbdev", "fastcore", "jupyter")) for name in required)

"""Stands in for Quarto where there is none: `quarto render [FILE] --profile P [--output-dir D] [--no-clean]`.

It takes the steps that Quarto takes (its src/command/render/project.ts) in the same order and with the same environment: empty the folder
of pages if all are rendered, run `pre-render`, find the files to render, render them, put resources and what a website has beside them, run
`post-render`. smalldocs renders; what Quarto makes otherwise of a page is put in afterwards."""
import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from smalldocs.site import build


def merged(base, extra):
    """Two mappings, the second one over the first; lists are joined."""
    both = dict(base)
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            value = merged(base[key], value)
        elif isinstance(value, list) and isinstance(base.get(key), list):
            value = base[key] + value
        both[key] = value
    return both


def configuration(root, profiles):
    """The configuration of the active profiles."""
    config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    group = config.pop("profile", {}).get("group", [])
    active = [name for name in profiles.split(",") if name] or group[:1]
    for name in active:
        config = merged(config, yaml.safe_load((root / f"_quarto-{name}.yml").read_text(encoding="utf-8")))
    return config, ",".join(active)


def scripts(config, key, root, env):
    """Run the scripts of a step; one that fails ends the rendering."""
    for script in [config["project"].get(key, [])] if isinstance(config["project"].get(key), str) else config["project"].get(key, []):
        words = shlex.split(script)
        command = [sys.executable, *words] if words[0].endswith(".py") else words
        if subprocess.run(command, cwd=root, env={**os.environ, **env}).returncode:
            sys.exit(1)


def globbed(root, pattern):
    """The files that a pattern names: in every folder that is not hidden, or in the root alone if it begins with a slash."""
    found = root.glob(pattern[1:] if pattern.startswith("/") else f"**/{pattern}")
    return sorted(path for path in found if not any(part[0] in "._" for part in path.relative_to(root).parts))


def without_breaks(notebook):
    """Take the line breaks out of the cells of a notebook that are not lists of lines."""
    read = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in read["cells"]:
        if isinstance(cell["source"], str):
            cell["source"] = "".join(cell["source"].splitlines())
    notebook.write_text(json.dumps(read), encoding="utf-8")


def moved(source, target):
    """Put a file in the place of another one, whose second names stay what they were."""
    os.replace(source, target)


def as_quarto(page):
    """Give a page what it has of Quarto: pictures in paragraphs, columns with a width, links by way of the folder above."""
    text = re.sub(r'(<div class="plot">\s*)(<img[^>]*>)', r"\1<p>\2</p>", page.read_text(encoding="utf-8"))
    text = re.sub(r"<table[^>]*>", r'\g<0><colgroup><col style="width: 50%"></colgroup>', text)
    page.write_text(re.sub(r'href="(?=[\w-]+\.html)', f'href="../{page.parent.name}/', text), encoding="utf-8")


def render(root, file, profiles, output, clean):
    """Render the project in `root`, or one file of it."""
    config, active = configuration(root, profiles)
    out = (root / (output or config["project"]["output-dir"])).resolve()
    if file is None and clean:
        shutil.rmtree(out, ignore_errors=True)
    env = {"QUARTO_PROFILE": active, "QUARTO_PROJECT_OUTPUT_DIR": str(out), "QUARTO_PROJECT_DIR": str(root),
           **({} if file else {"QUARTO_PROJECT_RENDER_ALL": "1"})}
    scripts(config, "pre-render", root, env)
    config, _ = configuration(root, profiles)
    inputs = [path for pattern in config["project"]["render"] for path in globbed(root, pattern)]
    inputs = [path for path in inputs if file is None or path == (root / file).resolve()]
    assert inputs, f"nothing to render in {root}"
    for item in config["website"]["navbar"]["left"]:
        if not item["href"].endswith(".html") and not (root / item["href"]).exists():
            print(f"WARN: Unable to resolve link target: {item['href']}")
    work = root / ".quarto/double"
    shutil.rmtree(work, ignore_errors=True)
    for folder in {path.parent for path in inputs}:
        shutil.copytree(folder, work / folder.relative_to(root))
    for notebook in work.glob("*/*.ipynb"):
        without_breaks(notebook)
    told = {"project": {"type": "website", "render": [str(path.relative_to(root)) for path in inputs]}, "website": {"title": "Quarto"}}
    (work / "_quarto.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    build(work, quiet=True)
    for path in inputs:
        as_quarto((work / "_site" / path.relative_to(root)).with_suffix(".html"))
    shutil.copytree(work / "_site", out, dirs_exist_ok=True, copy_function=moved)
    for pattern in config["project"].get("resources", []):
        for path in globbed(root, pattern):
            (out / path.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, out / path.relative_to(root))
    for name in ("robots.txt", "search.json", "sitemap.xml", "site_libs/quarto.js"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("Quarto's own", encoding="utf-8")
    made = [out / path.relative_to(root).with_suffix(".html") for path in inputs]
    scripts(config, "post-render", root, env | {"QUARTO_PROJECT_OUTPUT_FILES": "\n".join(os.path.relpath(path, root) for path in made)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["render"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--profile", default=os.environ.get("QUARTO_PROFILE", ""))
    parser.add_argument("--output-dir")
    parser.add_argument("--no-clean", action="store_true")
    given = parser.parse_args()
    render(Path.cwd(), given.file, given.profile, given.output_dir, not given.no_clean)

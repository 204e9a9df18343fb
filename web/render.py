"""Render the sources of one edition: with Quarto, from the course's own root, or with smalldocs, from a folder that holds nothing else."""
import shutil
import subprocess
from functools import cache

import yaml

from web.languages import SourceError

READ = ("type", "render")  # what smalldocs is told of the `project` values; scripts are for Quarto, resources for its preview


def with_quarto(course, edition, out):
    """Render an edition into `out` as `quarto render --profile EDITION` does, with what _quarto.yml runs before and after."""
    command = ["quarto", "render", "--profile", edition, "--output-dir", str(out), "--no-clean"]
    if subprocess.run(command, cwd=course.root).returncode:
        raise SourceError(f"Quarto could not render the {edition} edition; its message above names the page")


def with_smalldocs(course, edition, project, page=None):
    """Render the sources of an edition, or one page of it, which lie in `project`; returns the folder of the pages.

    Of the configuration only what concerns the text is read, since the page around it is ours."""
    from smalldocs import markdown
    from smalldocs.site import build
    if not hasattr(markdown.highlight, "cache_info"):
        markdown.highlight = cache(markdown.highlight)  # most of its time goes into code, which is the same in every edition
    config = course.config(edition)
    config = {key: value for key, value in config.items() if key not in ("website", "profile")}
    config["project"] = {key: config["project"][key] for key in READ} | {"output-dir": "_site"}
    if page:
        config["project"]["render"] = [f"{edition}/{page}.ipynb"]
    config["website"] = {"title": course.name(edition), "search": False}
    (project / "_quarto.yml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    for warning in build(project, quiet=True).warnings:
        if not any(known in warning for known in ("ignored", "unknown key", "a page that is not built")):
            raise SourceError(f"a page of the {edition} edition: {warning}")
    return project / "_site"


def quarto():
    """Whether Quarto is on the PATH."""
    return shutil.which("quarto") is not None

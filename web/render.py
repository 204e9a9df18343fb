"""Render one website project: with Quarto if it is on the PATH, else with smalldocs."""
import datetime
import shutil
import subprocess

from web.languages import SourceError


def render(project):
    """Render the project in the folder `project`; returns the folder of its pages."""
    if shutil.which("quarto"):
        if subprocess.run(["quarto", "render", "."], cwd=project).returncode:
            raise SourceError(f"Quarto could not render the {project.name} edition; its message above names the page")
    else:
        if not hasattr(datetime, "UTC"):  # Python 3.10; the only name of 3.11 that smalldocs uses
            datetime.UTC = datetime.timezone.utc
        from smalldocs.site import build
        for warning in build(project, quiet=True).warnings:
            if "ignored" not in warning and "unknown key" not in warning:
                raise SourceError(f"a page of the {project.name} edition: {warning}")
    return project / "_site"

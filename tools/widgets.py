"""Bundle the widgets' modules into the scripts that the package ships: `make widgets`."""
import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENTRIES = ("explore", "playground")
WORKER = "widgets/playground/worker.js"  # a text in the playground's bundle, since a page from disk may load no second script
OPTIONS = ("--bundle", "--target=es2020", "--charset=utf8", "--log-level=warning")
BANNER = "--banner:js=// Made from widgets/ by `make widgets`; change it there."


def esbuild(*arguments):
    """What esbuild prints."""
    command = ["node", "widgets/node_modules/esbuild/bin/esbuild", *arguments, *OPTIONS]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def bundle(folder):
    """Write the bundle of every entry into a folder."""
    worker = esbuild(WORKER, "--format=iife", "--minify")
    entries = [f"widgets/{name}.js" for name in ENTRIES]
    esbuild(*entries, "--format=esm", "--loader:.css=text", f"--define:WORKER_SOURCE={json.dumps(worker)}", BANNER, f"--outdir={folder}")


if __name__ == "__main__":
    bundle(ROOT / "vae_nb")

"""Bundle the widgets' modules into the scripts that the package ships: `make widgets`."""
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENTRIES = ("explore",)
ESBUILD = "widgets/node_modules/esbuild/bin/esbuild"
OPTIONS = ("--bundle", "--format=esm", "--target=es2020", "--charset=utf8", "--loader:.css=text", "--log-level=warning",
           "--banner:js=// Made from widgets/ by `make widgets`; change it there.")


def bundle(folder):
    """Write the bundle of every entry into a folder."""
    entries = [f"widgets/{name}.js" for name in ENTRIES]
    subprocess.run(["node", ESBUILD, *entries, *OPTIONS, f"--outdir={folder}"], cwd=ROOT, check=True)


if __name__ == "__main__":
    bundle(ROOT / "vae_nb")

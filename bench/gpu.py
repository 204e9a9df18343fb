"""Everything that only a GPU shows, in one command that ends in nine minutes and needs no network: `make gpu`.

Writes GPU.md, the table, and gpu.log, what each part printed, into the folder that the environment variable OUT names, bench by default.
The table is written anew after every part, so that nothing measured is lost when time runs out. What a machine without a network lacks,
MNIST and a few wheels, is taken from build/luggage, which `make luggage` fills."""
import argparse
import contextlib
import gzip
import importlib.metadata
import json
import os
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = Path(os.environ.get("OUT", ROOT / "bench"))
LUGGAGE = ROOT / "build/luggage"
RAW = ROOT / "nbs/data/MNIST/raw"
WHEELS = ROOT / "build/unpacked"
PYTHON = "3.12"
UNUSED = ["debugpy", "jedi", "numpy", "widgetsnbextension", "jupyterlab_widgets"]  # NumPy comes with PyTorch; to run cells takes no other
NEEDED = ["anywidget", "ipykernel", "ipywidgets", "matplotlib", "nbclient", "nbformat", "pytest", "safetensors", "tqdm"]
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
MINUTES, AT_ONCE = 9, 4
IWAE = [(50, 0.003), (50, 0.01), (5, 0.03), (1, 0.03)]


def pack():
    """Fill build/luggage with MNIST, compressed, and the wheels that the parts need for Python 3.12 on Linux."""
    LUGGAGE.mkdir(parents=True, exist_ok=True)
    for file in sorted(RAW.glob("*-ubyte")):
        (LUGGAGE / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))
    platforms = [part for name in PLATFORMS for part in ("--platform", name)]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:", "--python-version", PYTHON, *platforms,
                    "-d", str(LUGGAGE), *NEEDED], check=True)
    for wheel in LUGGAGE.glob("*.whl"):
        if wheel.name.split("-")[0] in UNUSED:
            wheel.unlink()
    size = sum(file.stat().st_size for file in LUGGAGE.iterdir())
    print(f"{LUGGAGE.relative_to(ROOT)} holds {size / 1e6:.0f} MB")


def unpack():
    """Put MNIST where the course looks for it, and the wheels of what is not installed into a folder; returns that folder."""
    RAW.mkdir(parents=True, exist_ok=True)
    for file in LUGGAGE.glob("*-ubyte.gz"):
        if not (RAW / file.stem).exists():
            (RAW / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    for wheel in sorted(LUGGAGE.glob("*.whl")):
        try:
            importlib.metadata.version(wheel.name.split("-")[0])
        except importlib.metadata.PackageNotFoundError:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(WHEELS)
    return WHEELS


class Run:
    """The parts of one run: a deadline for all, a log, and a table that grows."""

    def __init__(self, minutes):
        self.end, self.lines, self.started = time.monotonic() + 60 * minutes, [], time.monotonic()
        OUT.mkdir(parents=True, exist_ok=True)
        self.log = (OUT / "gpu.log").open("w", encoding="utf-8")
        self.environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(WHEELS)]), "TQDM_DISABLE": "1", "MPLBACKEND": "agg"}

    def left(self):
        """The seconds that are left."""
        return self.end - time.monotonic()

    def command(self, *arguments, most=None):
        """What a module of Python printed, and its exit status; None for one that had no time, or not enough."""
        seconds = min(self.left(), most or self.left())
        if seconds < 5:
            return None, ""
        done = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run([sys.executable, "-W", "ignore", "-m", *arguments], cwd=ROOT, env=self.environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        self.log.write(f"\n$ python -m {' '.join(arguments)}\n{done.stdout if done else 'stopped for want of time'}\n")
        self.log.flush()
        return (done.returncode, done.stdout) if done else (None, "")

    def add(self, *lines):
        """Lines of the table, which is then written."""
        self.lines += lines
        (OUT / "GPU.md").write_text("\n".join(self.lines) + "\n", encoding="utf-8")
        print(*lines, sep="\n", flush=True)


def machine(run):
    """What it is measured on."""
    code = ("import json, torch; c = torch.cuda; print(json.dumps([torch.__version__, c.is_available() and c.get_device_name(), "
            "torch.version.cuda]))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    torch, name, cuda = json.loads(done.stdout)
    run.add("# On a GPU", "", "Made by `make gpu`.", "",
            f"- {name or 'no GPU: a rehearsal on the CPU'}; Python {sys.version.split()[0]}, PyTorch {torch}, CUDA {cuda}",
            f"- {date.today()}", "",
            "| part | result | seconds |", "|---|---|---|")
    return bool(name)


def tests(run):
    """The tests that need a device."""
    start = time.monotonic()
    status, text = run.command("pytest", "-p", "no:cacheprovider", "tests/test_gpu.py", "tests/test_speed.py", most=150)
    last = next((line for line in reversed(text.splitlines()) if " passed" in line or " failed" in line or "error" in line), "no result")
    failed = [line.split(" - ")[0].removeprefix("FAILED ") for line in text.splitlines() if line.startswith("FAILED ")]
    run.add(f"| tests | {last.strip('= ')}{': ' * bool(failed)}{', '.join(failed)} | {time.monotonic() - start:.0f} |")
    return status


def speed(run, rounds):
    """Seconds per epoch, side by side."""
    from statistics import median

    from bench.speed import CONTENDERS, Died, number, side_by_side, spread, start, stop
    began = time.monotonic()
    try:
        workers, skipped = start([name for name in CONTENDERS if not name.startswith("floor")])
        try:
            seconds = side_by_side(workers, rounds)
        finally:
            stop(workers)
    except Died as error:
        run.log.write(f"\n{error}\n")
        run.add(f"| seconds per epoch | not measured: {str(error).splitlines()[0]} | {time.monotonic() - began:.0f} |")
        return
    for name, each in seconds.items():
        ratio = spread([one / ours for one, ours in zip(each[1:], seconds["ours"][1:], strict=True)])
        run.add(f"| seconds per epoch: {name} | {number(median(each[1:]))}; {ratio} times that of `ours` | |")
    for name, reason in skipped.items():
        run.add(f"| seconds per epoch: {name} | not measured: {reason} | |")


def likelihood(run, images):
    """How long the NLL takes."""
    start = time.monotonic()
    _, text = run.command("bench.nll", str(images), "5000", most=90)
    run.add(f"| NLL | {text.strip().splitlines()[-1] if text else 'no time'} | {time.monotonic() - start:.0f} |")


def notebooks(run, names):
    """Every notebook from top to bottom, several at once."""
    def one(name):
        start = time.monotonic()
        status, text = run.command("bench.gpu", "--notebook", name, most=240)
        said = "ran to its end" if status == 0 else "no time" if status is None else text.strip().splitlines()[-1][:200].replace("|", "/")
        return f"| notebook {name} | {said} | {time.monotonic() - start:.0f} |"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in pool.map(one, names):
            run.add(line)


def table(run):
    """IWAE's table by the published schedule, as much of it as the time allows."""
    for k, share in IWAE:
        start = time.monotonic()
        status, text = run.command("bench.iwae", str(k), str(share))
        said = "no time" if status is None else text.strip().splitlines()[-1][:200].replace("|", "/")
        run.add(f"| IWAE, k = {k}, share {share} | {said} | {time.monotonic() - start:.0f} |")


def main():
    """All parts, the ones that matter most first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", action="store_true", help="fill build/luggage, on a machine with a network")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"when it ends (default: {MINUTES})")
    parser.add_argument("--notebook", metavar="NAME", help="run this notebook alone")
    asked = parser.parse_args()
    if asked.pack:
        return pack()
    if asked.notebook:
        from tools.outputs import NBS, execute
        return execute(NBS / f"{asked.notebook}.ipynb") and None
    sys.path.append(str(unpack()))
    run = Run(asked.minutes)
    gpu = machine(run)
    tests(run)
    speed(run, 3 if gpu else 1)
    likelihood(run, 10_000 if gpu else 20)
    notebooks(run, sorted(path.stem for path in (ROOT / "nbs").glob("*.ipynb")))
    table(run)
    return None


if __name__ == "__main__":
    main()

"""Training on one and on two processes of this machine, side by side: `python -m bench.scale`; and a job whose processes are killed:
`python -m bench.scale kill [TIMES]`.

The first writes the seconds of an epoch on 1 and 2 processes, one thread each, by turns, into bench/scale.json and bench/SCALE.md. The
second trains once without disturbance, then again while one process is killed at random moments, the job being started anew each time,
and compares the ends, to the last bit; it adds its result to the same files."""
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

import torch

from vae_nb.data import mnist
from vae_nb.files import load_weights, read_weights, write_whole
from vae_nb.model import VAE
from vae_nb.scale import fit
from vae_nb.train import PlainLoop

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "bench"
LOOPS = {"chapter 3's loop": PlainLoop, "the hand-written steps": None}
ROUNDS, IMAGES = 3, 12_800  # 100 batches
KILLED = {"epochs": 24, "images": 3_200}
PLACE = {"cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1"}}


def command(processes, *arguments):
    """What starts a job of this file on so many processes."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    return [sys.executable, *start, "-m", "bench.scale", *map(str, arguments)]


def job(*arguments):
    """Run a job to its end."""
    return subprocess.run(command(*arguments), **PLACE, capture_output=True, text=True)


def images(count):
    """The first training images and a test set of a tenth of their number."""
    return mnist(ROOT / "nbs/data")[0][:count], mnist(ROOT / "nbs/data", train=False)[0][:count // 10]


def time_epochs(path):
    """In a job: the seconds of an epoch of each loop, the second of two, into a file."""
    torch.set_num_threads(1)
    data = images(IMAGES)
    options = {"epochs": 2, "precision": "float32", "progress": False}
    found = {name: fit(VAE(), *data, loop=loop, **options)[1]["seconds"] for name, loop in LOOPS.items()}
    if os.environ.get("RANK", "0") == "0":
        Path(path).write_text(json.dumps(found), encoding="utf-8")


def train_to_be_killed(folder):
    """In a job: a training with a checkpoint, which says when it begins and what its process is."""
    torch.set_num_threads(1)
    data, folder = images(KILLED["images"]), Path(folder)
    torch.manual_seed(0)
    (folder / f"process_{os.environ['RANK']}").write_text(str(os.getpid()), encoding="utf-8")
    fit(VAE(), *data, epochs=KILLED["epochs"], checkpoint=folder / "run.safetensors", precision="float32", progress=False)


def measured():
    """The seconds of an epoch, for each loop and number of processes, by turns."""
    found = {name: {"1": [], "2": []} for name in LOOPS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for processes in (1, 2):
                ended = job(processes, "time_epochs", path := Path(folder) / "seconds.json")
                if ended.returncode:
                    raise SystemExit(ended.stderr)
                for name, seconds in json.loads(path.read_text(encoding="utf-8")).items():
                    found[name][str(processes)].append(round(seconds, 3))
    return found


def end_of(folder):
    """The tensors and the history of a checkpoint, without the seconds."""
    tensors, text = read_weights(folder / "run.safetensors")
    return tensors, [record | {"seconds": 0} for record in json.loads(text["history"])]


def killed(times):
    """Kill a process of a job at random moments, so many times, and compare the end with that of a job left alone."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        alone, folder, choose, moments = Path(one), Path(two), random.Random(0), []
        if (ended := job(2, "train_to_be_killed", alone)).returncode:
            raise SystemExit(ended.stderr)
        seconds = mean(record["seconds"] for record in json.loads(read_weights(alone / "run.safetensors")[1]["history"]))
        while len(moments) < times:
            for path in folder.glob("process_*"):
                path.unlink()
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = subprocess.Popen(command(2, "train_to_be_killed", folder), **PLACE, **quiet)
            while len([*folder.glob("process_*")]) < 2 and process.poll() is None:
                time.sleep(0.01)
            rank, wait = choose.randrange(2), choose.uniform(0, 3 * seconds + 1)
            time.sleep(wait)
            if process.poll() is not None:
                raise SystemExit(f"the job ended by itself, with {process.returncode}, after {len(moments)} kills")
            os.kill(int((folder / f"process_{rank}").read_text(encoding="utf-8")), signal.SIGKILL)
            code, path = process.wait(), folder / "run.safetensors"
            if path.exists():
                load_weights(path)  # whole, or it raises
            epochs = len(end_of(folder)[1]) if path.exists() else 0
            moments.append({"rank": rank, "seconds": round(wait, 2), "code": code, "epochs": epochs})
            print(moments[-1], flush=True)
        if (ended := job(2, "train_to_be_killed", folder)).returncode:
            raise SystemExit(ended.stderr)
        (tensors, history), (others, expected) = end_of(folder), end_of(alone)
        same = history == expected and tensors.keys() == others.keys()
        same = same and all(torch.equal(tensors[name], others[name]) for name in tensors)
    return {"moments": moments, "same": same, **KILLED}


def span(seconds):
    """The median of some seconds, and the least and the most."""
    return f"{median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def table(found):
    """The results in words."""
    lines = ["# Many processes on one machine", "", f"Made by `python -m bench.scale`, {found['place']}."]
    if "seconds" in found:
        lines += ["", f"Seconds of an epoch of {IMAGES:,} images, batch 128, float32, one thread for each process; median (least to most)",
                  f"of {ROUNDS} rounds, one and two processes by turns. Other programs' load at the start: {found['load']}.", "",
                  "| loop | 1 process | 2 processes | ratio |", "|---|---|---|---|"]
        lines += [f"| {name} | {span(rows['1'])} | {span(rows['2'])} | {median(rows['1']) / median(rows['2']):.2f} |"
                  for name, rows in found["seconds"].items()]
    if "killed" in found:
        kills = found["killed"]
        lines += ["", "## A process killed", "", f"Made by `python -m bench.scale kill {len(kills['moments'])}`: "
                  f"{kills['epochs']} epochs of {kills['images']:,} images on 2 processes,",
                  "one of them killed at random moments, the job started anew each time. At each kill the job ended with an",
                  "error and the checkpoint was whole. The end, weights, Adam's state and history, is "
                  f"{'equal' if kills['same'] else '**not** equal'}, to the last", "bit, to that of a job left alone.", "",
                  "| kill | rank | seconds after its start | epochs in the checkpoint |", "|---|---|---|---|"]
        lines += [f"| {i} | {each['rank']} | {each['seconds']:.2f} | {each['epochs']} |" for i, each in enumerate(kills["moments"], 1)]
    return "\n".join([*lines, ""])


def main(arguments):
    path = FOLDER / "scale.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found["place"] = f"on {os.cpu_count()} cores, {platform.machine()}, PyTorch {torch.__version__.split('+')[0]}, gloo"
    if arguments[:1] == ["kill"]:
        found["killed"] = killed(int(arguments[1]) if arguments[1:] else 20)
    else:
        found |= {"load": round(os.getloadavg()[0], 1), "seconds": measured()}
    write_whole(path, (json.dumps(found, indent=1) + "\n").encode())
    write_whole(FOLDER / "SCALE.md", table(found).encode())


if __name__ == "__main__":
    jobs = {"time_epochs": time_epochs, "train_to_be_killed": train_to_be_killed}
    if sys.argv[1:2] and sys.argv[1] in jobs:
        jobs[sys.argv[1]](sys.argv[2])
    else:
        main(sys.argv[1:])

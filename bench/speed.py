"""Training speed side by side with other ways to train: `make bench`. Writes bench/RESULTS.md.

Each contender (bench/contenders.py) is a process of its own. First all of them wait side by side, and in every round each
trains one epoch in its turn, so that what the machine does meanwhile meets all alike; ratios are taken within a round.
Then each, alone and from a fresh process, trains and tests ten epochs, or twelve where the target is later, and once more by the
one-cycle schedule."""
import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib import metadata
from pathlib import Path
from statistics import median

from bench.contenders import CONTENDERS, DATA, RATE, instructions

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench/RESULTS.md"
GOAL, EPOCHS, MOST, CYCLE = 106.5, 10, 12, 5
MEMORY = 47 + 200
PEERS = ["seed", "pythae", "plain", "jax"]
SETS = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]


class Died(Exception):
    """A worker ended before it answered; the message names it and holds its last lines."""


class Worker:
    """A contender in a process of its own; `ready` is what it said when it had prepared."""
    def __init__(self, name, images=None):
        self.name, self.errors = name, tempfile.TemporaryFile("w+")
        command = [sys.executable, "-m", "bench.contenders", name, *(["--images", str(images)] if images else [])]
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, cwd=ROOT,
                                        text=True, env={**os.environ, **environment()}, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, command):
        """Give a command and wait for its answer."""
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it is dead: the answer says so
        return self.answer()

    def answer(self):
        """The next line of the worker, read as JSON."""
        if line := self.process.stdout.readline():
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        last = "".join(f"  {line}\n" for line in self.errors.read().splitlines()[-12:])
        raise Died(f"the worker {self.name!r} ended with status {self.process.returncode}; its last lines:\n{last}")

    def close(self):
        """End the process and whatever it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended by itself, and was waited for
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.errors):
            try:
                file.close()
            except BrokenPipeError:
                pass  # a command that it never read


def cores():
    """One processor for each physical core that this process may use; None where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    found = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        found.setdefault(siblings.read_text() if siblings.exists() else cpu, cpu)
    return set(found.values())


def environment():
    """The settings that every worker gets: as many threads as cores, no bars, and GPU memory left for the others."""
    threads = str(len(cores() or range(os.cpu_count())))
    return {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "TQDM_DISABLE": "1", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def start(names):
    """Workers for all that can run here, and why the others cannot."""
    workers, skipped = {}, {}
    try:
        for name in names:
            workers[name] = Worker(name)
        for name in names:
            ready = workers[name].answer()
            if reason := ready.get("skipped"):
                skipped[name] = reason
            workers[name].ready = ready.get("device")
        if "jax" not in skipped and "jax" in workers and workers["plain"].ready != "cpu" == workers["jax"].ready:
            skipped["jax"] = "it finds no GPU here"
        for name in skipped:
            workers.pop(name).close()
    except BaseException:
        stop(workers)
        raise
    return workers, skipped


def stop(workers):
    """End all workers."""
    for worker in workers.values():
        worker.close()


def side_by_side(workers, rounds):
    """The seconds of each epoch, by name: a warm-up, then `rounds` more; the order moves on by one each round."""
    names, seconds = list(workers), {name: [] for name in workers}
    for i in range(rounds + 1):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            seconds[name].append(workers[name].ask("epoch")["seconds"])
        print("warm-up" if i == 0 else f"round {i}", {name: round(taken[-1], 3) for name, taken in seconds.items()}, flush=True)
    return seconds


def from_start(name, command=f"run {MOST}"):
    """A fresh process, alone: seconds from its start to the end of each epoch's test, the test losses, and its peak memory."""
    with Worker(name) as worker:
        worker.answer()
        run = worker.ask(command)
        ends = [end - worker.started for end in run["ends"]]
    print(f"{name}: {command} from process start in {ends[-1]:.1f} s", flush=True)
    return {"ends": ends, "losses": run["losses"], "memory": run["memory"]}


def ratios(seconds, one, other):
    """How many times as long `one` takes as `other`, round by round, the warm-up left out."""
    return [a / b for a, b in zip(seconds[one][1:], seconds[other][1:], strict=True)]


def spread(values, unit=""):
    """Median, least and most."""
    return f"{number(median(values))}{unit} ({number(min(values))} to {number(max(values))})"


def number(value):
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value < 0.1 else f"{value:.{1 if value >= 10 else 2}f}"


def reached(run):
    """The seconds from process start to the first test loss below the goal, and after how many epochs; None if it is not reached."""
    return next(((end, i + 1) for i, (end, loss) in enumerate(zip(run["ends"], run["losses"], strict=True)) if loss < GOAL), None)


def table(seconds, runs):
    """A row for each contender."""
    heads = ["", "seconds per epoch", "x ours", "x floor", "first epoch, s", f"{EPOCHS} epochs from process start, s",
             f"test loss below {GOAL}, s", f"test loss after 1 and {EPOCHS} epochs"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, taken in seconds.items():
        row = [name, spread(taken[1:])]
        row += [spread(ratios(seconds, name, other)) if other in seconds else "" for other in ("ours", "floor")]
        if run := runs.get(name):
            goal = reached(run)
            row += [number(taken[0]), number(run["ends"][EPOCHS - 1])]
            row += [f"{number(goal[0])} (epoch {goal[1]})" if goal else f"not in {MOST} epochs"]
            row += [f"{run['losses'][0]:.1f}, {run['losses'][EPOCHS - 1]:.1f}"]
        else:
            row += [""] * 4
        lines.append("| " + " | ".join(row) + " |")
    return lines


def goal_seconds(runs, names):
    """The seconds from process start to the goal for those of these names that were measured; infinite where it is not reached."""
    return [(reached(runs[name]) or (float("inf"),))[0] for name in names if name in runs]


def cycle_table(runs, cycles):
    """A row for each contender with the one-cycle schedule."""
    heads = ["", f"{CYCLE} epochs from process start, s", f"test loss below {GOAL}, s", "usual recipe: x as long",
             f"test loss after 1 and {CYCLE} epochs"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, run in cycles.items():
        goal, usual = reached(run), name in runs and reached(runs[name])
        row = [name, number(run["ends"][-1]), f"{number(goal[0])} (epoch {goal[1]})" if goal else f"not in {CYCLE} epochs",
               number(usual[0] / goal[0]) if goal and usual else "", f"{run['losses'][0]:.1f}, {run['losses'][-1]:.1f}"]
        lines.append("| " + " | ".join(row) + " |")
    return lines


def cycle_targets(runs, cycles):
    """The targets of the one-cycle schedule, on any device."""
    mine, usual, alike = goal_seconds(cycles, ["ours"]), goal_seconds(runs, PEERS), goal_seconds(cycles, PEERS)

    def target(text, others, met):
        if not (mine and others):
            return text, None, None
        shortest = f"{number(min(others))} s" if min(others) < float("inf") else "not reached"
        return text, f"{number(*mine)} s; the shortest of the others: {shortest}", mine[0] < float("inf") and met(mine[0], min(others))
    return [target(f"one-cycle: test loss below {GOAL} in at most half the time of every other with the usual recipe", usual,
                   lambda one, other: 2 * one <= other),
            target(f"one-cycle: test loss below {GOAL} sooner than every other with the same schedule", alike,
                   lambda one, other: one < other)]


def targets(seconds, runs, device, cycles):
    """The targets that hold for this device: text, figure, and whether it is met; None for what was not measured."""
    def ratio(one, other, met):
        if not {one, other} <= set(seconds):
            return None, None
        values = ratios(seconds, one, other)
        return spread(values), met(median(values))

    peers = {name: runs[name]["ends"][EPOCHS - 1] for name in PEERS if name in runs}
    mine, memory = (runs["ours"]["ends"][EPOCHS - 1], runs["ours"]["memory"]) if "ours" in runs else (None, None)
    if device == "cpu":
        found = [
            ("float32: at least 4.5 times as fast as the usual loop, per epoch", *ratio("seed", "ours (float32)", lambda x: x >= 4.5)),
            ("float32: at least 1.25 times as fast as JAX, per epoch", *ratio("jax", "ours (float32)", lambda x: x >= 1.25)),
            ("float32: at most 1.35 times the floor", *ratio("ours (float32)", "floor", lambda x: x <= 1.35)),
            ("float32: at most 1.35 times that floor with Adam and passes",
             *ratio("ours (float32)", "floor (with Adam and passes)", lambda x: x <= 1.35))]
        if "floor (bf16)" in seconds:
            found.append(("with bf16: below the float32 floor", *ratio("ours", "floor", lambda x: x < 1)))
        figure = mine and f"{number(mine)} s; the shortest of the others {number(min(peers.values()))} s"
        found.append((f"{EPOCHS} epochs from process start: shorter than every other", figure, mine and mine < min(peers.values())))
        figure = memory and f"{memory:.0f} MB"
        found.append((f"at most {MEMORY} MB of memory above the imports", figure, memory and memory <= MEMORY))
        return found + cycle_targets(runs, cycles)
    found = [("at least 100 times as fast as the usual loop, per epoch", *ratio("seed", "ours", lambda x: x >= 100))]
    if "H100" in device:
        each = seconds["ours"][1:] if "ours" in seconds else None
        found.append(("at most 25 ms per epoch", each and spread(each, " s"), each and median(each) <= 0.025))
    return [*found, ("faster than JAX, per epoch", *ratio("jax", "ours", lambda x: x > 1)), *cycle_targets(runs, cycles)]


def verdict(met):
    """A target's outcome in words."""
    return "not measured" if met is None else "met" if met else "not met"


def machine(device):
    """What the measurement ran on, and with which versions."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    sets = [name for name in SETS if name in instructions()]
    versions = [f"Python {platform.python_version()}"]
    for name, package in {"PyTorch": "torch", "JAX": "jax", "pythae": "pythae"}.items():
        try:
            versions.append(f"{name} {metadata.version(package).split('+')[0]}")
        except metadata.PackageNotFoundError:
            pass  # it is among the skipped
    count = len(cores() or range(os.cpu_count()))
    gpu = [] if device == "cpu" else [device]
    return [f"- {', '.join([*gpu, model, f'{count} cores, as many threads', *sets])}", f"- {', '.join(versions)}", f"- {date.today()}"]


def report(seconds, runs, cycles, skipped, device, about):
    """The whole of bench/RESULTS.md."""
    rounds = len(next(iter(seconds.values()))) - 1
    lines = ["# Training speed, side by side", "", "Made by `make bench`.", "", *about, "", *table(seconds, runs), ""]
    lines += [f"Median (least to most) over {rounds} rounds, in each of which every contender trained one epoch in its turn; ratios "
              "are taken within a round. The first epoch, with compilation, stands apart. From process start counts all: imports, data, "
              "compilation, training, and a test after each epoch. All train 784-400-(20, 20)-400-784 on 60,000 grey images, batch "
              "128, Adam at 1e-3; losses are in nats per image.", ""]
    lines += [f"- `{name}`: {CONTENDERS[name].__doc__}" for name in seconds]
    lines += [f"- `{name}` is not measured: {reason}" for name, reason in skipped.items()]
    lines += ["", f'The same with `schedule="one-cycle"`: over {CYCLE} epochs, up to a learning rate of {RATE:g} and down to 2% of it.', "",
              *cycle_table(runs, cycles)]
    if "ours" in runs:
        lines += ["", f"Peak memory of `ours` above its imports, the 47 MB of images included: {runs['ours']['memory']:.0f} MB."]
    lines += ["", "| target | measured | |", "|---|---|---|"]
    lines += [f"| {text} | {figure or ''} | {verdict(met)} |" for text, figure, met in targets(seconds, runs, device, cycles)]
    return "\n".join(lines) + "\n"


def measure(rounds):
    """Everything, as the text of the report."""
    workers, skipped = start(CONTENDERS)
    try:
        device = workers["plain"].ready
        seconds = side_by_side(workers, rounds)
    finally:
        stop(workers)
    names = [name for name in workers if not name.startswith("floor")]
    runs, cycles = {name: from_start(name) for name in names}, {name: from_start(name, f"cycle {CYCLE}") for name in names}
    return report(seconds, runs, cycles, skipped, device, machine(device))


def main(rounds):
    """Measure, write and print the report; whatever goes wrong, the file is the old one or the whole new one."""
    try:
        text = measure(rounds)
    except Died as error:
        sys.exit(f"{error}bench/RESULTS.md is as it was")
    except KeyboardInterrupt:
        sys.exit("interrupted; bench/RESULTS.md is as it was")
    part = RESULTS.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(RESULTS)
    print(text)


def interrupt(*_):
    """Ended from outside: leave as after Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=int, default=5, help="epochs of each contender after its first (default: 5)")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error("at least one round is needed")
    if not (DATA / "MNIST/raw/t10k-images-idx3-ubyte").exists():
        sys.exit("MNIST is not in nbs/data/MNIST/raw; `make data` puts it there")
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, interrupt)
    if usable := cores():
        os.sched_setaffinity(0, usable)
    main(rounds)

"""The speed measurement: its workers, its arithmetic, and what it leaves behind. Nothing here depends on how fast a machine is."""
import json
import os
import re
import signal
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

import vae_nb.speed as speed_module
from bench import schedule, speed
from bench.contenders import BATCH, CONTENDERS, RATE, Floor, Stamps, WholeFloor, cycle_rates, prepare
from bench.speed import Died, Worker, ratios, reached, report, side_by_side, start, stop, targets
from tools.outputs import NBS, read
from vae_nb.data import as_float
from vae_nb.loss import loss_function

ROOT = Path(__file__).parent.parent
NEXT = speed_module.next_rate
SECONDS = {  # a warm-up and three rounds
    "seed": [9.0, 10.0, 6.0, 12.0], "plain": [5.0, 4.0, 4.0, 4.0], "jax": [7.0, 3.0, 1.0, 3.0],
    "ours (float32)": [3.0, 2.0, 1.0, 2.0], "ours": [3.0, 1.0, 1.0, 1.0], "floor": [9.0, 1.25, 1.0, 1.25], "floor (bf16)": [1.0] * 4,
    "floor (with Adam and passes)": [2.0] * 4}
LOSSES = [127.3, 115.8, 112.2, 109.6, 108.5, 107.7, 107.1, 106.7, 106.0, 105.6, 105.3, 105.0]


def run(each, memory=100, losses=LOSSES):
    """A run from process start: two seconds to prepare, and so many for each epoch."""
    return {"ends": [2 + each * (i + 1) for i in range(12)], "losses": losses, "memory": memory}


FALLING = [125.0, 114.0, 110.0, 107.5, 105.4]
CYCLES = {name: {"ends": [2 + each * (i + 1) for i in range(5)], "losses": FALLING, "memory": 100}
          for name, each in {"seed": 9, "plain": 5, "jax": 3, "ours": 2}.items()}
RUNS = {"seed": run(9), "plain": run(5), "jax": run(3), "ours (float32)": run(2.5), "ours": run(2)}


TARGETS = ("usual loop", "JAX", "times the floor", "Adam and passes", "float32 floor", "process start", "memory", "25 ms",
           "usual recipe", "same schedule")
CYCLE = {"usual recipe", "same schedule"}


def outcomes(seconds=SECONDS, runs=RUNS, device="cpu", cycles=CYCLES):
    """Whether each target is met, by words that stand in its text alone."""
    found = targets(seconds, runs, device, cycles)
    named = {name: [met for text, _, met in found if name in text] for name in TARGETS}
    assert all(len(met) <= 1 for met in named.values()) and sum(map(len, named.values())) == len(found)
    return {name: met for name, (met,) in ((name, met) for name, met in named.items() if met)}


@pytest.mark.slow
def test_a_worker_answers_each_command():
    with Worker("plain", images=300) as worker:
        assert worker.answer().keys() == {"device"}
        first, second = worker.ask("epoch"), worker.ask("epoch")
        assert first["seconds"] > 0 and 550 > first["loss"] > second["loss"] > 100
        assert 100 < worker.ask("test")["loss"] < second["loss"]
        for command in ("run 2", "cycle 2"):
            answer = worker.ask(command)
        assert worker.started < answer["ends"][0] < answer["ends"][1] and len(answer["losses"]) == 2
        assert 0 <= answer["memory"] < 1000


@pytest.mark.slow
def test_a_worker_that_dies_is_named_with_its_last_lines():
    with Worker("plain", images=300) as worker:
        worker.answer()
        with pytest.raises(Died, match="(?s)worker 'plain' ended with status 1.*ValueError: 'dance' is not a command"):
            worker.ask("dance")


@pytest.mark.slow
def test_no_worker_outlives_the_measurement():
    workers, skipped = start(["plain", "floor"])
    try:
        assert not skipped
        os.kill(workers["floor"].process.pid, signal.SIGKILL)
        workers["plain"].ask = lambda command: {"seconds": 1.0}
        with pytest.raises(Died, match="worker 'floor' ended with status -9"):
            side_by_side(workers, 1)
    finally:
        stop(workers)
    assert all(worker.process.poll() is not None for worker in workers.values())


def test_the_order_moves_on_by_one_each_round():
    asked = []

    class Ready:
        def __init__(self, name):
            self.name = name

        def ask(self, command):
            asked.append(self.name)
            return {"seconds": float(len(asked))}

    seconds = side_by_side({name: Ready(name) for name in "abc"}, 3)
    assert asked == list("abcbcacababc")
    assert seconds == {"a": [1, 6, 8, 10], "b": [2, 4, 9, 11], "c": [3, 5, 7, 12]}


@pytest.mark.parametrize("error", [Died("the worker 'seed' ended"), KeyboardInterrupt()], ids=["a dead worker", "Ctrl-C"])
def test_a_measurement_that_fails_leaves_the_old_results(error, tmp_path, monkeypatch):
    def fail(rounds):
        raise error

    (tmp_path / "RESULTS.md").write_text("old")
    monkeypatch.setattr(speed, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(speed, "measure", fail)
    with pytest.raises(SystemExit, match="bench/RESULTS.md is as it was"):
        speed.main(1)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.slow
def test_the_usual_loop_computes_the_same_loss_as_the_plain_one():
    seed, plain = (prepare(name, 512)[0] for name in ("seed", "plain"))
    images = as_float(plain.train_images)
    torch.manual_seed(1)
    usual = seed.loss(images)
    torch.manual_seed(1)
    reconstructed, mu, logvar = plain.model(images)
    torch.testing.assert_close(usual, loss_function(reconstructed, images, mu, logvar))
    assert abs(seed.epoch() / plain.epoch() - 1) < 0.05
    assert abs(seed.test() / plain.test() - 1) < 0.05


def test_what_fit_prints_is_stamped():
    stamps = Stamps()
    print("epoch 1: train loss 164.90, test loss 127.30", file=stamps)
    print("epoch 2: train loss 121.70, test loss 115.80", file=stamps)
    assert len(stamps.ends) == 2


@pytest.mark.slow
def test_the_whole_floor_costs_more_than_its_products_and_stays_finite():
    products, whole = Floor(BATCH), WholeFloor(BATCH)
    with torch.no_grad():
        for floor in (products, whole):
            floor.steps = 20
            floor.epoch()
    assert whole.chosen and len(whole.chosen) == len(products.chosen) == 11
    assert all(part.isfinite().all() for part in (whole.pixels, whole.loss, *whole.hidden, *whole.latent, *whole.sums, whole.state[0][0]))
    assert whole.pixels.max() <= 1 and (whole.state[0][0] > 1.5).sum() == 0 and whole.loss.lt(0).any()


def test_ratios_are_taken_within_a_round_without_the_warm_up():
    assert ratios(SECONDS, "seed", "ours (float32)") == [5, 6, 6]
    assert reached(run(2)) == (20, 9) and reached(run(2, losses=[107.0] * 12)) is None


def test_the_report_holds_a_row_for_each_and_says_what_is_missing():
    text = report(SECONDS, RUNS, CYCLES, {"pythae": "No module named 'pythae'"}, "cpu", ["- a machine"])
    ratios = "10.0 (6.00 to 12.0) | 10.0 (6.00 to 12.0) | 8.00 (6.00 to 9.60)"
    assert f"| seed | {ratios} | 9.00 | 92.0 | 83.0 (epoch 9) | 127.3, 105.6 |" in text
    assert "| floor | 1.25 (1.00 to 1.25) | 1.25 (1.00 to 1.25) | 1.00 (1.00 to 1.00) |  |  |  |  |" in text
    assert "`pythae` is not measured: No module named 'pythae'" in text and "over 3 rounds" in text and "images included: 100 MB" in text
    assert all(f"- `{name}`: {CONTENDERS[name].__doc__}" in text for name in SECONDS)


def test_targets_are_judged_by_the_figures():
    met = outcomes()
    assert met == {"usual loop": True, "JAX": True, "times the floor": False, "Adam and passes": True, "float32 floor": True,
                   "process start": True, "memory": True, "usual recipe": True, "same schedule": True}
    assert outcomes({**SECONDS, "seed": [9.0, 8.9, 4.4, 8.9]})["usual loop"] is False
    assert outcomes({**SECONDS, "floor": [9.0, 1.5, 1.0, 1.5]})["times the floor"] is True
    assert outcomes({**SECONDS, "ours": [3.0, 1.3, 1.1, 1.3]})["float32 floor"] is False
    assert outcomes({**SECONDS, "floor (with Adam and passes)": [1.0] * 4})["Adam and passes"] is False
    slow = outcomes(runs={**RUNS, "plain": run(2), "ours": run(2, memory=248)})
    assert slow["process start"] is False and slow["memory"] is False


def test_what_was_not_measured_is_not_judged():
    few = {name: SECONDS[name] for name in ("seed", "plain", "floor")}
    assert set(outcomes(few, {name: RUNS[name] for name in few if name in RUNS}, cycles={}).values()) == {None}
    assert "not measured" in report(few, {}, {}, {}, "cpu", [])


def test_a_gpu_has_targets_of_its_own():
    fast = {"seed": [4.0, 3.0, 3.0], "jax": [5.0, 0.03, 0.03], "ours": [0.5, 0.02, 0.024]}
    assert outcomes(fast, RUNS, "NVIDIA H100 80GB HBM3") == {"usual loop": True, "JAX": True, "25 ms": True, **dict.fromkeys(CYCLE, True)}
    assert set(outcomes({**fast, "ours": [0.5, 0.03, 0.04]}, RUNS, "NVIDIA H100 80GB HBM3", SLOW).values()) == {False}
    assert outcomes({"seed": fast["seed"]}, {}, "Tesla T4", {}) == {"usual loop": None, "JAX": None, **dict.fromkeys(CYCLE)}


SLOW = {**CYCLES, "ours": {**CYCLES["ours"], "losses": [107.0] * 5}}


def test_the_schedule_has_a_table_and_targets_of_its_own():
    text = report(SECONDS, RUNS, CYCLES, {}, "cpu", [])
    assert "| ours | 12.0 | 12.0 (epoch 5) | 1.67 | 125.0, 105.4 |" in text and "| seed | 47.0 | 47.0 (epoch 5) | 1.77 |" in text
    assert "12.0 s; the shortest of the others: 29.0 s | met" in text and "12.0 s; the shortest of the others: 17.0 s | met" in text
    assert {outcomes(cycles=SLOW)[name] for name in CYCLE} == {False}
    assert "| ours | 12.0 | not in 5 epochs |  | 125.0" not in text and "not in 5 epochs |  | 107.0, 107.0" in report(
        SECONDS, RUNS, SLOW, {}, "cpu", [])
    quick = {**CYCLES, "plain": {**CYCLES["ours"], "ends": [1, 2, 3, 4, 5]}}
    assert [outcomes(cycles=quick)[name] for name in ("usual recipe", "same schedule")] == [True, False]
    assert outcomes(runs={**RUNS, "plain": run(2)})["usual recipe"] is False
    never = {name: {**each, "losses": [107.0] * 12} for name, each in RUNS.items()}
    assert outcomes(runs=never)["usual recipe"] is True and "the shortest of the others: not reached" in report(
        SECONDS, never, CYCLES, {}, "cpu", [])


@pytest.mark.slow
def test_every_way_follows_the_same_rates():
    expected = [rate for epoch in cycle_rates(5, 3) for rate in epoch]
    seen = []
    for name in ("seed", "plain"):
        contender = prepare(name, 300)[0]
        contender.optimizer.register_step_pre_hook(lambda optimizer, *_: seen.append(optimizer.param_groups[0]["lr"]))
        contender.run(5, cycle=True)
    contender = prepare("ours (float32)", 300)[0]
    with patch.object(speed_module, "next_rate", lambda optimizer: seen.append(NEXT(optimizer)) or seen[-1]):
        contender.run(5, cycle=True)
    assert seen == pytest.approx(3 * expected, rel=1e-6)
    assert max(expected) == pytest.approx(RATE) and expected[-1] == pytest.approx(0.02 * RATE)
    with patch.object(speed_module, "fit", lambda *given, **options: print("epoch 1") or [{"test_loss": options}]):
        assert prepare("ours", 300)[0].run(1, cycle=True)[1] == [{"lr": RATE, "schedule": "one-cycle"}]


def test_the_rate_is_the_choice_of_the_search():
    runs = json.loads((schedule.FOLDER / "schedule.json").read_text(encoding="utf-8"))["runs"]
    assert RATE == schedule.best(runs, speed.CYCLE)["lr"]


def test_chapter_15_says_what_was_measured():
    page = (ROOT / "bench/RESULTS.md").read_text(encoding="utf-8")
    rows = {name: cells for name, *cells in (line.strip("| ").split(" | ") for line in page.splitlines()[::-1] if line.startswith("|"))}
    found = {name: [re.findall(r"[\d.]+", cell) for cell in cells] for name, cells in rows.items()}
    ways = [found[name] for name in ("seed", "pythae", "plain", "jax", "ours (float32)", "ours")]
    table = [[each[0], ratio[0].removesuffix(".00"), start] for each, ratio, _, _, (start,), *_ in ways]

    def told(*numbers):
        return [{number, f"{float(number):.1f}"} for number in numbers]
    whole = f"{float(ways[0][4][0]) / float(ways[-1][4][0]):.1f}"
    targets = ("the usual loop", "as JAX", "that floor")
    usual, jax, ours = (next(cells[0] for name, cells in found.items() if words in name) for words in targets)
    floors = [found[name][0][0] for name in ("floor", "floor (with Adam and passes)")]
    expected = told(ways[0][1][0], usual[0], *ways[2][1], whole, *jax, *floors, *ours)
    texts = [cell.source for cell in read(NBS / "15_speed.ipynb").cells if "bench/RESULTS.md" in cell.source]
    for text in texts:
        before, _, prose = text.rpartition("|")
        assert [line.strip("| ").split(" | ")[1:] for line in before.splitlines() if line.startswith("|")][2:] == table
        numbers = re.findall(r"\d\.\d+", prose)
        assert len(numbers) == len(expected) and all(number in choice for number, choice in zip(numbers, expected, strict=True))
    assert len(texts) == 2
    ends = sorted(float(line.split(", ")[-1].strip(" |")) for line in page.partition("The same with")[2].splitlines() if "(epoch" in line)
    spans = [cell for cell in read(NBS / "15_speed.ipynb").cells if all(f"{end:.1f}" in cell.source for end in (ends[0], ends[-1]))]
    assert len(ends) == 6 and len(spans) == 2

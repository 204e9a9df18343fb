"""The one-cycle schedule of `fit`: every step's rate, in every loop; what it refuses; and runs that are killed in the middle of a cycle."""
import ast
import copy
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import mean
from unittest.mock import patch

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import OneCycleLR

from bench import schedule
from bench.contenders import RATE
from tests.test_checkpoints import OPTIMIZERS, Convolutional, Lazy, changed, groups, losses, on_tensor, pictures, refused, run, same, small
from tests.test_speed import fake
from vae_nb import speed
from vae_nb.files import read_weights
from vae_nb.model import VAE
from vae_nb.speed import FastLoop, GraphLoop
from vae_nb.train import Cycle, PlainLoop, Rates, fit, train_epoch

ROOT = Path(__file__).parent.parent
CYCLE = {"schedule": "one-cycle"}
OBSTACLE = speed.obstacle
COUNTS = [1, 31, 32, 33, 96, 130]


def rates_of(make, epochs=4, count=150, **options):
    """The learning rates that the first group of an optimizer has in each step of a run, and the history."""
    seen = []

    def made(model):
        optimizer = make(model)
        optimizer.register_step_pre_hook(lambda optimizer, *_: seen.append(float(optimizer.param_groups[0]["lr"])))
        return optimizer
    history = run(small, epochs, count=count, made=made, **{**CYCLE, **options})[1]
    return seen, history


def adam(model, lr=4e-3):
    return Adam(model.parameters(), lr=lr)


def one_cycle(optimizer, steps):
    """PyTorch's own schedule with the same corners, for a number of steps that a fifth can be taken of."""
    warm = steps // 5
    return OneCycleLR(optimizer, optimizer.param_groups[0]["lr"], total_steps=steps, pct_start=0.2, anneal_strategy="linear",
                      cycle_momentum=False, div_factor=warm, final_div_factor=50 / warm)


@pytest.mark.parametrize(("epochs", "count"), [(5, 150), (4, 160), (10, 33), (1, 320)])
def test_the_rates_are_those_of_pytorchs_own_schedule(epochs, count):
    seen, _ = rates_of(adam, epochs, count)
    optimizer = SGD([nn.Parameter(torch.zeros(()))], lr=4e-3)
    scheduler, expected = one_cycle(optimizer, len(seen)), []
    for _ in seen:
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert len(seen) == epochs * -(-count // 32) and seen == pytest.approx(expected, rel=1e-9)
    assert max(seen) == pytest.approx(4e-3) and seen[-1] == pytest.approx(8e-5)


def test_a_run_is_one_made_by_hand_with_pytorchs_schedule():
    model, _ = run(small, 4, count=160, lr=4e-3, **CYCLE)
    torch.manual_seed(0)
    mine = small()
    optimizer = adam(mine)
    scheduler = one_cycle(optimizer, 20)
    optimizer.register_step_post_hook(lambda *_: scheduler.step())
    for epoch in range(1, 5):
        torch.manual_seed(epoch)
        train_epoch(mine, pictures(160), optimizer, 32)
    for name, tensor in mine.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("epochs", "count"), [(1, 1), (1, 33), (2, 1), (3, 40)])
def test_the_shortest_runs_end_at_two_percent_and_stay_below_the_rate(epochs, count):
    seen, history = rates_of(adam, epochs, count)
    assert 0 < min(seen) and max(seen) <= 4e-3 and seen[-1] == pytest.approx(8e-5) and len(history) == epochs


def test_each_record_tells_the_rate_that_its_epoch_ended_with():
    seen, history = rates_of(adam)
    assert [record["lr"] for record in history] == seen[4::5] and "lr" not in run(small, 1)[1][0]
    assert list(json.loads(json.dumps(history))[0]) == ["epoch", "train_loss", "test_loss", "seconds", "precision", "lr"]


def looped(loop, count, epochs=3, **options):
    """The losses of a run with a loop, and the weights after it."""
    torch.manual_seed(0)
    model = VAE(16, 8, 2, image_shape=(1, 4, 4))
    with patch.object(speed, "recorded", fake):
        history = fit(model, pictures(count), pictures(20, seed=1), epochs, 32, 1e-2, progress=False, loop=loop, **{**CYCLE, **options})
    return [(record["train_loss"], record["test_loss"]) for record in history], [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("loop", [FastLoop, GraphLoop])
def test_every_loop_takes_the_same_steps(loop, count):
    with patch.object(PlainLoop, "train_epoch", side_effect=AssertionError("not by hand")):
        with patch.object(speed, "obstacle", lambda *_: None):
            found = looped(loop, count)
    plain, constant = looped(PlainLoop, count), looped(PlainLoop, count, schedule=None)
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-6)
    assert abs(found[0][-1][0] - constant[0][-1][0]) > 1e-3 * constant[0][-1][0]


@pytest.mark.parametrize("loop", [FastLoop, GraphLoop])
def test_the_fast_loops_see_nothing_in_their_way(loop):
    found = []
    with patch.object(speed, "obstacle", lambda *given: found.append(OBSTACLE(*given)) or found[-1]), patch.object(speed, "recorded", fake):
        torch.manual_seed(0)
        fit(small(), pictures(70), pictures(20), 2, 32, progress=False, loop=loop, **CYCLE)
    assert found and not any(found)


def test_a_step_of_ones_own_is_in_the_way_also_with_a_schedule():
    def made(model):
        optimizer = adam(model)
        optimizer.step = partial(Adam.step, optimizer)
        return optimizer
    torch.manual_seed(0)
    model = small()
    optimizer = made(model)
    with Rates(optimizer, [1.0]) as rates:
        assert speed.adam_obstacle(model, optimizer) == "the optimizer has its own step"
        rates.advance()
    assert vars(optimizer)["step"] is rates.own
    found, expected = [losses(run(small, 2, made=each, loop=FastLoop, **CYCLE)[1]) for each in (made, adam)]
    torch.testing.assert_close([row[1] for row in found], [row[1] for row in expected], rtol=1e-4, atol=0)


def test_without_the_fused_operator_the_rates_are_the_same():
    with patch.object(speed, "fused_adam", lambda group: None):
        found = looped(FastLoop, 130)
    torch.testing.assert_close(found, looped(FastLoop, 130), rtol=1e-4, atol=1e-6)


def test_a_graph_is_recorded_once_for_all_rates_and_anew_without_a_schedule():
    torch.manual_seed(0)
    model, recordings = small(), []
    optimizer = adam(model)
    loop, data, cycle = GraphLoop(model, optimizer, 32), pictures(70), Cycle(optimizer, 2, 32)
    with patch.object(speed, "recorded", lambda action: recordings.append(1) or fake(action)):
        for epoch in (1, 2):
            with cycle.rates(epoch, 70):
                loop.train_epoch(data)
        assert len(recordings) == 1
        before = copy.deepcopy(model.state_dict())
        loop.train_epoch(data)
    assert len(recordings) == 2 and optimizer.param_groups[0]["lr"] == 4e-3
    torch.manual_seed(0)
    assert not any(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimizer_follows_and_resumes_to_the_same_bits(name, tmp_path):
    unbroken = run(small, 4, optimizer=OPTIMIZERS[name], **CYCLE)
    stopped(tmp_path / "run", 2, optimizer=OPTIMIZERS[name])
    again = run(small, 4, seed=9, checkpoint=tmp_path / "run", optimizer=OPTIMIZERS[name], **CYCLE)
    assert same(unbroken[0], again[0]) and losses(unbroken[1]) == losses(again[1])


def lazy(model):
    return Lazy(model.parameters(), lr=1e-3)


@pytest.mark.parametrize("make", [groups, on_tensor, lazy])
def test_an_optimizer_of_ones_own_has_its_rates_back_afterwards(make, tmp_path):
    optimizers = []

    def made(model):
        optimizers.append(make(model))
        return optimizers[-1]
    unbroken = run(small, 4, made=made, **CYCLE)
    stopped(tmp_path / "run", 3, made=made)
    again = run(small, 4, seed=9, checkpoint=tmp_path / "run", made=made, **CYCLE)
    assert same(unbroken[0], again[0]) and losses(unbroken[1]) == losses(again[1]) and unbroken[1][-1]["lr"] == again[1][-1]["lr"]
    for optimizer in optimizers:
        fresh = make(small())
        assert [group["lr"] for group in optimizer.param_groups] == [group["lr"] for group in fresh.param_groups]
        assert "step" not in vars(optimizer)


def test_every_group_takes_its_own_share():
    seen = []

    def made(model):
        optimizer = groups(model)
        optimizer.register_step_pre_hook(lambda optimizer, *_: seen.append([group["lr"] for group in optimizer.param_groups]))
        return optimizer
    run(small, 2, made=made, **CYCLE)
    assert all(first == pytest.approx(100 * second) for first, second in seen) and seen[-1] == pytest.approx([2e-4, 2e-6])


class Stop(Exception):
    """The end of a run in the middle of an epoch."""


def stopping(loop, epoch, act):
    """A loop that, in the middle of an epoch, after the second of its steps, does something."""
    class Stopping(loop):
        def __init__(self, model, optimizer, *given):
            super().__init__(model, optimizer, *given)
            self.started, self.reparameterize = 0, None

        def train_epoch(self, images, progress=False):
            self.started += 1
            if self.started == epoch:
                real_advance, taken = Rates.advance, []

                def advance(rates):
                    taken.append(1)
                    if len(taken) == 3:
                        act()
                    real_advance(rates)
                with patch.object(Rates, "advance", advance):
                    return super().train_epoch(images, progress)
            return super().train_epoch(images, progress)
    return Stopping


def stop():
    raise Stop


def stopped(path, epoch, loop=PlainLoop, epochs=4, **options):
    """A run that ends in the middle of an epoch, and its checkpoint."""
    with pytest.raises(Stop):
        run(small, epochs, checkpoint=path, loop=stopping(loop, epoch, stop), **{**CYCLE, **options})
    assert len(json.loads(read_weights(path)[1]["history"])) == epoch - 1


@pytest.mark.parametrize("epoch", [1, 2, 4])
@pytest.mark.parametrize("loop", [PlainLoop, FastLoop])
def test_a_run_that_stops_in_the_middle_of_a_cycle_goes_on_to_the_same_bits(loop, epoch, tmp_path):
    model, history = run(small, 4, loop=loop, **CYCLE)
    stopped(tmp_path / "run", epoch, loop)
    again, resumed = run(small, 4, seed=9, checkpoint=tmp_path / "run", loop=loop, **CYCLE)
    assert same(model, again) and losses(history) == losses(resumed)
    assert [record["lr"] for record in history] == [record["lr"] for record in resumed]


KILLED = """
import os, sys
from functools import partial
from tests.test_checkpoints import run, small
from tests.test_schedule import CYCLE, stopping
from vae_nb import speed, train
loop = getattr(speed, sys.argv[1]) if hasattr(speed, sys.argv[1]) else getattr(train, sys.argv[1])
run(small, 4, checkpoint=sys.argv[2], loop=stopping(loop, 3, partial(os.kill, os.getpid(), 9)), **CYCLE)
"""


@pytest.mark.slow
@pytest.mark.parametrize("loop", [PlainLoop, FastLoop])
def test_a_process_killed_in_the_middle_of_a_cycle_goes_on_to_the_same_bits(loop, tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, loop.__name__, str(tmp_path / "run")], check=False)
    assert ended.returncode == -9 and len(json.loads(read_weights(tmp_path / "run")[1]["history"])) == 2
    model, history = run(small, 4, loop=loop, **CYCLE)
    again, resumed = run(small, 4, seed=9, checkpoint=tmp_path / "run", loop=loop, **CYCLE)
    assert same(model, again) and losses(history) == losses(resumed)


def test_an_epoch_that_fails_leaves_the_rate_and_the_step_as_they_were():
    torch.manual_seed(0)
    model = small()
    for wrong in (adam(model, 1e20), adam(model)):
        rate = wrong.param_groups[0]["lr"]
        loop = PlainLoop if rate == 1e20 else stopping(PlainLoop, 2, stop)
        with pytest.raises((FloatingPointError, Stop)):
            fit(model, pictures(), pictures(20), 3, 32, optimizer=wrong, loop=loop, progress=False, **CYCLE)
        assert wrong.param_groups[0]["lr"] == rate and "step" not in vars(wrong)


def test_another_length_or_schedule_is_refused_by_name(tmp_path):
    cycle, constant = tmp_path / "cycle", tmp_path / "constant"
    stopped(cycle, 3)
    run(small, 2, checkpoint=constant)
    assert "schedule was 'one-cycle over 4 epochs', now 'one-cycle over 10 epochs'. Use the same" in refused(cycle, epochs=10, **CYCLE)
    assert "schedule was 'one-cycle over 4 epochs', now None" in refused(cycle, epochs=4)
    assert "schedule was None, now 'one-cycle over 4 epochs'" in refused(constant, epochs=4, **CYCLE)
    assert "lr was 0.001, now 0.004" in refused(cycle, epochs=4, optimizer=None, lr=4e-3, **CYCLE)


def test_a_checkpoint_from_before_there_were_schedules_goes_on(tmp_path):
    run(small, 2, checkpoint=tmp_path / "run")
    settings = json.loads(read_weights(tmp_path / "run")[1]["settings"])
    assert settings.pop("schedule", "missing") is None
    changed(tmp_path / "run", text={"settings": json.dumps(settings)})
    assert same(run(small, 4, seed=9, checkpoint=tmp_path / "run")[0], run(small, 4)[0])


def test_an_optimizer_with_a_scheduler_of_its_own_keeps_it_and_refuses_another(tmp_path):
    def scheduled(model):
        optimizer = adam(model)
        optimizer.scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        optimizer.register_step_post_hook(lambda optimizer, *_: optimizer.scheduler.step())
        return optimizer
    torch.manual_seed(0)
    model = small()
    optimizer = scheduled(model)
    fit(model, pictures(), pictures(20), 2, 32, optimizer=optimizer, progress=False)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(4e-3 * 0.9**10)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="scheduler of its own; leave schedule out, or make the optimizer anew"):
        fit(model, pictures(), pictures(20), 2, 32, optimizer=optimizer, progress=False, **CYCLE)
    assert all(map(torch.equal, before.values(), model.state_dict().values()))


def test_an_optimizer_without_a_rate_is_refused():
    class Fixed(SGD):
        def step(self, closure=None):
            pass
    torch.manual_seed(0)
    model = small()
    optimizer = Fixed(model.parameters(), lr=1e-3)
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(ValueError, match="a learning rate, lr, in each of its groups; leave schedule out"):
        fit(model, pictures(), pictures(20), 2, 32, optimizer=optimizer, progress=False, **CYCLE)


class Seldom(PlainLoop):
    """Leaves the last batch out."""

    def train_epoch(self, images, progress=False):
        return super().train_epoch(images[: len(images) // 32 * 32], progress)


class Twice(PlainLoop):
    """Takes every image twice."""

    def train_epoch(self, images, progress=False):
        return super().train_epoch(torch.cat([images, images]), progress)


@pytest.mark.parametrize(("loop", "words"), [(Seldom, "took 4 steps in an epoch of 5 batches"), (Twice, "took more steps in an epoch")])
def test_a_loop_with_other_steps_is_refused_and_leaves_no_trace(loop, words):
    torch.manual_seed(0)
    model = small()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=f"{words}.*leave schedule out"):
        fit(model, pictures(), pictures(20), 2, 32, loop=loop, progress=False, **CYCLE)
    assert all(map(torch.equal, before.values(), model.state_dict().values())) and len(run(small, 1, loop=loop)[1]) == 1


def test_images_redrawn_in_another_number_end_at_the_same_rate():
    drawn = iter([10, 150, 70])
    seen, history = rates_of(adam, 3, redraw=lambda images: images[: next(drawn)])
    assert len(seen) == 1 + 5 + 3 and [record["lr"] for record in history] == pytest.approx([4e-3 * share for share in (
        1 - 0.98 * (1 / 3 - 0.2) / 0.8, 1 - 0.98 * (2 / 3 - 0.2) / 0.8, 0.02)])


def test_a_model_of_ones_own_follows_in_both_faces_of_fit():
    found = []
    for way in (fit, speed.fit):
        torch.manual_seed(0)
        data = pictures(shape=(3, 4, 4)), pictures(20, (3, 4, 4))
        found.append(losses(way(Convolutional(), *data, 3, 32, progress=False, **CYCLE)))
    assert found[0] == found[1]


def recorded():
    return json.loads((schedule.FOLDER / "schedule.json").read_text(encoding="utf-8"))


def test_the_page_shows_the_recorded_search():
    assert (schedule.FOLDER / "SCHEDULE.md").read_text(encoding="utf-8") == schedule.table(recorded())


def test_a_choice_is_the_best_of_a_whole_search_on_the_validation_split():
    runs = recorded()["runs"]
    tried = {(run["split"], run["schedule"], run["lr"], run["epochs"], run["seed"]): run["losses"] for run in runs}
    assert len(tried) == len(runs) and all(len(losses) == key[3] for key, losses in tried.items())
    chosen = schedule.chosen(runs)
    for best in chosen:
        means = {recipe["lr"]: sum(schedule.finals(runs, "validation", recipe)) for recipe in schedule.recipes(best["epochs"])}
        assert all(len(schedule.finals(runs, "validation", recipe)) == schedule.SEEDS for recipe in schedule.recipes(best["epochs"]))
        assert min(means, key=means.get) == best["lr"]
        for lr in {each["lr"] for each in runs if each["split"] == "test" and each["schedule"]}:
            assert means[lr] == min(means[other] for other in means if other <= lr), "tested, and never the best of a search"
    assert chosen


def test_a_search_goes_on_where_it_was_stopped(tmp_path):
    made = []

    def quick(split, recipe, seed, images, test):
        made.append((split, recipe["lr"], recipe["epochs"], seed))
        if len(made) == 5:
            raise KeyboardInterrupt
        return [100 + recipe["lr"] + seed] * recipe["epochs"]
    with patch.object(schedule, "train", quick):
        with pytest.raises(KeyboardInterrupt):
            schedule.main(tmp_path)
        schedule.main(tmp_path)
    assert made[4] == made[5] and len(set(made)) == len(made) - 1 == len(json.loads((tmp_path / "schedule.json").read_text())["runs"])
    assert {row[:3] for row in made if row[0] == "test"} == {("test", 2e-3, 5), ("test", 1e-3, 10)}
    assert "| one-cycle | 0.002 | 5 | 100.00 | 101.00 | 102.00 | 101.00 | 1.00 | chosen |" in (tmp_path / "SCHEDULE.md").read_text()


def test_the_search_never_trains_on_what_it_validates_on():
    given = []
    with patch.object(schedule, "fit", lambda model, *data, **options: given.append(data) or []):
        for split in schedule.SPLITS:
            schedule.train(split, schedule.USUAL, 0, torch.arange(60_000), torch.arange(10_000))
    (train_part, validation), (whole, test) = given
    assert validation.tolist() == list(range(50_000, 60_000)) and train_part.tolist() == list(range(50_000))
    assert len(whole) == 60_000 and len(test) == 10_000


def test_the_lesson_tells_what_was_measured():
    runs = json.loads((ROOT / "bench/schedule.json").read_text(encoding="utf-8"))["runs"]
    lesson = "\n".join("".join(cell["source"]) for cell in json.loads((ROOT / "nbs/15_speed.ipynb").read_text(encoding="utf-8"))["cells"])
    listed = ast.literal_eval(re.search(r"^validation = (\{.*?\})", lesson, re.DOTALL | re.MULTILINE)[1])
    for lr, measured in listed.items():
        found = schedule.finals(runs, "validation", {"schedule": "one-cycle", "lr": lr, "epochs": 5})
        assert measured == tuple(round(loss, 2) for loss in found)
    [best] = schedule.chosen(runs)
    means = [mean(schedule.finals(runs, *row)) for row in (("validation", best), ("test", best), ("test", schedule.USUAL))]
    for number in [f"{best['lr']:g}", *(f"{value:.2f}" for value in (*means, means[2] - means[1]))]:
        assert number in lesson, number
    assert best["lr"] == RATE

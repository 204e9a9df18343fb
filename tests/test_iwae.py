"""The IWAE table: the schedule and the model of the paper, runs that go on exactly, and records that say one thing everywhere."""
import json
import math
import re
from ast import literal_eval
from pathlib import Path

import pytest
import torch

import bench.evaluate
from bench import iwae

ROOT = Path(__file__).parent.parent
TINY = 5e-6


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (iwae.IMAGES // 20, 784), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).repeat(20, 1)


def results():
    return json.loads((ROOT / "bench/iwae.json").read_text(encoding="utf-8"))


def test_schedule_is_the_papers():
    rates, ends = iwae.schedule()
    assert ends[-1] == 3280 * 2980 == 9_774_400
    assert [end // 2980 for end in ends] == [1, 4, 13, 40, 121, 364, 1093, 3280]
    for rate, rounded in zip(rates, [1e-3, 7.2e-4, 5.2e-4, 3.7e-4, 2.7e-4, 1.9e-4, 1.4e-4, 1e-4], strict=True):
        assert abs(rate - rounded) < 1e-5


def test_a_share_is_taken_of_every_stage():
    whole, part = iwae.schedule()[1], iwae.schedule(0.01)[1]
    assert part[0] == 30 and all(abs(0.01 * a - b) <= 4 for a, b in zip(whole, part, strict=True))


def test_model_is_the_papers():
    mean = torch.linspace(0, 1, 784)
    model = iwae.IWAE(mean)
    assert [tuple(p.shape) for p in model.parameters() if p.dim() == 2] == [
        (200, 784), (200, 200), (50, 200), (50, 200), (200, 50), (200, 200), (784, 200)]
    biases = {name: p for name, p in model.named_parameters() if p.dim() == 1}
    torch.testing.assert_close(biases.pop("pixels.bias").sigmoid(), mean.clamp(0.001, 0.999))
    assert all((bias == 0).all() for bias in biases.values())
    for p in model.parameters():
        if p.dim() == 2:
            assert 0.97 * math.sqrt(6 / sum(p.shape)) < p.abs().max() <= math.sqrt(6 / sum(p.shape))
    x = torch.ones(2, 784)
    std = model.log_std(model.encoder(x)).exp()
    torch.testing.assert_close(model.encode(x)[1].exp(), std**2)
    z = torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.log_likelihood(z, x), model.decode(z).log().sum(2), rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_unbroken(images, tmp_path, monkeypatch):
    monkeypatch.setattr(iwae, "BLOCK", 10)
    unbroken, steps, _ = iwae.train(images, 2, TINY, seed=3)
    real, path = iwae.Checkpoint.write, tmp_path / "run.safetensors"

    def killed(*args):
        real(*args)
        raise KeyboardInterrupt
    monkeypatch.setattr(iwae, "EVERY", 10)
    monkeypatch.setattr(iwae.Checkpoint, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        iwae.train(images, 2, TINY, seed=3, checkpoint=path)
    monkeypatch.setattr(iwae.Checkpoint, "write", real)
    resumed, again, seconds = iwae.train(images, 2, TINY, seed=3, checkpoint=path)
    assert steps == again == iwae.schedule(TINY)[1][-1] > 40
    for one, other in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    finished, *same = iwae.train(images, 2, TINY, seed=3, checkpoint=path)
    assert torch.equal(finished.pixels.weight, resumed.pixels.weight)
    assert same == [steps, seconds]


def test_bad_input_is_refused(images, tmp_path):
    with pytest.raises(ValueError, match="k is 0"):
        iwae.train(images, 0, TINY)
    for share in (0, -0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            iwae.train(images, 1, share)
    with pytest.raises(ValueError, match="too small for a single step"):
        iwae.train(images, 1, 1e-9)
    path = tmp_path / "run.safetensors"
    iwae.train(images, 1, 1e-6, checkpoint=path)
    with pytest.raises(ValueError, match="settings"):
        iwae.train(images, 2, 1e-6, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        iwae.train(images, 1, 1e-6, checkpoint=path)
    path.write_bytes((ROOT / "vae_nb/mnist.safetensors").read_bytes())
    with pytest.raises(ValueError, match="it is not a checkpoint; name another"):
        iwae.train(images, 1, 1e-6, checkpoint=path)


def test_results_are_well_formed_and_the_page_shows_them():
    for row in results():
        assert row["steps"] == iwae.schedule(row["share"])[1][-1]
        assert row["k"] >= 1 and 0 <= row["active_units"] <= 50 and 1 <= row["images"] <= 10_000
        assert row["seconds"] > 0 and 0 < row["error"] < 10 and 80 < row["nll"] < 250
    keys = [(row["k"], row["share"], row["seed"]) for row in results()]
    assert keys == sorted(set(keys))
    assert {row["k"] for row in results()} == set(iwae.PUBLISHED)
    assert (ROOT / "bench/IWAE.md").read_text(encoding="utf-8") == iwae.table(results())


def test_a_new_result_replaces_the_old_one_of_its_cell(tmp_path):
    first, second = results()[:2]
    for row in (second, first, {**second, "nll": 100.0}):
        iwae.record(row, tmp_path)
    assert json.loads((tmp_path / "iwae.json").read_text()) == [first, {**second, "nll": 100.0}]
    assert "100.00 ±" in (tmp_path / "IWAE.md").read_text()


def test_evaluation_page_shows_the_recorded_numbers():
    result = json.loads((ROOT / "bench/evaluation.json").read_text(encoding="utf-8"))
    binary = result["binary"]
    assert abs(binary["elbo"] + binary["distortion"] + binary["rate"]) < 0.002
    assert binary["nll"] < -binary["elbo"]
    assert (ROOT / "bench/EVALUATION.md").read_text(encoding="utf-8") == bench.evaluate.table(result)


def code(chapter, start):
    """The source of the one code cell of a chapter that has `start` in it."""
    cells = json.loads((ROOT / f"nbs/{chapter}.ipynb").read_text(encoding="utf-8"))["cells"]
    found = [text for cell in cells if cell["cell_type"] == "code" and start in (text := "".join(cell["source"]))]
    assert len(found) == 1, f"{chapter} has {len(found)} cells with {start!r}"
    return found[0]


def test_chapter_quotes_the_recorded_table():
    quoted = re.search(r"published = (\{.*?\})\nreached = (\{.*?\n\})", code("06_evaluate", "reached = {"), re.DOTALL)
    published, reached = map(literal_eval, quoted.groups())
    recorded = {k: {row["share"]: (round(row["nll"], 2), row["active_units"]) for row in results() if row["k"] == k and row["seed"] == 0}
                for k in published}
    assert (published, reached) == (iwae.PUBLISHED, recorded)

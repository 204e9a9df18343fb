"""The IWAE table: the schedule and the model of the paper, runs that go on exactly, and records that say one thing everywhere."""
import json
import math
import re
import sys
from ast import literal_eval
from pathlib import Path

import pytest
import torch

import bench.evaluate
from bench import iwae
from vae_nb.loss import iwae_loss

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


def test_one_cycle_goes_up_to_its_peak_and_down():
    steps = 1000
    rates = [iwae.cycle(step, steps) for step in range(steps)]
    assert rates[0] == pytest.approx(3e-4) and rates[50] == pytest.approx(1.65e-3)
    assert rates[100] == max(rates) == pytest.approx(3e-3)
    assert rates[-1] == min(rates) == pytest.approx(1e-5)
    middle = (100 + 999) / 2
    assert (rates[549] + rates[550]) / 2 == pytest.approx((3e-3 + 1e-5) / 2) and middle == 549.5
    up, down = torch.tensor(rates[:101]).diff(), torch.tensor(rates[100:]).diff()
    assert (up > 0).all() and (down < 0).all() and up.max() - up.min() < 1e-8


@pytest.mark.parametrize("low", [False, True])
def test_the_short_step_has_the_loss_and_the_gradient_of_iwae_loss(low):
    generator = torch.Generator().manual_seed(0)
    model, x = iwae.IWAE(torch.linspace(0, 1, 784)), torch.randint(0, 2, (6, 784), generator=generator).float()
    eps = torch.randn(5, 6, 50, generator=generator)
    found = []
    for loss in (iwae.Short(1, low).loss, iwae.Paper(1).loss):
        model.zero_grad()
        value = loss(model, x, *model.encode(x), eps)
        value.backward()
        found.append((value.item(), [p.grad.clone() for p in model.parameters()]))
    mu, logvar = model.encode(x)
    z = mu + torch.exp(logvar / 2) * eps
    assert found[1][0] == iwae_loss(model.decode(z), x, z, mu, logvar).item()
    (value, grads), (expected, wanted) = found
    assert value == pytest.approx(expected, rel=5e-4 if low else 1e-6)
    for one, other in zip(grads, wanted, strict=True):
        assert one.dtype == torch.float32 and (one - other).norm() < (0.02 if low else 1e-4) * other.norm()


def test_of_many_terms_the_largest_of_each_image_are_differentiated():
    generator = torch.Generator().manual_seed(0)
    model, x = iwae.IWAE(torch.linspace(0, 1, 784)), torch.randint(0, 2, (6, 784), generator=generator).float()
    eps = torch.randn(50, 6, 50, generator=generator)
    mu, logvar = model.encode(x)
    z = mu + torch.exp(logvar / 2) * eps
    log_w = model.log_likelihood(z.transpose(0, 1), x).T + (eps.square() - z.square() + logvar).sum(2) / 2
    bound = (log_w.sort(0).values[-10:].logsumexp(0) - math.log(50)).sum()
    decoder = [*model.decoder.parameters(), *model.pixels.parameters()]
    wanted = torch.autograd.grad(-bound, decoder)
    value = iwae.Short(1).loss(model, x, *model.encode(x), eps)
    value.backward()
    assert value.item() == pytest.approx(-bound.item(), rel=1e-6) and value > iwae_loss(model.decode(z), x, z, mu, logvar)
    for p, other in zip(decoder, wanted, strict=True):
        assert (p.grad - other).norm() < 1e-4 * other.norm()


def test_with_many_terms_the_encoders_gradient_has_the_same_mean_and_less_noise(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    model, x = iwae.IWAE(torch.linspace(0.2, 0.8, 784)), torch.randint(0, 2, (1, 784), generator=generator).float()
    inputs = [part.detach().requires_grad_() for part in model.encode(x)]

    def gradients(largest, draws):
        """The gradient of the bound of twelve terms for what the encoder says of one image, with each of some draws of the noise."""
        monkeypatch.setattr(iwae, "LARGEST", largest)
        many = [part.detach().expand(draws, 50).clone().requires_grad_() for part in inputs]
        eps = torch.randn(12, draws, 50, generator=generator)
        return torch.autograd.grad(iwae.Short(1).loss(model, x.expand(draws, 784), *many, eps), many)
    optimizer = torch.optim.Adam(inputs, lr=0.03)
    for _ in range(200):
        for part, gradient in zip(inputs, gradients(12, 8), strict=True):
            part.grad = gradient.mean(0, keepdim=True)
        optimizer.step()
    with torch.no_grad():
        inputs[0].add_(0.3)
    (mean, variance), (expected, more) = [(draws.mean(0), draws.var(0)) for draws in (torch.cat(gradients(n, 2000), 1) for n in (11, 12))]
    errors = (mean - expected) / ((variance + more) / 2000).sqrt()
    assert errors.abs().max() < 5 and errors.square().mean() < 1.5
    assert expected.square().sum() > 10 * (more / 2000).sum()
    assert variance.sum() < 0.5 * more.sum()


def test_many_terms_begin_as_few(images, monkeypatch):
    monkeypatch.setattr(iwae.Short, "block", 2)
    terms, loss = [], iwae.Short.loss

    def counted(self, *given):
        terms.append(len(given[-1]))
        return loss(self, *given)
    monkeypatch.setattr(iwae.Short, "loss", counted)
    for k in (11, 10):
        iwae.train(images, k, iwae.Short(5))
    assert terms == 7 * [5] + 3 * [11] + 10 * [10]


def test_a_pass_uses_every_image_once_and_in_a_new_order(monkeypatch):
    monkeypatch.setattr(iwae.Short, "batch", 4)
    monkeypatch.setattr(iwae.Short, "block", 5)
    monkeypatch.setattr(iwae, "BLOCK", 2)
    images = 255 * torch.eye(22, dtype=torch.uint8)
    orders = [torch.cat(list(iwae.Short(1).batches(images, 0, torch.Generator().manual_seed(seed)))).argmax(1).tolist() for seed in (0, 1)]
    for order in orders:
        assert len(order) == len(set(order)) == 20 and order != sorted(order)
    assert orders[0] != orders[1]


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: iwae.Paper(TINY), lambda: iwae.Short(5, low=True)], ids=["paper", "short"])
def test_a_killed_run_goes_on_as_if_unbroken(images, tmp_path, monkeypatch, make):
    monkeypatch.setattr(iwae, "BLOCK", 10)
    monkeypatch.setattr(iwae.Short, "block", 9)
    recipe = make()
    unbroken, (steps, *_) = iwae.train(images, 2, recipe, seed=3)
    real, path = iwae.Checkpoint.write, tmp_path / "run.safetensors"

    def killed(*args):
        real(*args)
        raise KeyboardInterrupt
    monkeypatch.setattr(iwae.Paper, "every", 1)
    monkeypatch.setattr(iwae.Checkpoint, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        iwae.train(images, 2, recipe, seed=3, checkpoint=path)
    monkeypatch.setattr(iwae.Checkpoint, "write", real)
    resumed, progress = iwae.train(images, 2, recipe, seed=3, checkpoint=path)
    assert steps == progress[0] == recipe.steps > 40
    for one, other in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    finished, same = iwae.train(images, 2, recipe, seed=3, checkpoint=path)
    assert torch.equal(finished.pixels.weight, resumed.pixels.weight)
    assert same == progress


@pytest.mark.slow
def test_bad_input_is_refused(images, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="k is 0"):
        iwae.train(images, 0, iwae.Paper(TINY))
    for share in (0, -0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            iwae.Paper(share)
    with pytest.raises(ValueError, match="too small for a single step"):
        iwae.Paper(1e-9)
    with pytest.raises(ValueError, match="passes is 0"):
        iwae.Short(0)
    path, paper = tmp_path / "run.safetensors", iwae.Paper(1e-6)
    iwae.train(images, 1, paper, checkpoint=path)
    monkeypatch.setattr(iwae.Short, "block", 1)
    for k, recipe in ((2, paper), (1, iwae.Short(1))):
        with pytest.raises(ValueError, match="settings"):
            iwae.train(images, k, recipe, checkpoint=path)
    short = tmp_path / "short.safetensors"
    iwae.train(images, 1, iwae.Short(1), checkpoint=short)
    for other in (iwae.Short(2), iwae.Short(1, low=True)):
        with pytest.raises(ValueError, match="settings"):
            iwae.train(images, 1, other, checkpoint=short)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        iwae.train(images, 1, paper, checkpoint=path)
    path.write_bytes((ROOT / "vae_nb/mnist.safetensors").read_bytes())
    with pytest.raises(ValueError, match="it is not a checkpoint; name another"):
        iwae.train(images, 1, paper, checkpoint=path)


def test_a_run_that_diverges_ends_and_leaves_what_was_good(images, tmp_path, monkeypatch):
    monkeypatch.setattr(iwae.Short, "block", 2)
    recipe, path = iwae.Short(3), tmp_path / "run.safetensors"
    monkeypatch.setattr(recipe, "rate", lambda step: 1e-3 if step < 2 else math.inf)
    with pytest.raises(FloatingPointError, match="nan after 4 steps"):
        iwae.train(images, 2, recipe, checkpoint=path)
    with iwae.Checkpoint(path, iwae.State(model := iwae.IWAE(torch.rand(784)), torch.optim.Adam(model.parameters(), fused=True, eps=1e-4)),
                         {"k": 2, **recipe.terms, "seed": 0}) as file:
        assert file.begin(None)[0] == 2 and all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("words", "said"), [
    ("1", "needs its share"), ("1 much", "share is much"), ("1 1.5", "share is 1.5"), ("1 400", "share is 400.0"),
    ("1 0.01 --recipe short", "passes is 0.01"), ("1 0 --recipe short", "passes is 0"), ("1 -3 --recipe short", "passes is -3"),
    ("0 1 --recipe short", "k is 0"), ("7 --recipe short", "k is 7, for which the short recipe needs its passes"),
    ("1 1 --recipe long", "invalid choice: 'long'")])
def test_a_command_that_does_not_fit_ends_with_its_reason(words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["iwae", *words.split()])
    monkeypatch.setattr(iwae, "mnist", lambda *args: (torch.zeros(iwae.IMAGES, 784, dtype=torch.uint8),))
    with pytest.raises(SystemExit) as end:
        iwae.main()
    assert end.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize(("words", "bf16", "terms"), [
    ("", True, {"recipe": "short", "passes": 400, "batch": 128, "products": "bfloat16"}),
    (" 7", False, {"recipe": "short", "passes": 7, "batch": 128, "products": "float32"})])
def test_a_command_records_its_recipe(words, bf16, terms, tmp_path, monkeypatch, capsys):
    found = {"nll": 90.0, "error": 0.5, "active_units": 20, "images": 100}
    trained, recorded = [], []
    monkeypatch.setattr(sys, "argv", ["iwae", "5", "--recipe", "short", *words.split()])
    for name, value in {"mnist": lambda *args: (torch.zeros(iwae.IMAGES, 784, dtype=torch.uint8),), "bf16_products": lambda: bf16,
                        "pick_device": lambda: torch.device("cpu"), "evaluate": lambda *args: found, "record": recorded.append,
                        "train": lambda images, *given: trained.append(given) or (None, [given[1].steps, 9.7, 8.2])}.items():
        monkeypatch.setattr(iwae, name, value)
    iwae.main()
    [(k, recipe, seed, path, _)] = trained
    assert (k, seed, recipe.low, recipe.steps) == (5, 0, bf16, 465 * terms["passes"])
    assert path.name == f"iwae-5-{terms['passes']}-128-{terms['products']}-0.safetensors"
    assert recorded == [{"k": 5, **terms, "seed": 0, "steps": recipe.steps, "seconds": 10, "processor": 8, "device": "cpu",
                         "threads": torch.get_num_threads(), **found}]
    assert json.loads(capsys.readouterr().out) == recorded[0]


def test_results_are_well_formed_and_the_page_shows_them():
    for row in results():
        assert row["steps"] == (iwae.Paper(row["share"]) if row["recipe"] == "paper" else iwae.Short(row["passes"])).steps
        assert row["k"] >= 1 and 0 <= row["active_units"] <= 50 and 1 <= row["images"] <= 10_000
        assert row["seconds"] > 0 and 0 < row["error"] < 10 and 80 < row["nll"] < 250
    keys = list(map(iwae.key, results()))
    assert keys == sorted(set(keys))
    assert {row["k"] for row in results() if row["recipe"] == "paper"} == set(iwae.PUBLISHED)
    assert (ROOT / "bench/IWAE.md").read_text(encoding="utf-8") == iwae.table(results())


def test_a_new_result_replaces_the_old_one_of_its_cell(tmp_path):
    first, second = results()[:2]
    for row in (second, first, {**second, "nll": 100.0}):
        iwae.record(row, tmp_path)
    assert json.loads((tmp_path / "iwae.json").read_text()) == [first, {**second, "nll": 100.0}]
    assert "100.00 ±" in (tmp_path / "IWAE.md").read_text()


def test_the_short_recipe_has_a_table_of_its_own(tmp_path):
    paper = {"recipe": "paper", "k": 5, "share": 0.01, "seed": 0, "steps": 97744, "seconds": 1157, "device": "cpu", "threads": 1,
             "nll": 94.94, "error": 0.8, "active_units": 41, "images": 1000}
    short = {"recipe": "short", "k": 5, "passes": 400, "batch": 128, "products": "bfloat16", "seed": 0, "steps": 186000, "seconds": 2400,
             "processor": 4500, "device": "cpu", "threads": 2, "nll": 85.2, "error": 0.3, "active_units": 20, "images": 10000}
    for row in (short, paper, {**short, "passes": 100}):
        iwae.record(row, tmp_path)
    assert json.loads((tmp_path / "iwae.json").read_text()) == [paper, {**short, "passes": 100}, short]
    before, after = (tmp_path / "IWAE.md").read_text().split("## The short recipe")
    assert "| 5 | 0.01 | 97,744 | 0 | 1,157 s | cpu, 1 thread | 94.94 ± 0.80 | 1,000 | 85.54 | 41 | 22 |\n" in before
    assert "| k | recipe | passes | batch | products | steps |" in after and "85.20" not in before and "94.94" not in after
    assert ("| 5 | short | 400 | 128 | bfloat16 | 186,000 | 0 | 2,400 s | 4,500 s | cpu, 2 threads | 85.20 ± 0.30 | 10,000 | 85.54 "
            "| 20 | 22 |\n") in after


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
    quoted = re.search(r"published = (\{.*?\})\nreached = (\{.*?\n\})\nshort = (\{.*?\})\n", code("06_evaluate", "reached = {"), re.DOTALL)

    def recorded(recipe, length):
        rows = [row for row in results() if row["recipe"] == recipe and row["seed"] == 0]
        return {k: {row[length]: (round(row["nll"], 2), row["active_units"]) for row in rows if row["k"] == k}
                for k in sorted({row["k"] for row in rows})}
    assert [*map(literal_eval, quoted.groups())] == [iwae.PUBLISHED, recorded("paper", "share"), recorded("short", "passes")]

"""`vae_nb.conv` beyond what the contract asks: its loss, its scale, its layers; and the command that compares it with the fully
connected VAE."""
import ast
import json
import sys
from statistics import mean

import pytest
import torch

from bench import conv as race
from tools.outputs import NBS, read
from vae_nb.conv import ConvVAE, LogisticVAE, center_of, logistic_bins
from vae_nb.loss import kl_divergence, loss_function
from vae_nb.model import pixel_log_likelihood


def encoded(model, count=5):
    """Images, a sample of z for each, and the Gaussians that it comes from."""
    torch.manual_seed(3)
    x = torch.rand(count, *model.image_shape)
    mu, logvar = model.encode(x)
    return x, mu + torch.exp(logvar / 2) * torch.randn_like(mu), mu, logvar


def likelihood(model, z, x):
    return model.log_likelihood(z, x) if hasattr(model, "log_likelihood") else pixel_log_likelihood(model, z, x)


@pytest.mark.parametrize("kind", [ConvVAE, LogisticVAE])
def test_the_loss_is_kl_less_log_likelihood(kind):
    torch.manual_seed(0)
    model = kind((3, 8, 12), (4, 6), 2)
    x, z, mu, logvar = encoded(model)
    loss = getattr(model, "loss", loss_function)(model.decode(z), x, mu, logvar)
    torch.testing.assert_close(loss, (kl_divergence(mu, logvar) - likelihood(model, z.unsqueeze(1), x).squeeze(1)).sum())


def test_the_scale_is_learned():
    model = LogisticVAE((1, 4, 4), (2,), 1)
    x, z, mu, logvar = encoded(model)
    model.loss(model.decode(z), x, mu, logvar).backward()
    assert model.log_scale.grad.abs() > 0


def test_the_number_of_layers_is_that_of_the_widths():
    model = ConvVAE((2, 24, 8), (3, 5, 7), 4)
    def channels(kind): return [tuple(layer.weight.shape[:2]) for layer in model.modules() if isinstance(layer, kind)]
    assert channels(torch.nn.Conv2d) == [(3, 2), (5, 3), (7, 5)] and channels(torch.nn.ConvTranspose2d) == [(7, 5), (5, 3), (3, 2)]
    assert model.encoder[-1].in_features == 7 * 3 * 1


def test_what_is_decoded_keeps_the_leading_dimensions_of_z():
    model = ConvVAE((2, 8, 4), (3,), 4)
    z = torch.randn(2, 3, 4)
    assert model.decode(z).shape == (2, 3, 2, 8, 4) and model.decode(z[0, 0]).shape == (2, 8, 4)
    torch.testing.assert_close(model.decode(z)[1, 2], model.decode(z[1, 2]))


def test_a_certain_pixel_costs_nothing_and_nothing_is_infinite():
    scale, x = torch.tensor(0.05), torch.tensor([0.0, 1.0])
    certain = logistic_bins(center_of(torch.tensor([0.0, 1.0]), scale), scale, x)
    assert (certain.abs() < 1e-4).all()
    wrong = torch.tensor([1e-20, 1 - 1e-7], requires_grad=True)
    log_p = logistic_bins(center_of(wrong, scale), scale, 1 - x)
    log_p.sum().backward()
    assert log_p.isfinite().all() and wrong.grad.isfinite().all() and wrong.grad[0] > 0 > wrong.grad[1]


@pytest.mark.slow
def test_black_backgrounds_are_learned():
    torch.manual_seed(0)
    model, x = LogisticVAE((1, 4, 4), (4,), 1), torch.zeros(8, 1, 4, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        reconstructed, mu, logvar = model(x)
        loss = model.loss(reconstructed, x, mu, logvar) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1  # nats, where half a bin for each of the 16 pixels would be 11


@pytest.mark.parametrize("best", [1e-3 / 8, 1e-3 / 2, 1e-3, 2e-3, 16e-3])
def test_the_learning_rate_is_searched_as_far_as_it_helps(best):
    tried = []
    def loss_at(rate):
        tried.append(rate)
        return abs(rate / best - 1) + abs(best / rate - 1)
    assert race.searched(loss_at) == pytest.approx(best)
    assert min(tried) < best < max(tried) and len(set(tried)) == len(tried)


@pytest.fixture
def short_race(tmp_path, monkeypatch):
    """The race with few images and few samples, in a folder of its own; returns its results and what was trained."""
    trained, whole, train = [], race.images_of, race.train
    monkeypatch.setattr(race, "images_of", lambda task: [part[:96] if torch.is_tensor(part) else part for part in whole(task)])
    monkeypatch.setattr(race, "train", lambda run, images: trained.append(run["lr"]) or train(run, images))
    for name, value in {"MODELS": {"mnist": race.MODELS["mnist"]}, "SAMPLES": 5, "ROUNDS": 1, "RESULTS": tmp_path / "conv.json",
                        "PAGE": tmp_path / "CONV.md", "CHECKPOINTS": tmp_path / "checkpoints"}.items():
        monkeypatch.setattr(race, name, value)
    monkeypatch.setattr(race, "costs", lambda task, images: dict.fromkeys(race.MODELS[task], 1.0))
    monkeypatch.setattr(sys, "argv", ["conv", "--seconds", "1", "--images", "4"])
    threads = torch.get_num_threads()
    yield tmp_path, trained
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_race_is_run_once_and_told(short_race, capsys):
    folder, trained = short_race
    race.main()
    results, page, count = json.loads((folder / "conv.json").read_text()), (folder / "CONV.md").read_text(), len(trained)
    tested = [run for run in results["runs"] if "test" in run]
    assert [(run["model"], run["seed"]) for run in tested] == [(name, seed) for name in race.MODELS["mnist"] for seed in race.SEEDS]
    assert all(f"| {run['test']['nll']:.2f} ± {run['test']['error']:.2f}, 4 images |" in page for run in tested)
    race.main()
    assert len(trained) == count and json.loads((folder / "conv.json").read_text()) == results
    results["runs"].remove(tested[-1])
    (folder / "conv.json").write_text(json.dumps(results))
    race.main()
    assert len(trained) > count and json.loads((folder / "conv.json").read_text())["runs"][-1] == tested[-1]


def test_the_chapter_shows_what_was_measured():
    results, cells = json.loads(race.RESULTS.read_text(encoding="utf-8")), read(NBS / "08_conv.ipynb").cells
    [figure] = [cell.source for cell in cells if "epoch_seconds = {" in cell.source]
    shown = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(figure).body
             if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("epoch_seconds", "validation")}
    tested = {task: {name: [run for run in results["runs"] if run["task"] == task and run["model"] == name and "test" in run]
                     for name in models} for task, models in race.MODELS.items()}
    assert shown["epoch_seconds"] == results["costs"]["mnist"]
    assert shown["validation"] == {name: [round(mean(losses), 1) for losses in zip(*(run["validation"] for run in runs), strict=True)]
                                   for name, runs in tested["mnist"].items()}
    for lang in ("zh", "en"):
        for task, by_model in tested.items():
            for runs in by_model.values():
                numbers = [f"{run['test']['nll']:.1f}" for run in runs]
                said = [cell.source for cell in cells if cell.metadata.get("lang") == lang]
                assert any(all(number in text for number in numbers) for text in said), (task, numbers)

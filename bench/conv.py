"""Chapter 8's comparison at equal compute: `make conv`, or `python -m bench.conv [--seconds 60] [--images 500]`.

A convolutional and a fully connected VAE are trained by the same loop for the same time of one thread, on binarized MNIST with Bernoulli
pixels and on Fashion-MNIST with discretized logistic ones. Time is counted in epochs: what an epoch of each costs is measured first, as the
least of many rounds, so that a busy machine hardly matters. The learning rate of each is doubled or halved from 1e-3 as long as that
lowers the loss on the last 5,000 training images; the other seeds are trained at the best. Writes bench/conv.json and bench/CONV.md. An
interrupted run goes on where it stopped."""
import argparse
import json
import math
import platform
import time
from pathlib import Path

import torch
from torch import nn

from vae_nb.conv import ConvVAE, LogisticVAE
from vae_nb.data import mnist
from vae_nb.evaluate import active_units, binarize, elbo, nll
from vae_nb.files import write_whole
from vae_nb.loss import loss_function
from vae_nb.model import VAE
from vae_nb.train import fit, train_epoch

ROOT = Path(__file__).parent.parent
RESULTS, PAGE, CHECKPOINTS = (ROOT / "bench" / name for name in ("conv.json", "CONV.md", "checkpoints"))
SEEDS, HELD_OUT, SAMPLES, ROUNDS = (0, 1), 5000, 5000, 25


class LogisticMLP(LogisticVAE):
    """The layers of `VAE` with the likelihood of `LogisticVAE`."""
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Unflatten(-1, (1, 28, 28)))


MODELS = {"mnist": {"fully connected": VAE, "convolutional": ConvVAE},
          "fashion": {"fully connected": LogisticMLP, "convolutional": LogisticVAE}}


def loss_of(model):
    """The loss that fits the model's pixels."""
    return getattr(model, "loss", loss_function)


def images_of(task):
    """Training, validation and test images of a task, and what makes an epoch's training images; those of MNIST are binarized."""
    (train, _), (test, _) = (mnist(ROOT / "nbs/data", part, task) for part in (True, False))
    train, held_out = train[:-HELD_OUT], train[-HELD_OUT:]
    if task == "fashion":
        return train, held_out, test, None
    generator = torch.Generator().manual_seed(0)
    return train, binarize(held_out, generator), binarize(test, generator), binarize


def costs(task, images):
    """Seconds of one thread for an epoch of each model: the least over rounds in which each is timed in its turn."""
    part, models = images[:2560], {name: make() for name, make in MODELS[task].items()}
    optimizers, least = {name: torch.optim.Adam(model.parameters()) for name, model in models.items()}, dict.fromkeys(models, math.inf)
    for _ in range(ROUNDS):
        for name, model in models.items():
            start = time.process_time()
            train_epoch(model, part, optimizers[name], 128, loss_of(model))
            least[name] = min(least[name], (time.process_time() - start) * len(images) / len(part))
    return {name: round(seconds, 2) for name, seconds in least.items()}


def train(run, images):
    """The model of a run, trained from its checkpoint on, and its loss on the validation images after each epoch."""
    torch.manual_seed(run["seed"])
    model, (train_images, held_out, _, redraw) = MODELS[run["task"]][run["model"]](), images
    CHECKPOINTS.mkdir(exist_ok=True)
    name = f"conv-{run['task']}-{run['model'].replace(' ', '-')}-{run['lr']:g}-{run['seed']}-{run['epochs']}.safetensors"
    history = fit(model, train_images, held_out, run["epochs"], lr=run["lr"], seed=run["seed"], loss=loss_of(model), redraw=redraw,
                  checkpoint=CHECKPOINTS / name, precision="float32")
    return model, [round(record["test_loss"], 2) for record in history]


def test(model, images, count, binary):
    """ELBO and rate on the test images, NLL on `count` of them, evenly spaced, and active units."""
    bound, chosen = elbo(model, images, binary=binary), images[torch.arange(count) * len(images) // count]
    estimate, error = nll(model, chosen, k=SAMPLES, binary=binary).mean()
    return {"parameters": sum(each.numel() for each in model.parameters()), "loss": round(-bound.elbo.mean().item(), 2),
            "rate": round(bound.rate.mean().item(), 2), "nll": round(estimate, 2), "error": round(error, 2), "images": count,
            "active units": int(active_units(model, images).sum())}


def write(results):
    """Keep the results, and the page made of them."""
    write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    write_whole(PAGE, table(results).encode())


def searched(loss_at):
    """The best learning rate: doubled or halved from 1e-3 as long as the loss falls."""
    tried = {rate: loss_at(rate) for rate in (1e-3, 2e-3)}
    factor = 2 if tried[2e-3] < tried[1e-3] else 0.5
    while (best := min(tried, key=tried.__getitem__)) * factor not in tried:
        tried[best * factor] = loss_at(best * factor)
    return best


def race(task, seconds, count, results):
    """All runs of a task: the learning rates with the first seed, then the other seeds at the best, and these on the test images."""
    images = images_of(task)
    if task not in results["costs"]:
        results["costs"][task] = costs(task, images[0])
        write(results)

    def run_of(name, lr, seed):
        run = {"task": task, "model": name, "lr": lr, "seed": seed, "epochs": max(1, round(seconds / results["costs"][task][name]))}
        if found := next((each for each in results["runs"] if run.items() <= each.items()), None):
            return found
        results["runs"].append(run | {"validation": train(run, images)[1]})
        write(results)
        print(*results["runs"][-1].values(), flush=True)
        return results["runs"][-1]

    for name in MODELS[task]:
        best = searched(lambda lr, name=name: run_of(name, lr, SEEDS[0])["validation"][-1])
        for seed in SEEDS:
            run = run_of(name, best, seed)
            if run.get("test", {}).get("images") != count:
                run["test"] = test(train(run, images)[0], images[2], count, task == "mnist")
                write(results)
                print(task, name, seed, run["test"], flush=True)


TITLES = {"mnist": "MNIST, binarized, Bernoulli pixels", "fashion": "Fashion-MNIST, 8 bits, discretized logistic pixels"}
COLUMNS = ("model", "parameters", "seconds an epoch", "epochs", "learning rate", "seed", "validation", "-ELBO", "rate", "NLL",
           "bits per value", "active units")


def row(run, cost):
    """A run as a row of the table."""
    found = run["test"]
    numbers = [f"{found['loss']:.2f}", f"{found['rate']:.2f}", f"{found['nll']:.2f} ± {found['error']:.2f}, {found['images']:,} images",
               f"{found['nll'] / math.log(2) / 784:.3f}", found["active units"]]
    cells = [run["model"], f"{found['parameters']:,}", cost, run["epochs"], f"{run['lr']:g}", run["seed"], f"{run['validation'][-1]:.2f}",
             *numbers]
    return f"| {' | '.join(map(str, cells))} |"


def table(results):
    """The runs as a Markdown page."""
    lines = ["# Convolutional and fully connected, at equal compute", "",
             f"Made by `make conv`, that is `python -m bench.conv`: {results['machine']}, PyTorch {results['torch']}.", ""]
    for task, title in TITLES.items():
        runs, tried = [run for run in results["runs"] if run["task"] == task], {}
        if not (tested := [run for run in runs if "test" in run]):
            continue
        lines += [f"## {title}", "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        lines += [row(run, results["costs"][task][run["model"]]) for run in tested]
        for run in runs:
            if run["seed"] == SEEDS[0]:
                tried.setdefault(f"{run['model']}, {run['epochs']} epochs", []).append(f"{run['lr']:g} gives {run['validation'][-1]:.2f}")
        lines += ["", "Learning rates on the validation images:", ""]
        lines += [*(f"- {name}: {', '.join(rates)}" for name, rates in tried.items()), ""]
    return "\n".join([*lines, f"""Both are trained by the plain loop in float32, with batches of 128 and Adam, on the first 55,000 training
images, and validated on the others. All runs of a table have the same time, rounded to whole epochs: the seconds of an epoch,
times the epochs. -ELBO, rate and active units are those on the 10,000 test images; NLL is an importance-weighted
estimate with {SAMPLES:,} samples, ± its standard error over images. Nats per image.
"""])


def main():
    """Train what is missing, test it, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.conv", description="The comparison of chapter 8 at equal compute.")
    parser.add_argument("--seconds", type=float, default=60, help="time of one thread for each training run")
    parser.add_argument("--images", type=int, default=500, help="test images to estimate the NLL on")
    given = parser.parse_args()
    if not 0 < given.seconds < math.inf or not 2 <= given.images <= 10_000:
        parser.error("seconds must be positive, and images between 2 and 10,000")
    torch.set_num_threads(1)
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {
        "machine": f"one thread, {platform.machine()}", "torch": torch.__version__.split("+")[0], "costs": {}, "runs": []}
    for task in MODELS:
        race(task, given.seconds, given.images, results)
    print(table(results))


if __name__ == "__main__":
    main()

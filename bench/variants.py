"""The family in one table: `python -m bench.variants ROW [--passes 20]`, or `make variants` for every row that is missing.

All rows are trained by `fit` on the same 60,000 training images of MNIST, binarized anew in every pass, with batches of 128 and one cycle
of Adam's learning rate, and scored by the same functions on the same 10,000 test images, binarized once with seed 0. What differs from that
stands in the row; a warm-up takes a quarter of the passes. A run writes a checkpoint to bench/checkpoints after each pass and goes on from
there, and any number of passes will do. Results go to bench/variants.json and bench/VARIANTS.md.

Two measures of 10,000 samples stand beside the bounds, both taken with a small classifier that is trained once on the training images, and
both on pixel probabilities: the share to which it gives no digit a probability of 0.9, and the Fréchet distance between its features of the
samples and of the gray test images, that is, between Gaussians with their means and covariances. The first sees shapes that are no digit,
the second also digits that are never drawn."""
import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from bench.ladder import prepared
from bench.results import keep, known
from bench.vq import coded
from vae_nb.conv import ConvVAE
from vae_nb.data import as_float, mnist, pick_device
from vae_nb.evaluate import active_units, binarize, elbo, nll
from vae_nb.files import load_weights, save_weights
from vae_nb.model import VAE, device_of
from vae_nb.prior import Flow, Mixture, PriorVAE, Scheduled, Vamp, beta_loss, fit_prior, free_bits, warm_up
from vae_nb.sample import posterior, sample_prior
from vae_nb.speed import fit
from vae_nb.vq import VQVAE, CodePrior, fit_codes

ROOT = Path(__file__).parent.parent
RESULTS, PAGE, CHECKPOINTS = (ROOT / "bench" / name for name in ("variants.json", "VARIANTS.md", "checkpoints"))


class Row(NamedTuple):
    """A line of the table: the model made of the training images, what `fit` is given besides, and what is published."""
    make: Callable[..., nn.Module]
    given: Callable[[Any, int], dict[str, Any]] = lambda model, passes: {}
    lr: float = 3e-3
    finish: Callable[..., nn.Module] = lambda model, images: model
    k: int = 5000
    images: int = 500
    published: str = ""


def weighted(loss, **settings):
    """What `fit` is given for a loss with these settings."""
    return lambda model, passes: {"loss": partial(loss, **settings)}


def with_flow(model, images):
    """The trained model with a flow for its prior."""
    flow = Flow(model.latent_dim)
    fit_prior(flow, *posterior(model, binarize(images, torch.Generator().manual_seed(1))), steps=20_000)
    return PriorVAE(model, flow)


def with_vampprior(images):
    """A VAE with 100 pseudo-inputs."""
    model = VAE()
    return PriorVAE(model, Vamp(model, images, 100))


def with_code_prior(model, images):
    """The trained VQ-VAE with a prior over its codes."""
    prior = CodePrior(len(model.codebook.vectors), model.grid).to(device_of(model))
    fit_codes(prior, coded(model, binarize(images, torch.Generator().manual_seed(1))), steps=2000)
    model.prior = prior.requires_grad_(False)
    return model


def two_layers(row):
    """What makes the model of a row of chapter 12's table, where the pixels begin at their average brightness."""
    return lambda images: prepared(row, as_float(images).mean(0).flatten(), 1)[0]


def own_loss(model, passes):
    """What `fit` is given for a model that brings its loss."""
    return {"loss": model.loss}


def warmed(model, passes):
    """What `fit` is given for a warm-up of the KL divergence over a quarter of the passes."""
    return {"loss": getattr(model, "loss", beta_loss), "loop": partial(Scheduled, weight=warm_up(passes / 4))}


ROWS = {
    "VAE": Row(lambda images: VAE()),
    "VAE, weight 0.5": Row(lambda images: VAE(), weighted(beta_loss, weight=0.5)),
    "VAE, weight 2": Row(lambda images: VAE(), weighted(beta_loss, weight=2.0)),
    "VAE, 50 dimensions": Row(lambda images: VAE(latent_dim=50)),
    "VAE, 50 dimensions, free bits 0.5": Row(lambda images: VAE(latent_dim=50), weighted(free_bits, nats=0.5)),
    "VAE, 50 dimensions, warm-up": Row(lambda images: VAE(latent_dim=50), warmed),
    "ConvVAE": Row(lambda images: ConvVAE()),
    "mixture prior, K = 100": Row(lambda images: PriorVAE(VAE(), Mixture(100, 20)), own_loss),
    "VampPrior, K = 100": Row(with_vampprior, own_loss,
                              published="K = 500 on static binarization: 85.57 (one layer, Tomczak and Welling 2018)"),
    "flow prior": Row(lambda images: VAE(), finish=with_flow, k=100, images=100),
    "VQ-VAE, 16 codes": Row(lambda images: VQVAE(), own_loss, lr=4e-3, finish=with_code_prior, k=1),
    "two layers, warm-up": Row(two_layers("two layers, warm-up"), warmed,
                               published="85.33 (k = 1, two layers, 3,280 passes, Burda et al. 2015)"),
    "ladder, warm-up": Row(two_layers("ladder, warm-up"), warmed)}
REAL = "(10,000 training images)"
HOMEWORK = """## Why the numbers of a well-known assignment are lower or higher

Homework 2 of Stanford's CS236 reports -ELBO 101.5 ± 0.55 for a VAE with 784-300-300 units and 10 dimensions, and 97.2 ± 0.54 for one with a
mixture of 500 Gaussians for its prior; ± is the standard deviation over 100 trainings. They are averages over 100 hand-picked test images,
binarized once, two of which are the same image. The bounds of single test images have a standard deviation of {spread:.0f} nats here (model
{row}), so that the mean over 100 images drawn at random would be uncertain by {error:.1f} nats, and hand-picked ones need not be like the
other 9,900. These numbers compare models on those 100 images, and say nothing beside the rows above.
"""
COLUMNS = {
    "row": "model", "parameters": "parameters", "passes": "passes", "seed": "seed", "seconds": "training, s", "cost": "-ELBO",
    "rate": "rate", "distortion": "distortion", "active": "active units", "nll": "NLL", "unclear": "unclear samples, %",
    "frechet": "Fréchet distance", "published": "published NLL, not comparable unless said"}


class Judge(nn.Module):
    """A small classifier: 64 features and the digit's logits."""
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 5, 2, 2), nn.ReLU(), nn.Flatten(),
                                      nn.Linear(32 * 49, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        """The features `(N, 64)` and the logits `(N, 10)` of images `(N, 1, 28, 28)`."""
        features = self.features(x)
        return features, self.head(features)


def judge(images, labels):
    """The classifier, trained on these images unless that has been done."""
    path, model = CHECKPOINTS / "judge.safetensors", Judge()
    if path.exists():
        model.load_state_dict(load_weights(path))
        return model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Judge()
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(3):
            for batch in torch.randperm(len(images)).split(128):
                optimizer.zero_grad()
                F.cross_entropy(model(as_float(images[batch]))[1], labels[batch]).backward()
                optimizer.step()
    CHECKPOINTS.mkdir(exist_ok=True)
    save_weights(path, model.state_dict())
    return model.eval()


def frechet(a, b):
    """The squared Fréchet distance between Gaussians with the means and covariances of features `(N, D)` and `(M, D)`."""
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(0), torch.cov(x.T)) for x in (a.double(), b.double()))
    root = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()
    return ((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * root).item()


@torch.no_grad()
def quality(judging, pictures, images):
    """Percent of pictures that are unclear to the classifier, and the Fréchet distance of their features from those of the images."""
    features, logits = judging(pictures.float().cpu())
    return 100 * (logits.softmax(1).amax(1) < 0.9).float().mean().item(), frechet(features, judging(as_float(images))[0])


def run(name, passes, seed, data, device):
    """Train a row, or go on with it, and score it."""
    row, ((train, labels), (gray, _)) = ROWS[name], data
    test = binarize(gray, torch.Generator().manual_seed(0))
    torch.manual_seed(seed)
    model = row.make(train).to(device)
    CHECKPOINTS.mkdir(exist_ok=True)
    file = "".join(letter if letter.isalnum() or letter == "." else "-" for letter in name)
    history = fit(model, train, test, passes, lr=row.lr, seed=seed, redraw=binarize, schedule="one-cycle", progress=False,
                  checkpoint=CHECKPOINTS / f"variants-{file}-{passes}-{seed}.safetensors", **row.given(model, passes))
    start = time.monotonic()
    model = row.finish(model, train)
    seconds = sum(record["seconds"] for record in history) + time.monotonic() - start
    bound, chosen = elbo(model, test, binary=True), test[torch.arange(row.images) * len(test) // row.images]
    estimate, error = nll(model, chosen, k=row.k, binary=True).mean()
    unclear, distance = quality(judge(train, labels), sample_prior(model, 10_000, torch.Generator().manual_seed(0)), gray)
    units = {} if hasattr(model, "sample_posterior") else {"active": int(active_units(model, test).sum())}
    found = {"cost": -bound.elbo.mean(), "distortion": bound.distortion.mean(), "rate": bound.rate.mean(), "nll": estimate, "error": error,
             "spread": bound.elbo.std(), "unclear": unclear, "frechet": distance}
    return {"row": name, "parameters": sum(each.numel() for each in model.parameters()), "passes": passes, "seed": seed,
            "seconds": round(seconds), **units, "k": row.k, "images": row.images,
            **{key: round(float(value), 2) for key, value in found.items()}}


def real(data):
    """What the two measures say of 10,000 training images in place of samples."""
    (train, labels), (gray, _) = data
    unclear, distance = quality(judge(train, labels), as_float(train[:10_000]), gray)
    return {"row": REAL, "passes": 0, "seed": 0, "unclear": round(unclear, 2), "frechet": round(distance, 2)}


def line(result):
    """A result as a row of the table."""
    cells = dict.fromkeys(COLUMNS, "") | result
    if result["row"] in ROWS:
        cells |= {"nll": f"{result['nll']:.2f} ± {result['error']:.2f} (k = {result['k']:,}, {result['images']} images)",
                  "parameters": f"{result['parameters']:,}", "published": ROWS[result["row"]].published}
    return "| " + " | ".join(str(cells[key]) for key in COLUMNS) + " |"


def table(results):
    """The results as a Markdown page."""
    return "\n".join([
        "# The family of models", "",
        "Made by `make variants`, a row of it by `python -m bench.variants ROW [--passes N]`; bench/variants.py says how. Nats per image.",
        "-ELBO, rate, distortion and active units: all 10,000 test images. NLL: k samples, ± the standard error over images that are",
        "evenly spaced in the test set and the same in rows with as many; a posterior of one point needs no more than one sample. Active",
        "units are counted where the posterior is a diagonal Gaussian of one layer. The models of chapter 9 are told labels or parts of",
        "the image, so they stand in LABELS.md; those of chapter 12 begin with the average brightness of each pixel.",
        "Training time is wall-clock time, whatever else the machine was doing. Published values are of other data or longer",
        "training unless the row says that they compare.", "",
        "| " + " | ".join(COLUMNS.values()) + " |", "|---" * len(COLUMNS) + "|", *map(line, results), "", *homework(results)])


def homework(results):
    """The section on the assignment, with the spread of the first row."""
    first = next((result for result in results if "spread" in result), None)
    return [HOMEWORK.format(row=first["row"], spread=first["spread"], error=first["spread"] / 10)] if first else []


def key(result):
    """What a result is of: a run with other passes or another seed is another row."""
    return [*ROWS, REAL].index(result["row"]), result["passes"], result["seed"]


def record(result):
    """Put a result into `variants.json`, in place of an older one of the same run, and write the page anew."""
    keep(result, RESULTS, PAGE, key, table)


def main():
    """Train and score one row, or all that are missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.variants", description=f"Rows: {'; '.join(ROWS)}.")
    parser.add_argument("row", nargs="?", choices=list(ROWS), metavar="ROW", help="by default all that are missing")
    parser.add_argument("--passes", type=int, default=20, help="passes over the training images")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data = [mnist(ROOT / "nbs/data", part) for part in (True, False)]
    there = [key(result) for result in known(RESULTS)]
    for name in [given.row] if given.row else list(ROWS):
        if given.row or key({"row": name, "passes": given.passes, "seed": given.seed}) not in there:
            record(found := run(name, given.passes, given.seed, data, pick_device()))
            print(json.dumps(found), flush=True)
    if key({"row": REAL, "passes": 0, "seed": 0}) not in there:
        record(real(data))


if __name__ == "__main__":
    main()

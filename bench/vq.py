"""Chapter 11 in full, codebooks of several sizes: `python -m bench.vq CODES PASSES [--seed 0] [--steps 2000]`.

A run trains `VQVAE` with a codebook of that size for so many passes over MNIST, binarized anew in each, with batches of 128 and a one-cycle
learning rate up to 4e-3, and writes a checkpoint to bench/checkpoints after each pass, from which it goes on. Then the prior is trained for
so many steps on the codes of the training images. All numbers are of the 10,000 test images, binarized once: distortion, and the rate
of the same codes under a uniform prior, under frequencies by place, and under the learned prior. Results go
to bench/vq.json and bench/VQ.md."""
import argparse
import json
import math
import time
from operator import itemgetter
from pathlib import Path

import torch

from bench.results import keep
from vae_nb.data import mnist, pick_device
from vae_nb.evaluate import binarize, elbo
from vae_nb.model import device_of
from vae_nb.speed import fit
from vae_nb.vq import VQVAE, CodePrior, fit_codes, perplexity

ROOT = Path(__file__).parent.parent
COLUMNS = {"codes": "codes", "passes": "passes", "steps": "steps of the prior", "seed": "seed", "seconds": "training, s",
           "perplexity": "perplexity",
           "distortion": "distortion", "uniform": "rate, uniform", "by_place": "rate, by place", "rate": "rate, learned prior",
           "cost": "-ELBO = NLL bound", "bits": "bits of the codes"}


def coded(model, images):
    """The codes of images, in pieces."""
    with torch.no_grad():
        return torch.cat([model.codes(part.to(device_of(model))) for part in images.split(1000)])


def by_place(train, test, count):
    """The rate of codes in nats per image under a table of frequencies for each place, counted on others."""
    tables = torch.stack([place.bincount(minlength=count) + 1 for place in train.flatten(1).T]) / (len(train) + count)
    return -tables.log()[torch.arange(len(tables)), test.flatten(1)].sum(1).mean()


def run(codes, passes, seed, steps, folder, train, test, device):
    """Train a model and its prior, or go on with the model, and score them."""
    torch.manual_seed(seed)
    model = VQVAE(codes=codes).to(device)
    history = fit(model, train, test, passes, lr=4e-3, seed=seed, loss=model.loss, redraw=binarize, schedule="one-cycle", progress=False,
                  checkpoint=folder / "checkpoints" / f"vq-{codes}-{passes}-{seed}.safetensors")
    model.eval().requires_grad_(False)
    uniform = elbo(model, test, binary=True).rate.mean()
    known, unknown = coded(model, binarize(train, torch.Generator().manual_seed(seed))), coded(model, test)
    start = time.perf_counter()
    torch.manual_seed(seed)
    prior = CodePrior(codes, model.grid).to(device)
    fit_codes(prior, known, steps, seed=seed)
    seconds = sum(record["seconds"] for record in history) + time.perf_counter() - start
    model.prior = prior.requires_grad_(False)
    bound = elbo(model, test, binary=True)
    found = {"perplexity": perplexity(unknown, codes), "distortion": bound.distortion.mean(), "uniform": uniform,
             "by_place": by_place(known, unknown, codes), "rate": bound.rate.mean(), "cost": -bound.elbo.mean(),
             "bits": bound.rate.mean() / math.log(2)}
    return {"codes": codes, "passes": passes, "steps": steps, "seed": seed, "seconds": round(seconds),
            **{key: round(float(value), 2) for key, value in found.items()}}


def table(results):
    """The results as a Markdown page."""
    lines = ["# Codebooks of several sizes", "",
             "Made by `python -m bench.vq CODES PASSES`: nats per image, 10,000 test images binarized once. Importance sampling adds",
             "nothing to the bound of a posterior of one point, so the last cost is what `nll` says too. Training time, of model and",
             "prior, is wall-clock time, whatever else the machine was doing. No agreed numbers for MNIST have been found to compare",
             "with.", "",
             "| " + " | ".join(COLUMNS.values()) + " |", "|---" * len(COLUMNS) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(result[key]) for key in COLUMNS) + " |" for result in results]) + "\n"


def record(result, folder):
    """Put a result into `vq.json`, in place of an older one of the same run, and write `VQ.md` anew."""
    keep(result, folder / "vq.json", folder / "VQ.md", itemgetter("codes", "passes", "steps", "seed"), table)


def main():
    """Train one model and its prior, score them, and record the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.vq")
    parser.add_argument("codes", type=int)
    parser.add_argument("passes", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args()
    train, test = (mnist(ROOT / "nbs/data", part)[0] for part in (True, False))
    test = binarize(test, torch.Generator().manual_seed(0))
    result = run(given.codes, given.passes, given.seed, given.steps, ROOT / "bench", train, test, pick_device())
    record(result, ROOT / "bench")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""Chapter 10 in full, cures for collapse and learned priors: `python -m bench.prior ROW PASSES [--seed 0]`, ROW one of those below.

Every row trains the fully connected VAE of the course, with batches of 128 and Adam at 1e-3, in float32: the cures with 50 latent
dimensions and the prior N(0, I), the priors with 20 and the plain bound. Training images are binarized anew for each pass, in static
rows once. A run writes a checkpoint to bench/checkpoints after each pass and goes on from there. All numbers are of the 10,000 test
images, binarized once: the bound with its two parts, active units, and the NLL with 500 samples on 1,000 of them. Results go to
bench/prior.json and bench/PRIOR.md."""
import argparse
import json
from functools import partial
from pathlib import Path

import torch

from bench.results import keep
from vae_nb.data import mnist, pick_device
from vae_nb.evaluate import active_units, binarize, elbo, nll
from vae_nb.model import VAE
from vae_nb.prior import Mixture, PriorVAE, Scheduled, Vamp, beta_loss, cyclical, free_bits, warm_up
from vae_nb.speed import fit

ROOT = Path(__file__).parent.parent
CURES = {
    "plain": {}, "weight 0.5": {"loss": partial(beta_loss, weight=0.5)}, "free bits 0.1": {"loss": partial(free_bits, nats=0.1)},
    "free bits 0.5": {"loss": partial(free_bits, nats=0.5)},
    "warm-up 10": {"loss": beta_loss, "loop": partial(Scheduled, weight=warm_up(10))},
    "cyclical 5": {"loss": beta_loss, "loop": partial(Scheduled, weight=cyclical(5))}}
PRIORS = {"N(0, I)": lambda model, images: None, "mixture 100": lambda model, images: Mixture(100, 20),
          "VampPrior 100": lambda model, images: Vamp(model, images, 100), "VampPrior 500": lambda model, images: Vamp(model, images, 500)}
STATIC = {"N(0, I), static": "N(0, I)", "VampPrior 500, static": "VampPrior 500"}
ROWS = [*CURES, *PRIORS, *STATIC]
COLUMNS = {"row": "row", "latent_dim": "latent dimensions", "passes": "passes", "seed": "seed", "seconds": "training, s", "cost": "-ELBO",
           "distortion": "distortion", "rate": "rate", "active": "active units", "nll": "NLL", "error": "± (images)"}


def prepared(row, images):
    """The untrained model of a row, and what `fit` is given besides."""
    if row in CURES:
        return VAE(latent_dim=50), CURES[row]
    model = VAE()
    prior = PRIORS[STATIC.get(row, row)](model, images)
    if prior is None:
        return model, {}
    whole = PriorVAE(model, prior)
    return whole, {"loss": whole.loss}


def run(row, passes, seed, folder, train, test, device):
    """Train a row, or go on with it, and score it."""
    torch.manual_seed(seed)
    redraw = binarize
    if row in STATIC:
        train, redraw = binarize(train, torch.Generator().manual_seed(1)), None
    model, given = prepared(row, train)
    name = f"prior-{row.replace(' ', '-')}-{seed}.safetensors"
    history = fit(model.to(device), train, test, passes, seed=seed, redraw=redraw, checkpoint=folder / "checkpoints" / name,
                  progress=False, precision="float32", **given)
    bound = elbo(model, test, binary=True)
    mean, error = nll(model, test[:1000], k=500, binary=True).mean()
    found = {"cost": -bound.elbo.mean(), "distortion": bound.distortion.mean(), "rate": bound.rate.mean(), "nll": mean, "error": error}
    return {"row": row, "latent_dim": model.latent_dim, "passes": len(history), "seed": seed,
            "seconds": round(sum(record["seconds"] for record in history)), "active": int(active_units(model, test).sum()),
            **{key: round(float(value), 2) for key, value in found.items()}}


def table(results):
    """The results as a Markdown page."""
    lines = ["# Cures for collapse, and learned priors", "",
             "Made by `python -m bench.prior ROW PASSES`: nats per image, 10,000 test images binarized once; the NLL with 500 samples on",
             "the first 1,000. Training images are binarized anew for each pass, in static rows once. Training time is wall-clock time,",
             "whatever else the machine was doing. The rates of learned priors are against those priors.", "",
             "| " + " | ".join(COLUMNS.values()) + " |", "|---" * len(COLUMNS) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(result[key]) for key in COLUMNS) + " |" for result in results]) + "\n"


def record(result, folder):
    """Put a result into `prior.json`, in place of an older one of the same row, passes and seed, and write `PRIOR.md` anew."""
    keep(result, folder / "prior.json", folder / "PRIOR.md", lambda each: (ROWS.index(each["row"]), each["passes"], each["seed"]), table)


def main():
    """Train one row, score it, and record the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.prior", description=f"Rows: {'; '.join(ROWS)}.")
    parser.add_argument("row", choices=ROWS, metavar="ROW")
    parser.add_argument("passes", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    train, test = (mnist(ROOT / "nbs/data", part)[0] for part in (True, False))
    test = binarize(test, torch.Generator().manual_seed(0))
    result = run(given.row, given.passes, given.seed, ROOT / "bench", train, test, pick_device())
    record(result, ROOT / "bench")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

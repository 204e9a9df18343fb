"""Chapter 12 in full, one and two stochastic layers: `python -m bench.ladder ROW PASSES [--seed 0]`, ROW one of those below.

The two-layer models have the sizes of the IWAE paper's, 784-200-200-100(z1)-100-100-50(z2) and back, with tanh; so has the
one-layer model, 784-200-200-50(z) and back. All are trained alike: dynamic binarization, batches of 128, Adam with one cycle of
the learning rate up to 3e-3, and output biases that begin at the logit of the pixel's mean; a warm-up takes a quarter of the
passes. A run writes a checkpoint to bench/checkpoints after each pass and goes on from there. All numbers are of test images,
binarized once: the bound, the rates of the layers and the active units of all 10,000, the NLL with 5,000 samples of 1,000 evenly
spaced ones. Results go to bench/ladder.json and bench/LADDER.md."""
import argparse
import json
from functools import partial
from pathlib import Path

import torch

from bench.iwae import IWAE, SAMPLES
from bench.results import keep
from vae_nb.data import as_float, mnist, pick_device
from vae_nb.evaluate import binarize, elbo, nll
from vae_nb.ladder import LadderVAE, TwoLayerVAE, layer_rates
from vae_nb.prior import Scheduled, beta_loss, warm_up
from vae_nb.sample import posterior
from vae_nb.speed import fit

ROOT = Path(__file__).parent.parent
IMAGES, LR = 1000, 3e-3


class OneLayer(IWAE):
    """The paper's model of one stochastic layer, to be trained by `fit`."""
    def forward(self, x):
        """`reconstructed`, `mu` and `logvar`, as the contract has it."""
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


ROWS = {"one layer": OneLayer, "one layer, warm-up": OneLayer, "two layers": TwoLayerVAE, "two layers, warm-up": TwoLayerVAE,
        "ladder": LadderVAE, "ladder, warm-up": LadderVAE}
COLUMNS = {"row": "row", "passes": "passes", "seed": "seed", "seconds": "training, s", "parameters": "parameters", "cost": "-ELBO",
           "distortion": "distortion", "lower": "rate of z1", "upper": "rate of z2", "lower_active": "active, z1",
           "upper_active": "active, z2", "nll": "NLL", "error": "± (images)"}


def prepared(row, mean, passes):
    """The untrained model of a row, and what `fit` is given besides; `mean` is that of each pixel."""
    if ROWS[row] is OneLayer:
        model = OneLayer(mean)
    else:
        model = ROWS[row]()
        with torch.no_grad():
            model.decoder[-1].bias.copy_(mean.clamp(0.001, 0.999).logit())
    loop = {"loop": partial(Scheduled, weight=warm_up(passes / 4))} if "warm-up" in row else {}
    return model, {"loss": getattr(model, "loss", beta_loss), **loop}


def layers(model, images):
    """Average rates and active units of the lower and the upper layer; a model of one layer has only a lower one.

    A unit is active if the variance of its posterior mean exceeds 0.01, in z1 and z2 themselves, as the paper counts."""
    def active(mean):
        return int((mean.double().var(0, correction=0) > 0.01).sum())
    mu, _ = posterior(model, images)
    if not hasattr(model, "infer"):
        return {"lower": elbo(model, images).rate.mean(), "upper": None, "lower_active": active(mu), "upper_active": None}
    upper, lower = layer_rates(model, images).mean(0)
    with torch.no_grad():
        z1, z2 = model.lower(mu), mu[:, :model.layer_dims[0]]
    return {"lower": lower, "upper": upper, "lower_active": active(z1), "upper_active": active(z2)}


def run(row, passes, seed, folder, train, test, device):
    """Train a row, or go on with it, and score it."""
    torch.manual_seed(seed)
    model, given = prepared(row, as_float(train).mean(0).flatten(), passes)
    name = f"ladder-{row.replace(', ', '-').replace(' ', '-')}-{passes}-{seed}.safetensors"
    history = fit(model.to(device), train, test[:IMAGES], passes, lr=LR, seed=seed, redraw=binarize, schedule="one-cycle",
                  checkpoint=folder / "checkpoints" / name, progress=False, **given)
    bound = elbo(model, test, binary=True)
    mean, error = nll(model, test[torch.arange(IMAGES) * len(test) // IMAGES], k=SAMPLES, binary=True).mean()
    found = {"cost": -bound.elbo.mean(), "distortion": bound.distortion.mean(), **layers(model, test), "nll": mean, "error": error}
    return {"row": row, "passes": passes, "seed": seed, "seconds": round(sum(record["seconds"] for record in history)),
            "parameters": sum(p.numel() for p in model.parameters()),
            **{key: value if value is None or isinstance(value, int) else round(float(value), 2) for key, value in found.items()}}


def table(results):
    """The results as a Markdown page."""
    lines = ["# One stochastic layer, two, and the ladder", "",
             "Made by `python -m bench.ladder ROW PASSES`: nats per image, test images binarized once; the NLL with 5,000 samples on 1,000",
             "of them. Active units are counted in z1 and z2 as the IWAE paper does. That paper publishes, after 3,280 passes and for",
             "k = 1, 86.76 with 19 active units for one layer and 85.33 with 16 + 5 for two. Training time is wall-clock time, whatever",
             "else the machine was doing.", "",
             "| " + " | ".join(COLUMNS.values()) + " |", "|---" * len(COLUMNS) + "|"]
    rows = ["| " + " | ".join("" if result[key] is None else str(result[key]) for key in COLUMNS) + " |" for result in results]
    return "\n".join(lines + rows) + "\n"


def record(result, folder):
    """Put a result into `ladder.json`, in place of an older one of the same row, passes and seed, and write `LADDER.md` anew."""
    def key(result):
        return list(ROWS).index(result["row"]), result["passes"], result["seed"]
    keep(result, folder / "ladder.json", folder / "LADDER.md", key, table)


def main():
    """Train one row, score it, and record the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.ladder", description=f"Rows: {'; '.join(ROWS)}.")
    parser.add_argument("row", choices=list(ROWS), metavar="ROW")
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

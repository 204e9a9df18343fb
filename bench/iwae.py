"""Table 1 of the IWAE paper, one stochastic layer, at any share of its schedule: `python -m bench.iwae K SHARE [--seed 0]`.

The model, the 3,280 passes over the training images and the bound are those of Burda, Grosse and Salakhutdinov (2015), on
MNIST with dynamic binarization. Where the paper and its released code differ, this follows

- the paper in Adam (beta1 0.9 and moments from 0; the code has 0.99 and second moments from 1) and in the learning rates
  (exact powers; the code rounds them);
- the code in what the paper leaves open: 59,600 images in fixed order, new binary values at each use, output biases that begin
  at the logit of the pixel's mean, gradients summed over the batch.

Active units are counted on the test set, which is binarized once. The code counts them on 500 training images.

A share of the schedule is that share of the passes of every stage, to a single step. A run writes a checkpoint to
bench/checkpoints and goes on from there; it ends as an unbroken one does. Results go to bench/iwae.json and bench/IWAE.md."""
import argparse
import json
import math
import os
import time
from bisect import bisect
from contextlib import nullcontext
from itertools import accumulate
from operator import itemgetter
from pathlib import Path

import torch
from torch import nn
from tqdm.auto import trange

from vae_nb.data import as_float, mnist, pick_device
from vae_nb.evaluate import active_units, binarize, nll
from vae_nb.files import Checkpoint, State, write_whole
from vae_nb.loss import iwae_loss
from vae_nb.model import bernoulli_log_likelihood, check_images, check_sizes

ROOT = Path(__file__).parent.parent
PUBLISHED = {1: (86.76, 19), 5: (85.54, 22), 50: (84.78, 25)}
IMAGES, BATCH, STAGES, BLOCK = 59_600, 20, 8, 149
STEPS_PER_PASS, EVERY = IMAGES // BATCH, 20 * BLOCK
SAMPLES = 5000


class IWAE(nn.Module):
    """The model of the paper: two hidden layers of 200 tanh units on each side of 50 latent variables."""
    latent_dim, image_shape = 50, (1, 28, 28)

    def __init__(self, mean, seed=0):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh())
        self.mean, self.log_std = nn.Linear(200, 50), nn.Linear(200, 50)
        self.decoder = nn.Sequential(nn.Linear(50, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh())
        self.pixels = nn.Linear(200, 784)
        generator = torch.Generator().manual_seed(seed)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.pixels.bias.copy_(mean.clamp(0.001, 0.999).logit())

    def encode(self, x):
        """`mu` and `logvar` of q(z|x), each `(B, 50)`."""
        h = self.encoder(check_images(x, 784))
        return self.mean(h), 2 * self.log_std(h)

    def decode(self, z):
        """The probability of each pixel, `(..., 784)`, for `z` `(..., 50)`."""
        return torch.sigmoid(self.pixels(self.decoder(z)))

    def log_likelihood(self, z, x):
        """log p(x|z) in nats, `(B, S)`, for `z` `(B, S, 50)` and binary `x` of 784 pixels."""
        return bernoulli_log_likelihood(self.decoder(z), self.pixels, x.flatten(1))


def schedule(share=1.0):
    """The learning rates of the stages of the schedule, and the number of steps made when each of them ends."""
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; it must be above 0 and at most 1")
    ends = list(accumulate(round(share * 3**i * STEPS_PER_PASS) for i in range(STAGES)))
    if ends[-1] == 0:
        raise ValueError(f"share is {share}, too small for a single step")
    return [1e-3 * 10**(-i / 7) for i in range(STAGES)], ends


def check_progress(progress):
    """Raise `ValueError` unless this is what a run stores: the steps made, and the seconds they took."""
    if not (isinstance(progress, list) and [type(number) for number in progress] == [int, float] and min(progress) >= 0):
        raise ValueError("it does not say how many steps were made, and in how many seconds")


def train(images, k, share, seed=0, checkpoint=None, device="cpu"):
    """Train one cell of the table on `images` `(59600, ...)` uint8; returns the model, the steps made and the seconds they took.

    All that is random in a block of 149 steps follows from `seed` and the block's number, so that a run can go on from any block."""
    check_sizes(k=k)
    (rates, ends), images = schedule(share), images.to(device)
    model = IWAE(as_float(images).flatten(1).mean(0).cpu(), seed).to(device)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.999), eps=1e-4, fused=True)
    settings = {"k": k, "share": share, "seed": seed}
    with Checkpoint(checkpoint, State(model, optimizer), settings) if checkpoint else nullcontext() as file:
        step, seconds = file.begin([0, 0.0], check_progress) if file else (0, 0.0)
        generator, start = torch.Generator(device), time.perf_counter() - seconds
        quiet = bool(os.environ.get("TQDM_DISABLE"))
        for block in trange(step // BLOCK, math.ceil(ends[-1] / BLOCK), disable=quiet) if step < ends[-1] else ():
            generator.manual_seed(1_000_000 * seed + block)
            first = block * BLOCK * BATCH % IMAGES
            binary = binarize(images[first:first + BLOCK * BATCH], generator).flatten(1)
            for x in binary.split(BATCH)[:ends[-1] - step]:
                optimizer.param_groups[0]["lr"] = rates[bisect(ends, step)]
                optimizer.zero_grad()
                mu, logvar = model.encode(x)
                eps = torch.randn(k, *mu.shape, generator=generator, device=device)
                z = mu + torch.exp(logvar / 2) * eps
                iwae_loss(model.decode(z), x, z, mu, logvar).backward()
                optimizer.step()
                step += 1
            seconds = time.perf_counter() - start
            if file and (step % EVERY == 0 or step == ends[-1]):
                file.write([step, seconds])
    return model, step, seconds


def evaluate(model, images, count=10_000):
    """NLL with 5,000 samples, its standard error and the number of active units, on binarized test images.

    The images `(10000, ...)` uint8 are binarized once, on the CPU with seed 0; `count` of them, evenly spaced, are evaluated."""
    if not 1 <= count <= len(images):
        raise ValueError(f"images is {count}; there are {len(images)} to evaluate")
    binary = binarize(images, torch.Generator().manual_seed(0)).to(next(model.parameters()).device)
    estimate = nll(model, binary[torch.arange(count) * len(images) // count], k=SAMPLES, binary=True, progress=True)
    mean, error = estimate.mean()
    return {"nll": round(mean, 3), "error": round(error, 3), "active_units": active_units(model, binary).sum().item(), "images": count}


def table(results):
    """The results as a Markdown page, published values beside those reached."""
    lines = ["# Table 1 of the IWAE paper, one stochastic layer", "",
             "Made by `make iwae` and `python -m bench.iwae K SHARE`: MNIST, dynamic binarization, NLL in nats with 5,000 samples, ±",
             "standard error over the images. They are evenly spaced in the test set and alike in all rows with their number, so that",
             "differences between such rows are more certain than these errors suggest. Active units are counted on all 10,000 test",
             "images. A share of 1 is the whole schedule of 9,774,400 steps. Training time is wall-clock time, whatever else the machine",
             "was doing.", "",
             "| k | share | steps | seed | training | device | NLL | images | published NLL | active units | published active units |",
             "|---" * 11 + "|"]
    for row in results:
        published = PUBLISHED.get(row["k"], ("", ""))
        device = f"{row['device']}, {row['threads']} thread{'s' * (row['threads'] > 1)}" if row["device"] == "cpu" else row["device"]
        cells = [row["k"], row["share"], f"{row['steps']:,}", row["seed"], f"{row['seconds']:,} s", device,
                 f"{row['nll']:.2f} ± {row['error']:.2f}", f"{row['images']:,}", published[0], row["active_units"], published[1]]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def record(result, folder=ROOT / "bench"):
    """Put a result into `iwae.json`, in place of an older one of the same cell, share and seed, and write `IWAE.md` anew."""
    path, key = folder / "iwae.json", itemgetter("k", "share", "seed")
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    results = sorted([row for row in results if key(row) != key(result)] + [result], key=key)
    write_whole(path, ("[\n" + ",\n".join(map(json.dumps, results)) + "\n]\n").encode())
    write_whole(folder / "IWAE.md", table(results).encode())


def main():
    """Train one cell, evaluate it, and record the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.iwae", description="One cell of Table 1 of the IWAE paper.")
    parser.add_argument("k", type=int, help="samples in the bound: 1, 5 or 50 in the paper")
    parser.add_argument("share", type=float, help="share of the full schedule, above 0 and at most 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=10_000, help="test images to estimate the NLL on")
    given, device = parser.parse_args(), pick_device()
    checkpoint = ROOT / f"bench/checkpoints/iwae-{given.k}-{given.share}-{given.seed}.safetensors"
    torch.set_flush_denormal(True)  # at k = 50 most weights are near 0, and a CPU is slow on numbers below 1e-38
    data = [mnist(ROOT / "nbs/data", part)[0] for part in (True, False)]
    try:
        model, steps, seconds = train(data[0][:IMAGES], given.k, given.share, given.seed, checkpoint, device)
        found = evaluate(model, data[1], given.images)
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))
    result = {"k": given.k, "share": given.share, "seed": given.seed, "steps": steps, "seconds": round(seconds), "device": device.type,
              "threads": torch.get_num_threads(), **found}
    record(result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

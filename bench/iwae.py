"""Table 1 of the IWAE paper, one stochastic layer, by its own schedule or by a shorter one.

    python -m bench.iwae K SHARE [--seed 0]              a share of the published schedule
    python -m bench.iwae K [PASSES] --recipe short       one cycle of the learning rate

The model, the 3,280 passes over the training images and the bound are those of Burda, Grosse and Salakhutdinov (2015), on
MNIST with dynamic binarization. Where the paper and its released code differ, this follows

- the paper in Adam (beta1 0.9 and moments from 0; the code has 0.99 and second moments from 1) and in the learning rates
  (exact powers; the code rounds them);
- the code in what the paper leaves open: 59,600 images in fixed order, new binary values at each use, output biases that begin
  at the logit of the pixel's mean, gradients summed over the batch.

Active units are counted on the test set, which is binarized once. The code counts them on 500 training images.

A share of the schedule is that share of the passes of every stage, to a single step.

The short recipe keeps the model, the images, the binarization and the bound. It changes the batch (128 images, in a new order
in every pass) and the learning rate, which rises to 3e-3 and falls again once. Its step is written for speed: the samples of
all images are decoded by one product, the likelihood is taken from logits, and where a processor multiplies bfloat16
matrices, the decoder's products are in bfloat16. A bound of more than ten terms is spared in three ways: the first seven tenths
of the passes are made with five terms; after them, only an image's ten largest terms are differentiated, the others are
computed, and left out; and the encoder's gradient is the doubly reparameterized one of Tucker, Lawson, Gu and Maddison (2018),
with the same expectation and less noise.

A run writes a checkpoint to bench/checkpoints and goes on from there; it ends as an unbroken one does. Results go to
bench/iwae.json and bench/IWAE.md."""
import argparse
import json
import math
import os
import time
from bisect import bisect
from contextlib import nullcontext
from itertools import accumulate, islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import trange

from bench.results import keep
from vae_nb.data import as_float, mnist, pick_device
from vae_nb.evaluate import active_units, binarize, nll
from vae_nb.files import Checkpoint, State
from vae_nb.loss import iwae_loss
from vae_nb.model import bernoulli_log_likelihood, check_images, check_sizes
from vae_nb.speed import bf16_products

ROOT = Path(__file__).parent.parent
PUBLISHED = {1: (86.76, 19), 5: (85.54, 22), 50: (84.78, 25)}
IMAGES, BATCH, STAGES, BLOCK = 59_600, 20, 8, 149
STEPS_PER_PASS = IMAGES // BATCH
PASSES, PEAK = {1: 400, 5: 400, 50: 440}, 3e-3  # passes: at most three hours on two cores, also with products in float32
SAMPLES = 5000
FEW, LARGEST = 5, 10  # where a bound has more than LARGEST terms: terms of the first passes, and those differentiated in the last
FIRST = 0.7  # share of the passes made with FEW terms


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


def cycle(step, steps):
    """The learning rate of a step of one cycle: a tenth of the peak, up to it in a tenth of the steps, a cosine to a three-hundredth."""
    if step < steps / 10:
        return PEAK * (0.1 + 0.9 * step / (steps / 10))
    fallen = (step - steps / 10) / (steps - 1 - steps / 10)
    return PEAK * (1 / 300 + (1 - 1 / 300) * (1 + math.cos(math.pi * fallen)) / 2)


class LogLikelihood(torch.autograd.Function):
    """log p(x|z), `(k, B)` in float32, of what the decoder's last layer makes of `hidden` `(k, B, 200)`, in any type.

    It goes through the samples one by one, so that what it works on stays in the processor's cache, and keeps nothing of a
    pixel but its logit."""
    @staticmethod
    def forward(ctx, hidden, weight, bias, x):
        logits = F.linear(hidden, weight, bias)
        ctx.save_for_backward(hidden, weight, logits, x)
        return torch.stack([torch.linalg.vecdot(part, x) - F.softplus(part).sum(1) for part in map(torch.Tensor.float, logits)])

    @staticmethod
    def backward(ctx, grad):
        hidden, weight, logits, x = ctx.saved_tensors
        error = torch.empty_like(logits)
        for part, logit, scale in zip(error, logits, grad, strict=True):
            part.copy_((x - logit.float().sigmoid()).mul_(scale.unsqueeze(1)))
        return error @ weight, error.flatten(0, 1).mT @ hidden.flatten(0, 1), error.sum((0, 1)), None


class Paper:
    """A share of the published schedule."""
    name, every = "paper", 20

    def __init__(self, share):
        self.rates, self.ends = schedule(share)
        self.terms, self.steps, self.block = {"share": share}, self.ends[-1], BLOCK

    def batches(self, images, block, generator):
        """The batches of a block of steps, images in their order."""
        first = block * BLOCK * BATCH % IMAGES
        return binarize(images[first:first + BLOCK * BATCH], generator).flatten(1).split(BATCH)

    def rate(self, step):
        """The learning rate of a step."""
        return self.rates[bisect(self.ends, step)]

    def samples(self, k, step):
        """The number of terms in a step's bound."""
        return k

    def loss(self, model, x, mu, logvar, eps):
        """The negative bound of a batch, summed."""
        z = mu + torch.exp(logvar / 2) * eps
        return iwae_loss(model.decode(z), x, z, mu, logvar)


class Short:
    """A number of passes over the images, in one cycle of the learning rate. `low`: the decoder's products in bfloat16."""
    name, every, batch = "short", 1, 128
    block = IMAGES // batch

    def __init__(self, passes, low=False):
        check_sizes(passes=passes)
        self.terms = {"passes": passes, "batch": self.batch, "products": "bfloat16" if low else "float32"}
        self.steps, self.low = passes * self.block, low

    def batches(self, images, block, generator):
        """The batches of one pass, images in a new order, what is left of them left out."""
        order = torch.randperm(len(images), generator=generator, device=images.device)[:self.block * self.batch]
        for part in order.split(BLOCK * self.batch):
            yield from binarize(images[part], generator).flatten(1).split(self.batch)

    def rate(self, step):
        """The learning rate of a step."""
        return cycle(step, self.steps)

    def samples(self, k, step):
        """The number of terms in a step's bound: few in the first steps, where there are many in the last."""
        return FEW if k > LARGEST and step < FIRST * self.steps else k

    def log_weights(self, model, x, z, log_q):
        """log p(x, z) - log q(z|x), `(k, B)`, for `z` `(k, B, 50)` and the logarithms `(k, B, 50)` of its density.

        Both densities of z lack the same constant."""
        last, dtype = model.pixels, torch.bfloat16 if self.low else torch.float32
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.low):
            hidden = model.decoder(z)
        log_p = LogLikelihood.apply(hidden, last.weight.to(dtype), last.bias.to(dtype), x)
        return log_p - (0.5 * z.square() + log_q).sum(2)

    def loss(self, model, x, mu, logvar, eps):
        """The negative bound of a batch, summed; of many terms the smallest are left out, which makes it no larger a bound."""
        k, std = len(eps), torch.exp(logvar / 2)
        z, log_q = mu + std * eps, -0.5 * (eps.square() + logvar)
        if k <= LARGEST:
            return (math.log(k) - self.log_weights(model, x, z, log_q).logsumexp(0)).sum()
        with torch.no_grad():
            largest = self.log_weights(model, x, z, log_q).topk(LARGEST, dim=0).indices.unsqueeze(2)
        z = mu + std * eps.take_along_dim(largest, 0)
        log_w = self.log_weights(model, x, z, -0.5 * (((z - mu.detach()) / std.detach()).square() + logvar.detach()))
        share = log_w.detach().softmax(0).unsqueeze(2)
        z.register_hook(lambda gradient: share * gradient)  # what reaches the encoder: the shares' squares, for the shares
        return (math.log(k) - log_w.logsumexp(0)).sum()


def check_progress(progress):
    """Raise `ValueError` unless this is what a run stores: the steps made, and the seconds and processor seconds they took."""
    if not (isinstance(progress, list) and [type(number) for number in progress] == [int, float, float] and min(progress) >= 0):
        raise ValueError("it does not say how many steps were made, and in how many seconds")


def clock():
    """Seconds that have gone by, and seconds of this process on the processor, all of its threads together."""
    return torch.tensor([time.perf_counter(), time.process_time()], dtype=torch.float64)


def train(images, k, recipe, seed=0, checkpoint=None, device="cpu"):
    """Train one cell of the table on `images` `(59600, ...)` uint8; returns the model and `[steps made, seconds, processor seconds]`.

    All that is random in a block of steps follows from `seed` and the block's number, so that a run can go on from any block."""
    check_sizes(k=k)
    images = images.to(device)
    model = IWAE(as_float(images).flatten(1).mean(0).cpu(), seed).to(device)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.999), eps=1e-4, fused=True)
    settings = {"k": k, **recipe.terms, "seed": seed}
    with Checkpoint(checkpoint, State(model, optimizer), settings) if checkpoint else nullcontext() as file:
        step, *seconds = file.begin([0, 0.0, 0.0], check_progress) if file else [0, 0.0, 0.0]
        generator, start = torch.Generator(device), clock() - torch.tensor(seconds, dtype=torch.float64)
        quiet = bool(os.environ.get("TQDM_DISABLE"))
        for block in trange(step // recipe.block, math.ceil(recipe.steps / recipe.block), disable=quiet) if step < recipe.steps else ():
            generator.manual_seed(1_000_000 * seed + block)
            for x in islice(recipe.batches(images, block, generator), recipe.steps - step):
                optimizer.param_groups[0]["lr"] = recipe.rate(step)
                optimizer.zero_grad()
                mu, logvar = model.encode(x)
                eps = torch.randn(recipe.samples(k, step), *mu.shape, generator=generator, device=device)
                loss = recipe.loss(model, x, mu, logvar, eps)
                loss.backward()
                optimizer.step()
                step += 1
            if not loss.isfinite():
                raise FloatingPointError(f"the loss is {loss.item()} after {step} steps: the run has diverged")
            seconds = (clock() - start).tolist()
            if file and ((block + 1) % recipe.every == 0 or step == recipe.steps):
                file.write([step, *seconds])
    return model, [step, *seconds]


def evaluate(model, images, count=10_000):
    """NLL with 5,000 samples, its standard error and the number of active units, on binarized test images.

    The images `(10000, ...)` uint8 are binarized once, on the CPU with seed 0; `count` of them, evenly spaced, are evaluated."""
    if not 1 <= count <= len(images):
        raise ValueError(f"images is {count}; there are {len(images)} to evaluate")
    binary = binarize(images, torch.Generator().manual_seed(0)).to(next(model.parameters()).device)
    estimate = nll(model, binary[torch.arange(count) * len(images) // count], k=SAMPLES, binary=True, progress=True)
    mean, error = estimate.mean()
    return {"nll": round(mean, 3), "error": round(error, 3), "active_units": active_units(model, binary).sum().item(), "images": count}


def lines_of(results, terms, times):
    """The lines of a Markdown table of results, published values beside those reached.

    `terms`: the columns beside k. `times`: heads of the columns of seconds, by their names in the results."""
    heads = ["k", *terms, "steps", "seed", *times.values(), "device", "NLL", "images", "published NLL", "active units",
             "published active units"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    for row in results:
        published = PUBLISHED.get(row["k"], ("", ""))
        device = f"{row['device']}, {row['threads']} thread{'s' * (row['threads'] > 1)}" if row["device"] == "cpu" else row["device"]
        cells = [row["k"], *(row[term] for term in terms), f"{row['steps']:,}", row["seed"], *(f"{row[name]:,} s" for name in times),
                 device, f"{row['nll']:.2f} ± {row['error']:.2f}", f"{row['images']:,}", published[0], row["active_units"], published[1]]
        yield "| " + " | ".join(map(str, cells)) + " |"


def table(results):
    """The results as a Markdown page, the published schedule's and the short recipe's each in a table of its own."""
    paper, short = [[row for row in results if row["recipe"] == name] for name in ("paper", "short")]
    return "\n".join([
        "# Table 1 of the IWAE paper, one stochastic layer", "",
        "MNIST, dynamic binarization, NLL in nats with 5,000 samples, ± standard error over the images. They are evenly spaced in the",
        "test set and alike in all rows with their number, so that differences between such rows are more certain than these errors",
        "suggest. Active units are counted on all 10,000 test images. Training time is wall-clock time, whatever else the machine was",
        "doing.", "",
        "## The published schedule", "",
        "Made by `make iwae` and `python -m bench.iwae K SHARE`. A share of 1 is the whole schedule of 9,774,400 steps.", "",
        *lines_of(paper, ["share"], {"seconds": "training"}), "",
        "## The short recipe", "",
        "Made by `python -m bench.iwae K PASSES --recipe short`: the same model, images and bound; batches of 128 and one cycle of the",
        "learning rate, from 3e-4 up to 3e-3 in the first tenth of the steps, then by a cosine down to 1e-5. The published schedule makes",
        f"3,280 passes, and the published values come from it. A bound of more than {LARGEST} terms has {FEW} in the first",
        f"{FIRST:.0%} of the passes; after them a step computes all terms, differentiates the {LARGEST} largest of each image, and gives",
        "the encoder the doubly reparameterized gradient (Tucker, Lawson, Gu and Maddison, 2018). Processor time is that of all threads",
        "together.", "",
        *lines_of(short, ["recipe", "passes", "batch", "products"], {"seconds": "training", "processor": "processor time"})]) + "\n"


def key(row):
    """What tells one result from another, in the order of the tables: recipe, k, share or passes, seed."""
    return row["recipe"], row["k"], row["share" if row["recipe"] == "paper" else "passes"], row["seed"]


def record(result, folder=ROOT / "bench"):
    """Put a result into `iwae.json`, in place of an older one of the same recipe, cell, length and seed, and write `IWAE.md` anew."""
    keep(result, folder / "iwae.json", folder / "IWAE.md", key, table)


def recipe_of(name, k, length, device):
    """The recipe of a name, of the length given as text; `ValueError` for a length that it does not have."""
    if name == "short":
        if length is None and k not in PASSES:
            raise ValueError(f"k is {k}, for which the short recipe needs its passes: python -m bench.iwae K PASSES --recipe short")
        if length is not None and not length.isdecimal():
            raise ValueError(f"passes is {length}; the short recipe takes a whole number of passes over the images")
        return Short(int(length or PASSES[k]), low=device.type == "cpu" and bf16_products())
    if length is None:
        raise ValueError("the published schedule needs its share, above 0 and at most 1: python -m bench.iwae K SHARE")
    try:
        share = float(length)
    except ValueError:
        raise ValueError(f"share is {length}; it must be a number above 0 and at most 1") from None
    return Paper(share)


def main():
    """Train one cell, evaluate it, and record the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.iwae", description="One cell of Table 1 of the IWAE paper.")
    parser.add_argument("k", type=int, help="samples in the bound: 1, 5 or 50 in the paper")
    parser.add_argument("length", nargs="?", metavar="share or passes",
                        help="share of the published schedule, above 0 and at most 1; passes of the short recipe, by default "
                             + ", ".join(f"{passes} at k = {k}" for k, passes in PASSES.items()))
    parser.add_argument("--recipe", choices=["paper", "short"], default="paper", help="the published schedule, or one short cycle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=10_000, help="test images to estimate the NLL on")
    given, device = parser.parse_intermixed_args(), pick_device()
    torch.set_flush_denormal(True)  # at k = 50 most weights are near 0, and a CPU is slow on numbers below 1e-38
    try:
        recipe = recipe_of(given.recipe, given.k, given.length, device)
        length = "-".join(map(str, recipe.terms.values()))
        checkpoint = ROOT / f"bench/checkpoints/iwae-{given.k}-{length}-{given.seed}.safetensors"
        data = [mnist(ROOT / "nbs/data", part)[0] for part in (True, False)]
        model, (steps, *seconds) = train(data[0][:IMAGES], given.k, recipe, given.seed, checkpoint, device)
        found = evaluate(model, data[1], given.images)
    except (ValueError, RuntimeError, FloatingPointError) as error:
        parser.error(str(error))
    result = {"recipe": recipe.name, "k": given.k, **recipe.terms, "seed": given.seed, "steps": steps, "seconds": round(seconds[0]),
              "processor": round(seconds[1]), "device": device.type, "threads": torch.get_num_threads(), **found}
    record(result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""The numbers of the front page: `make evaluate`, or `python -m bench.evaluate --images N`.

Writes bench/EVALUATION.md and bench/evaluation.json. A `VAE()` is trained on dynamically binarized MNIST for ten epochs (batch
128, Adam 1e-3, seed 0) and evaluated on the test set, binarized once with seed 0; the shipped model is tested on grey pixels, as
chapter 03 does."""
import argparse
import json
import platform
from pathlib import Path

import torch

from vae_nb.data import mnist, pick_device
from vae_nb.evaluate import active_units, binarize, elbo, nll
from vae_nb.files import write_whole
from vae_nb.model import VAE
from vae_nb.train import evaluate_epoch, fit

ROOT = Path(__file__).parent.parent
EPOCHS, SAMPLES = 10, 5000


def train(images, test, generator, epochs=EPOCHS):
    """A `VAE()` trained with the course's recipe on images that `generator` binarizes anew for each epoch; by the plain loop in
    float32, so that the numbers do not depend on the processor."""
    torch.manual_seed(0)
    model = VAE().to(test.device)
    fit(model, images, test, epochs, redraw=lambda each: binarize(each.cpu(), generator), precision="float32")
    return model


def measure(model, binary, count):
    """ELBO and its parts with 10 samples of z, NLL with 5,000 on `count` evenly spaced images, and active units."""
    bound = elbo(model, binary, samples=10, binary=True)
    mean, error = nll(model, binary[torch.arange(count) * len(binary) // count], k=SAMPLES, binary=True, progress=True).mean()
    found = {name: values.mean().item() for name, values in bound._asdict().items()} | {"nll": mean, "error": error}
    return {name: round(value, 3) for name, value in found.items()} | {
        "active_units": active_units(model, binary).sum().item(), "images": count}


def table(result):
    """The numbers as a Markdown page."""
    binary, images = result["binary"], result["binary"]["images"]
    return f"""# Evaluation

Made by `make evaluate`, that is `python -m bench.evaluate --images {images}`, on {result["machine"]}. Nats per image, test set.

Trained on dynamically binarized MNIST for {EPOCHS} epochs, and evaluated on the test set binarized once:

| measure | value | images |
|---|---|---|
| evidence lower bound (ELBO) | {binary["elbo"]:.2f} | 10,000 |
| distortion | {binary["distortion"]:.2f} | 10,000 |
| rate | {binary["rate"]:.2f} | 10,000 |
| NLL, {SAMPLES:,} samples | {binary["nll"]:.2f} ± {binary["error"]:.2f} | {images:,} |
| active units of 20 | {binary["active_units"]} | 10,000 |

The standard error is that over images. The shipped model, trained and tested on grey pixels:

| measure | value | images |
|---|---|---|
| test loss | {result["grey"]:.2f} | 10,000 |
"""


def main():
    """Train, measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.evaluate", description="The numbers of the front page.")
    parser.add_argument("--images", type=int, default=10_000, help="test images to estimate the NLL on")
    given, device = parser.parse_args(), pick_device()
    (images, _), (test, _) = mnist(ROOT / "nbs/data"), mnist(ROOT / "nbs/data", train=False)
    generator = torch.Generator().manual_seed(0)
    binary = binarize(test, generator).to(device)
    if not 2 <= given.images <= len(binary):
        parser.error(f"images is {given.images}; needed: at least 2, and at most the {len(binary)} that there are")
    torch.manual_seed(0)
    grey = evaluate_epoch(VAE.from_pretrained().to(device), test.to(device))
    result = {"grey": round(grey, 3), "binary": measure(train(images, binary, generator), binary, given.images)}
    result["machine"] = f"{device.type}, threads: {torch.get_num_threads()}, {platform.machine()}"
    write_whole(ROOT / "bench/evaluation.json", (json.dumps(result, indent=2) + "\n").encode())
    write_whole(ROOT / "bench/EVALUATION.md", table(result).encode())
    print(table(result))


if __name__ == "__main__":
    main()

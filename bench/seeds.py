"""The test loss after each of ten epochs, over 5 seeds, for each kind of training loop: `make seeds`.

Writes bench/SEEDS.md. Fails if a loop leaves the expected band or the plain loop's own."""
import platform
from pathlib import Path
from statistics import mean, stdev

import torch

from vae_nb.data import mnist, pick_device
from vae_nb.model import VAE
from vae_nb.speed import bf16_products, fit, tf32_products
from vae_nb.train import fit as plain_fit

ROOT = Path(__file__).parent.parent
EXPECTED = (127.3, 115.8, 112.2, 109.6, 108.5, 107.7, 107.1, 106.7, 106.0, 105.6)
BANDS = {1: 1.5, 3: 1.0, 10: 0.8}


def loops(device):
    """The kinds of loop there are on this device: a name, the `fit` that takes it, and the products that it is allowed."""
    kinds = [("plain loop", plain_fit, "float32"), ("fast loop", fit, "float32")]
    if device.type == "cpu" and bf16_products():
        kinds.append(("fast loop, bfloat16", fit, None))
    if tf32_products(device):
        kinds.append(("fast loop, TF32", fit, None))
    return kinds


def run(seed, device, data, fit, precision, epochs=10):
    """The test losses of one seed, after each epoch."""
    torch.manual_seed(seed)
    return [record["test_loss"] for record in fit(VAE().to(device), *data, epochs, seed=seed, precision=precision)]


def table(name, runs):
    """The runs of one loop as a Markdown table, with their mean and spread beside the expected value."""
    seeds = " | ".join(f"seed {seed}" for seed in range(len(runs)))
    head = f"| epoch | {seeds} | mean | standard deviation | expected |"
    lines = [f"## {name[0].upper()}{name[1:]}", "", head, "|---" * (len(runs) + 4) + "|"]
    for epoch, losses in enumerate(zip(*runs, strict=True)):
        row = [f"{loss:.2f}" for loss in (*losses, mean(losses), stdev(losses))] + [f"{EXPECTED[epoch]}"]
        lines.append(f"| {epoch + 1} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def check(name, runs, plain):
    """Raise unless every seed is in the expected band and the mean is near the expected and the plain loop's."""
    for epoch, band in BANDS.items():
        losses = [losses[epoch - 1] for losses in runs]
        assert all(abs(loss - EXPECTED[epoch - 1]) <= band for loss in losses), f"{name}: {losses} after epoch {epoch}"
    final, reference = [mean(losses[-1] for losses in each) for each in (runs, plain)]
    assert abs(final - EXPECTED[-1]) <= 0.5 and abs(final - reference) <= 0.2, f"{name}: mean {final:.2f}, plain loop {reference:.2f}"


if __name__ == "__main__":
    device = pick_device()
    data = [mnist(ROOT / "nbs/data", train)[0] for train in (True, False)]
    runs = {name: [run(seed, device, data, fit, precision) for seed in range(5)] for name, fit, precision in loops(device)}
    machine = f"{device.type}, threads: {torch.get_num_threads()}, {platform.machine()}, PyTorch {torch.__version__.split('+')[0]}"
    head = ("# Test loss after each epoch, 5 seeds\n\nMade by `make seeds`: nats per image, grey MNIST, batch 128, Adam 1e-3; "
            f"{machine}. Each seed starts every loop from the same weights and the same random numbers.\n\n")
    text = head + "\n".join(table(name, each) for name, each in runs.items())
    (ROOT / "bench/SEEDS.md").write_text(text, encoding="utf-8")
    print(text)
    for name, each in runs.items():
        check(name, each, runs["plain loop"])

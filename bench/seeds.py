"""The test loss after each of ten epochs, over 5 seeds: `make seeds`. Writes bench/SEEDS.md; fails outside the expected band."""
import platform
from pathlib import Path
from statistics import mean, stdev

import torch

from vae_nb.data import mnist, pick_device
from vae_nb.model import VAE
from vae_nb.train import fit

ROOT = Path(__file__).parent.parent
EXPECTED = (127.3, 115.8, 112.2, 109.6, 108.5, 107.7, 107.1, 106.7, 106.0, 105.6)


def run(seed, device, train_images, test_images):
    """The ten test losses of one seed."""
    torch.manual_seed(seed)
    model = VAE().to(device)
    return [record["test_loss"] for record in fit(model, train_images, test_images, seed=seed)]


def table(runs, machine):
    """The runs as a Markdown table, with their mean and spread beside the expected value."""
    seeds = " | ".join(f"seed {seed}" for seed in range(len(runs)))
    lines = [f"# Test loss after each epoch, {len(runs)} seeds", "", "Made by `make seeds`: nats per image, grey MNIST, batch 128, "
             f"Adam 1e-3; {machine}.", "", f"| epoch | {seeds} | mean | standard deviation | expected |", "|---" * (len(runs) + 4) + "|"]
    for epoch, losses in enumerate(zip(*runs, strict=True)):
        row = [f"{loss:.2f}" for loss in (*losses, mean(losses), stdev(losses))] + [f"{EXPECTED[epoch]}"]
        lines.append(f"| {epoch + 1} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    device = pick_device()
    data = [mnist(ROOT / "nbs/data", train)[0] for train in (True, False)]
    runs = [run(seed, device, *data) for seed in range(5)]
    machine = f"{device.type}, threads: {torch.get_num_threads()}, {platform.machine()}, PyTorch {torch.__version__.split('+')[0]}"
    text = table(runs, machine)
    (ROOT / "bench/SEEDS.md").write_text(text, encoding="utf-8")
    print(text)
    final = mean(losses[-1] for losses in runs)
    assert abs(final - EXPECTED[-1]) <= 0.5, f"mean test loss {final:.2f} after ten epochs; expected {EXPECTED[-1]} within 0.5"

"""How long `nll` takes beside the decoder's matrix products alone, measured by turns in one run: `python -m bench.nll [images] [k]`.

Prints the median of each and of their ratio over the turns."""
import statistics
import sys
import time

import torch
import torch.nn.functional as F

from vae_nb.data import mnist, pick_device
from vae_nb.evaluate import binarize, nll
from vae_nb.model import VAE

TURNS = 5


def products(model, images, k, rows):
    """The two matrix products of the decoder for `images` x `k` latent vectors, `rows` at a time, and nothing else."""
    z = torch.randn(rows, model.latent_dim, device=model.fc3.weight.device)
    h = torch.randn(rows, model.hidden_dim, device=z.device)
    with torch.no_grad():
        for _ in range(images * k // rows):
            F.linear(z, model.fc3.weight, model.fc3.bias)
            F.linear(h, model.fc4.weight, model.fc4.bias)


def seconds(device, function, *arguments):
    """The time of one call, to the end of what it started on the device."""
    start = time.perf_counter()
    function(*arguments)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main(images=200, k=5000):
    """Measure by turns, so that a change in the machine's speed meets both alike."""
    device = pick_device()
    model = VAE.from_pretrained().to(device)
    test = binarize(mnist("nbs/data", train=False)[0][:images], torch.Generator().manual_seed(0)).to(device)
    rows = 1024 if device.type == "cpu" else 65_536
    products(model, 1, rows, rows), nll(model, test[:2], k)
    turns = [(seconds(device, products, model, images, k, rows), seconds(device, nll, model, test, k)) for _ in range(TURNS)]
    alone, whole = (statistics.median(times) for times in zip(*turns, strict=True))
    ratio = statistics.median(b / a for a, b in turns)
    print(f"{images} images, k = {k}, {device}, {torch.get_num_threads()} threads: "
          f"matrix products {alone:.2f} s, nll {whole:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

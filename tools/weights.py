"""Train the weights that the package ships: `make weights`. The same recipe, seed and order of steps as chapter 03.

In float32, for what is shipped must not depend on the processor that made it."""
from pathlib import Path

import torch

from vae_nb.data import mnist
from vae_nb.model import VAE
from vae_nb.speed import fit

ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    torch.manual_seed(0)
    model = VAE()
    images = [mnist(ROOT / "nbs/data", train)[0] for train in (True, False)]
    history = fit(model, *images, epochs=10, seed=0, precision="float32")
    model.save_pretrained(ROOT / "vae_nb/mnist.safetensors")
    print(f"vae_nb/mnist.safetensors: test loss {history[-1]['test_loss']:.2f} nats per image")

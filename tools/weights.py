"""Train the weights that the package ships: `make weights`. The same recipe, seed and order of steps as chapter 03.

In float32, for what is shipped must not depend on the processor that made it, and on one thread, since more would add up in another
order. The model of two dimensions is then rounded to float16, which changes its loss by less than 0.01 nats. An interrupted training goes
on where it was when the command is given again."""
from pathlib import Path

import torch

from vae_nb.data import mnist
from vae_nb.model import VAE
from vae_nb.speed import fit

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "build/weights"
MODELS = {"mnist": (20, torch.float32), "mnist2": (2, torch.float16)}

if __name__ == "__main__":
    torch.set_num_threads(1)
    images = [mnist(ROOT / "nbs/data", train)[0] for train in (True, False)]
    RUNS.mkdir(parents=True, exist_ok=True)
    for name, (latent_dim, dtype) in MODELS.items():
        torch.manual_seed(0)
        model, run = VAE(latent_dim=latent_dim), RUNS / f"{name}.safetensors"
        history = fit(model, *images, epochs=10, seed=0, precision="float32", checkpoint=run)
        model.to(dtype).save_pretrained(ROOT / f"vae_nb/{name}.safetensors")
        run.unlink()
        print(f"vae_nb/{name}.safetensors: test loss {history[-1]['test_loss']:.2f} nats per image")

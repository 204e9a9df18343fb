"""Choose the ten digits that the explorer shows, and measure the KL of each latent dimension: `make digits`."""
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save

from vae_nb.data import as_float, mnist
from vae_nb.files import write_whole
from vae_nb.model import VAE

ROOT = Path(__file__).parent.parent


@torch.no_grad()
def choose(model, images, labels):
    """For each digit the index of one image: near the mean code of its class, and well reconstructed."""
    x = as_float(images).flatten(1)
    mu = model.encode(x)[0]
    added = (F.binary_cross_entropy(model.decode(mu), x, reduction="none") - F.binary_cross_entropy(x, x, reduction="none")).sum(1)
    chosen = []
    for digit in range(10):
        where = (labels == digit).nonzero().flatten()
        distance = (mu[where] - mu[where].mean(0)).norm(dim=1)
        score = added[where] / added[where].median() + distance / distance.median()
        chosen.append(where[score.argmin()])
    return torch.stack(chosen)


@torch.no_grad()
def mean_kl(model, images):
    """The mean KL of each dimension over the images, in nats."""
    mu, logvar = (t.double() for t in model.encode(as_float(images)))
    return (0.5 * (logvar.exp() + mu**2 - 1 - logvar)).mean(0).float()


if __name__ == "__main__":
    model = VAE.from_pretrained()
    images, labels = mnist(ROOT / "nbs/data", train=False)
    chosen = choose(model, images, labels)
    found = {"images": images[chosen].contiguous(), "labels": labels[chosen].to(torch.uint8), "kl": mean_kl(model, images)}
    write_whole(ROOT / "vae_nb/digits.safetensors", save(found))
    print("vae_nb/digits.safetensors: test images", chosen.tolist())

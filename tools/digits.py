"""Choose the ten digits that the explorer shows of each shipped model, measure the KL of each latent dimension, and place test digits on
the plane of two: `make digits`."""
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save

from vae_nb.data import as_float, mnist
from vae_nb.explore import POINTS, map_points
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


@torch.no_grad()
def placed(model, images, labels):
    """The first test digits on the plane, three bytes each."""
    means = model.encode(as_float(images[:POINTS]))[0]
    return torch.frombuffer(bytearray(map_points(means.numpy(), labels[:POINTS].numpy())), dtype=torch.uint8)


if __name__ == "__main__":
    images, labels = mnist(ROOT / "nbs/data", train=False)
    for name, arguments in (("digits", {}), ("digits2", {"latent_dim": 2})):
        model = VAE.from_pretrained(**arguments)
        chosen = choose(model, images, labels)
        found = {"images": images[chosen].contiguous(), "labels": labels[chosen].to(torch.uint8), "kl": mean_kl(model, images)}
        if model.latent_dim == 2:
            found["points"] = placed(model, images, labels)
        write_whole(ROOT / f"vae_nb/{name}.safetensors", save(found))
        print(f"vae_nb/{name}.safetensors: test images", chosen.tolist())

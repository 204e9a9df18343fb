"""What an engineer does with the installed package, in a folder of their own: color pictures of three sizes from files, a
convolutional VAE and a loss of their own; training that is killed in the middle of an epoch and resumed; evaluation; samples.

Run by tests/test_own_model.py against the wheel, in an empty folder: `python own_model.py` drives, `python own_model.py train
FOLDER EPOCHS [STEPS]` is one training process, killed by the driver's choice after STEPS steps."""
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import vae_nb
from vae_nb import active_units, elbo, fit, folder_images, interpolate, nll, reconstruct, sample_prior
from vae_nb.files import load_weights
from vae_nb.loss import kl_divergence, reconstruction_error

SIZES = [(32, 32), (24, 40), (48, 16)]


class ConvVAE(nn.Module):
    """A convolutional VAE for pictures (C, H, W) whose sides are multiples of 8."""
    def __init__(self, image_shape, latent_dim=4):
        super().__init__()
        self.image_shape, self.latent_dim = image_shape, latent_dim
        channels, height, width = image_shape
        self.small = (32, height // 8, width // 8)
        self.down = nn.Sequential(nn.Conv2d(channels, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 4, 4), nn.ReLU())
        self.heads = nn.Linear(32 * self.small[1] * self.small[2], 2 * latent_dim)
        self.start = nn.Linear(latent_dim, 32 * self.small[1] * self.small[2])
        self.up = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 4), nn.ReLU(), nn.ConvTranspose2d(16, channels, 4, 2, 1))

    def encode(self, x):
        return self.heads(self.down(x).flatten(1)).chunk(2, dim=1)

    def decode(self, z):
        return torch.sigmoid(self.up(self.start(z).unflatten(1, self.small)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar

    def log_likelihood(self, z, x):
        batch, samples, _ = z.shape
        decoded = self.decode(z.flatten(0, 1)).unflatten(0, (batch, samples))
        target = x.unsqueeze(1).expand_as(decoded)
        return -F.binary_cross_entropy(decoded, target, reduction="none").flatten(2).sum(2)


def beta_loss(reconstructed, original, mu, logvar):
    """The negative ELBO with the KL divergence weighed twice."""
    return reconstruction_error(reconstructed, original) + 2 * kl_divergence(mu, logvar).sum()


def draw_pictures(folder, size, number=60):
    """Files with a colored disc on a dark ground, in two folders by color."""
    height, width = size
    generator = torch.Generator().manual_seed(height)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for i in range(number):
        at = torch.rand(2, generator=generator) * torch.tensor([height / 2, width / 2]) + torch.tensor([height / 4, width / 4])
        disc = ((rows - at[0])**2 + (columns - at[1])**2 < (min(size) / 5)**2).float()
        color = torch.tensor([0.9, 0.2, 0.1] if i % 2 else [0.1, 0.3, 0.9])
        pixels = (disc.unsqueeze(-1) * color * 255).to(torch.uint8)
        path = folder / ("red" if i % 2 else "blue") / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(path)


def prepared(folder):
    """The pictures of a folder, and a model for them from a fixed start."""
    height, width = map(int, folder.name.split("x"))
    images, labels, names = folder_images(folder, size=(height, width), color=True)
    assert images.shape[1:] == (3, height, width) and names == ["blue", "red"] and len(labels) == len(images)
    torch.manual_seed(0)
    return images, ConvVAE((3, height, width))


def train(folder, epochs, steps=None, checkpoint="run.safetensors"):
    """Train, with a checkpoint and pictures; killed without warning after a number of steps, if one is given."""
    images, model = prepared(folder)
    if steps:
        passes = count()
        model.register_forward_hook(lambda *_: os.kill(os.getpid(), signal.SIGKILL) if next(passes) == steps else None)
    results = Path(f"results-{folder.name}")
    return model, fit(model, images[10:], images[:10], epochs=epochs, batch_size=8, lr=3e-3, loss=beta_loss, results=results,
                      checkpoint=folder.parent / f"{folder.name}-{checkpoint}", progress=False)


def check(size):
    """Everything for one size of picture."""
    folder = Path("{}x{}".format(*size)).resolve()
    draw_pictures(folder, size)
    killed = subprocess.run([sys.executable, __file__, "train", str(folder), "4", "18"], check=False)
    assert killed.returncode == -signal.SIGKILL
    model, history = train(folder, 4)
    assert [record["epoch"] for record in history] == [1, 2, 3, 4] and history[-1]["test_loss"] < history[0]["test_loss"]
    unbroken, same = train(folder, 4, checkpoint="unbroken.safetensors")
    assert [record["test_loss"] for record in history] == [record["test_loss"] for record in same]
    assert all(map(torch.equal, model.state_dict().values(), unbroken.state_dict().values()))
    stored = load_weights(folder.parent / f"{folder.name}-run.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in model.state_dict().items())
    assert not list(folder.parent.glob("*.part"))
    images, _ = prepared(folder)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    bound = elbo(model, images, samples=4)
    estimate = nll(model, images[:10], k=50)
    assert bound.elbo.shape == (60,) and (bound.distortion > 0).all() and estimate.nll.isfinite().all()
    assert active_units(model, images).shape == (4,)
    shape = (3, *size)
    assert reconstruct(model, images[:5]).shape == (5, *shape)
    assert interpolate(model, images[0], images[1], 7).shape == (7, *shape)
    samples = sample_prior(model, 6)
    assert samples.shape == (6, *shape) and samples.min() >= 0 and samples.max() <= 1
    vae_nb.show_images(samples)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert {f"{kind}_{epoch}.png" for kind in ("reconstruction", "sample") for epoch in (1, 2, 3, 4)} == {
        path.name for path in Path(f"results-{folder.name}").iterdir()}
    print(f"{folder.name}: test loss {history[0]['test_loss']:.1f} -> {history[-1]['test_loss']:.1f}, -ELBO {-bound.elbo.mean():.1f}, "
          f"NLL {estimate.mean()[0]:.1f} nats")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["train"]:
        train(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        for each in SIZES:
            check(each)

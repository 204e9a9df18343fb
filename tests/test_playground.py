"""The playground: its mathematics under Node against PyTorch, its digits, and the page that trains, in Chromium."""
import base64
import json
import os
import subprocess

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from tests.conftest import ROOT
from tools.playground import TEST, TRAIN, choose, shrink
from vae_nb.data import mnist
from vae_nb.loss import kl_divergence
from vae_nb.model import VAE

BATCH, HIDDEN = 50, 64


def base64_of(tensor):
    """Text that Node or a page can read the numbers from, float32 or bytes."""
    data = tensor.detach()
    return base64.b64encode((data.float() if data.is_floating_point() else data).contiguous().numpy().tobytes()).decode()


@pytest.fixture(scope="module")
def shipped():
    """The digits that the package ships: images and labels."""
    return load_file(ROOT / "vae_nb/playground.safetensors")


def flat(tensors):
    """Parameters one after another, as the script has them."""
    return torch.cat([tensor.flatten() for tensor in tensors])


class Reference:
    """PyTorch's own training of the playground's network, in float64."""

    def __init__(self, latent, beta, plain, rate):
        torch.manual_seed(latent)
        self.model = VAE(hidden_dim=HIDDEN, latent_dim=latent, image_shape=(1, 14, 14)).double()
        self.start, self.beta, self.plain = base64_of(flat(self.model.parameters())), beta, plain
        self.adam = torch.optim.Adam(self.model.parameters(), lr=rate)

    def step(self, x, noise):
        """Reconstruction and KL of a batch, in nats per image, and their gradients; Adam has taken its step."""
        model, x, noise = self.model, x.double(), noise.double()
        h = F.relu(model.fc1(x))
        mean, logvar = model.fc2_mean(h), model.fc2_logvar(h)
        z = mean if self.plain else mean + (logvar / 2).exp() * noise
        logits = model.fc4(F.relu(model.fc3(z)))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        kl = kl_divergence(mean, logvar).mean()
        self.adam.zero_grad()
        (reconstruction + (0 if self.plain else self.beta) * kl).backward()
        gradients = flat(torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters())
        self.adam.step()
        return reconstruction.item(), kl.item(), gradients


def case(name, latent, beta, plain, rate, x, steps=3):
    """A few steps in all their numbers, for the script to take them too."""
    reference, generator = Reference(latent, beta, plain, rate), torch.Generator().manual_seed(0)
    batches, noises, losses, slopes, after = [], [], [], [], []
    for step in range(steps):
        batch, noise = x[step * BATCH:(step + 1) * BATCH], torch.randn(BATCH, latent, generator=generator)
        reconstruction, kl, gradients = reference.step(batch, noise)
        batches.append(base64_of(batch))
        noises.append(base64_of(noise))
        losses.append({"reconstruction": reconstruction, "kl": kl})
        slopes.append(base64_of(gradients))
        after.append(base64_of(flat(reference.model.parameters())))
    return {"name": name, "latent": latent, "objective": {"beta": beta, "plain": plain}, "rate": rate, "weights": reference.start,
            "batches": batches, "noises": noises, "losses": losses, "slopes": slopes, "after": after}


def run(name, latent, beta, plain, rate, x, steps=120):
    """The losses of a longer run."""
    reference, generator = Reference(latent, beta, plain, rate), torch.Generator().manual_seed(1)
    order = torch.cat([torch.randperm(len(x), generator=generator) for _ in range(steps * BATCH // len(x) + 1)])[:steps * BATCH]
    noise, losses = torch.randn(steps, BATCH, latent, generator=generator), []
    for step in range(steps):
        reconstruction, kl, _ = reference.step(x[order[step * BATCH:(step + 1) * BATCH]], noise[step])
        losses.append(reconstruction + (0 if plain else beta * kl))
    return {"name": name, "latent": latent, "objective": {"beta": beta, "plain": plain}, "rate": rate, "weights": reference.start,
            "images": base64_of(x), "order": order.tolist(), "noise": base64_of(noise), "losses": losses}


def test_the_script_trains_as_pytorch_does(tmp_path, shipped):
    x = shipped["images"].flatten(1).float() / 255
    cases = [case("2 dimensions", 2, 1.0, False, 0.003, x), case("1 dimension, beta 10", 1, 10.0, False, 0.01, x),
             case("8 dimensions, beta 0.1", 8, 0.1, False, 0.001, x), case("plain autoencoder", 2, 1.0, True, 0.003, x)]
    runs = [run("VAE", 2, 1.0, False, 0.003, x[:1000]), run("plain autoencoder", 2, 1.0, True, 0.003, x[:1000])]
    digits = base64_of(torch.cat([shipped["images"].flatten(), shipped["labels"]]))
    (tmp_path / "golden.json").write_text(json.dumps({"cases": cases, "runs": runs, "digits": digits}), encoding="utf-8")
    done = subprocess.run(["node", "--test", "--test-reporter=spec", "tests/playground.test.mjs"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "GOLDEN": str(tmp_path / "golden.json")})
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Adam are PyTorch's") == len(cases) and done.stdout.count("run follow PyTorch's") == len(runs)


def test_the_shipped_digits_are_mnists(shipped):
    assert shipped["images"].shape == (TRAIN + TEST, 1, 14, 14) and (ROOT / "vae_nb/playground.safetensors").stat().st_size < 500_000
    for train, part in ((True, slice(0, TRAIN)), (False, slice(TRAIN, None))):
        images, labels = mnist(ROOT / "nbs/data", train=train)
        chosen, shown = choose(labels, TRAIN if train else TEST), shipped["labels"][part].long()
        assert torch.equal(shipped["images"][part], shrink(images[chosen])) and torch.equal(shown, labels[chosen].long())
        assert shown.view(-1, 10).eq(torch.arange(10)).all() and len(chosen.unique()) == len(chosen)
        corner = images[chosen[7], 0, 10:12, 12:14].float().mean()
        assert abs(shipped["images"][part][7, 0, 5, 6] - corner) <= 0.5

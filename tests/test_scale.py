"""Many processes, the numbers of one: real processes on one machine, small models, one thread each."""
import inspect
import os
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from tests import ranks
from tests.ranks import ended, started, together
from vae_nb import scale, speed, train
from vae_nb.evaluate import nll
from vae_nb.loss import loss_function
from vae_nb.model import VAE

FIELDS = ("epoch", "train_loss", "test_loss", "precision")


def images(count, seed=0, side=6):
    """Random uint8 images."""
    return torch.randint(0, 256, (count, 1, side, side), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


class Noisy(nn.Module):
    """A model that draws noise in many ways: dropout, a binary mask, noise in place, several samples in front of the batch."""
    latent_dim, image_shape = 3, (1, 6, 6)

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.dropout = nn.Linear(36, 6), nn.Linear(3, 36), nn.Dropout(0.2)

    def encode(self, x):
        return self.encoder(self.dropout(x.flatten(1))).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        eps = torch.distributions.Normal(torch.zeros_like(mu), 1.0).rsample() + torch.empty_like(mu).normal_()
        eps = eps + torch.randn(5, *mu.shape).mean(0) + torch.normal(torch.zeros_like(mu), 0.5) + torch.rand(len(mu), 1)
        z = mu + torch.exp(logvar / 2) * eps * torch.bernoulli(torch.full_like(mu, 0.9))
        return self.decode(F.dropout(z, 0.1, self.training)), mu, logvar


class Normed(nn.Module):
    """A model with batch normalization."""
    latent_dim, image_shape = 3, (1, 6, 6)

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(nn.Linear(36, 8), nn.BatchNorm1d(8), nn.Linear(8, 6)), nn.Linear(3, 36)

    def encode(self, x):
        return self.encoder(x.flatten(1)).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


MODELS = {"vae": lambda: VAE(36, 9, 3), "noisy": Noisy, "normed": Normed}


SGD = {"optimizer": torch.optim.SGD, "lr": 1e-4}


def training(rank=0, model="vae", count=50, test=11, start=0, **options):
    """History and weights of a training."""
    torch.manual_seed(start)
    made = MODELS[model]()
    options = {"epochs": 2, "batch_size": 16, "precision": "float32", "progress": False} | options
    history = scale.fit(made, images(count), images(test, 1), **options)
    return history, {name: tensor.clone() for name, tensor in made.state_dict().items()}


def other(rank, odd, **options):
    """A training in which rank 1 has settings of its own."""
    return training(rank, **options | (odd if rank == 1 else {}))


def numbers(history):
    return [[record[field] for field in FIELDS] for record in history]


def agree(one, other, tolerance=1e-5):
    """The histories and weights of two trainings agree."""
    for a, b in zip(one[0], other[0], strict=True):
        assert a["epoch"] == b["epoch"] and a["precision"] == b["precision"]
        torch.testing.assert_close([a["train_loss"], a["test_loss"]], [b["train_loss"], b["test_loss"]], rtol=tolerance, atol=0)
    for name, weight in one[1].items():
        torch.testing.assert_close(weight, other[1][name], rtol=tolerance, atol=tolerance)


def alike(found):
    """All processes have the same history, seconds included, and the same weights, to the last bit."""
    for history, weights in found[1:]:
        assert history == found[0][0]
        assert all(torch.equal(weights[name], found[0][1][name]) for name in weights)


# 50 images in batches of 16 leave 2 for the last; 49 leave 1, fewer than there are processes
@pytest.mark.parametrize("size, options", [
    (2, {"count": 50} | SGD), (3, {"count": 50} | SGD), (2, {"count": 49} | SGD), (2, {"count": 49}), (3, {"count": 49, "schedule": "one-cycle"}),
    (2, {"count": 49, "model": "noisy"} | SGD), (3, {"count": 50, "model": "noisy"}), (2, {"loop": train.PlainLoop}), (2, {"test": 1})], ids=str)
def test_many_processes_reach_the_numbers_of_one(size, options):
    found = together(size, training, **options)
    alike(found)
    agree(found[0], training(**options), 1e-5 if "optimizer" in options else 1e-3)

"""The convolutional VAE of chapter 8 against the fully connected one at equal compute: seconds of processor time of one thread.

`python -m bench.conv [seconds ...]` trains both with dynamic binarization and prints, at each of the times, the passes over the training
images and -ELBO in nats per image on the 10,000 test images, binarized once. The figure of the chapter shows these numbers."""
import sys
import time

import torch

from vae_nb import mnist
from vae_nb.conv import ConvVAE
from vae_nb.data import as_float
from vae_nb.evaluate import binarize, elbo
from vae_nb.loss import loss_function
from vae_nb.model import VAE
from web.build import ROOT

CONTENDERS = {"fully connected": (VAE, 1e-3), "convolutional": (ConvVAE, 2e-3)}
BATCH = 128


def race(make, lr, marks, train, test):
    """Yields passes and -ELBO after each of the times; what is spent on scoring does not count."""
    torch.manual_seed(0)
    model = make()
    optimizer, spent, steps = torch.optim.Adam(model.parameters(), lr=lr), 0.0, 0
    for mark in marks:
        start = time.process_time()
        while spent + time.process_time() - start < mark:
            x = binarize(train[torch.randint(len(train), (BATCH,))])
            reconstructed, mu, logvar = model(x)
            loss = loss_function(reconstructed, x, mu, logvar) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1
        spent += time.process_time() - start
        yield steps * BATCH / len(train), -elbo(model, test).elbo.mean().item()


def main(marks):
    torch.set_num_threads(1)
    (train, _), (test, _) = mnist(ROOT / "nbs/data"), mnist(ROOT / "nbs/data", train=False)
    train, test = as_float(train), binarize(test, torch.Generator().manual_seed(0))
    for name, (make, lr) in CONTENDERS.items():
        for mark, (passes, cost) in zip(marks, race(make, lr, marks, train, test), strict=True):
            print(f"{name:16} {mark:5.0f} s {passes:6.2f} passes  -ELBO {cost:.1f}", flush=True)


if __name__ == "__main__":
    main([float(mark) for mark in sys.argv[1:]] or [10.0, 20.0, 40.0, 60.0, 90.0])

"""Choose the digits that the playground trains on, and shrink them: `make digits`."""
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save

from vae_nb.data import mnist
from vae_nb.files import write_whole

ROOT = Path(__file__).parent.parent
TRAIN, TEST = 2000, 500


def choose(labels, count):
    """The first images of each digit, as many of each, so that any run of ten holds all ten."""
    return torch.stack([(labels == digit).nonzero().flatten()[:count // 10] for digit in range(10)], 1).flatten()


def shrink(images):
    """uint8 images `(N, 1, 28, 28)` as `(N, 1, 14, 14)`: each pixel is the mean of four."""
    return F.avg_pool2d(images.double(), 2).round().to(torch.uint8)


if __name__ == "__main__":
    images, labels = [], []
    for train, count in ((True, TRAIN), (False, TEST)):
        all_images, all_labels = mnist(ROOT / "nbs/data", train)
        chosen = choose(all_labels, count)
        images.append(shrink(all_images[chosen]))
        labels.append(all_labels[chosen].to(torch.uint8))
    data = save({"images": torch.cat(images), "labels": torch.cat(labels)})
    write_whole(ROOT / "vae_nb/playground.safetensors", data)
    print(f"vae_nb/playground.safetensors: {TRAIN} digits of the training set and {TEST} of the test set, {len(data):,} bytes")

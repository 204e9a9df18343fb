"""The full runs of chapter 9.

`python -m bench.labels quadrants GIVEN [--passes 10]` trains `QuadrantVAE` with one cycle of the learning rate and a network without a
latent variable on gray MNIST, and scores both on the missing pixels of the 10,000 test images. `python -m bench.labels semi SEED
[--passes 20] [--classifier convolutional]` trains `SemiVAE` on all training images with dynamic binarization, of which 100 keep their
labels, ten of each class, chosen by the seed, the last quarter of the passes with a lower learning rate; the classifier alone, trained on
the same 100, is what it is compared with. The classifier is the model's own or a convolutional one.

Checkpoints go to bench/checkpoints, and a run that was interrupted goes on from there. Results go to bench/labels.json and
bench/LABELS.md."""
import argparse
import json
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from bench.results import keep
from vae_nb import mnist
from vae_nb.data import as_float
from vae_nb.evaluate import binarize, elbo, nll
from vae_nb.labels import QuadrantVAE, SemiVAE
from vae_nb.train import fit
from web.build import ROOT

PUBLISHED = {1: (71.8, 100.4), 2: (51.0, 61.9), 3: (24.2, 25.4)}
CLASSIFIERS = ["fully connected", "convolutional"]
LABELS, COPIES = 10, 60  # a labeled image for every ten without


def trained(model, train, test, name, stages, **options):
    """Train a model for each stage, a dict of what `fit` is given, from its checkpoint where there is one; returns the seconds."""
    seconds = 0.0
    for number, stage in enumerate(stages):
        if stage["epochs"]:
            checkpoint = ROOT / f"bench/checkpoints/labels-{name}-{number}.safetensors"
            history = fit(model, train, test, checkpoint=checkpoint, progress=False, **stage, **options)
            seconds += sum(record["seconds"] for record in history)
    return seconds


def network(train, test, missing, passes=8):
    """-log p of the missing pixels by a network that sees the others alone, in nats per test image."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 784))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def cost(x):
        return F.binary_cross_entropy_with_logits(net(x.masked_fill(missing, 0))[:, missing], x[:, missing], reduction="sum") / len(x)
    for step in range(passes * 469):
        if step == passes * 469 * 3 // 4:
            optimizer.param_groups[0]["lr"] = 3e-4
        optimizer.zero_grad()
        cost(train[torch.randint(len(train), (128,))]).backward()
        optimizer.step()
    with torch.no_grad():
        return cost(test).item()


def quadrants(given, passes):
    """The result for one number of given quadrants."""
    train, test = (mnist(ROOT / "nbs/data", part)[0] for part in (True, False))
    torch.manual_seed(0)
    model = QuadrantVAE(given)
    seconds = trained(model, train, test[:1000], f"quadrants-{given}-{passes}", [{"epochs": passes, "lr": 2e-3, "schedule": "one-cycle"}])
    bound, binary = elbo(model, test, samples=10), binarize(test[:1000], torch.Generator().manual_seed(0))
    plain = network(as_float(train).flatten(1), as_float(test).flatten(1), model.missing)
    return {"quadrants": given, "passes": passes, "seconds": round(seconds), "network": round(plain, 2),
            "cvae": round(-bound.elbo.mean().item(), 2), "rate": round(bound.rate.mean().item(), 2),
            "binary nll": round(nll(model, binary, k=100).mean()[0], 2)}


def few(labels, seed, each=LABELS):
    """The indices of a few images of each class, chosen by a seed."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return torch.cat([order[labels[order] == digit][:each] for digit in range(10)])


def accuracy(model, images, labels):
    """The share of images that the classifier is right about."""
    with torch.no_grad():
        return (model.classify(as_float(model.join(images))).argmax(1) == labels).float().mean().item()


def convolutional():
    """Two convolutions and a linear layer for q(y|x): logits `(B, 10)` for pixel rows `(B, 784)`."""
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 5, 2, 2), nn.ReLU(),
                         nn.Flatten(), nn.Linear(32 * 49, 10))


def untrained(classifier):
    """M2 with a classifier of one of the kinds of `CLASSIFIERS`."""
    model = SemiVAE()
    if classifier == "convolutional":
        model.classifier = convolutional()
    return model


def supervised(images, labels, classifier, steps=500):
    """A model whose classifier has been trained on these images alone."""
    torch.manual_seed(0)
    model = untrained(classifier)
    optimizer = torch.optim.Adam(model.classifier.parameters(), lr=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        F.nll_loss(model.classify(binarize(model.join(images))), labels).backward()
        optimizer.step()
    return model


def semi(seed, passes, classifier):
    """The result for one choice of 100 labels and a kind of classifier."""
    (images, labels), (test, truth) = (mnist(ROOT / "nbs/data", part) for part in (True, False))
    told = few(labels, seed)
    torch.manual_seed(seed)
    model = untrained(classifier)
    train = torch.cat([model.join(images[told], labels[told]).repeat(COPIES, 1, 1, 1), model.join(images)])
    last = passes // 4
    stages = [{"epochs": passes - last, "lr": 3e-3}, {"epochs": last, "lr": 6e-4}]
    seconds = trained(model, train, model.join(test[:500]), f"semi-{classifier}-{seed}-{passes}", stages, loss=model.loss, redraw=binarize)
    return {"semi": seed, "classifier": classifier, "passes": passes, "seconds": round(seconds),
            "accuracy": round(100 * accuracy(model, test, truth), 2),
            "supervised": round(100 * accuracy(supervised(images[told], labels[told], classifier), test, truth), 2)}


def table(results):
    """The results as Markdown."""
    lines = ["# Chapter 9: the full runs", "", "Made by `python -m bench.labels`; see there for the protocol.", "",
             "## Missing quadrants", "",
             "-ELBO of the missing pixels in nats per gray test image, 10 samples of z, and of a network without z.",
             "Published: Pyro's tutorial.", "",
             "| given | passes | seconds | CVAE | rate | network | published CVAE | published network | binary, NLL k = 100 |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in (row for row in results if "quadrants" in row):
        cvae, plain = PUBLISHED[row["quadrants"]]
        lines.append(f"| {row['quadrants']} | {row['passes']} | {row['seconds']} | {row['cvae']} | {row['rate']} | {row['network']} "
                     f"| {cvae} | {plain} | {row['binary nll']} |")
    lines += ["", "## 100 labels", "", "Accuracy on the 10,000 test images in percent.",
              "Published: 93.19 (Pyro), 88.03 (Kingma et al., M2 alone).", "",
              "| classifier | seed | passes | seconds | M2 | the same 100 labels alone |", "|---|---|---|---|---|---|"]
    lines += [f"| {row['classifier']} | {row['semi']} | {row['passes']} | {row['seconds']} | {row['accuracy']} | {row['supervised']} |"
              for row in results if "semi" in row]
    return "\n".join(lines) + "\n"


def key(row):
    """What a row is about: a run with another number of passes is another row."""
    return "semi" in row, row.get("classifier", ""), row.get("quadrants", row.get("semi")), row["passes"]


def record(result):
    """Put a result into bench/labels.json and the table, in place of an older one of the same run."""
    keep(result, ROOT / "bench/labels.json", ROOT / "bench/LABELS.md", key, table)


def main():
    """Train and score one model, and record the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.labels", description="The full runs of chapter 9.")
    parser.add_argument("kind", choices=["quadrants", "semi"])
    parser.add_argument("which", type=int, help="how many quadrants are given, 1 to 3; or the seed that chooses the labels")
    parser.add_argument("--passes", type=int, help="passes over the training images: 10 for quadrants, 20 for semi")
    parser.add_argument("--classifier", choices=CLASSIFIERS, default=CLASSIFIERS[0], help="the q(y|x) of semi")
    given = parser.parse_args()
    try:
        run, passes = {"quadrants": (quadrants, 10), "semi": (partial(semi, classifier=given.classifier), 20)}[given.kind]
        result = run(given.which, passes if given.passes is None else given.passes)
    except ValueError as error:
        parser.error(str(error))
    record(result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

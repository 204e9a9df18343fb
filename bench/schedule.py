"""The learning rate and the number of epochs of the one-cycle schedule, searched on a validation split: `make schedule`.

Writes bench/schedule.json and bench/SCHEDULE.md. The search trains on the first 50,000 training images and validates on the last
10,000; it never sees the test set. Then the best rate for each number of epochs, and the usual recipe, train on all 60,000 images and
are tested. All in float32, on one CPU thread, over 3 seeds. A run that stands in the json is not made again; remove the file to begin
anew."""
import json
import platform
from itertools import chain
from pathlib import Path
from statistics import mean, stdev

import torch

from vae_nb.data import mnist
from vae_nb.files import write_whole
from vae_nb.model import VAE
from vae_nb.speed import fit

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "bench"
RATES, EPOCHS, SEEDS, VALIDATION = (2e-3, 3e-3, 4e-3, 6e-3, 8e-3, 1.2e-2, 2e-2, 3e-2), (5,), 3, 10_000
USUAL = {"schedule": None, "lr": 1e-3, "epochs": 10}
SPLITS = {"validation": f"the last {VALIDATION:,} training images, trained on the others",
          "test": "the test set, trained on all training images"}


def recipes(epochs):
    """What the search tries for so many epochs: each rate."""
    return [{"schedule": "one-cycle", "lr": lr, "epochs": epochs} for lr in RATES]


def of(runs, split, recipe):
    """The runs of a recipe on a split, seed by seed."""
    return sorted((run for run in runs if run["split"] == split and recipe.items() <= run.items()), key=lambda run: run["seed"])


def finals(runs, split, recipe):
    """The losses after the last epoch, seed by seed."""
    return [run["losses"][-1] for run in of(runs, split, recipe)]


def best(runs, epochs):
    """The recipe with the lowest mean validation loss among those with so many epochs."""
    return min(recipes(epochs), key=lambda recipe: mean(finals(runs, "validation", recipe)))


def chosen(runs):
    """The best recipe for each number of epochs whose search is whole."""
    whole = [epochs for epochs in EPOCHS if all(len(of(runs, "validation", recipe)) == SEEDS for recipe in recipes(epochs))]
    return [best(runs, epochs) for epochs in whole]


def train(split, recipe, seed, images, test):
    """The losses after each epoch of one run on a split."""
    data = (images[:-VALIDATION], images[-VALIDATION:]) if split == "validation" else (images, test)
    torch.manual_seed(seed)
    history = fit(VAE(), *data, **recipe, seed=seed, precision="float32", progress=False)
    return [round(record["test_loss"], 3) for record in history]


def name(recipe):
    """A recipe in words."""
    return f"{'one-cycle' if recipe['schedule'] else 'constant'} | {recipe['lr']:g} | {recipe['epochs']}"


def table(result):
    """The runs as a Markdown page."""
    runs = result["runs"]
    seeds = " | ".join(f"seed {seed}" for seed in range(SEEDS))
    lines = ["# One cycle of the learning rate: the search", "",
             f"Made by `make schedule`, on {result['machine']}, float32. Nats per image after the last epoch, grey MNIST, batch 128,",
             'Adam. With `schedule="one-cycle"` the learning rate goes up in a straight line to `lr` over the first fifth of the epochs,',
             "then down to 2% of it. The best rate for each number of epochs is chosen by the mean on the validation split; the test set",
             "is looked at afterwards, once for each choice; a first search ended at 0.006, which was its best."]
    for split, what in SPLITS.items():
        lines += ["", f"## {what[0].upper()}{what[1:]}", "",
                  f"| schedule | lr | epochs | {seeds} | mean | standard deviation | |", "|---" * (SEEDS + 6) + "|"]
        for recipe in [USUAL, *chain(*map(recipes, EPOCHS))]:
            if len(losses := finals(runs, split, recipe)) == SEEDS:
                row = [f"{loss:.2f}" for loss in (*losses, mean(losses), stdev(losses))] + ["chosen" if recipe in chosen(runs) else ""]
                lines.append(f"| {name(recipe)} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def main(folder=FOLDER):
    """Make the runs that are missing, the search before the test, and write the page."""
    torch.set_num_threads(1)
    images, test = (mnist(ROOT / "nbs/data", part)[0] for part in (True, False))
    path = folder / "schedule.json"
    machine = f"cpu, threads: 1, {platform.machine()}, PyTorch {torch.__version__.split('+')[0]}"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []

    def make(split, recipe):
        for seed in range(len(of(runs, split, recipe)), SEEDS):
            runs.append({"split": split, **recipe, "seed": seed, "losses": train(split, recipe, seed, images, test)})
            print(json.dumps(runs[-1]), flush=True)
            rows = ",\n".join(map(json.dumps, runs))
            write_whole(path, f'{{"machine": {json.dumps(machine)}, "runs": [\n{rows}\n]}}\n'.encode())
            write_whole(folder / "SCHEDULE.md", table({"machine": machine, "runs": runs}).encode())
    for epochs in EPOCHS:
        for recipe in recipes(epochs):
            make("validation", recipe)
        make("test", best(runs, epochs))
    for split in SPLITS:
        make(split, USUAL)


if __name__ == "__main__":
    main()

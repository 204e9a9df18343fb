"""The table of the family: small trainings through its own functions, and what stands in the repository."""
import ast
import json
import re
import sys

import pytest
import torch

from bench import variants
from bench.results import known
from tools.outputs import NBS, read
from vae_nb.evaluate import binarize, elbo
from vae_nb.model import VAE


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The table in an empty folder, over few images, with a small model in its first row."""
    generator = torch.Generator().manual_seed(0)
    data = [(torch.randint(0, 256, (count, 1, 28, 28), generator=generator, dtype=torch.uint8),
             torch.randint(0, 10, (count,), generator=generator)) for count in (300, 200)]
    monkeypatch.setattr(variants, "mnist", lambda root, train: data[0 if train else 1])
    for name, file in (("RESULTS", "variants.json"), ("PAGE", "VARIANTS.md"), ("CHECKPOINTS", "checkpoints")):
        monkeypatch.setattr(variants, name, tmp_path / file)
    monkeypatch.setattr(variants, "ROWS", {"tiny": variants.Row(lambda images: VAE(hidden_dim=8, latent_dim=2), k=20, images=10),
                                           "other": variants.Row(lambda images: VAE(hidden_dim=8, latent_dim=3), k=20, images=10)})
    return tmp_path, data


@pytest.mark.slow
def test_what_is_missing_is_made_and_what_is_there_is_kept(small, monkeypatch, capsys):
    folder, ((train, _), (gray, _)) = small
    monkeypatch.setattr(sys, "argv", ["variants", "--passes", "2"])
    variants.main()
    first = json.loads((folder / "variants.json").read_text())
    assert [row["row"] for row in first] == ["tiny", "other", variants.REAL]
    torch.manual_seed(0)
    model = VAE(hidden_dim=8, latent_dim=2)
    variants.fit(model, train, gray, 2, lr=3e-3, redraw=binarize, schedule="one-cycle", progress=False)
    cost = -elbo(model, binarize(gray, torch.Generator().manual_seed(0))).elbo.mean().item()
    assert abs(first[0]["cost"] - cost) < 0.006 and abs(first[0]["rate"] + first[0]["distortion"] - cost) < 0.02
    page = (folder / "VARIANTS.md").read_text()
    assert page.count("\n| tiny |") == page.count("\n| other |") == 1 and f"{first[0]['spread']:.0f} nats here" in page
    capsys.readouterr()
    variants.main()
    assert not capsys.readouterr().out and json.loads((folder / "variants.json").read_text()) == first
    monkeypatch.setattr(sys, "argv", ["variants", "tiny", "--passes", "1"])
    variants.main()
    assert [row["passes"] for row in json.loads((folder / "variants.json").read_text())] == [1, 2, 2, 0]


def test_the_distance_of_features_is_that_of_gaussians():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(50_000, 3, generator=generator, dtype=torch.float64)
    scale, shift = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64), torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
    assert variants.frechet(draws, draws) == pytest.approx(0, abs=1e-9)
    assert variants.frechet(draws, draws * scale + shift) == pytest.approx(((1 - scale)**2).sum().item() + 5, rel=0.02)


def test_samples_that_are_no_digits_are_unclear_and_far():
    class Half(torch.nn.Module):
        """Sure of bright pictures only."""
        def forward(self, x):
            mean = x.mean((1, 2, 3))
            return torch.stack([mean, mean**2], 1), torch.stack([20 * (mean > 0.5).float(), torch.zeros(len(x))], 1)
    generator = torch.Generator().manual_seed(0)
    bright = 0.6 + 0.3 * torch.rand(100, 1, 1, 1, generator=generator) * torch.ones(1, 1, 4, 4)
    dark = bright - 0.6
    assert variants.quality(Half(), torch.cat([bright, dark[:25]]), bright)[0] == pytest.approx(20)
    assert variants.quality(Half(), bright, bright)[1] < 1e-6 < variants.quality(Half(), dark, bright)[1]


def test_the_page_holds_the_results():
    results = known(variants.RESULTS)
    assert (variants.ROOT / "bench/VARIANTS.md").read_text(encoding="utf-8") == variants.table(results)
    assert {result["row"] for result in results} <= {*variants.ROWS, variants.REAL}


def test_the_chapter_shows_the_table():
    [source] = [cell.source for cell in read(NBS / "12_ladder.ipynb").cells if "family = {" in cell.source]
    family = ast.literal_eval(re.search(r"family = (\{.+?\})\n", source, re.S)[1])
    rows = [row for row in known(variants.RESULTS) if row["passes"] == 20]
    assert family == {row["row"]: (row["rate"], row["distortion"], row["nll"], round(row["unclear"])) for row in rows}
    assert list(family) == list(variants.ROWS)

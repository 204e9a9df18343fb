"""`vae_nb.labels` beyond what the contract asks: labels beneath pictures, the class summed out, given quadrants; and `bench.labels`."""
import json
import math
import re
from ast import literal_eval
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Normal, kl_divergence

from bench import labels as bench
from vae_nb.evaluate import elbo, nll
from vae_nb.labels import ClassVAE, QuadrantVAE, SemiVAE, dial
from vae_nb.sample import reconstruct, sample_prior
from vae_nb.train import fit

SHAPES = [(3, (1, 4, 5)), (7, (2, 3, 3)), (10, (3, 5, 4))]


def pictures(shape, count=6):
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(0)).round()


def made(kind, classes=3, shape=(1, 4, 5), **options):
    torch.manual_seed(0)
    return kind(classes, shape, 8, 2, **options)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("classes,shape", SHAPES)
def test_what_is_joined_is_split_again(classes, shape, kind):
    model, labels = made(ClassVAE, classes, shape), torch.arange(6) % classes
    given = (255 * pictures(shape)).to(kind) if kind == torch.uint8 else pictures(shape).to(kind)
    joined = model.join(given, labels)
    assert joined.shape == (6, *model.image_shape) and joined.dtype == kind
    back, found = model.split(joined)
    assert torch.equal(back, given) and torch.equal(found, labels)
    assert model.split(model.join(given))[1].tolist() == [-1] * 6
    assert torch.equal(model.join(given, labels.tolist()), joined) and torch.equal(model.join(given, labels.numpy()), joined)


@pytest.mark.parametrize("labels,error,words", [
    ([0, 1, 3, 0, 1, 2], ValueError, "between 0 and 3.*6 whole numbers from 0 to 2"), ([0, -1, 0, 0, 1, 2], ValueError, "between -1 and 2"),
    ([0, 1, 2], ValueError, r"\(3,\).*6 whole numbers"), (torch.eye(6)[:, :3], ValueError, r"\(6, 3\).*labels\.argmax\(1\)"),
    (torch.zeros(6), TypeError, r"float32.*labels\.long\(\)"), (torch.zeros(6, dtype=torch.bool), TypeError, "bool"),
    (list("abcdef"), TypeError, "list"), (3, ValueError, r"\(\)"), ("012012", TypeError, "str")])
def test_labels_that_do_not_fit_are_refused_before_a_step(labels, error, words):
    with pytest.raises(error, match=words):
        made(ClassVAE).join(pictures((1, 4, 5)), labels)


def test_what_a_message_advises_works():
    model, given = made(ClassVAE), pictures((1, 4, 5), 3)
    expected = model.join(given, [0, 2, 1])
    assert torch.equal(model.join(given, torch.eye(3)[[0, 2, 1]].argmax(1)), expected)
    assert torch.equal(model.join(given, torch.tensor([0.0, 2.0, 1.0]).long()), expected)


@pytest.mark.parametrize("row", [torch.tensor([0.5, 0, 0, 0, 0]), torch.tensor([1.0, 1, 0, 0, 0]), torch.tensor([0.0, 0, 0, 0, 1])])
def test_a_row_that_is_no_label_is_refused(row):
    images = made(ClassVAE).join(pictures((1, 4, 5)), [0, 1, 2, 0, 1, 2])
    images[2, 0, 4] = row
    for call in (lambda: elbo(made(ClassVAE), images), lambda: fit(made(ClassVAE), images, images[2:], epochs=1, progress=False)):
        with pytest.raises(ValueError, match=r"no label from 0 to 2.*model\.join"):
            call()


def test_a_class_vae_needs_every_label_and_a_semi_vae_does_not():
    given = pictures((1, 4, 5))
    with pytest.raises(ValueError, match="without a label: 6 of 6.*SemiVAE"):
        elbo(made(ClassVAE), made(ClassVAE).join(given))
    elbo(made(SemiVAE), made(SemiVAE).join(given))


def bounds(model, x, eps):
    """The bound on log p(x, y) for each class, from distributions."""
    found = []
    for digit in range(model.classes):
        y = F.one_hot(torch.tensor(digit), model.classes).to(x)
        mu, logvar = model.style(x, y)
        q = Normal(mu, torch.exp(logvar / 2))
        p = torch.sigmoid(model.decoder(torch.cat([q.mean + q.stddev * eps, y])))
        rate = kl_divergence(q, Normal(torch.zeros(2), torch.ones(2))).sum()
        found.append(Bernoulli(p).log_prob(x).sum() - rate - math.log(model.classes))
    return torch.stack(found)


@pytest.mark.parametrize("alpha", [0.0, 7.0])
def test_the_loss_is_the_two_bounds_and_the_weighted_classifier(alpha, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.ones_like)
    model, given = made(SemiVAE, alpha=alpha), pictures((1, 4, 5))
    model.classifier[2].bias.data = torch.tensor([1.0, -1.0, 0.0])
    images = torch.cat([model.join(given[:2], [2, 0]), model.join(given[2:])])
    log_q, total = model.classify(images), 0
    for i, x in enumerate(given.flatten(1)):
        each, q = bounds(model, x, 1), log_q[i].exp()
        if i < 2:
            total -= each[[2, 0][i]] + alpha * log_q[i, [2, 0][i]]
        else:
            total -= (q * each).sum() - (q * log_q[i]).sum()
    reconstructed, mu, logvar = model(images)
    torch.testing.assert_close(model.loss(reconstructed, images, mu, logvar), total, rtol=1e-4, atol=2e-3)


def test_without_a_label_the_likelihood_sums_the_class_out():
    model, given = made(SemiVAE), pictures((1, 4, 5))
    z = torch.randn(6, 4, model.latent_dim)
    each = torch.stack([model.log_likelihood(z, model.join(given, [digit] * 6)) for digit in range(3)])
    torch.testing.assert_close(model.log_likelihood(z, model.join(given)), each.logsumexp(0))
    assert (nll(model, model.join(given), k=200).nll < nll(model, model.join(given, [1] * 6), k=200).nll + 0.5).all()


def test_the_classifier_does_not_see_the_label():
    model, given = made(SemiVAE), pictures((1, 4, 5))
    assert torch.equal(model.classify(model.join(given)), model.classify(model.join(given, [0, 1, 2, 0, 1, 2])))


def test_reconstructions_keep_the_label_and_samples_have_every_class():
    model = made(ClassVAE)
    images = model.join(pictures((1, 4, 5)), [0, 1, 2, 0, 1, 2])
    assert model.split(reconstruct(model, images))[1].tolist() == [0, 1, 2, 0, 1, 2]
    counts = model.split(sample_prior(model, 3000, torch.Generator().manual_seed(0)))[1].bincount()
    assert (counts - 1000).abs().max() < 5 * (3000 * 2 / 9)**0.5


def test_the_dial_draws_each_style_in_every_class():
    model, styles = made(SemiVAE), torch.randn(4, 2)
    drawn = dial(model, styles)
    assert drawn.shape == (12, 1, 4, 5) and not drawn.requires_grad
    expected = torch.sigmoid(model.logits(styles[1], torch.tensor([0.0, 0, 1]))).view(1, 4, 5)
    torch.testing.assert_close(drawn[5], expected)
    with pytest.raises(TypeError, match="QuadrantVAE.*needed: a ClassVAE"):
        dial(QuadrantVAE(1, (1, 4, 4), 4, 2), styles)


@pytest.mark.parametrize("quadrants,expected", [(1, [[1, 1], [0, 1]]), (2, [[0, 1], [0, 1]]), (3, [[0, 0], [0, 1]])])
def test_which_quadrants_are_missing(quadrants, expected):
    model = QuadrantVAE(quadrants, (2, 4, 6), 4, 2)
    assert model.missing.view(2, 4, 6)[:, ::2, ::3].int().tolist() == [expected] * 2


def test_a_completion_keeps_what_is_given_and_ignores_the_rest():
    model, images, z = QuadrantVAE(3, (1, 4, 6), 8, 2), pictures((1, 4, 6)), torch.randn(6, 2)
    drawn = model.given(images).decode(z)
    rest = model.missing.view(1, 4, 6)
    assert torch.equal(drawn.masked_fill(rest, 0), images.masked_fill(rest, 0))
    assert torch.equal(model.given(images.masked_fill(rest, 0.25)).decode(z), drawn)
    assert model.pictures is None and model.given(images).encoder is model.encoder
    many = sample_prior(model.given(images[:1]), 9)
    assert torch.equal(many.masked_fill(rest, 0), images[:1].masked_fill(rest, 0).expand(9, -1, -1, -1))


def test_what_completes_has_to_be_told_what_is_given():
    model, images = QuadrantVAE(1, (1, 4, 6), 8, 2), pictures((1, 4, 6))
    for call in (lambda: sample_prior(model, 3), lambda: reconstruct(model, images)):
        with pytest.raises(ValueError, match=r"model\.given\(images\)"):
            call()
    with pytest.raises(ValueError, match="given are 6 images for 3"):
        sample_prior(model.given(images), 3)
    assert reconstruct(model.given(images), images).shape == images.shape
    assert nll(model, images, k=5).nll.shape == elbo(model, images).elbo.shape == (6,)


def test_the_bench_chooses_ten_of_each_class_and_replaces_rows(tmp_path, monkeypatch):
    labels = torch.randint(10, (5000,), generator=torch.Generator().manual_seed(0))
    told = bench.few(labels, 1)
    assert labels[told].bincount().tolist() == [10] * 10 and len(set(told.tolist())) == 100
    assert torch.equal(told, bench.few(labels, 1)) and not torch.equal(told, bench.few(labels, 2))
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    (tmp_path / "bench").mkdir()
    row = {"semi": 0, "classifier": "convolutional", "passes": 2, "seconds": 9, "accuracy": 80.0, "supervised": 77.0}
    bench.record(row)
    bench.record(row | {"accuracy": 81.5})
    bench.record({"quadrants": 1, "passes": 2, "seconds": 9, "network": 101.0, "cvae": 80.0, "rate": 9.0, "binary nll": 70.0})
    text = (tmp_path / "bench/LABELS.md").read_text(encoding="utf-8")
    assert "| convolutional | 0 | 2 | 9 | 81.5 | 77.0 |" in text and "80.0 |" in text and text.count("| 0 | 2 ") == 1
    assert "| 1 | 2 | 9 | 80.0 | 9.0 | 101.0 | 71.8 | 100.4 | 70.0 |" in text


def test_the_chapter_tells_what_was_measured():
    root = Path(__file__).parent.parent
    results = json.loads((root / "bench/labels.json").read_text(encoding="utf-8"))
    assert (root / "bench/LABELS.md").read_text(encoding="utf-8") == bench.table(results)
    cells = json.loads((root / "nbs/09_labels.ipynb").read_text(encoding="utf-8"))["cells"]
    chapter = "\n".join("".join(cell["source"]) for cell in cells)
    rows = [row for row in results if row.get("quadrants") and row["passes"] == 10]
    full = {"network": [round(row["network"], 1) for row in rows], "CVAE": [round(row["cvae"], 1) for row in rows]}
    assert [row["quadrants"] for row in rows] == [1, 2, 3] and literal_eval(re.search(r"^full = (.+)", chapter, re.M)[1]) == full
    published = literal_eval(re.search(r"^published = (.+)", chapter, re.M)[1])
    assert bench.PUBLISHED == {i + 1: (published["CVAE"][i], published["network"][i]) for i in range(3)}
    for a, b, c in (full["network"], full["CVAE"], [f"{row['binary nll']:.1f}" for row in rows]):
        assert f"{a}、{b}、{c}" in chapter and f"{a}, {b} and {c}" in chapter
    full = {row["classifier"]: row for row in results if row.get("semi") == 0 and row["passes"] == 20}
    dense, kernels = full["fully connected"], full["convolutional"]
    assert f"正确率{dense['accuracy']:.1f}%，对照{dense['supervised']}%" in chapter
    assert f"its accuracy is {dense['accuracy']:.1f}%, against {dense['supervised']}%" in chapter
    assert f"正确率便是{kernels['accuracy']:.1f}%" in chapter and f"不过{kernels['supervised']:.1f}%" in chapter
    assert f"the accuracy is {kernels['accuracy']:.1f}%" in chapter and f"reach {kernels['supervised']:.1f}%" in chapter
    [other] = [row for row in results if row.get("semi") == 1 and row["passes"] == 20]
    assert f"卷积的是{other['accuracy']:.1f}%" in chapter and f"classifier has {other['accuracy']:.1f}%" in chapter
    parameters = [sum(p.numel() for p in bench.untrained(name).classifier.parameters()) for name in ("fully connected", "convolutional")]
    assert round(parameters[0] / parameters[1]) == 8


def test_many_images_are_completed_each_with_its_own():
    torch.manual_seed(0)
    model = QuadrantVAE(1, (1, 4, 4), 8, 2)
    many = torch.rand(1500, 1, 4, 4).round()
    completed = reconstruct(model.given(many), many)
    assert torch.equal(completed[:, :, 2:, :2], many[:, :, 2:, :2])
    with pytest.raises(ValueError, match="given are 1000 images for 1500 latent vectors"):
        reconstruct(model.given(many[:1000]), many)

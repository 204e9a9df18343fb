"""`vae_nb.ladder` beyond what the contract asks: densities of both inferences, rates of the layers, and the full runs."""
import json
import math
from pathlib import Path

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from bench.ladder import ROWS, record, run, table
from tools.outputs import NBS, read
from vae_nb.evaluate import binarize, elbo, kl_per_dimension, nll
from vae_nb.ladder import LadderVAE, TwoLayerVAE, layer_rates
from vae_nb.loss import loss_function, reconstruction_error
from vae_nb.model import VAE
from vae_nb.sample import latent_means, reconstruct, sample_prior

KINDS = [TwoLayerVAE, LadderVAE]


def small(kind, scale=1.5):
    """A model of 12 pixels with 3 + 2 latent dimensions, in double precision, whose layers matter to each other."""
    torch.manual_seed(0)
    model = kind((1, 3, 4), 3, 2, 5, 4).double().requires_grad_(False)
    for parameter in model.parameters():
        parameter.mul_(scale).add_(0.3 * torch.randn_like(parameter))
    return model


def images(count=30):
    return binarize(torch.rand(count, 1, 3, 4, generator=torch.Generator().manual_seed(1)), torch.Generator().manual_seed(2)).double()


def gaussian(mean, logvar):
    return Normal(mean, torch.exp(logvar / 2))


def densities(model, x, u):
    """log q(z1, z2|x) and log p(z1, z2), `(B, S)` each, of the layers' variables themselves, by the definitions."""
    z2, z1 = u[..., :2], model.lower(u)
    mean, logvar = model.between(z2).chunk(2, -1)
    prior = gaussian(mean, logvar)
    rows = x.flatten(1).unsqueeze(1)
    if isinstance(model, TwoLayerVAE):
        lower, upper = gaussian(*model.lower_encoder(rows).chunk(2, -1)), gaussian(*model.upper_encoder(z1).chunk(2, -1))
    else:
        features = model.features(rows)
        seen = gaussian(*model.lower_head(features).chunk(2, -1))
        precision = seen.variance**-1 + prior.variance**-1
        lower = Normal((seen.mean / seen.variance + prior.mean / prior.variance) / precision, precision**-0.5)
        upper = gaussian(*model.upper_head(features).chunk(2, -1))
    def summed(density, z): return density.log_prob(z).sum(-1)
    return summed(lower, z1) + summed(upper, z2), summed(prior, z1) + summed(Normal(torch.zeros(()).double(), 1.0), z2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_ratio_in_noise_coordinates_is_that_of_the_layers(kind):
    model, x = small(kind), images()
    u, log_q = model.sample_posterior(x, torch.randn(30, 7, 5, dtype=torch.float64))
    expected_q, expected_p = densities(model, x, u)
    torch.testing.assert_close(log_q - Normal(0.0, 1.0).log_prob(u).sum(-1), expected_q - expected_p)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_follow_their_own_density(kind):
    """By the definition of a density: the noise that a sample was made of has the density of N(0, I), times the Jacobian."""
    model, x = small(kind), images(3)
    eps = torch.randn(3, 1, 5, dtype=torch.float64)
    def drawn(noise): return model.sample_posterior(x, noise)[0]
    jacobian = torch.autograd.functional.jacobian(drawn, eps).diagonal(dim1=0, dim2=3).squeeze(0).squeeze(1)
    for i in range(3):
        volume = jacobian[..., i].logdet() if jacobian.shape[-1] == 3 else None
        expected = Normal(0.0, 1.0).log_prob(eps[i]).sum() - volume
        torch.testing.assert_close(model.sample_posterior(x, eps)[1][i].squeeze(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rates_of_the_layers_add_up_and_are_those_of_their_definitions(kind):
    model, x = small(kind), images(20)
    rates, bound = layer_rates(model, x, 300, seed=4), elbo(model, x, 300, seed=4)
    torch.testing.assert_close(rates.sum(1), bound.rate)
    eps = torch.randn(20, 4000, 5, dtype=torch.float64)
    u, mu, logvar = model.infer(x, eps)
    upper = (0.5 * (logvar.exp() + mu.square() - 1 - logvar))[..., :2].sum(-1).mean(1)
    assert (rates[:, 0] - upper).abs().max() < 0.5 and abs((rates[:, 0] - upper).mean()) < 0.1
    assert rates.dtype == torch.float64 and rates.shape == (20, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_negative_elbo_on_average(kind):
    model, x = small(kind), images()
    loss = model.loss if kind is TwoLayerVAE else loss_function
    torch.manual_seed(3)
    values = torch.stack([loss(out, x, mu, logvar) for out, mu, logvar in (model(x) for _ in range(400))]) / len(x)
    expected = -elbo(model, x, 2000).elbo.mean()
    assert abs(values.mean() - expected) < 5 * values.std() / 400**0.5 + 0.01


def test_the_closed_form_of_the_lower_layer_is_no_bound_of_bottom_up_inference():
    """z1 and z2 depend on each other given x, so the KL divergence at a drawn z2 is that of another posterior, and too large."""
    model, x = small(TwoLayerVAE), images()
    _, _, logvar = model.infer(x, eps := torch.randn(30, 4000, 5, dtype=torch.float64))
    u, _, _ = model.infer(x, eps)
    mean1, _ = model.lower_encoder(x.flatten(1).unsqueeze(1)).chunk(2, -1)
    mean, prior = model.conditional(u[..., :2])
    whitened = (mean1 - mean) * torch.exp(-prior / 2)
    closed = (0.5 * (logvar[..., 2:].exp() + whitened.square() - 1 - logvar[..., 2:])).sum(-1).mean()
    assert closed > layer_rates(model, x, 1000)[:, 1].mean() + 0.05


def test_a_weight_multiplies_the_whole_rate():
    model, x = small(TwoLayerVAE), images()
    out, mu, logvar = model(x)
    error = reconstruction_error(out, x)
    rate = model.loss(out, x, mu, logvar) - error
    for weight in (0, 0.3, 2):
        torch.testing.assert_close(model.loss(out, x, mu, logvar, weight=weight), error + weight * rate)
    expected = 0.5 * ((logvar[:, :2].exp() - 1).sum() - 3 * len(x) + (mu.square() - logvar).sum())
    torch.testing.assert_close(rate, expected)


def test_the_merged_posterior_never_spreads_more_than_the_prior():
    model = small(LadderVAE, scale=4)
    _, _, logvar = model.infer(images(), torch.randn(30, 50, 5, dtype=torch.float64))
    assert (logvar[..., 2:] <= 0).all() and logvar[..., 2:].min() < -1 and logvar[..., :2].max() > 0


def test_precision_weighting_is_the_posterior_of_two_gaussian_witnesses():
    """With a linear decoder the merged Gaussian is the exact posterior: an image that says N(z1; a, v) times the prior N(m, s)."""
    a, v, m, s = torch.randn(4, 6, dtype=torch.float64).unbind()
    v, s = v.exp(), s.exp()
    trust = s.log() - v.log()
    mean, variance = torch.sigmoid(trust) * (a - m) / s.sqrt(), torch.sigmoid(-trust)
    exact = MultivariateNormal((a / v + m / s) / (1 / v + 1 / s), torch.diag(1 / (1 / v + 1 / s)))
    torch.testing.assert_close(m + s.sqrt() * mean, exact.mean)
    torch.testing.assert_close(s * variance, exact.covariance_matrix.diagonal())
    whole = kl_divergence(exact, MultivariateNormal(m, torch.diag(s)))
    torch.testing.assert_close(0.5 * (variance + mean.square() - 1 - variance.log()).sum(), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_encode_goes_along_the_means(kind):
    model, x = small(kind), images(5)
    mu, logvar = model.encode(x)
    u, _, spread = model.infer(x, torch.zeros(5, 1, 5, dtype=torch.float64))
    torch.testing.assert_close((mu, logvar), (u.squeeze(1), spread.squeeze(1)))
    torch.testing.assert_close(reconstruct(model, x), model.decode(mu))
    if kind is TwoLayerVAE:
        torch.testing.assert_close(model.lower(mu), model.lower_encoder(x.flatten(1))[:, :3])
    assert latent_means(model, x).shape == (5, 5) and sample_prior(model, 3).shape == (3, 1, 3, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_both_inferences_estimate_the_same_likelihood(kind):
    """The NLL belongs to the generative half: with draws from the prior in place of the posterior's it is the same."""
    model, x = small(kind, scale=0.5), images(6)
    found = nll(model, x, k=20000)
    u = torch.randn(200_000, 5, dtype=torch.float64)
    p = model.decode(u).flatten(1)
    log_p = torch.log(p) @ x.flatten(1).T + torch.log1p(-p) @ (1 - x.flatten(1)).T
    expected = math.log(len(u)) - log_p.logsumexp(0)
    error = (log_p - log_p.amax(0)).exp()
    error = error.std(0) / error.mean(0) / len(u)**0.5
    assert ((found.nll - expected).abs() < 5 * (found.error**2 + error**2).sqrt()).all()


def test_what_does_not_apply_says_so():
    model = small(LadderVAE)
    with pytest.raises(ValueError, match="posterior of its own"):
        kl_per_dimension(model, images())
    with pytest.raises(TypeError, match="VAE has one layer.*LadderVAE"):
        layer_rates(VAE(), torch.rand(2, 784))
    with pytest.raises(ValueError, match=r"eps has shape \(2, 1, 5\) for 3 images; needed: \(B, S, 5\)"):
        model.infer(images(3), torch.zeros(2, 1, 5))


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_full_runs_is_trained_scored_and_recorded(row, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.ladder.SAMPLES", 5)
    (tmp_path / "checkpoints").mkdir()
    train, test = torch.randint(256, (2, 200, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("bench.ladder.IMAGES", 20)
    test = binarize(test, torch.Generator().manual_seed(0))
    result = run(row, 2, 0, tmp_path, train, test, torch.device("cpu"))
    record(result, tmp_path)
    again = run(row, 2, 0, tmp_path, train, test, torch.device("cpu"))
    record(again, tmp_path)
    [stored] = json.loads((tmp_path / "ladder.json").read_text(encoding="utf-8"))
    assert stored == again and again["nll"] == result["nll"] and row in (tmp_path / "LADDER.md").read_text(encoding="utf-8")
    assert (again["upper"] is None) == row.startswith("one layer")


def test_the_table_is_made_of_the_results():
    folder = Path(__file__).parent.parent / "bench"
    results = json.loads((folder / "ladder.json").read_text(encoding="utf-8"))
    assert (folder / "LADDER.md").read_text(encoding="utf-8") == table(results)
    for row in results:
        whole = row["lower"] + (row["upper"] or 0)
        assert abs(row["cost"] - row["distortion"] - whole) < 0.03 and row["nll"] < row["cost"]


def test_the_chapter_quotes_the_full_runs():
    """The paragraph on published numbers, in each language."""
    results = json.loads((Path(__file__).parent.parent / "bench/ladder.json").read_text(encoding="utf-8"))
    scores = {(row["row"], row["passes"]): row["nll"] for row in results if row["seed"] == 0}
    quoted = [*(scores[row, 20] for row in ("one layer", "two layers", "two layers, warm-up", "ladder, warm-up", "ladder")),
              scores["one layer", 30], scores["one layer, warm-up", 30], scores["one layer", 20] - scores["two layers", 20]]
    texts = [cell.source for cell in read(NBS / "12_ladder.ipynb").cells if "bench.ladder" in cell.source]
    assert len(texts) == 2 and all(f"{value:.2f}" in text for text in texts for value in quoted)
    assert abs(scores["one layer", 30] - scores["two layers", 20]) < 0.2
    better = [scores["one layer", 30] - scores[row, 20] for row in ("two layers, warm-up", "ladder, warm-up")]
    assert all(0.9 < gain < 1.3 for gain in better) and scores["one layer, warm-up", 30] > scores["one layer", 30]
    found = {(row["row"], row["passes"]): row for row in results}
    assert (found["two layers", 20]["upper_active"], found["two layers", 20]["lower_active"]) == (8, 91)
    products = {key: row["parameters"] * row["passes"] for key, row in found.items()}
    for row in ("two layers", "two layers, warm-up", "ladder, warm-up"):
        assert 1.18 < products["one layer", 30] / products[row, 20] < 1.25


@pytest.mark.parametrize("kind", KINDS)
def test_latent_vectors_that_belong_to_no_image_are_refused(kind):
    model, x = small(kind), images(5)
    for u in (torch.zeros(5, 5), torch.zeros(3, 2, 5)):
        with pytest.raises(ValueError, match=r"u has shape .* for 5 images; needed: \(B, S, 5\)"):
            model.log_likelihood(u, x)
    for call in (model, model.encode):
        with pytest.raises(TypeError, match="images"):
            call([[0.5] * 12])

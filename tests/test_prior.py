"""`vae_nb.prior` beyond what the contract asks: losses, schedules that resume, priors and their densities."""
import json
import math
import re
from ast import literal_eval
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from bench.prior import CURES, PRIORS, ROWS, STATIC, record, run, table
from vae_nb.conv import LogisticVAE
from vae_nb.evaluate import elbo, kl_per_dimension, nll
from vae_nb.loss import kl_divergence, loss_function, reconstruction_error
from vae_nb.model import VAE
from vae_nb.prior import Flow, Mixture, PriorVAE, Scheduled, Vamp, beta_loss, cyclical, fit_prior, free_bits, warm_up
from vae_nb.sample import manifold, sample_prior
from vae_nb.train import fit, save_samples


def small(seed=0):
    torch.manual_seed(seed)
    return VAE(hidden_dim=5, latent_dim=2, image_shape=(1, 3, 4))


def images(count=24):
    return torch.randint(256, (count, 1, 3, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def outputs(count=6):
    torch.manual_seed(2)
    return torch.rand(count, 12), torch.rand(count, 12), torch.randn(count, 3), torch.randn(count, 3)


def test_free_bits_are_per_dimension_and_averaged_over_the_batch():
    p, x, mu, logvar = outputs()
    mu, logvar = mu * torch.tensor([1, 0.1, 0]), logvar * torch.tensor([1, 0.1, 0])
    spent = [kl_divergence(mu[:, [j]], logvar[:, [j]]).mean().item() for j in range(3)]
    assert spent[0] > 0.2 > spent[1] > spent[2] == 0
    expected = reconstruction_error(p, x) + 6 * (spent[0] + 0.2 + 0.2)
    torch.testing.assert_close(free_bits(p, x, mu, logvar, nats=0.2), expected)
    twice = free_bits(*(torch.cat([part, part]) for part in (p, x, mu, logvar)), nats=0.2)
    torch.testing.assert_close(twice, 2 * expected)


def test_a_free_dimension_gets_no_gradient_from_the_kl_divergence():
    p, x, mu, logvar = outputs()
    mu = (mu * torch.tensor([1, 0.01, 0.01])).requires_grad_()
    free_bits(p, x, mu, logvar * 0, nats=0.1).backward()
    assert (mu.grad[:, 1:] == 0).all() and (mu.grad[:, 0] != 0).all()


@pytest.mark.parametrize("weight", [0, 0.3, 1, 2.5])
def test_beta_loss(weight):
    p, x, mu, logvar = outputs()
    expected = reconstruction_error(p, x) + weight * kl_divergence(mu, logvar).sum()
    torch.testing.assert_close(beta_loss(p, x, mu, logvar, weight=weight), expected)
    assert beta_loss(p, x, mu, logvar) == loss_function(p, x, mu, logvar)


@pytest.mark.parametrize("passes", [0.5, 1, 3, 7, 10])
def test_a_warm_up_ends_at_exactly_one(passes):
    weight = warm_up(passes)
    assert weight(passes) == weight(passes + 1e-9) == weight(1000 * passes) == 1
    assert weight(0) == 0 and weight(passes / 2) == 0.5


def test_cycles_start_anew_and_end_at_exactly_one():
    weight = cyclical(4)
    assert [weight(done) for done in (1, 2, 3, 4, 4.5, 6, 8)] == [0.5, 1, 1, 1, 0.25, 1, 1]


class Watched:
    """A loss that keeps the weights it is called with in training."""

    def __init__(self):
        self.weights = []

    def __call__(self, *outputs, weight=1.0):
        if outputs[0].requires_grad and len(outputs[0]) > 2:
            self.weights.append(weight)
        return beta_loss(*outputs, weight=weight)


def test_the_weight_follows_the_steps_and_a_resumed_run_goes_on(tmp_path):
    loop, given = partial(Scheduled, weight=warm_up(2)), {"batch_size": 8, "progress": False}
    whole, part, again = small(), small(), small()
    watched = Watched()
    expected = fit(whole, images(), images(9), 4, loss=watched, loop=loop, **given)
    assert watched.weights == pytest.approx([i / 6 for i in range(1, 7)] + [1.0] * 6)
    assert watched.weights[5:] == [1.0] * 7
    given |= {"loss": beta_loss, "loop": loop, "checkpoint": tmp_path / "run.safetensors"}
    fit(part, images(), images(9), 1, **given)
    history = fit(again, images(), images(9), 4, **given)
    assert [record["train_loss"] for record in history] == [record["train_loss"] for record in expected]
    assert all(torch.equal(one, other) for one, other in zip(again.parameters(), whole.parameters(), strict=True))


def test_the_test_loss_is_the_negative_elbo_from_the_first_epoch():
    loop = partial(Scheduled, weight=lambda done: 0.0)
    history = fit(small(), images(), images(9), 1, loss=beta_loss, loop=loop, lr=0, progress=False)
    plain = fit(small(), images(), images(9), 1, lr=0, progress=False)
    assert history[0]["test_loss"] == plain[0]["test_loss"] and history[0]["train_loss"] < plain[0]["train_loss"]


def mixture(count=5, latent_dim=2):
    torch.manual_seed(3)
    prior = Mixture(count, latent_dim)
    with torch.no_grad():
        prior.logvar.normal_(), prior.score.normal_()
    return prior


def reference(prior):
    mean, logvar, log_weight = prior.components()
    return MixtureSameFamily(Categorical(logits=log_weight), Independent(Normal(mean, torch.exp(logvar / 2)), 1))


@pytest.mark.parametrize("make", [mixture, lambda: Vamp(small(), images(), 5)])
def test_a_mixture_is_that_of_torch(make):
    prior = make()
    z = torch.randn(3, 4, 2)
    torch.testing.assert_close(prior.log_prob(z), reference(prior).log_prob(z), rtol=1e-4, atol=1e-5)
    drawn = prior.sample(20000, torch.Generator().manual_seed(0))
    expected = reference(prior)
    assert ((drawn.mean(0) - expected.mean).abs() < 5 * (expected.variance / 20000).sqrt()).all()
    assert ((drawn.var(0) / expected.variance - 1).abs() < 0.1).all()


def test_a_vampprior_begins_with_images_and_follows_the_encoder():
    model = small()
    prior = Vamp(model, images(), 24)
    begun = torch.sigmoid(prior.pixels).mul(255).round()
    assert {tuple(each.flatten().tolist()) for each in begun} == {tuple(each.flatten().tolist()) for each in images().clamp(3, 252).float()}
    before = prior.log_prob(torch.zeros(2))
    with torch.no_grad():
        model.fc2_mean.bias += 1
    assert prior.log_prob(torch.zeros(2)) != before
    whole = PriorVAE(model, prior)
    assert sum("fc1" in name for name in whole.state_dict()) == 2, "the encoder stands once in the state dict"


@pytest.mark.parametrize("given,images_given", [(25, 24), (2, 1)])
def test_more_pseudo_inputs_than_images_are_refused(given, images_given):
    with pytest.raises(ValueError, match=f"count is {given}, but there are only {images_given} images.*at most {images_given}"):
        Vamp(small(), images(images_given), given)


def test_a_flow_of_a_constant_field_moves_the_normal_distribution():
    flow = Flow(3, 8)
    with torch.no_grad():
        flow.net[-1].weight.zero_(), flow.net[-1].bias.copy_(torch.tensor([2.0, -1.0, 0.5]))
    z = torch.randn(4, 5, 3)
    torch.testing.assert_close(flow.log_prob(z), Normal(flow.net[-1].bias, 1).log_prob(z).sum(-1))
    noise = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(flow.sample(6, torch.Generator().manual_seed(0)), noise + flow.net[-1].bias)


@pytest.mark.slow
def test_the_density_of_a_flow_is_that_of_its_samples():
    torch.manual_seed(0)
    flow = Flow(2, 16, 64)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(2)
        axis = torch.linspace(-7, 7, 57)
        density = flow.log_prob(torch.cartesian_prod(axis, axis)).exp().view(57, 57) / 16
        assert abs(density.sum() - 1) < 0.01
        drawn = flow.sample(20000, torch.Generator().manual_seed(0))
    for dim in (0, 1):
        mean = (density.sum(1 - dim) * axis).sum()
        assert abs(drawn[:, dim].mean() - mean) < 5 * drawn[:, dim].std() / 20000**0.5 + 0.01


@pytest.mark.slow
def test_a_trained_flow_reaches_a_mixture():
    truth, flow = mixture(2, 1), Flow(1, 32)
    with torch.no_grad():
        truth.mean.copy_(torch.tensor([[-2.0], [2.0]])), truth.logvar.fill_(-2), truth.score.copy_(torch.tensor([0.0, 1.0]))
    codes = truth.sample(5000, torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    losses = fit_prior(flow, codes, torch.full_like(codes, -20.0), steps=700, lr=1e-2)
    assert torch.equal(torch.get_rng_state(), state) and losses[-100:].mean() < losses[:10].mean()
    drawn = flow.sample(4000, torch.Generator().manual_seed(1))
    right = (drawn > 0).float().mean()
    assert abs(right - math.e / (1 + math.e)) < 0.06 and (drawn.abs() < 0.8).float().mean() < 0.06


def test_a_standard_prior_of_its_own_changes_nothing():
    model, prior = small(), Mixture(1, 2)
    with torch.no_grad():
        prior.mean.zero_()
    whole, x = PriorVAE(model, prior), images().gt(127).float()
    torch.testing.assert_close(nll(whole, x, 50).nll, nll(model, x, 50).nll, rtol=1e-5, atol=1e-4)
    ours, usual = elbo(whole, x, 2000), elbo(model, x, 2000)
    torch.testing.assert_close(ours.distortion, usual.distortion)
    torch.testing.assert_close(ours.rate, usual.rate, rtol=0, atol=0.15)


def loss_of(model, x):
    reconstructed, mu, logvar = model(x)
    return model.loss(reconstructed, x.reshape(reconstructed.shape), mu, logvar)


@pytest.mark.parametrize("make", [small, lambda: LogisticVAE((1, 4, 4), (4,), 2)])
def test_the_loss_is_the_bound_with_the_models_own_likelihood(make):
    torch.manual_seed(0)
    model = make()
    whole, x = PriorVAE(model, mixture()), torch.rand(5, *model.image_shape)
    with torch.no_grad():
        found = torch.stack([loss_of(whole, x) for _ in range(600)])
    expected = -elbo(whole, x, 2000).elbo.sum()
    assert abs(found.mean() - expected) < 5 * found.std() / 600**0.5 + 0.05
    reconstructed, mu, logvar = whole(x)
    own = getattr(model, "loss", loss_function)(reconstructed, x.reshape(reconstructed.shape), mu, logvar)
    weightless = whole.loss(reconstructed, x.reshape(reconstructed.shape), mu, logvar, weight=0)
    torch.testing.assert_close(weightless, own - kl_divergence(mu, logvar).sum())


def test_what_is_about_the_standard_prior_refuses_another():
    whole = PriorVAE(small(), mixture())
    with pytest.raises(ValueError, match=r"elbo\(model, images\)\.rate"):
        kl_per_dimension(whole, images())
    elbo(whole, images())
    with pytest.raises(ValueError, match=r"model\.decode"):
        manifold(whole, 3)


def test_samples_come_from_the_prior():
    whole = PriorVAE(small(), mixture())
    z = whole.sample_latents(6, torch.Generator().manual_seed(4))
    torch.testing.assert_close(sample_prior(whole, 6, torch.Generator().manual_seed(4)).flatten(1), whole.decode(z).detach())


def test_a_diverging_prior_is_stopped():
    with pytest.raises(FloatingPointError, match="step 1 of 5"):
        fit_prior(mixture(), torch.full((8, 2), 1e30), torch.zeros(8, 2), steps=5)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_table_goes_on_and_is_recorded(row, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    train = torch.randint(256, (520, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    given = row, 0, tmp_path, train, train[:9].gt(127).float(), torch.device("cpu")
    first = run(row, 1, *given[1:])
    result = run(row, 2, *given[1:])
    assert first["passes"] == 1 and result["passes"] == 2 and result["cost"] != first["cost"]
    assert result["cost"] == pytest.approx(result["distortion"] + result["rate"], abs=0.02)
    for each in (result, first, result):
        record(each, tmp_path)
    text = (tmp_path / "PRIOR.md").read_text(encoding="utf-8")
    assert text.count(f"| {row} |") == 2 and str(result["nll"]) in text


ROOT = Path(__file__).parent.parent


def test_the_chapter_tells_what_was_measured():
    results = json.loads((ROOT / "bench/prior.json").read_text(encoding="utf-8"))
    assert (ROOT / "bench/PRIOR.md").read_text(encoding="utf-8") == table(results)
    found = {result["row"]: result for result in results if result["passes"] == 20 and result["seed"] == 0}
    chapter = "\n".join("".join(cell["source"]) for cell in json.loads((ROOT / "nbs/10_prior.ipynb").read_text(encoding="utf-8"))["cells"])
    [drawn] = re.findall(r"^recorded = (\{.*?\})$", chapter, re.M | re.S)
    assert literal_eval(drawn) == {row: (round(found[row]["cost"], 1), round(found[row]["rate"], 1), found[row]["active"]) for row in CURES}
    listed = re.findall(r"^\| .+ \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) ± ([\d.]+) \|$", chapter, re.M)
    assert listed == 2 * [tuple(f"{found[row][key]:.1f}" for key in ("cost", "distortion", "rate", "nll", "error"))
                          for row in [*PRIORS, *STATIC]]
    gains = sorted(f"{found[usual]['nll'] - found[learned]['nll']:.1f}"
                   for usual, learned in (("N(0, I)", "VampPrior 500"), ("N(0, I), static", "VampPrior 500, static")))
    assert f"{gains[0]}到{gains[1]}奈特" in chapter and f"{gains[0]} to {gains[1]} nats" in chapter


def test_a_model_with_a_prior_or_posterior_of_its_own_is_refused():
    class Own(VAE):
        def sample_posterior(self, x, eps): return eps, eps.sum(2)

    with pytest.raises(ValueError, match=r"Own has sample_posterior of its own; needed: .*VAE\(\)"):
        PriorVAE(Own(hidden_dim=4, latent_dim=2), mixture())
    with pytest.raises(ValueError, match="PriorVAE has log_prior of its own"):
        PriorVAE(PriorVAE(small(), mixture()), mixture())


def test_a_prior_that_diverges_is_what_it_was():
    torch.manual_seed(0)
    prior, mu = Mixture(3, 2), torch.randn(200, 2)
    fit_prior(prior, mu, torch.zeros(200, 2), 5)
    before = {name: tensor.clone() for name, tensor in prior.state_dict().items()}
    with pytest.raises(FloatingPointError, match="train again with a tenth of lr"):
        fit_prior(prior, mu, torch.zeros(200, 2), 20, lr=1e20)
    assert all(torch.equal(tensor, before[name]) for name, tensor in prior.state_dict().items())
    assert fit_prior(prior, mu, torch.zeros(200, 2), 5).isfinite().all()


def test_a_vamp_of_another_model_is_refused():
    first, second = small(), small(1)
    with pytest.raises(ValueError, match="a Vamp of another model"):
        PriorVAE(first, Vamp(second, images().float() / 255, 3))
    PriorVAE(first, Vamp(first, images().float() / 255, 3))


def test_another_weight_is_another_run(tmp_path):
    options = {"loss": beta_loss, "checkpoint": tmp_path / "run", "progress": False}
    fit(small(), images(), images(), 1, loop=partial(Scheduled, weight=warm_up(10)), **options)
    with pytest.raises(ValueError, match=r"optimizer\[0\] weight was .*10.*, now .*5"):
        fit(small(), images(), images(), 2, loop=partial(Scheduled, weight=warm_up(5)), **options)


@pytest.mark.parametrize(("name", "other"), [("log_prior", "sample_latents"), ("sample_latents", "log_prior")])
def test_half_a_prior_is_refused(name, other, tmp_path):
    model = small()
    setattr(model, name, lambda *args: torch.zeros(1))
    for call in (lambda: sample_prior(model, 2), lambda: elbo(model, images()), lambda: nll(model, images(), k=2),
                 lambda: save_samples(model, tmp_path / "samples.png")):
        with pytest.raises(TypeError, match=f"has {name}, but no {other}; a prior of its own needs both"):
            call()

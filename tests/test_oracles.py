"""The evaluation and the losses against answers found another way: torch.distributions, quadrature, exact models, random sizes."""
import math

import pyro
import pyro.distributions
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, MultivariateNormal, Normal, kl_divergence
from torch.utils._python_dispatch import TorchDispatchMode

from vae_nb import evaluate
from vae_nb.evaluate import LogMean, active_units, binarize, continuous_bernoulli, draws, elbo, kl_per_dimension, nll
from vae_nb.loss import iwae_loss, log_weights, loss_function
from vae_nb.model import VAE, bernoulli_log_likelihood

SHAPES = [(16, 5, 1), (13, 3, 2), (49, 12, 3), (784, 20, 7), (101, 1, 30)]


def vae(image_size, hidden_dim, latent_dim, seed=0, spread=2.0):
    """A random VAE with larger weights than a fresh one, so that z matters."""
    torch.manual_seed(seed)
    model = VAE(image_size, hidden_dim, latent_dim)
    for parameter in model.parameters():
        parameter.data.mul_(spread)
    return model.requires_grad_(False)


def bits(count, image_size, seed=1):
    """Random binary images."""
    return torch.rand(count, image_size, generator=torch.Generator().manual_seed(seed)).round()


def quadrature(model, x, reach=12.0, points=6001):
    """-log p(x) of a model with one latent dimension, by the trapezoid rule in double precision."""
    model, z = model.double(), torch.linspace(-reach, reach, points, dtype=torch.float64)
    logits = model.fc4(F.relu(model.fc3(z.unsqueeze(1))))
    joint = Normal(0.0, 1.0).log_prob(z) + Bernoulli(logits=logits).log_prob(x.double().unsqueeze(1)).sum(2)
    model.float()
    return -(torch.trapezoid((joint - joint.amax(1, True)).exp(), z).log() + joint.amax(1))


@pytest.mark.parametrize("shape", SHAPES)
def test_log_likelihood_is_that_of_bernoulli(shape):
    model, x = vae(*shape, spread=5.0), bits(4, shape[0])
    hidden = F.relu(model.fc3(3 * torch.randn(4, 9, shape[2])))
    ours = bernoulli_log_likelihood(hidden, model.fc4, x)
    expected = Bernoulli(logits=model.fc4.double()(hidden.double())).log_prob(x.double().unsqueeze(1)).sum(2)
    torch.testing.assert_close(ours.double(), expected, rtol=2e-6, atol=1e-3)


def test_log_likelihood_of_grey_pixels_is_cross_entropy():
    model, x = vae(49, 12, 3), torch.rand(3, 49)
    hidden = F.relu(model.fc3(torch.randn(3, 5, 3)))
    expected = -F.binary_cross_entropy_with_logits(model.fc4(hidden), x.unsqueeze(1).expand(3, 5, 49), reduction="none").sum(2)
    torch.testing.assert_close(bernoulli_log_likelihood(hidden, model.fc4, x), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_log_likelihood_of_huge_logits_is_finite(size):
    layer, x = nn.Linear(2, 3), torch.tensor([[1.0, 0.0, 1.0]])
    layer.bias.data.zero_()
    layer.weight.data = size * torch.tensor([[1.0, 0], [-1, 0], [0, 1]])
    with torch.no_grad():
        right, wrong = bernoulli_log_likelihood(torch.tensor([[[1.0, 1.0], [-1.0, 1.0]]]), layer, x)[0]
    assert right == 0 and wrong == pytest.approx(-2 * size, rel=1e-5)


def test_log_likelihood_of_even_odds_does_not_overflow():
    layer = nn.Linear(2, 784).requires_grad_(False)
    layer.weight.zero_(), layer.bias.zero_()
    found = bernoulli_log_likelihood(torch.ones(1, 1, 2), layer, bits(1, 784))
    assert found.item() == pytest.approx(-784 * math.log(2), rel=1e-5)


@pytest.mark.parametrize("call", [lambda m, x: elbo(m, x).elbo, lambda m, x: nll(m, x, k=5).nll, kl_per_dimension])
def test_extreme_variances_are_finite_or_named(call):
    class Extreme(VAE):
        def encode(self, x): return torch.zeros(len(x), 3), torch.full((len(x), 3), self.logvar)
    model = Extreme(49, 12, 3)
    for model.logvar in (-100.0, 100.0):
        assert call(model, bits(2, 49)).isfinite().all()
    for model.logvar, message in ((1000.0, "log-variance"), (math.nan, "nan or infinity")):
        with pytest.raises(ValueError, match=message):
            call(model, bits(2, 49))


@pytest.mark.parametrize("shape", SHAPES)
def test_elbo_has_the_exact_rate_and_the_mean_distortion(shape):
    model, x = vae(*shape), bits(6, shape[0])
    found = elbo(model, x, samples=2000)
    mu, logvar = model.encode(x)
    q = Independent(Normal(mu, (logvar / 2).exp()), 1)
    expected = kl_divergence(q, Independent(Normal(torch.zeros_like(mu), 1.0), 1))
    torch.testing.assert_close(found.rate, expected.double(), rtol=1e-4, atol=1e-5)
    costs = -Bernoulli(model.decode(q.sample((2000,)))).log_prob(x).sum(2)
    assert ((found.distortion - costs.mean(0)).abs() < 5 * 2**0.5 * costs.std(0) / 2000**0.5 + 1e-3).all()
    assert torch.equal(found.elbo, -found.distortion - found.rate)


@pytest.mark.parametrize("seed", range(4))
def test_nll_is_the_integral(seed):
    model, x = vae(20, 6, 1, seed), bits(8, 20)
    exact, found = quadrature(model, x), nll(model, x, k=40_000, seed=seed)
    assert (found.effective > 20).all()
    assert ((found.nll - exact).abs() < 5 * found.error + 1e-4).all()


def test_l_k_is_a_double_integral_at_two():
    model, x = vae(20, 6, 1), bits(1, 20)
    z, (mu, logvar) = torch.linspace(-9, 9, 1501, dtype=torch.float64), model.encode(x)
    q = Normal(mu.double()[0], (logvar.double()[0] / 2).exp())
    likelihood = Bernoulli(logits=model.double().fc4(F.relu(model.fc3(z.unsqueeze(1))))).log_prob(x.double()).sum(1)
    w, density = Normal(0.0, 1.0).log_prob(z) + likelihood - q.log_prob(z), q.log_prob(z).exp()
    pair = torch.logaddexp(w[:, None], w) - math.log(2)
    exact = -torch.trapezoid(torch.trapezoid(density[:, None] * density * pair, z), z)
    found = nll(model.float(), x.repeat(20_000, 1), k=2).nll
    assert abs(found.mean() - exact) < 5 * found.std() / 20_000**0.5
    torch.manual_seed(0)
    z = mu + (logvar / 2).exp() * torch.randn(2, 20_000, 1)
    images, mu, logvar = x.repeat(20_000, 1), mu.repeat(20_000, 1), logvar.repeat(20_000, 1)
    values = -(log_weights(model.decode(z), images, z, mu, logvar).logsumexp(0) - math.log(2))
    assert abs(values.mean() - exact) < 5 * values.std() / 20_000**0.5
    assert iwae_loss(model.decode(z), images, z, mu, logvar) == pytest.approx(values.sum().item(), rel=1e-4)


def test_a_bound_that_falls_with_k_and_starts_at_the_elbo():
    model, x = vae(30, 8, 6), bits(1, 30).repeat(3000, 1)
    found = {k: nll(model, x, k=k, seed=k).nll for k in (1, 2, 4, 8, 16, 32)}
    start = elbo(model, x, seed=77)
    assert abs((found[1] + start.elbo).mean()) < 5 * ((found[1].var() + start.elbo.var()) / 3000)**0.5
    for k in (1, 2, 4, 8):
        assert (found[k] - found[2 * k]).mean() > 4 * ((found[k].var() + found[2 * k].var()) / 3000)**0.5


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 7, 1023, 1024, 1025, 2500])
def test_exactly_k_samples_within_the_memory(k):
    model, x = vae(49, 12, 3), bits(5, 49)
    mu, logvar = model.encode(x)
    for memory in (1e-6, 0.02, 50):
        counts, rows = torch.zeros(5), max(1, int(memory * 2**20 / (12 * 49)))
        for part, log_p, ratio in draws(model, x, mu, logvar, k, memory=memory):
            assert log_p.shape == ratio.shape and log_p.numel() <= rows
            counts[part] += log_p.shape[1]
        assert (counts == k).all()


def test_the_draws_of_a_seed_are_those_of_earlier_versions():
    """First 1,024 samples of up to 64 images, then the rest of their samples, then the next images: published numbers rest on it."""
    model, x = vae(49, 12, 3), bits(70, 49)
    mu, logvar = model.encode(x)
    generator, eps = torch.Generator().manual_seed(5), torch.empty(70, 1030, 3)
    for images in (slice(0, 64), slice(64, 70)):
        for samples in (slice(0, 1024), slice(1024, 1030)):
            eps[images, samples] = torch.randn(eps[images, samples].shape, generator=generator)
    z = mu.unsqueeze(1) + (logvar / 2).exp().unsqueeze(1) * eps
    expected = model.log_likelihood(z, x).double() + (eps.double()**2 + logvar.double().unsqueeze(1) - z.double()**2).sum(2) / 2
    torch.testing.assert_close(nll(model, x, k=1030, seed=5).nll, math.log(1030) - expected.logsumexp(1), rtol=1e-6, atol=1e-4)


@pytest.mark.slow
def test_memory_changes_nothing():
    model, x = vae(49, 12, 3), bits(40, 49)
    whole = nll(model, x, k=1500, memory=200)
    for memory in (0.01, 1):
        torch.testing.assert_close(nll(model, x, k=1500, memory=memory).nll, whole.nll, rtol=0, atol=1e-4)


class Largest(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that any operation returns."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.numel = max(self.numel, result.numel())
        return result


def test_no_tensor_is_larger_than_the_memory_allows():
    model, x = vae(784, 20, 7), bits(3, 784)
    with Largest() as seen:
        nll(model, x, k=3000, memory=1)
    assert 784 * 100 < seen.numel <= 2**20 / 12


def test_each_image_is_encoded_once(monkeypatch):
    model, x, seen = vae(49, 12, 3), bits(2300, 49), []
    real = model.encode
    monkeypatch.setattr(model, "encode", lambda images: seen.append(len(images)) or real(images))
    nll(model, x, k=3)
    assert sum(seen) == 2300


class LinearGaussian(nn.Module):
    """x = W z + noise with exact answers; `shift` and `widen` push q off the true posterior."""

    def __init__(self, pixels, latents, s, shift=0.0, widen=0.0, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        columns, _ = torch.linalg.qr(torch.randn(pixels, latents, dtype=torch.float64))
        self.W = nn.Parameter(columns * (0.2 + 2 * torch.rand(latents, dtype=torch.float64)), requires_grad=False)
        self.s, self.shift, self.widen, self.latent_dim, self.image_shape = s, shift, widen, latents, (1, 1, pixels)

    def exact(self, x):
        x, precision = x.flatten(1), 1 + (self.W**2).sum(0) / self.s**2
        return x @ self.W / self.s**2 / precision, -precision.log().expand(len(x), -1)

    def encode(self, x):
        mu, logvar = self.exact(x)
        return mu + self.shift, logvar + self.widen

    def log_likelihood(self, z, x):
        return Normal(z @ self.W.T, self.s).log_prob(x.flatten(1).unsqueeze(1)).sum(2)

    def log_px(self, x):
        covariance = self.W @ self.W.T + self.s**2 * torch.eye(len(self.W), dtype=torch.float64)
        return MultivariateNormal(torch.zeros(len(self.W), dtype=torch.float64), covariance).log_prob(x)


@pytest.mark.parametrize("pixels,latents,s", [(3, 1, 1.0), (10, 4, 0.3), (40, 8, 2.0)])
def test_linear_gaussian_with_the_true_posterior_is_exact(pixels, latents, s):
    model, x = LinearGaussian(pixels, latents, s), torch.rand(5, pixels, dtype=torch.float64)
    for k in (1, 10, 2000):
        found = nll(model, x, k=k, seed=k)
        torch.testing.assert_close(found.nll, -model.log_px(x))
        torch.testing.assert_close(found.effective, torch.full((5,), float(k), dtype=torch.float64))


@pytest.mark.parametrize("shift,widen", [(0.2, 0.0), (0.0, 0.7), (-0.3, 0.3)])
def test_linear_gaussian_gap_is_the_kl(shift, widen):
    model, x = LinearGaussian(10, 4, 0.7, shift, widen), torch.rand(1, 10, dtype=torch.float64).repeat(4000, 1)
    (m, v), (true_m, true_v) = model.encode(x[:1]), model.exact(x[:1])
    gap = kl_divergence(Normal(m, (v / 2).exp()), Normal(true_m, (true_v / 2).exp())).sum()
    found = elbo(model, x).elbo
    assert abs(model.log_px(x[:1]) - found.mean() - gap) < 5 * found.std() / 4000**0.5
    converged = nll(model, x[:1], k=200_000)
    assert abs(converged.nll + model.log_px(x[:1])) < 5 * converged.error


def test_the_error_of_nll_is_its_spread():
    model = LinearGaussian(10, 4, 0.7, shift=0.2, widen=0.3)
    x = torch.rand(1, 10, dtype=torch.float64).repeat(2000, 1)
    found = nll(model, x, k=400)
    assert found.nll.std() == pytest.approx(found.error.mean().item(), rel=0.1)
    assert nll(model, x[:3], k=1).error.isnan().all()


def test_sums_do_not_depend_on_the_pieces():
    torch.manual_seed(0)
    values = 300 * torch.randn(4, 60, dtype=torch.float64).cumsum(1) / 60
    for order in (values, values.flip(1), values - 5000):
        for size in (1, 7, 60):
            sums = LogMean(4)
            for piece in order.split(size, 1):
                sums.add(slice(0, 4), piece)
            torch.testing.assert_close(sums.top + sums.first.log(), order.logsumexp(1))
            torch.testing.assert_close(2 * sums.top + sums.second.log(), (2 * order).logsumexp(1))


def test_weights_of_zero_among_others_count_as_zero():
    values = torch.tensor([[-math.inf, -math.inf, 2.0, -math.inf, 5.0]], dtype=torch.float64)
    for size in (1, 2, 5):
        sums = LogMean(1)
        for piece in values.split(size, 1):
            sums.add(slice(0, 1), piece)
        torch.testing.assert_close(sums.top + sums.first.log(), values.logsumexp(1))
    sums.add(slice(0, 1), torch.full((1, 2), -math.inf, dtype=torch.float64))
    torch.testing.assert_close(sums.top + sums.first.log(), values.logsumexp(1))


def test_a_probability_of_zero_costs_a_hundred_nats():
    class Certain(Bare):
        def decode(self, z): return torch.zeros(len(z), 49)
    x = torch.zeros(2, 49)
    x[1, :3] = 1
    assert elbo(Certain(49, 12, 1), x).distortion.tolist() == [0, 300]


def test_iwae_loss_and_its_gradient_against_double_precision():
    model, x = vae(49, 12, 3).requires_grad_(True), bits(6, 49)
    parameters = list(model.parameters())
    for k in (1, 2, 9):
        eps = torch.randn(k, 6, 3, generator=torch.Generator().manual_seed(k))
        mu, logvar = model.encode(x)
        z = mu + (logvar / 2).exp() * eps
        loss = iwae_loss(model.decode(z), x, z, mu, logvar)
        ours = torch.autograd.grad(loss, parameters)
        model.double()
        mu, logvar = model.encode(x.double())
        q = Normal(mu, (logvar / 2).exp())
        z = q.loc + q.scale * eps
        log_w = Bernoulli(model.decode(z)).log_prob(x.double()).sum(2) + (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(2)
        naive = -log_w.exp().mean(0).log().sum()
        expected = torch.autograd.grad(naive, parameters)
        model.float()
        assert loss.item() == pytest.approx(naive.item(), rel=1e-5)
        for a, b in zip(ours, expected, strict=True):
            torch.testing.assert_close(a, b.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("k", [1, 2, 8])
def test_iwae_loss_and_its_gradient_are_those_of_pyro(k):
    """Pyro takes the logarithm over a whole batch, so the images go in one by one; the guide keeps what it drew."""
    model, x, drawn = vae(49, 12, 3).requires_grad_(True), bits(3, 49), []

    def generative(image):
        pyro.module("vae", model)
        z = pyro.sample("z", pyro.distributions.Normal(torch.zeros(1, 3), 1.0).to_event(2))
        pyro.sample("x", pyro.distributions.Bernoulli(model.decode(z)).to_event(2), obs=image)

    def guide(image):
        pyro.module("vae", model)
        mu, logvar = model.encode(image)
        drawn.append(pyro.sample("z", pyro.distributions.Normal(mu, (logvar / 2).exp()).to_event(2)).detach())

    pyro.clear_param_store()
    pyro.set_rng_seed(k)
    theirs = [pyro.infer.RenyiELBO(alpha=0, num_particles=k).loss_and_grads(generative, guide, image) for image in x.split(1)]
    pyro.clear_param_store()
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    mu, logvar = model.encode(x)
    z = torch.cat(drawn).view(3, k, 3).transpose(0, 1)
    eps = ((z - mu) / (logvar / 2).exp()).detach()
    z = mu + (logvar / 2).exp() * eps
    loss = iwae_loss(model.decode(z), x, z, mu, logvar)
    assert loss.item() == pytest.approx(sum(theirs), rel=1e-5)
    for ours, gradient in zip(torch.autograd.grad(loss, list(model.parameters())), expected, strict=True):
        torch.testing.assert_close(ours, gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_nll_is_that_of_pyro_in_the_mean():
    model, x = vae(49, 12, 3), bits(1, 49)
    mu, logvar = model.encode(x)

    def generative():
        with pyro.plate("images", 1):
            z = pyro.sample("z", pyro.distributions.Normal(torch.zeros(3), 1.0).expand([1, 3]).to_event(1))
            pyro.sample("x", pyro.distributions.Bernoulli(model.decode(z)).to_event(1), obs=x)

    def guide():
        with pyro.plate("images", 1):
            pyro.sample("z", pyro.distributions.Normal(mu, (logvar / 2).exp()).to_event(1))

    pyro.set_rng_seed(0)
    bound = pyro.infer.RenyiELBO(alpha=0, num_particles=20, vectorize_particles=True, max_plate_nesting=1)
    theirs = torch.tensor([bound.loss(generative, guide) for _ in range(500)])
    ours = nll(model, x.repeat(4000, 1), k=20).nll
    assert abs(ours.mean() - theirs.mean()) < 4 * (ours.var() / 4000 + theirs.var() / 500)**0.5


@pytest.mark.parametrize("logvar", [-100.0, 80.0])
def test_iwae_loss_of_extreme_variances_is_that_of_double_precision(logvar):
    model, x, mu = vae(49, 12, 3), bits(4, 49), torch.zeros(4, 3)
    logvar, eps = torch.full((4, 3), logvar), torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    z = mu + (logvar / 2).exp() * eps
    out = model.decode(z)
    log_p = -F.binary_cross_entropy(out, x.expand(5, -1, -1), reduction="none").sum(2)
    expected = log_p.double() + (eps.double()**2 + logvar.double() - z.double()**2).sum(2) / 2
    torch.testing.assert_close(log_weights(out, x, z, mu, logvar).double(), expected, rtol=1e-5, atol=1e-3)
    assert iwae_loss(out, x, z, mu, logvar).isfinite()


def test_iwae_loss_at_one_sample_is_the_elbo_in_expectation():
    model, x = vae(49, 12, 3), bits(1, 49).repeat(20_000, 1)
    torch.manual_seed(0)
    mu, logvar = model.encode(x)
    z = model.reparameterize(mu, logvar)
    sampled = -log_weights(model.decode(z).unsqueeze(0), x, z.unsqueeze(0), mu, logvar)[0]
    assert iwae_loss(model.decode(z)[None], x, z[None], mu, logvar).item() == pytest.approx(sampled.sum().item(), rel=1e-4)
    closed = loss_function(model.decode(z), x, mu, logvar) / 20_000
    assert abs(sampled.mean() - closed) < 5 * 2 * sampled.std() / 20_000**0.5


@pytest.mark.parametrize("change", ["z", "mu", "reconstructed", "original", "none"])
def test_iwae_loss_refuses_shapes_that_do_not_fit(change):
    good = {"reconstructed": torch.rand(5, 4, 49), "original": bits(4, 49), "z": torch.randn(5, 4, 3),
            "mu": torch.randn(4, 3), "logvar": torch.randn(4, 3)}
    assert iwae_loss(**good).isfinite()
    bad = {"z": good["z"][:, :1], "mu": good["mu"][:1], "reconstructed": good["reconstructed"][:1], "original": good["original"][:1],
           "none": good["z"][:0]}[change]
    with pytest.raises(ValueError, match="shape"):
        iwae_loss(**good | ({"z": bad, "reconstructed": good["reconstructed"][:0]} if change == "none" else {change: bad}))


def test_continuous_bernoulli_is_that_of_torch_and_has_a_finite_gradient():
    logits = torch.cat([torch.linspace(-12, 12, 801), torch.linspace(-0.03, 0.03, 61)]).double().requires_grad_()
    for x in (0.0, 0.2, 1.0):
        ours = continuous_bernoulli(logits, torch.tensor(x, dtype=torch.float64))
        reference = ContinuousBernoulli(logits=logits.detach())
        torch.testing.assert_close(ours.detach(), reference.log_prob(torch.tensor(x, dtype=torch.float64)), rtol=1e-5, atol=2e-5)
        slope, = torch.autograd.grad(ours.sum(), logits)
        torch.testing.assert_close(slope, x - reference.mean, rtol=0, atol=1e-3)


def test_active_units_and_kl_per_dimension_by_hand():
    model = vae(49, 12, 3)
    images = torch.rand(50, 49, generator=torch.Generator().manual_seed(0))
    mu, logvar = model.encode(images)
    variances = ((mu - mu.mean(0))**2).sum(0) / 50
    for threshold in variances.tolist():
        expected = [v > threshold * (1 + 1e-6) for v in variances.tolist()]
        assert active_units(model, images, threshold * (1 + 1e-6)).tolist() == expected
    expected = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).mean(0)
    torch.testing.assert_close(kl_per_dimension(model, images).float(), expected)
    model.fc2_mean.weight.zero_()
    assert active_units(model, images).sum() == 0
    class Through(VAE):
        def encode(self, x): return 16 * x, torch.zeros_like(x)
    exact = torch.tensor([[0.0, 0.5], [1.0, 0.5]])
    assert active_units(Through(2, 1, 2), exact, threshold=64.0).tolist() == [False, False]
    assert active_units(Through(2, 1, 2), exact, threshold=63.0).tolist() == [True, False]


@pytest.mark.parametrize("call", [lambda m, x: elbo(m, x), lambda m, x: nll(m, x, k=5), active_units, kl_per_dimension])
def test_evaluation_leaves_mode_random_state_and_images_alone(call):
    model, x = vae(49, 12, 3).train(), bits(5, 49)
    model.fc1.eval()
    state, before = torch.get_rng_state(), x.clone()
    call(model, x)
    assert model.training and model.fc2_mean.training and not model.fc1.training
    assert torch.equal(state, torch.get_rng_state()) and torch.equal(x, before) and torch.is_grad_enabled()
    with pytest.raises((ValueError, TypeError)):
        call(model, x * 3)
    assert model.training


def test_dropout_is_off_while_evaluating():
    class Dropped(VAE):
        def encode(self, x): return super().encode(F.dropout(x, 0.9, self.training))
    torch.manual_seed(0)
    model, x = Dropped(49, 12, 3), bits(5, 49)
    assert torch.equal(kl_per_dimension(model, x), kl_per_dimension(model.eval(), x))


def test_binarize_draws_with_the_grey_values_as_probabilities(monkeypatch):
    grey = torch.tensor([0.0, 0.25, 0.6, 1.0]).repeat(40_000, 1)
    drawn = binarize(grey, torch.Generator().manual_seed(0))
    error = (grey[0] * (1 - grey[0]) / 40_000).sqrt()
    assert ((drawn.mean(0) - grey[0]).abs() <= 5 * error).all() and set(drawn.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(drawn, binarize(grey, torch.Generator().manual_seed(0)))
    assert binarize(torch.full((3, 1, 28, 28), 255, dtype=torch.uint8)).min() == 1
    monkeypatch.setattr(torch, "rand", lambda shape, **options: torch.zeros(shape))
    assert binarize(torch.tensor([0.0, 0.5])).tolist() == [0, 1]


class Steep(VAE):
    """Another decoder, and nothing said about the likelihood."""

    def decode(self, z):
        return torch.sigmoid(2 * self.fc4(F.relu(self.fc3(z))))


class Own(Steep):
    """Another decoder with its likelihood."""

    def log_likelihood(self, z, x):
        return Bernoulli(logits=2 * self.fc4(F.relu(self.fc3(z)))).log_prob(x.unsqueeze(1)).sum(2)


class Bare(nn.Module):
    """The contract and nothing else: no likelihood, so the pixels are Bernoulli with what `decode` returns."""
    latent_dim, image_shape = 1, (1, 7, 7)

    def __init__(self, *sizes):
        super().__init__()
        self.inside = Own(*sizes)

    def encode(self, x): return self.inside.encode(x.flatten(1))
    def decode(self, z): return self.inside.decode(z).view(-1, 1, 7, 7)


@pytest.mark.parametrize("kind", [Steep, Own, Bare])
def test_another_decoder_has_its_own_likelihood(kind):
    torch.manual_seed(0)
    model, x = kind(49, 12, 1).requires_grad_(False), bits(4, 49)
    z = torch.linspace(-9, 9, 3001).unsqueeze(1)
    with torch.no_grad():
        joint = Normal(0.0, 1.0).log_prob(z[:, 0]) + Bernoulli(model.decode(z).flatten(1)).log_prob(x.unsqueeze(1)).sum(2)
    found = nll(model, x, k=20_000)
    assert ((found.nll + torch.trapezoid(joint.double().exp(), z[:, 0].double()).log()).abs() < 5 * found.error + 1e-3).all()


def test_what_is_meant_for_users_is_exported_and_nothing_else():
    assert set(evaluate.__all__) == {
        "binarize", "elbo", "nll", "Bound", "Estimate", "active_units", "kl_per_dimension", "continuous_bernoulli"}

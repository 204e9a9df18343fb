"""The contract of `vae_nb.model.VAELike`, on models that share nothing else: everything that trains, evaluates, samples or draws takes
them, and what breaks one point of the contract is refused in words that name the point."""
import math

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.distributions import Bernoulli, MultivariateNormal, Normal
from torchvision.transforms.functional import pil_to_tensor

from vae_nb.conv import ConvVAE, LogisticVAE
from vae_nb.evaluate import active_units, binarize, elbo, kl_per_dimension, nll
from vae_nb.files import load_weights, unwrap
from vae_nb.labels import ClassVAE, QuadrantVAE, SemiVAE
from vae_nb.ladder import LadderVAE, TwoLayerVAE
from vae_nb.loss import kl_divergence
from vae_nb.model import VAE
from vae_nb.prior import Flow, Mixture, PriorVAE, Vamp
from vae_nb.sample import interpolate, latent_means, manifold, posterior, reconstruct, sample_prior
from vae_nb.train import fit, save_reconstructions, save_samples
from vae_nb.vq import VQVAE


class Sampled(nn.Module):
    """The forward pass that all the models here share."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


class Conv(Sampled):
    """Convolutions, batch normalization and dropout, for color images whose sides are multiples of 4; decodes to images."""

    def __init__(self, image_shape, latent_dim=2):
        super().__init__()
        self.image_shape, self.latent_dim = image_shape, latent_dim
        channels, height, width = image_shape
        self.down = nn.Sequential(nn.Conv2d(channels, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1),
                                  nn.Conv2d(8, 8, 4, 2, 1), nn.ReLU())
        self.heads = nn.Linear(height * width // 2, 2 * latent_dim)
        self.start = nn.Linear(latent_dim, height * width // 2)
        self.up = nn.Sequential(nn.Unflatten(1, (8, height // 4, width // 4)), nn.ReLU(), nn.ConvTranspose2d(8, 8, 4, 2, 1), nn.ReLU(),
                                nn.ConvTranspose2d(8, channels, 4, 2, 1))

    def encode(self, x):
        return self.heads(self.down(x).flatten(1)).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.up(self.start(z)))


class Deeper(VAE):
    """A subclass with further layers on both sides; its likelihood is the one it inherits."""

    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        self.before, self.after = nn.Linear(self.image_size, self.image_size), nn.Linear(self.hidden_dim, self.hidden_dim)

    def encode(self, x):
        return super().encode(torch.sigmoid(self.before(x.flatten(1))))

    def decode(self, z):
        return torch.sigmoid(self.fc4(torch.tanh(self.after(F.relu(self.fc3(z))))))


class Conditional(Sampled):
    """A conditional model, of the label that it is set to; flat probabilities, no likelihood of its own."""
    latent_dim, image_shape = 2, (1, 6, 10)

    def __init__(self, label=0, classes=3):
        super().__init__()
        self.label, self.classes = label, classes
        self.encoder, self.decoder = nn.Linear(60 + classes, 4), nn.Linear(2 + classes, 60)

    def with_label(self, values):
        return torch.cat([values, F.one_hot(torch.full((len(values),), self.label), self.classes).to(values)], 1)

    def encode(self, x):
        return self.encoder(self.with_label(x.flatten(1))).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(self.with_label(z)))


class Gaussian(Sampled):
    """Pixels with Gaussian noise around what is decoded: a likelihood of its own."""
    latent_dim, image_shape, noise = 2, (1, 5, 4), 0.1

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(2, 20)

    def encode(self, x):
        return self.encoder(x.flatten(1)).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z)).view(-1, 1, 5, 4)

    def log_likelihood(self, z, x):
        mean = self.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return Normal(mean, self.noise).log_prob(x.unsqueeze(1)).flatten(2).sum(2)


def gaussian_loss(reconstructed, original, mu, logvar):
    return -Normal(reconstructed, Gaussian.noise).log_prob(original).sum() + kl_divergence(mu, logvar).sum()


def own_loss(model):
    """The argument of `fit` for a model whose pixels are not Bernoulli."""
    inner = unwrap(model)
    if not isinstance(inner, (Gaussian, LogisticVAE, SemiVAE, PriorVAE, VQVAE, TwoLayerVAE)):
        return {}
    return {"loss": gaussian_loss if isinstance(inner, Gaussian) else inner.loss}


def binned(mean, scale, x):
    """What `LogisticVAE` says of 8-bit pixels: the center that gives this mean after clipping, by bisection, and the distribution function
    at the edges of the bins."""
    low, high = torch.full_like(mean, -4), torch.full_like(mean, 5)
    for _ in range(60):
        center = (low + high) / 2
        above = scale * (F.softplus(center / scale, threshold=1e3) - F.softplus((center - 1) / scale, threshold=1e3)) > mean
        low, high = torch.where(above, low, center), torch.where(above, center, high)
    def below(edge): return torch.sigmoid((edge - center) / scale)
    left, right = below(x - 0.5 / 255), below(x + 0.5 / 255)
    return (torch.where(x == 1, 1.0, right) - torch.where(x == 0, 0.0, left)).log()


def deeper(): return Deeper(hidden_dim=9, latent_dim=2, image_shape=(3, 6, 4))
def vae(): return VAE(hidden_dim=9, latent_dim=2, image_shape=(1, 6, 4))


def told():
    """A model that completes the pictures of which it is given the left half."""
    return QuadrantVAE(2, (3, 6, 4), 9, 2).given(torch.rand(1, 3, 6, 4, generator=torch.Generator().manual_seed(2)))


def half_frozen():
    model = deeper()
    model.before.requires_grad_(False)
    return model


def vampprior():
    model = ConvVAE((1, 8, 4), (4,), 2)
    return PriorVAE(model, Vamp(model, torch.rand(9, 1, 8, 4), 3))


MODELS = {
    "color 8x8": lambda: Conv((3, 8, 8)), "color 12x20": lambda: Conv((3, 12, 20)), "color 16x4": lambda: Conv((3, 16, 4)),
    "grey": lambda: Conv((1, 8, 12)), "ConvVAE": lambda: ConvVAE((3, 8, 12), (4, 4), 2),
    "LogisticVAE": lambda: LogisticVAE((1, 8, 4), (4,), 2), "a subclass": deeper,
    "ClassVAE": lambda: ClassVAE(1, (3, 8, 4), 6, 1), "SemiVAE": lambda: SemiVAE(1, (1, 6, 10), 6, 1), "QuadrantVAE": told,
    "mixture prior": lambda: PriorVAE(deeper(), Mixture(3, 2)), "VampPrior": vampprior,
    "flow prior": lambda: PriorVAE(vae(), Flow(2, 4, 4)), "VQVAE": lambda: VQVAE((1, 4, 8), (4, 4), 4, 1),
    "TwoLayerVAE": lambda: TwoLayerVAE((1, 6, 4), 1, 1, 5, 4), "LadderVAE": lambda: LadderVAE((3, 6, 4), 1, 1, 5, 4),
    "prior of a parallel model": lambda: PriorVAE(nn.DataParallel(vae()), Mixture(3, 2)), "conditional": Conditional, "Gaussian": Gaussian,
    "double precision": lambda: Conv((3, 8, 8)).double(), "DataParallel": lambda: nn.DataParallel(Conv((3, 8, 8))),
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(deeper()), "compiled": lambda: torch.compile(vae(), backend="eager"),
    "compiled and parallel": lambda: nn.DataParallel(torch.compile(Conv((3, 8, 8)), backend="eager")), "frozen in part": half_frozen}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * ("compiled" in name)) for name in MODELS])
def make(request):
    """Makes the model, the same each time."""
    def made():
        torch.manual_seed(0)
        return MODELS[request.param]()
    return made


@pytest.fixture
def model(make):
    return make()


def images_of(model, count=11, kind=torch.float32):
    """Random images that the model takes; of one half, as they lie in the middle, for uint8."""
    inner, generator = unwrap(model), torch.Generator().manual_seed(1)
    values = torch.rand(count, *getattr(inner, "picture_shape", inner.image_shape), generator=generator)
    if isinstance(inner, ClassVAE):
        values = inner.join(values, torch.zeros(count, dtype=torch.int64))
    return (255 * values).to(torch.uint8) if kind == torch.uint8 else values.to(kind)


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}, [module.training for module in model.modules()]


def unchanged(model, before):
    state, modes = state_of(model)
    return modes == before[1] and all(torch.equal(tensor, before[0][name]) for name, tensor in state.items())


def test_posterior_and_latent_means(model):
    inner, images = unwrap(model), images_of(model)
    mu, logvar = posterior(model, images, batch_size=4)
    inner.eval()
    with torch.no_grad():
        expected = inner.encode(images.to(mu.dtype))
    torch.testing.assert_close((mu, logvar), tuple(expected))
    assert mu.shape == (11, 2) and not mu.requires_grad and mu.dtype == next(model.parameters()).dtype
    assert torch.equal(latent_means(model, images, batch_size=4), mu)
    torch.testing.assert_close(latent_means(model, images.flatten(1)), mu)


def test_what_is_decoded_has_the_images_shape(model):
    inner, images = unwrap(model), images_of(model)
    shape, dtype = inner.image_shape, next(model.parameters()).dtype
    before = state_of(model)
    found = {"reconstruct": (reconstruct(model, images), 11), "interpolate": (interpolate(model, images[0], images[1], steps=5), 5),
             "sample_prior": (sample_prior(model, 6, torch.Generator().manual_seed(0)), 6)}
    own = hasattr(inner, "log_prior")
    if not own:
        found["manifold"] = manifold(model, side=3), 9
    assert unchanged(model, before), "drawing samples has changed the model"
    for decoded, count in found.values():
        assert decoded.shape == (count, *shape) and decoded.dtype == dtype and 0 <= decoded.min() and decoded.max() <= 1
        assert not decoded.requires_grad
    torch.testing.assert_close(found["interpolate"][0][[0, -1]], reconstruct(model, images[:2]))
    inner.eval()
    generator = torch.Generator().manual_seed(0)
    z = inner.sample_latents(6, generator) if own else torch.randn(6, 2, generator=generator).to(dtype)
    torch.testing.assert_close(found["sample_prior"][0], inner.decode(z).view(6, *shape).detach())
    if own:
        return
    corner = torch.special.ndtri(torch.tensor([[1 / 6, 5 / 6]])).to(dtype)
    torch.testing.assert_close(found["manifold"][0][:1], inner.decode(corner).view(1, *shape).detach())


@pytest.mark.slow
def test_evaluation_is_that_of_its_own_likelihood(model):
    inner, images = unwrap(model), binarize(images_of(model), torch.Generator().manual_seed(0))
    if hasattr(inner, "sample_posterior"):
        pytest.skip("its posterior is no diagonal Gaussian; the model's own tests have its bound")
    before = state_of(model)
    found, bound = nll(model, images, k=400), elbo(model, images, samples=400)
    units, own = active_units(model, images, threshold=1e-6), hasattr(inner, "log_prior")
    assert unchanged(model, before)
    mu, logvar = (part.double() for part in posterior(model, images))
    generator = torch.Generator().manual_seed(3)
    eps = torch.randn(11, 2000, 2, generator=generator, dtype=torch.float64)
    z = mu.unsqueeze(1) + (logvar / 2).exp().unsqueeze(1) * eps
    log_q = Normal(mu.unsqueeze(1), (logvar / 2).exp().unsqueeze(1)).log_prob(z).sum(2)
    inner.double().eval()
    with torch.no_grad():
        if drawn := hasattr(inner, "sample_posterior"):
            z, log_q = inner.sample_posterior(images.double(), eps)
        p = inner.decode(z.flatten(0, 1)).reshape(11, 2000, -1)
    x = images.double().flatten(1).unsqueeze(1)
    if isinstance(inner, LogisticVAE):
        log_p = binned(p, inner.log_scale.exp().item(), x).sum(2)
    elif isinstance(inner, QuadrantVAE):
        missing = inner.completed(z, x.expand(-1, 2000, -1))[..., inner.missing].detach()
        log_p = Bernoulli(missing).log_prob(x[..., inner.missing]).sum(2)
    else:
        pixels = Normal(p, inner.noise) if isinstance(inner, Gaussian) else Bernoulli(p.clamp(1e-9, 1 - 1e-9))
        log_p = pixels.log_prob(x).sum(2)
    with torch.no_grad():
        log_prior = inner.log_prior(z) if own else Normal(0.0, 1.0).log_prob(z).sum(2)
    log_w = log_p + log_prior - log_q
    w = (log_w - log_w.amax(1, True)).exp()
    expected, error = math.log(2000) - log_w.logsumexp(1), w.std(1) / w.mean(1) / 2000**0.5
    assert ((found.nll - expected).abs() < 6 * (found.error**2 + error**2).sqrt() + 0.05).all()
    assert ((bound.distortion + log_p.mean(1)).abs() < 6 * log_p.std(1) * (1 / 400 + 1 / 2000)**0.5 + 1e-3).all()
    rates = log_q - log_prior
    assert ((bound.rate - rates.mean(1)).abs() < 6 * rates.std(1) * (1 / 400 + 1 / 2000)**0.5 + 1e-3).all()
    assert units.tolist() == (mu.var(0, correction=0) > 1e-6).tolist() and bound.elbo.dtype == torch.float64
    if not own and not drawn:
        kl = kl_per_dimension(model, images)
        torch.testing.assert_close(bound.rate.mean(), kl.sum(), rtol=1e-5, atol=1e-6)
        assert kl.dtype == torch.float64


class Correlated(VAE):
    """A VAE whose posterior has two dependent dimensions."""
    def sample_posterior(self, x, eps):
        mu, logvar = self.encode(x)
        std = torch.exp(logvar / 2).unsqueeze(1)
        along = eps @ eps.new_tensor(TILT).T
        log_q = -(eps.square() + math.log(2 * math.pi) + logvar.unsqueeze(1)).sum(2) / 2 - math.log(TILT[1][1])
        return mu.unsqueeze(1) + std * along, log_q


TILT = [[1.0, 0.0], [0.8, 0.5]]


@pytest.mark.slow
def test_a_posterior_of_its_own_gives_the_bound_and_the_same_likelihood():
    torch.manual_seed(0)
    inner = Correlated(hidden_dim=9, latent_dim=2, image_shape=(1, 6, 4))
    images = binarize(images_of(inner), torch.Generator().manual_seed(0))
    bound, found = elbo(inner, images, samples=2000), nll(inner, images, k=2000)
    mu, logvar = (part.double() for part in posterior(inner, images))
    factor = (logvar / 2).exp().unsqueeze(2) * torch.tensor(TILT, dtype=torch.float64)
    q = MultivariateNormal(mu, scale_tril=factor)
    kl = torch.distributions.kl_divergence(q, MultivariateNormal(torch.zeros_like(mu[0]), torch.eye(2, dtype=torch.float64)))
    torch.testing.assert_close(bound.rate, kl, rtol=0, atol=6 * 2 / 2000**0.5)
    assert (kl - kl_per_dimension(plain(inner), images).sum()).abs().min() > 0.1, "the test would not see the diagonal posterior"
    other = nll(plain(inner), images, k=2000, seed=1)
    assert ((found.nll - other.nll).abs() < 6 * (found.error**2 + other.error**2).sqrt()).all()
    with pytest.raises(ValueError, match="posterior of its own"):
        kl_per_dimension(inner, images)


def plain(model):
    """The same weights with the diagonal posterior."""
    same = VAE(hidden_dim=9, latent_dim=2, image_shape=(1, 6, 4))
    same.load_state_dict(model.state_dict())
    return same


def test_images_of_every_type_give_the_same(model):
    images = images_of(model, kind=torch.uint8)
    expected = nll(model, images, k=3).nll
    for other in (images.float() / 255, images.double() / 255, images.flatten(1), images.float().flatten(1) / 255):
        torch.testing.assert_close(nll(model, other, k=3).nll, expected, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(reconstruct(model, images), reconstruct(model, images.double() / 255), rtol=1e-4, atol=1e-5)


def test_the_context_around_a_call_changes_nothing(model):
    images = images_of(model)
    expected = nll(model, images, k=5).nll, reconstruct(model, images), sample_prior(model, 3, torch.Generator().manual_seed(0))
    for context in (torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), torch.device("cpu")):
        with context:
            found = nll(model, images, k=5).nll, reconstruct(model, images), sample_prior(model, 3, torch.Generator().manual_seed(0))
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)
    try:
        torch.set_default_dtype(torch.float64)
        found = nll(model, images, k=5).nll, reconstruct(model, images), sample_prior(model, 3, torch.Generator().manual_seed(0))
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_pictures_have_the_images_shape_and_colour(model, tmp_path):
    images, (_, height, width) = images_of(model), unwrap(model).image_shape
    before = state_of(model)
    save_reconstructions(model, images, tmp_path / "reconstructions.png", count=3)
    save_samples(model, tmp_path / "samples.png", count=5)
    assert unchanged(model, before)
    picture = Image.open(tmp_path / "reconstructions.png")
    assert picture.size == (3 * (width + 2) + 2, 2 * (height + 2) + 2)
    first = pil_to_tensor(picture.convert("RGB"))[:, 2:2 + height, 2:2 + width] / 255
    assert (first - images[0].expand(3, -1, -1)).abs().max() < 0.01
    assert Image.open(tmp_path / "samples.png").size == (5 * (width + 2) + 2, height + 4)


@pytest.mark.slow
def test_fit_and_resume(make, tmp_path):
    model, whole = make(), make()
    images = images_of(model, 24, torch.uint8)
    given = {"batch_size": 8, "progress": False}
    expected = fit(whole, images, images[:9], epochs=3, **given | own_loss(whole))
    given |= own_loss(model) | {"checkpoint": tmp_path / "run.safetensors", "results": tmp_path / "results"}
    fit(model, images, images[:9], epochs=1, **given)
    stored = load_weights(tmp_path / "run.safetensors")
    assert not any("_orig_mod" in name or name.startswith("module.") for name in stored)
    resumed = make()
    history = fit(resumed, images, images[:9], epochs=3, **given | own_loss(resumed))
    for name in ("train_loss", "test_loss"):
        assert [record[name] for record in history] == [record[name] for record in expected]
    assert all(torch.equal(one, other) for one, other in zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True))
    assert not torch.equal(torch.cat([p.flatten() for p in whole.parameters()]), torch.cat([p.flatten() for p in model.parameters()]))
    assert len(list((tmp_path / "results").iterdir())) == 6


class Broken(Gaussian):
    """A model of which one thing is changed; `None` takes it away."""

    def __init__(self, **changes):
        super().__init__()
        self.__dict__["changes"] = changes

    def __getattribute__(self, name):
        changes = object.__getattribute__(self, "__dict__").get("changes", {})
        if name in changes and changes[name] is None:
            raise AttributeError(f"no {name}")
        return changes[name] if name in changes else super().__getattribute__(name)


def encodes(change): return lambda x: change(*nn.Flatten()(x)[:, :4].chunk(2, 1))
def decodes(change): return lambda z: change(torch.sigmoid(z.repeat(1, 10)))


X = torch.rand(4, 1, 5, 4, generator=torch.Generator().manual_seed(0))
SAMPLES, DRAWS, ENCODES = (
    {"sample_prior": lambda m: sample_prior(m, 3), "manifold": lambda m: manifold(m, 2)},
    {"reconstruct": lambda m: reconstruct(m, X), "interpolate": lambda m: interpolate(m, X[0], X[1], 3)},
    {"posterior": lambda m: posterior(m, X), "active_units": lambda m: active_units(m, X),
     "kl_per_dimension": lambda m: kl_per_dimension(m, X), "elbo": lambda m: elbo(m, X), "nll": lambda m: nll(m, X, k=3)})
ALL = SAMPLES | DRAWS | ENCODES
LIKELIHOODS = {name: ALL[name] for name in ("elbo", "nll")}
# What is changed, what refuses it, with which words
BREAKS = [
    ({"latent_dim": None}, ALL, TypeError, "latent_dim"), ({"latent_dim": 2.0}, ALL, TypeError, "latent_dim"),
    ({"latent_dim": 0}, ALL, ValueError, "latent_dim"), ({"latent_dim": 3}, ALL, ValueError, "latent_dim is 3|3 latent dimensions"),
    ({"image_shape": None}, ALL, TypeError, "image_shape"), ({"image_shape": (5, 4)}, ALL, ValueError, "image_shape"),
    ({"image_shape": (1, 5, 5)}, DRAWS | ENCODES, ValueError, r"image_shape is \(1, 5, 5\)"),
    ({"image_shape": (1, 5, 5)}, SAMPLES, ValueError, r"image_shape is \(1, 5, 5\)"), ({"image_shape": 20}, ALL, TypeError, "image_shape"),
    ({"encode": lambda x: Gaussian().encode(x[:, :, 1:])}, DRAWS | ENCODES, ValueError, r"encode cannot take images \(\d, 1, 5, 4\)"),
    ({"encode": None}, DRAWS | ENCODES, TypeError, "encode"), ({"encode": 3}, DRAWS | ENCODES, TypeError, "encode"),
    ({"encode": encodes(lambda mu, logvar: mu)}, DRAWS | ENCODES, ValueError, "encode returned"),
    ({"encode": encodes(lambda mu, logvar: (mu, logvar, mu))}, DRAWS | ENCODES, ValueError, "encode returned"),
    ({"encode": encodes(lambda mu, logvar: (mu, logvar[:, :1]))}, DRAWS | ENCODES, ValueError, "encode returned"),
    ({"encode": encodes(lambda mu, logvar: (mu[1:], logvar[1:]))}, DRAWS | ENCODES, ValueError, "encode returned"),
    ({"encode": encodes(lambda mu, logvar: (mu.tolist(), logvar))}, DRAWS | ENCODES, ValueError, "encode returned"),
    ({"encode": encodes(lambda mu, logvar: (mu, logvar * math.nan))}, DRAWS | ENCODES, ValueError, "nan or infinity"),
    ({"decode": None}, SAMPLES | DRAWS, TypeError, "decode"), ({"decode": None, "log_likelihood": None}, LIKELIHOODS, TypeError, "decode"),
    ({"decode": decodes(lambda p: p[:, :10])}, SAMPLES | DRAWS, ValueError, "decode returned"),
    ({"decode": decodes(lambda p: p.view(-1, 5, 4, 1))}, SAMPLES | DRAWS, ValueError, "decode returned"),
    ({"decode": decodes(lambda p: p.tolist())}, SAMPLES | DRAWS, (TypeError, ValueError), "decode returned list"),
    ({"decode": decodes(torch.logit)}, SAMPLES | DRAWS, ValueError, "decode must return probabilities"),
    ({"decode": decodes(lambda p: p * math.nan)}, SAMPLES | DRAWS, FloatingPointError, "nan"),
    ({"decode": decodes(lambda p: p[:, :10]), "log_likelihood": None}, LIKELIHOODS, ValueError, "decode returned"),
    ({"decode": decodes(torch.logit), "log_likelihood": None}, LIKELIHOODS, ValueError, "decode must return probabilities"),
    ({"log_likelihood": lambda z, x: z.sum()}, LIKELIHOODS, ValueError, "log_likelihood returned"),
    ({"log_likelihood": lambda z, x: z.sum(2).T}, LIKELIHOODS, ValueError, "log_likelihood returned"),
    ({"log_likelihood": lambda z, x: 3.0}, LIKELIHOODS, ValueError, "log_likelihood returned"),
    ({"log_prior": lambda z: z, "sample_latents": lambda count, generator: torch.zeros(count, 2)}, LIKELIHOODS, ValueError,
     "log_prior returned"),
    ({"log_prior": lambda z: z.sum(-1)}, LIKELIHOODS, TypeError, "has log_prior, but no sample_latents"),
    ({"sample_posterior": lambda x, eps: (eps[..., :1], eps.sum(2))}, LIKELIHOODS, ValueError, "sample_posterior returned"),
    ({"sample_posterior": lambda x, eps: (eps, eps)}, LIKELIHOODS, ValueError, "sample_posterior returned"),
    ({"log_likelihood": lambda z, x: z.sum(2) * math.nan}, LIKELIHOODS, ValueError, "not finite for 4 of 4.*log_likelihood"),
]
CASES = [(changes, name, error, words) for changes, calls, error, words in BREAKS for name in calls]


@pytest.mark.parametrize("changes,name,error,words", CASES, ids=[f"{i}-{'-'.join(case[0])}-{case[1]}" for i, case in enumerate(CASES)])
def test_a_model_that_breaks_a_point_is_refused_by_its_name(changes, name, error, words):
    torch.manual_seed(0)
    ALL[name](Broken())
    with pytest.raises(error, match=words):
        ALL[name](Broken(**changes))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("given", [None, "model", [VAE()], VAE, nn.Linear(20, 4), torch.rand(3)])
def test_what_is_no_model_is_refused(given, name):
    with pytest.raises(TypeError, match=r"VAELike"):
        ALL[name](given)


@pytest.mark.parametrize("name", SAMPLES | DRAWS)
def test_a_model_that_does_not_know_its_images_shape_cannot_draw(name):
    with pytest.raises(ValueError, match=r"VAE\(20, image_shape=\(C, H, W\)\)"):
        ALL[name](VAE(20, 9, 2))
    ALL[name](VAE(20, 9, 2, image_shape=(1, 5, 4)))


@pytest.mark.parametrize("name", ["posterior", "active_units", "kl_per_dimension", "elbo", "nll"])
def test_a_model_of_rows_can_be_evaluated(name):
    ALL[name](VAE(20, 9, 2))


@pytest.mark.parametrize("call", [elbo, nll])
@pytest.mark.parametrize("given,error", [
    ({"memory": -1}, ValueError), ({"memory": 0}, ValueError), ({"memory": math.nan}, ValueError), ({"memory": math.inf}, ValueError),
    ({"memory": "1"}, TypeError), ({"memory": True}, TypeError), ({"seed": -1}, ValueError), ({"seed": 2**63}, ValueError),
    ({"seed": 1.5}, TypeError), ({"seed": True}, TypeError), ({"seed": "0"}, TypeError), ({"binary": True}, ValueError)])
def test_numbers_that_an_evaluation_cannot_take(call, given, error):
    with pytest.raises(error, match=next(iter(given))):
        call(Gaussian(), X, **given)


@pytest.mark.parametrize("kind", [ConvVAE, LogisticVAE])
@pytest.mark.parametrize("shape,widths,side", [
    ((1, 28, 28), (4, 4, 4), "height 28"), ((3, 32, 20), (4, 4, 4), "width 20"), ((1, 5, 4), (4,), "height 5")])
def test_sides_that_the_strides_do_not_divide_are_refused_before_the_first_step(kind, shape, widths, side):
    with pytest.raises(ValueError, match=rf"{side} cannot be halved by {len(widths)} layers.*multiple of {2**len(widths)}\b"):
        kind(shape, widths)

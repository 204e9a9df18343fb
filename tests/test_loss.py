"""The losses on whatever may come in: the right value, or a refusal in words that name the cause. Chapter 02 proves the formulas."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vae_nb.loss import iwae_loss, kl_divergence, log_weights, loss_function, reconstruction_error
from vae_nb.model import VAE, bernoulli_pair

BATCH, PIXELS, LATENT = 3, 12, 2


def outputs(dtype=torch.float32, k=None):
    """A reconstruction, pixels, mu and logvar; with k also samples z."""
    torch.manual_seed(0)
    lead = (BATCH,) if k is None else (k, BATCH)
    reconstructed, original = torch.rand(*lead, PIXELS, dtype=dtype), torch.rand(BATCH, PIXELS, dtype=dtype)
    mu, logvar = torch.randn(2, BATCH, LATENT, dtype=dtype)
    if k is None:
        return reconstructed, original, mu, logvar
    return reconstructed, original, mu + (logvar / 2).exp() * torch.randn(k, *mu.shape, dtype=dtype), mu, logvar


def named(k=None, **changes):
    """The same as keywords, some of them changed."""
    names = ("reconstructed", "original", "mu", "logvar") if k is None else ("reconstructed", "original", "z", "mu", "logvar")
    arguments = dict(zip(names, outputs(k=k), strict=True))
    return {name: changes[name](value) if name in changes else value for name, value in arguments.items()}


FUNCTIONS = {"loss_function": (loss_function, None), "iwae_loss": (iwae_loss, 4), "log_weights": (log_weights, 4)}


@pytest.mark.parametrize("shape", [(12,), (1, 3, 4), (3, 2, 2), (3, 4)])
@pytest.mark.parametrize("target", [(12,), (1, 3, 4), (3, 2, 2), (3, 4)])
def test_rows_and_images_give_one_value_or_are_told_apart(shape, target):
    reconstructed, original, mu, logvar = outputs()
    wanted = loss_function(reconstructed, original, mu, logvar)
    many, original_k, z, m, v = outputs(k=4)
    given = reconstructed.view(BATCH, *shape), original.view(BATCH, *target), mu, logvar
    given_k = many.view(4, BATCH, *shape), original_k.view(BATCH, *target), z, m, v
    plain = [[size for size in one if size > 1] for one in (shape, target)]
    if len(shape) > 1 and len(target) > 1 and plain[0] != plain[1]:
        for function, arguments in ((loss_function, given), (iwae_loss, given_k)):
            with pytest.raises(ValueError, match="reconstructed has shape"):
                function(*arguments)
    else:
        torch.testing.assert_close(loss_function(*given), wanted)
        torch.testing.assert_close(iwae_loss(*given_k), iwae_loss(many, original_k, z, m, v))


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"reconstructed": lambda t: t.tolist()}, TypeError, "reconstructed must be a tensor, not list"),
        ({"reconstructed": lambda t: t.numpy()}, TypeError, "not ndarray: use torch.as_tensor(reconstructed)"),
        ({"original": lambda t: None}, TypeError, "original must be a tensor, not None"),
        ({"original": lambda t: t.numpy()}, TypeError, "ndarray"),
        ({"mu": lambda t: None}, TypeError, "mu must be a tensor"),
        ({"logvar": lambda t: "logvar"}, TypeError, "not str"),
        ({"mu": lambda t: t.long(), "logvar": lambda t: t.long()}, TypeError, "mu.float()"),
        ({"reconstructed": lambda t: t.round().long()}, TypeError, "reconstructed.float()"),
        ({"original": lambda t: (t * 255).byte()}, TypeError, "images.float() / 255"),
        ({"original": lambda t: t * 255}, ValueError, "divided by 255"),
        ({"original": lambda t: t - 0.5}, ValueError, "subtracts a mean"),
        ({"original": lambda t: t * math.nan}, ValueError, "pixels hold nan"),
        ({"original": lambda t: t[:2]}, ValueError, "original (2, 12)"),
        ({"original": lambda t: t[:, :11]}, ValueError, "(3, 11)"),
        ({"original": lambda t: t[0]}, ValueError, "(12,)"),
        ({"reconstructed": lambda t: torch.logit(t)}, ValueError, "end it with torch.sigmoid"),
        ({"reconstructed": lambda t: t * 255}, ValueError, "torch.sigmoid"),
        ({"reconstructed": lambda t: t + 1.0001 - t.max()}, ValueError, "torch.sigmoid"),
        ({"reconstructed": lambda t: t * math.nan}, FloatingPointError, "diverged"),
        ({"mu": lambda t: t * math.nan}, FloatingPointError, "mu; it has diverged"),
        ({"logvar": lambda t: t * math.nan}, FloatingPointError, "logvar; it has diverged"),
        ({"reconstructed": lambda t: t.bfloat16()}, TypeError, "torch.sigmoid(logits.float())"),
        ({"reconstructed": lambda t: t.half()}, TypeError, "rounded"),
        ({"mu": lambda t: t[:, :1]}, ValueError, "(3, 1)"),
        ({"mu": lambda t: t[:2], "logvar": lambda t: t[:2]}, ValueError, "(2, 2)"),
        ({"mu": lambda t: t[0], "logvar": lambda t: t[0]}, ValueError, "(2,)"),
        ({"original": lambda t: t.to("meta")}, ValueError, "original.to(reconstructed.device)"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else getattr(value, "__name__", value),
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_wrong_is_refused_in_words(name, change, error, words):
    function, k = FUNCTIONS[name]
    arguments = named(k, **change)
    with pytest.raises(error) as caught:
        function(**arguments)
    if (k, words) != (None, "(2, 2)"):
        assert words in str(caught.value)
    if "original" not in change:
        assert "255" not in str(caught.value)


def test_batches_that_differ_are_counted():
    reconstructed, original, mu, logvar = outputs()
    with pytest.raises(ValueError, match="mu holds 2 images, reconstructed 3"):
        loss_function(reconstructed, original, mu[:2], logvar[:2])


@pytest.mark.parametrize("z", [lambda t: t * math.nan, lambda t: t * math.inf, lambda t: t + 1e30])
def test_latents_that_are_not_finite_are_refused(z):
    with pytest.raises(FloatingPointError, match="z; it has diverged|large values; it has diverged"):
        log_weights(**named(4, z=z))


@pytest.mark.parametrize(
    "z, error",
    [
        (None, TypeError),
        (lambda t: t[0], ValueError),
        (lambda t: t[:0], ValueError),
        (lambda t: t[:3], ValueError),
        (lambda t: t[..., :1], ValueError),
        (lambda t: t.tolist(), TypeError),
        (lambda t: t.long(), TypeError),
    ],
)
def test_latents_of_another_shape_are_refused(z, error):
    with pytest.raises(error, match="z"):
        iwae_loss(**named(4, z=z or (lambda t: None)))


def test_an_overflow_is_infinite_and_not_blamed_on_anything():
    mu = torch.zeros(2, 1)
    assert kl_divergence(mu, mu + 100).tolist() == [math.inf] * 2
    with pytest.raises(FloatingPointError, match="logvar"):
        kl_divergence(mu, mu + math.inf)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_types_may_be_mixed_and_the_value_is_right(dtype):
    reconstructed, original, mu, logvar = outputs()
    original, mu, logvar = ((t * 8).round() / 8 for t in (original, mu, logvar))
    wanted = loss_function(reconstructed, original, mu, logvar)
    torch.testing.assert_close(loss_function(reconstructed, original.to(dtype), mu.to(dtype), logvar.to(dtype)).float(), wanted)
    if dtype == torch.float64:
        torch.testing.assert_close(loss_function(reconstructed.double(), original, mu, logvar), wanted.double(), rtol=1e-6, atol=0)
    else:
        assert kl_divergence(mu.to(dtype), logvar.to(dtype)).dtype == torch.float32


def test_low_precision_loses_nothing_in_the_sum_over_many_dimensions():
    mu = torch.full((1, 5_000), 0.125)
    logvar = torch.zeros_like(mu)
    for dtype in (torch.float16, torch.bfloat16):
        torch.testing.assert_close(kl_divergence(mu.to(dtype), logvar.to(dtype)), kl_divergence(mu, logvar))


class Low(VAE):
    """What a subclass under autocast used to do: probabilities in half precision."""

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))


def test_under_autocast_the_loss_is_right_or_refused():
    torch.manual_seed(0)
    x = torch.rand(40, 16)
    model = VAE(hidden_dim=30, latent_dim=3, image_shape=(1, 4, 4))
    torch.manual_seed(1)
    wanted = loss_function(*step(model, x))
    with torch.autocast("cpu", torch.bfloat16):
        torch.manual_seed(1)
        found = loss_function(*step(model, x))
        torch.testing.assert_close(loss_function(*outputs()), loss_function(*outputs()), rtol=0, atol=0)
        with pytest.raises(TypeError, match="bfloat16"):
            loss_function(*step(Low(hidden_dim=30, latent_dim=3, image_shape=(1, 4, 4)), x))
    outside = loss_function(*outputs())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss_function(*outputs()), outside) and torch.equal(iwae_loss(*outputs(k=4)), iwae_loss(*outputs(k=4)))
    assert found.dtype == torch.float32 and abs(found / wanted - 1) < 0.02


def step(model, x):
    reconstructed, mu, logvar = model(x)
    return reconstructed, x, mu, logvar


def test_a_model_learns_under_autocast():
    torch.manual_seed(0)
    x, losses = (torch.rand(64, 1, 4, 4) < torch.rand(16).view(4, 4)).float(), []
    model = VAE(hidden_dim=30, latent_dim=2, image_shape=(1, 4, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_function(*step(model, x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_loss_and_model_compile_to_one_graph(backend):
    model, x = VAE(hidden_dim=5, latent_dim=2, image_shape=(1, 4, 4)), torch.rand(6, 1, 4, 4)
    compiled = torch.compile(lambda x: loss_function(*step(model, x)), backend=backend, fullgraph=True)
    torch.manual_seed(0)
    wanted = loss_function(*step(model, x))
    torch.manual_seed(0)
    torch.testing.assert_close(compiled(x), wanted)
    with torch.autocast("cpu", torch.bfloat16):
        assert compiled(x).isfinite()
    weights = torch.compile(iwae_loss, backend=backend, fullgraph=True)
    torch.testing.assert_close(weights(*outputs(k=4)), iwae_loss(*outputs(k=4)))


def test_each_tensor_is_looked_through_once(monkeypatch):
    seen, aminmax = [], torch.Tensor.aminmax
    monkeypatch.setattr(torch.Tensor, "aminmax", lambda self: seen.append(self.data_ptr()) or aminmax(self))
    for function, k in FUNCTIONS.values():
        arguments = named(k)
        seen.clear()
        function(**arguments)
        assert sorted(seen) == sorted(arguments[name].data_ptr() for name in ("reconstructed", "original"))


class Elsewhere(torch.Tensor):
    """A tensor that says it lies on a GPU; there nothing may make the host wait."""

    device = property(lambda self: torch.device("cuda"))

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in {"item", "aminmax", "tolist", "__bool__", "__float__", "nonzero"}:
            raise AssertionError(f"{function.__name__} makes the host wait")
        return super().__torch_function__(function, types, args, kwargs or {})


def away(*tensors):
    return [tensor.as_subclass(Elsewhere) for tensor in tensors]


def test_on_a_gpu_nothing_is_looked_at_and_bad_values_give_nan():
    wanted, iwae = loss_function(*outputs()), iwae_loss(*outputs(k=4))
    assert torch.equal(loss_function(*away(*outputs())).as_subclass(torch.Tensor), wanted)
    torch.testing.assert_close(iwae_loss(*away(*outputs(k=4))).as_subclass(torch.Tensor), iwae)
    for change in (lambda t: t * math.nan, lambda t: t + 1, lambda t: t - 1):
        for name in ("reconstructed", "original"):
            loss = loss_function(*away(*named(**{name: change}).values()))
            assert math.isnan(loss.as_subclass(torch.Tensor).item())
            loss = iwae_loss(*away(*named(4, **{name: change}).values()))
            assert math.isnan(loss.as_subclass(torch.Tensor).item())
    given = [
        t.as_subclass(torch.Tensor) for t in bernoulli_pair(*away(torch.tensor([0.2, math.nan, 3.0]), torch.tensor([0.5, 0.5, 0.5])))[:2]
    ]
    assert [t.tolist() for t in given] == [pytest.approx([0.2, 0.5, 0.5]), [0.5, 0.5, 0.5]]  # what CUDA's kernel is given


def test_on_a_gpu_the_gradient_is_the_same():
    gradients = []
    for move in (lambda *tensors: tensors, away):
        reconstructed, *rest = outputs()
        reconstructed[0, :2] = torch.tensor([0.0, 1.0])
        reconstructed.requires_grad_()
        loss = loss_function(*move(reconstructed, *rest))
        gradients += torch.autograd.grad(loss, reconstructed)
    assert torch.equal(*gradients) and gradients[0].isfinite().all()


def test_another_default_type_changes_nothing(monkeypatch):
    wanted = loss_function(*outputs())
    arguments = outputs()
    torch.set_default_dtype(torch.float64)
    try:
        found = loss_function(*arguments)
        there = loss_function(*away(*arguments))
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, wanted) and there.dtype == torch.float32


def test_losses_work_without_gradients_and_in_inference_mode():
    wanted = loss_function(*outputs())
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            assert torch.equal(loss_function(*outputs()), wanted)


def test_what_the_advice_says_works():
    torch.manual_seed(0)
    layer, z, x = nn.Linear(2, 12), torch.randn(3, 2), outputs()[1]
    logits = layer(z)
    with pytest.raises(ValueError, match="end it with torch.sigmoid"):
        reconstruction_error(10 * logits, x)
    reconstruction_error(torch.sigmoid(logits), x)
    low = layer.bfloat16()(z.bfloat16())
    with pytest.raises(TypeError, match=r"torch.sigmoid\(logits.float\(\)\)"):
        reconstruction_error(torch.sigmoid(low), x)
    reconstruction_error(torch.sigmoid(low.float()), x)
    array = outputs()[0].numpy()
    with pytest.raises(TypeError, match=r"torch.as_tensor\(reconstructed\)"):
        reconstruction_error(array, x)
    reconstruction_error(torch.as_tensor(array), x)
    with pytest.raises(TypeError, match=r"torch.tensor\(original\)"):
        reconstruction_error(torch.as_tensor(array), x.tolist())
    reconstruction_error(torch.as_tensor(array), torch.tensor(x.tolist()))
    assert np.isfinite(reconstruction_error(torch.as_tensor(array), x).item())

"""Every public function on a device that this machine does not have, and without double precision.

`elsewhere` is a stand-in for Apple's GPU, "mps". Its tensors say that they lie there, compute on the CPU inside, and refuse what
that device refuses: float64, numbers mixed with a CPU tensor's, a generator of another device, NumPy. To PyTorch's C++ they lie on
"meta", the one device whose autograd needs no hardware; so what C++ does by kind of device is not tried: operators for which Apple
has no kernel, its random numbers (they are the CPU's here) and its autocast. Double precision inside one operator is not seen.
`NoDouble` refuses float64 everywhere, on the CPU too."""
import copy
import importlib

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from vae_nb.data import as_float, show_images, to_images
from vae_nb.evaluate import active_units, binarize, continuous_bernoulli, elbo, kl_per_dimension, nll
from vae_nb.files import load_weights, save_weights
from vae_nb.loss import iwae_loss, kl_divergence, log_weights, loss_function, reconstruction_error
from vae_nb.model import VAE
from vae_nb.sample import interpolate, latent_means, manifold, posterior, reconstruct, sample_prior
from vae_nb.train import PlainLoop, batch_loss, batches, evaluate_epoch, fit, save_reconstructions, save_samples, train_epoch

MPS, HELD = torch.device("mps"), torch.device("meta")
pytestmark = pytest.mark.slow
DOUBLE = (torch.float64, torch.complex128)
MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
NO_DOUBLE = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use float32 instead."
INDEXED = ("index", "index_put_", "_unsafe_index")


class Held(torch.Tensor):
    """A tensor on the device that is not there, with a CPU tensor inside."""
    __torch_function__ = torch._C._disabled_torch_function_impl
    device, is_meta = property(lambda self: MPS), property(lambda self: False)

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=HELD)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return computed(function, args, kwargs or {})

    def tolist(self):
        return self.held.tolist()

    def numpy(self):
        raise TypeError("can't convert mps:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")

    __array__ = numpy


class Generator(torch.Generator):
    """A generator that may lie on the device that is not there."""
    device = property(lambda self: self.where)

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, "cpu")
        made.where = torch.device(device)
        return made


def computed(function, args, kwargs):
    """What an operator returns, computed on the CPU, or the error that the device would raise."""
    values = tree_leaves((args, kwargs))
    held = {id(value.held): value for value in values if isinstance(value, Held)}
    plain = [value for value in values if isinstance(value, torch.Tensor) and not isinstance(value, Held) and value.dim()]
    asked = kwargs.get("device")
    there = torch.device(asked) == HELD if asked is not None else isinstance(args[0], Held) if function in MOVES else bool(held)
    if held and plain and function not in MOVES and function.overloadpacket.__name__ not in INDEXED:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found at least two devices, mps:0 and cpu! ({function})")
    if (held or there) and kwargs.get("dtype") in DOUBLE:
        raise TypeError(NO_DOUBLE)
    inside = [tree_map(lambda value: value.held if isinstance(value, Held) else value, part) for part in (args, kwargs)]
    result = function(*inside[0], **inside[1] | ({"device": "cpu"} if asked is not None else {}))

    def outside(value):
        if not there or not isinstance(value, torch.Tensor):
            return value
        if value.dtype in DOUBLE:
            raise TypeError(NO_DOUBLE)
        return held[id(value)] if id(value) in held else Held(value)
    return tree_map(outside, result)


class Dispatched(TorchDispatchMode):
    """Sees the operators that no tensor of the device takes part in: those that make one."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return computed(function, args, kwargs or {})


class Renamed(TorchFunctionMode):
    """The device's name becomes one that PyTorch's C++ can handle; a generator has to lie where it is used."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        def renamed(value):
            return HELD if isinstance(value, (str, torch.device)) and str(value) in ("mps", "mps:0") else value
        kwargs = kwargs or {}
        if function is torch.device:
            return function(*args, **kwargs)
        if kwargs.get("generator") is not None:
            lies = next((value.device for value in args if isinstance(value, torch.Tensor)), torch.device(kwargs.get("device") or "cpu"))
            if lies.type != kwargs["generator"].device.type:
                raise RuntimeError(f"Expected a '{lies.type}' device type for generator but found '{kwargs['generator'].device.type}'")
        return function(*[renamed(value) for value in args], **{name: renamed(value) for name, value in kwargs.items()})


@pytest.fixture
def elsewhere(monkeypatch):
    """Within the test "mps" exists."""
    monkeypatch.setattr(torch, "Generator", Generator)
    with Dispatched(), Renamed():
        yield MPS


def test_the_stand_in_behaves_as_a_device(elsewhere):
    x = torch.randn(3, 4).to("mps")
    layer = torch.nn.Linear(4, 2).to("mps")
    assert x.device == layer.weight.device == layer(x).device == elsewhere and isinstance(layer.weight, torch.nn.Parameter)
    kept, inside = copy.deepcopy(layer.state_dict()), copy.deepcopy(layer).to("cpu")
    torch.testing.assert_close(layer(x).cpu(), inside(x.cpu()))
    layer(x).square().sum().backward()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    optimizer.step()
    inside(x.cpu()).square().sum().backward()
    torch.optim.Adam(inside.parameters(), lr=0.1).step()
    torch.testing.assert_close(layer.weight.detach().cpu(), inside.weight.detach())
    layer.load_state_dict(kept)
    assert (layer.weight.cpu() - inside.weight).abs().max() > 0.01
    x.mul_(2)[0] = 1
    assert x[0].tolist() == [1, 1, 1, 1] and x.sum().item() == pytest.approx(x.cpu().sum().item())
    assert torch.randn(2, device="mps", generator=torch.Generator("mps").manual_seed(0)).device == elsewhere
    with pytest.raises(TypeError, match="float64"):
        x.double()
    with pytest.raises(TypeError, match="float64"):
        x.to("cpu", torch.float64)
    with pytest.raises(TypeError, match="float64"):
        torch.zeros(3, dtype=torch.float64).to("mps")
    with pytest.raises(TypeError, match="float64"):
        torch.zeros((), dtype=torch.float64, device="mps")
    with pytest.raises(RuntimeError, match="same device"):
        x + torch.ones(3, 4)
    with pytest.raises(RuntimeError, match="same device"):
        layer(torch.ones(3, 4))
    with pytest.raises(RuntimeError, match="generator"):
        torch.randn(2, device="mps", generator=torch.Generator().manual_seed(0))
    with pytest.raises(TypeError, match="numpy"):
        x.numpy()


class NoDouble(TorchDispatchMode):
    """No tensor of double precision anywhere, as if neither the device nor the CPU had it."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if kwargs.get("dtype") in DOUBLE:
            raise TypeError(NO_DOUBLE)
        result = function(*args, **kwargs)
        if any(value.dtype in DOUBLE for value in tree_leaves(result) if isinstance(value, torch.Tensor)):
            raise TypeError(NO_DOUBLE)
        return result


class Conv(nn.Module):
    """A convolutional model for grey images of 8 x 8, with what behaves otherwise in evaluation mode."""
    latent_dim, image_shape = 2, (1, 8, 8)

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(64, 4))
        self.up = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Unflatten(1, (4, 4, 4)), nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Sigmoid())

    def encode(self, x):
        return self.down(x).chunk(2, 1)

    def decode(self, z):
        return self.up(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


def small_vae():
    return VAE(hidden_dim=12, latent_dim=2, image_shape=(1, 8, 8))


def an_epoch(model, images, tmp):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return [train_epoch(model, images, optimizer, batch_size=8), PlainLoop(model, optimizer, 8).evaluate_epoch(images)]


def a_run(train):
    """Train, resume, and draw; returns the losses, those of the resumed run last."""
    def call(model, images, tmp):
        given = {"batch_size": 8, "progress": False, "results": tmp / "results", "checkpoint": tmp / "run.safetensors", "redraw": binarize}
        train(model, images, images[:5], epochs=1, **given)
        again = copy.deepcopy(model)
        history = train(again, images, images[:5], epochs=2, **given)
        assert len(list((tmp / "results").iterdir())) == 4
        return [record[name] for record in history for name in ("train_loss", "test_loss")]
    return call


def weights(model, images, tmp):
    model.save_pretrained(tmp / "weights.safetensors")
    save_weights(tmp / "state.safetensors", model.state_dict())
    back = type(model).from_pretrained(tmp / "weights.safetensors")
    back.load_state_dict(load_weights(tmp / "state.safetensors"))
    return [parameter.detach() for parameter in back.parameters()]


def drawn(model, images, tmp):
    show_images(images)
    show_images(reconstruct(model, images), columns=4)
    plt.close("all")
    save_reconstructions(model, images, tmp / "reconstructions.png")
    save_samples(model, tmp / "samples.png", count=4)
    return []


def losses(model, images, tmp):
    """The functions that a loop gives a batch to, with the batch where the model is, as the loop moves it."""
    x = as_float(images.to(next(model.parameters()).device))
    out, mu, logvar = model(x)
    z = torch.stack([mu, mu + 1])
    decoded = torch.stack([model.decode(part).flatten(1) for part in z])
    return [loss_function(out, x, mu, logvar), reconstruction_error(out, x), kl_divergence(mu, logvar),
            log_weights(decoded, x, z, mu, logvar), iwae_loss(decoded, x, z, mu, logvar), batch_loss(model, images),
            evaluate_epoch(model, images), to_images(out, (1, 8, 8)),
            continuous_bernoulli(torch.logit(out.flatten(1), 1e-6), x.flatten(1)), next(batches(images, 4))]


def explored(model, images, tmp):
    from vae_nb.explore import LatentExplorer
    widget = LatentExplorer(model, images, torch.arange(len(images), device=images.device) % 3)
    widget.z = [0.5, -0.5]
    assert widget._repr_mimebundle_()[0]["image/png"]
    return [torch.tensor(widget.kl)]


def fit_of_the_package(*arguments, **named):
    from vae_nb.speed import fit
    return fit(*arguments, **named)


CALLS = {
    "posterior": lambda m, x, tmp: posterior(m, x, batch_size=5), "latent_means": lambda m, x, tmp: latent_means(m, x),
    "reconstruct": lambda m, x, tmp: reconstruct(m, x), "interpolate": lambda m, x, tmp: interpolate(m, x[0], x[1], 5),
    "sample_prior": lambda m, x, tmp: sample_prior(m, 5, torch.Generator().manual_seed(3)), "manifold": lambda m, x, tmp: manifold(m, 3),
    "elbo": lambda m, x, tmp: elbo(m, x, samples=3), "nll": lambda m, x, tmp: nll(m, x, k=20, memory=0.01),
    "binary nll": lambda m, x, tmp: nll(m, binarize(x, torch.Generator().manual_seed(0)), k=20, binary=True),
    "active_units": lambda m, x, tmp: active_units(m, x), "kl_per_dimension": lambda m, x, tmp: kl_per_dimension(m, x),
    "binarize": lambda m, x, tmp: binarize(x, torch.Generator().manual_seed(0)), "losses": losses, "an epoch": an_epoch,
    "weights": weights, "pictures": drawn, "train.fit": a_run(fit), "fit": a_run(fit_of_the_package), "LatentExplorer": explored}
ONLY_VAE = ("weights", "LatentExplorer")
MODELS = {"VAE": small_vae, "convolutional": Conv}
CASES = [(name, kind) for name in CALLS for kind in MODELS if kind == "VAE" or name not in ONLY_VAE]
ON_THE_CPU = ("elbo", "nll", "binary nll", "active_units", "kl_per_dimension", "weights", "LatentExplorer")


def result(name, kind, folder, images_on="cpu", model_on="cpu", dtype=torch.uint8):
    """What a call returns, as a list of tensors, with a model and images that are the same each time."""
    torch.manual_seed(0)
    model = MODELS[kind]()
    images = torch.rand(24, 1, 8, 8)
    images = (255 * images).to(torch.uint8) if dtype == torch.uint8 else images.to(dtype)
    folder.mkdir()
    torch.manual_seed(1)
    found = CALLS[name](model.to(model_on), images.to(images_on), folder)
    return [torch.as_tensor(value) for value in (found if isinstance(found, (list, tuple)) else [found])]


@pytest.mark.parametrize("images_on,model_on", [("cpu", "mps"), ("mps", "cpu"), ("mps", "mps")])
@pytest.mark.parametrize("name,kind", CASES)
def test_on_a_device_without_double_precision(name, kind, images_on, model_on, elsewhere, tmp_path):
    expected = result(name, kind, tmp_path / "cpu")
    found = result(name, kind, tmp_path / "there", images_on, model_on)
    where = "cpu" if name in ON_THE_CPU else images_on if name == "binarize" else model_on
    for value, right in zip(found, expected, strict=True):
        if name not in ("losses", "an epoch", "train.fit", "fit"):
            assert value.device.type == where
        torch.testing.assert_close(value.cpu(), right, rtol=1e-3, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("name,kind", [case for case in CASES if case[0] != "LatentExplorer"])  # its own arithmetic is NumPy's
def test_without_double_precision_at_all(name, kind, tmp_path):
    expected = result(name, kind, tmp_path / "with")
    with NoDouble():
        found = result(name, kind, tmp_path / "without")
    for value, right in zip(found, expected, strict=True):
        assert value.dtype != torch.float64
        torch.testing.assert_close(value, right.to(value.dtype), rtol=1e-3, atol=1e-3, equal_nan=True)


@pytest.mark.parametrize("generator_on", ["cpu", "mps"])
def test_a_generator_may_lie_on_the_device_too(generator_on, elsewhere):
    model = small_vae().to("mps")
    first, second = (sample_prior(model, 4, torch.Generator(generator_on).manual_seed(7)) for _ in range(2))
    assert first.device == elsewhere and torch.equal(first.cpu(), second.cpu())
    images = torch.rand(3, 1, 8, 8).to("mps")
    drawn = [binarize(images, torch.Generator(generator_on).manual_seed(7)) for _ in range(2)]
    assert drawn[0].device == elsewhere and torch.equal(drawn[0].cpu(), drawn[1].cpu())


def test_interpolation_between_images_of_two_devices(elsewhere):
    model, images = small_vae().to("mps"), torch.rand(2, 1, 8, 8)
    both = interpolate(model, images[0], images[1].to("mps"), 3)
    torch.testing.assert_close(both.cpu(), interpolate(model, images[0], images[1], 3).cpu())


NO_TENSORS = {"files": {"write_whole", "fetch", "folder_images"}, "data": {"parse_idx", "mnist", "pick_device"},
              "model": {"EncoderDecoder", "VAE", "VAELike"}, "train": {"Loss", "Loop", "plot_history"}, "evaluate": {"Bound", "Estimate"},
              "explore": {"site_state", "plane_state", "dial_state", "playground_state", "TrainingPlayground"}}


@pytest.mark.parametrize("module", ["files", "data", "model", "loss", "train", "sample", "evaluate", "explore"])
def test_every_public_function_is_tried(module):
    """What the calls above use is found by its name in this file; what takes no tensor, or only stands for others, is listed."""
    here = importlib.import_module(__name__)
    names = set(importlib.import_module(f"vae_nb.{module}").__all__) - NO_TENSORS.get(module, set())
    assert {name for name in names if not hasattr(here, name)} <= {"LatentExplorer"}

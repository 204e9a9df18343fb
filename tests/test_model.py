"""The contract of a model, the check of images at the edge, and weights in files: what the cells of chapter 01 cannot show."""

import copy
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vae_nb.data import mnist
from vae_nb.files import load_weights, read_weights, save_weights, unwrap
from vae_nb.model import (
    VAE,
    EncoderDecoder,
    bernoulli_log_likelihood,
    check_model,
    check_pixels,
    check_sizes,
    device_of,
    dtype_of,
    evaluating,
    images_for,
    pixel_log_likelihood,
    shape_of,
    to_model,
)
from vae_nb.train import evaluate_epoch

ROOT = Path(__file__).parent.parent


class Conv(nn.Module):
    """A convolutional VAE for color images (3, 8, 8) that keeps the contract."""

    latent_dim, image_shape = 2, (3, 8, 8)

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 4))
        self.up = nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (4, 4, 4)), nn.ReLU(), nn.ConvTranspose2d(4, 3, 4, 2, 1))

    def encode(self, x):
        return self.down(x).chunk(2, dim=1)

    def decode(self, z):
        return torch.sigmoid(self.up(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + (logvar / 2).exp() * torch.randn_like(mu)), mu, logvar


class Weightless(nn.Module):
    """A model without a single parameter."""

    latent_dim, image_shape = 1, (1, 2, 2)

    def encode(self, x):
        return x.flatten(1).mean(1, keepdim=True), torch.zeros(len(x), 1)

    def decode(self, z):
        return torch.sigmoid(z).expand(-1, 4)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar


class Deep(VAE):
    """A subclass with a constructor of its own, one more layer, a buffer, and a decode that uses both."""

    def __init__(self, depth, latent_dim=3):
        super().__init__(16, 8, latent_dim, image_shape=(1, 4, 4))
        self.more = nn.Sequential(*(nn.Linear(latent_dim, latent_dim) for _ in range(depth)))
        self.register_buffer("mask", torch.tensor([0.0, -math.inf, 1.0]))

    def decode(self, z):
        return super().decode(self.more(z))


def small(**arguments):
    torch.manual_seed(0)
    return VAE(hidden_dim=8, latent_dim=3, image_shape=(1, 4, 4), **arguments)


def says(error, words, function, *arguments, **named):
    """The message of an error of this class that holds these words."""
    with pytest.raises(error) as caught:
        function(*arguments, **named)
    assert words in str(caught.value), str(caught.value)
    return str(caught.value)


# sizes and shapes


@pytest.mark.parametrize("size", [True, "784", 784.0, None, [784], torch.tensor(784), np.bool_(True), np.float64(3)])
def test_what_is_no_whole_number_is_no_size(size):
    for name in ("image_size", "hidden_dim", "latent_dim"):
        says(TypeError, f"{name} is ", VAE, **{name: size})


@pytest.mark.parametrize("size", [0, -1, np.int64(0)])
def test_sizes_below_one_are_refused(size):
    says(ValueError, "latent_dim is", VAE, latent_dim=size)


def test_numpy_sizes_become_plain_numbers():
    model = VAE(np.int64(16), np.int32(8), np.uint8(3), image_shape=tuple(np.array([1, 4, 4])))
    check_sizes(a=np.int16(1))
    assert type(VAE(np.int64(12), 2, 2).image_size) is int
    assert [type(n) for n in (model.image_size, model.hidden_dim, model.latent_dim, *model.image_shape)] == [int] * 6


@pytest.mark.parametrize(
    "arguments, shape, size",
    [
        ({}, (1, 28, 28), 784),
        ({"image_size": 784}, (1, 28, 28), 784),
        ({"image_size": 28 * 112}, None, 28 * 112),
        ({"image_shape": (3, 32, 32)}, (3, 32, 32), 3072),
        ({"image_size": 1024, "image_shape": (1, 32, 32)}, (1, 32, 32), 1024),
        ({"image_shape": [1, 28, 112]}, (1, 28, 112), 3136),
        ({"image_shape": torch.Size([4, 14, 14])}, (4, 14, 14), 784),
    ],
)
def test_the_shape_is_told_and_not_guessed(arguments, shape, size):
    model = VAE(**arguments, hidden_dim=2, latent_dim=2)
    assert (model.image_shape, model.image_size, model.fc1.in_features, model.fc4.out_features) == (shape, size, size, size)


def test_contradictory_and_malformed_shapes_are_refused():
    says(ValueError, "leave image_size out", VAE, 1000, image_shape=(1, 32, 32))
    for shape in ((28, 28), (), (1, 28, 28, 1)):
        says(ValueError, "(C, H, W)", VAE, image_shape=shape)
    for shape in (784, "abc", {1, 2, 3}, np.array([1, 28, 28])):
        says(TypeError, "(C, H, W)", VAE, image_shape=shape)
    says(ValueError, "H in image_shape is 0", VAE, image_shape=(1, 0, 28))
    says(TypeError, "C in image_shape is True", VAE, image_shape=(True, 28, 28))


@pytest.mark.slow
def test_what_cannot_be_drawn_says_how_to_make_it_so():
    message = says(ValueError, "VAE(3136, image_shape=(C, H, W))", shape_of, VAE(28 * 112, 2, 2))
    call = re.search(r"VAE\(.*\)\)", message)[0].replace("(C, H, W)", "(1, 28, 112)")
    assert shape_of(eval(call)) == (1, 28, 112)
    assert shape_of(Conv()) == (3, 8, 8) and shape_of(torch.compile(Conv())) == (3, 8, 8)


# encode and decode


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_every_float_type_goes_in_and_the_model_keeps_its_own(dtype):
    model, x = small(), (torch.rand(5, 1, 4, 4) * 8).round() / 8
    expected = model.encode(x)
    for given, wanted in zip(model.encode(x.to(dtype)), expected, strict=True):
        torch.testing.assert_close(given, wanted)
    z = torch.randn(2, 5, 3).round()
    torch.testing.assert_close(model.decode(z.to(dtype)), model.decode(z))
    assert copy.deepcopy(model).double().encode(x.to(dtype))[0].dtype == torch.float64


@pytest.mark.parametrize(
    "error, words, x",
    [
        (TypeError, "not list: use torch.tensor(images)", [[0.5] * 16]),
        (TypeError, "not None", None),
        (TypeError, "not str", "images"),
        (TypeError, "not ndarray: use torch.as_tensor(images)", np.zeros((2, 16))),
        (TypeError, "use torch.stack(images)", [torch.rand(16)]),
        (TypeError, "images.float() / 255", torch.zeros(2, 16, dtype=torch.uint8)),
        (TypeError, "int64", torch.zeros(2, 16).long()),
        (TypeError, "use images.float()", torch.zeros(2, 16, dtype=torch.bool)),
        (ValueError, "unsqueeze(0)", torch.rand(16)),
        (ValueError, "(0, 16)", torch.rand(0, 16)),
        (ValueError, "(2, 17)", torch.rand(2, 17)),
        (ValueError, "divided by 255", torch.full((2, 16), 1.01)),
        (ValueError, "subtracts a mean", torch.full((2, 16), -0.01)),
        (ValueError, "hold nan", torch.full((2, 16), math.nan)),
        (ValueError, "inf", torch.full((2, 16), math.inf)),
    ],
)
def test_encode_refuses_in_words(error, words, x):
    says(error, words, small().encode, x)
    says(error, words, small(), x)


@pytest.mark.parametrize(
    "error, words, z",
    [
        (TypeError, "z must be a tensor", [0.0] * 3),
        (TypeError, "z.float()", torch.zeros(2, 3).long()),
        (ValueError, "(..., 3)", torch.randn(2, 4)),
        (ValueError, "(..., 3)", torch.tensor(1.0)),
        (TypeError, "torch.as_tensor(z)", np.zeros((2, 3))),
    ],
)
def test_decode_refuses_in_words(error, words, z):
    says(error, words, small().decode, z)


def test_decode_keeps_all_leading_dimensions():
    model = small()
    assert [tuple(model.decode(torch.randn(*lead, 3)).shape) for lead in ((), (2,), (2, 5))] == [(16,), (2, 16), (2, 5, 16)]


def test_probabilities_are_no_less_precise_than_float32():
    x = torch.rand(5, 16)
    assert small().bfloat16()(x)[0].dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        reconstructed, mu, _ = small()(x)
    assert (reconstructed.dtype, mu.dtype) == (torch.float32, torch.bfloat16)


def test_models_copy_and_pickle():
    model, x = small(), torch.rand(2, 16)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.image_shape == (1, 4, 4) and torch.equal(twin.encode(x)[0], model.encode(x)[0])


def test_a_whole_step_compiles_to_one_graph():
    model, x = small(), torch.rand(5, 1, 4, 4)
    torch.manual_seed(1)
    expected = model(x)
    step = torch.compile(lambda x: model(x), backend="eager", fullgraph=True)
    torch.manual_seed(1)
    torch.testing.assert_close(step(x), expected)
    assert step(x.double())[0].dtype == torch.float32


# log-likelihood


def by_definition(model, z, x):
    with torch.no_grad():
        logits = torch.logit(model.double().decode(z.double()).flatten(2))
    target = x.flatten(1).double().unsqueeze(1).expand_as(logits)
    return -F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(2)


@pytest.mark.parametrize("make", [small, lambda: Deep(2)], ids=["VAE", "subclass"])
def test_log_likelihood_is_that_of_the_models_own_decode(make):
    torch.manual_seed(0)
    model, x, z = make(), torch.rand(4, 1, 4, 4), 3 * torch.randn(4, 6, 3)
    wanted = by_definition(copy.deepcopy(model), z, x).float()
    for images in (x, x.flatten(1), x.double()):
        torch.testing.assert_close(model.log_likelihood(z, images), wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(pixel_log_likelihood(model, z, x), wanted, rtol=1e-4, atol=1e-4)


def halved(model):
    model.decode = lambda z: VAE.decode(model, z) / 2


def hooked(model):
    model.fc4.register_forward_hook(lambda module, given, out: out / 2)


def normed(model):
    model.fc4 = nn.utils.parametrizations.weight_norm(model.fc4)
    with torch.no_grad():
        model.fc4.parametrizations.weight.original0.mul_(3)


class Tempered(nn.Linear):
    def forward(self, hidden):
        return super().forward(hidden) / 2


def tempered(model):
    model.fc4 = Tempered(8, 16)


def without_bias(model):
    model.fc4 = nn.Linear(8, 16, bias=False)


def deeper(model):
    model.fc1 = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 8))
    model.fc4 = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 16))


@pytest.mark.parametrize("change", [halved, hooked, normed, tempered, without_bias, deeper])
def test_log_likelihood_notices_a_changed_decoder(change):
    model, x, z = small(), torch.rand(4, 16), torch.randn(4, 6, 3)
    change(model)
    torch.testing.assert_close(model.log_likelihood(z, x), pixel_log_likelihood(model, z, x), rtol=1e-4, atol=1e-4)
    assert torch.isfinite(model.encode(x)[0]).all()


def test_log_likelihood_notices_a_patched_class(monkeypatch):
    model, x, z = small(), torch.rand(4, 16), torch.randn(4, 6, 3)
    before, decode = model.log_likelihood(z, x), EncoderDecoder.decode
    for cls in (VAE, EncoderDecoder):
        with monkeypatch.context() as patch:
            patch.setattr(cls, "decode", lambda self, z: decode(self, z) / 2)
            assert (model.log_likelihood(z, x) - before).abs().min() > 0.01


def test_log_likelihood_has_the_right_gradient():
    torch.manual_seed(0)
    model, x = small().double(), torch.rand(2, 16).double()
    z = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: model.log_likelihood(z, x), z)
    fast, plain = (
        torch.autograd.grad(f(z, x).sum(), list(model.fc4.parameters()))
        for f in (model.log_likelihood, lambda z, x: pixel_log_likelihood(model, z, x))
    )
    torch.testing.assert_close(fast, plain)


def test_log_likelihood_is_computed_in_full_precision():
    model, x, z = small(), torch.rand(4, 16), torch.randn(4, 6, 3)
    wanted = model.log_likelihood(z, x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model.log_likelihood(z, x), wanted)
    layer, hidden = nn.Linear(8, 980), torch.rand(2, 3, 8)
    low = bernoulli_log_likelihood(hidden.half(), copy.deepcopy(layer).half(), torch.rand(2, 980).half())
    assert low.dtype == torch.float32 and low.isfinite().all()


@pytest.mark.parametrize(
    "z, x",
    [
        (torch.randn(4, 3), torch.rand(4, 16)),
        (torch.randn(3, 6, 3), torch.rand(4, 16)),
        (torch.randn(4, 6, 2), torch.rand(4, 16)),
        (torch.randn(4, 6, 3), torch.rand(4, 15)),
        (torch.randn(4, 6, 3), 255 * torch.rand(4, 16)),
    ],
)
def test_log_likelihood_refuses_what_does_not_fit(z, x):
    with pytest.raises(ValueError, match="needed"):
        small().log_likelihood(z, x)


# any model

WRAPPERS = {
    "compiled": torch.compile,
    "DataParallel": nn.DataParallel,
    "averaged": torch.optim.swa_utils.AveragedModel,
    "compiled in DataParallel": lambda m: nn.DataParallel(torch.compile(m)),
    "averaged, compiled": lambda m: torch.compile(torch.optim.swa_utils.AveragedModel(m)),
}


@pytest.mark.parametrize("wrap", [
    pytest.param(wrap, id=name, marks=[pytest.mark.slow] * ("compiled" in name)) for name, wrap in WRAPPERS.items()])
def test_wrappers_are_looked_into(wrap):
    wrapped = wrap(Conv())
    inner = check_model(wrapped)
    assert type(inner) is Conv and unwrap(inner) is inner
    assert {id(p) for p in inner.parameters()} == {id(p) for p in wrapped.parameters()}
    assert images_for(wrapped, torch.rand(2, 192)).shape == (2, 3, 8, 8)


def test_a_wrapper_with_the_contract_of_its_own_stays():
    class Shifted(Conv):
        def __init__(self):
            super().__init__()
            self.module = Conv()

    assert unwrap(model := Shifted()) is model


@pytest.mark.parametrize(
    "error, words, model",
    [
        (TypeError, "the class VAE", VAE),
        (TypeError, "model is None", None),
        (TypeError, "'mnist'", "mnist"),
        (TypeError, "model is []", []),
        (TypeError, "Linear has no encode, no decode, no latent_dim, no image_shape", nn.Linear(1, 1)),
        (TypeError, "no encode", nn.DataParallel(nn.Linear(1, 1))),
    ],
)
def test_what_is_no_model_is_refused(error, words, model):
    assert "vae_nb.model.VAELike" in says(error, words, check_model, model)
    says(error, "vae_nb.model.VAELike", images_for, model, torch.rand(1, 784))


def test_wrong_attributes_are_named():
    for latent_dim, error in ((0, ValueError), (2.0, TypeError), (True, TypeError)):
        model = Conv()
        model.latent_dim = latent_dim
        says(error, "latent_dim is", check_model, model)
    for shape, error in (((8, 8), ValueError), (192, TypeError), ((3, 8, 0), ValueError)):
        model = Conv()
        model.image_shape = shape
        says(error, "image_shape", check_model, model)
        says(error, "image_shape", images_for, model, torch.rand(1, 192))
    half = Conv()
    half.encode = 3
    says(TypeError, "no encode", check_model, half)

    class Silent(Conv):
        forward = nn.Module.forward

    says(TypeError, "no forward", check_model, Silent())
    check_model(Silent(), "encode", "decode")
    says(TypeError, "no log_likelihood", check_model, Conv(), "log_likelihood")


def test_where_and_what_a_model_is():
    assert device_of(Weightless()) == torch.device("cpu") and dtype_of(Weightless()) == torch.float32
    assert dtype_of(Conv().double()) == torch.float64 and device_of(Conv().to("meta")).type == "meta"
    assert check_model(Weightless()) and images_for(Weightless(), torch.rand(3, 4)).shape == (3, 1, 2, 2)


def test_evaluating_puts_everything_back():
    model = torch.compile(nn.DataParallel(Conv()))
    next(model.children()).module.up.eval()
    before = [module.training for module in model.modules()]
    assert True in before and False in before
    for error in (None, KeyError):
        try:
            with torch.autocast("cpu", torch.bfloat16), evaluating(model) as device:
                assert device == torch.device("cpu") and not torch.is_grad_enabled()
                assert not any(module.training for module in unwrap(model).modules())
                assert torch.rand(2, 2).mm(torch.rand(2, 2)).dtype == torch.float32
                if error:
                    raise error
        except KeyError:
            pass
        assert before == [module.training for module in model.modules()] and torch.is_grad_enabled()
    with evaluating(Weightless()) as device:
        assert device == torch.device("cpu")


# images at the edge


def test_images_are_arranged_without_a_copy():
    pixels = torch.randint(0, 256, (6, 1, 4, 4), dtype=torch.uint8)
    turned = pixels.transpose(2, 3)
    for given, wanted in (
        (pixels, pixels),
        (pixels.flatten(1), pixels),
        (pixels.squeeze(1), pixels),
        (turned, turned),
        (pixels[::2], pixels[::2]),
        (pixels.flatten(1)[1::2], pixels[1::2]),
        (pixels.float() / 255, pixels.float() / 255),
    ):
        found = images_for(small(), given)
        assert (
            torch.equal(found, wanted)
            and found.dtype == given.dtype
            and found.untyped_storage().data_ptr() == given.untyped_storage().data_ptr()
        )
    assert torch.equal(images_for(small(), pixels, 4), pixels[:4]) and len(images_for(small(), pixels, 9)) == 6
    rows = images_for(VAE(16, 2, 2), pixels)
    assert rows.shape == (6, 16) and rows.data_ptr() == pixels.data_ptr()


def test_the_check_of_floats_needs_no_memory_for_a_copy(monkeypatch):
    pieces, aminmax = [], torch.Tensor.aminmax
    monkeypatch.setattr(torch.Tensor, "aminmax", lambda self: pieces.append(self.numel()) or aminmax(self))
    images = torch.zeros(300, 1, 200, 200, dtype=torch.bfloat16)
    images_for(VAE(hidden_dim=1, latent_dim=1, image_shape=(1, 200, 200)), images)
    assert sum(pieces) == images.numel() and max(pieces) <= 2**22
    for place in (0, 150, 299):
        for value in (math.nan, -0.5, 1.5):
            images[place, 0, 7, 7] = value
            with pytest.raises(ValueError, match="pixels"):
                check_pixels(images)
            images[place] = 0


@pytest.mark.parametrize(
    "error, words, images",
    [
        (TypeError, "torch.as_tensor(images)", np.zeros((2, 192))),
        (TypeError, "torch.tensor(images)", [[0.0] * 192]),
        (TypeError, "not None", None),
        (TypeError, "images.to(torch.uint8)", torch.zeros(2, 192).int()),
        (TypeError, "images.float()", torch.zeros(2, 192).bool()),
        (TypeError, "complex64", torch.zeros(2, 192, dtype=torch.complex64)),
        (ValueError, "at least 1 image", torch.rand(0, 3, 8, 8)),
        (ValueError, "at least 1 image", torch.tensor(0.5)),
        (ValueError, "images.unsqueeze(0)", torch.rand(3, 8, 8)),
        (ValueError, "unsqueeze(0)", torch.rand(192)),
        (ValueError, "images.permute(0, 3, 1, 2)", torch.rand(2, 8, 8, 3)),
        (ValueError, "(2, 1, 8, 8)", torch.rand(2, 1, 8, 8)),
        (ValueError, "(2, 8, 8)", torch.rand(2, 8, 8)),
        (ValueError, "(2, 3, 4, 16)", torch.rand(2, 3, 4, 16)),
        (ValueError, "rows (N, 192)", torch.rand(2, 191)),
        (ValueError, "divided by 255", torch.full((2, 192), 1.001)),
        (ValueError, "subtracts a mean", torch.full((2, 192), -1e-3)),
        (ValueError, "hold nan", torch.full((2, 192), math.nan)),
        (ValueError, "divided by 255", torch.full((2, 192), 1.5).to(torch.float8_e5m2)),
    ],
)
def test_images_that_do_not_fit_are_refused_in_words(error, words, images):
    says(error, words, images_for, Conv(), images)


@pytest.mark.parametrize(
    "images",
    [
        np.full((2, 192), 0.5),
        [[0.5] * 192],
        [torch.rand(192)] * 2,
        torch.zeros(2, 192).int(),
        torch.zeros(2, 192).bool(),
        torch.rand(2, 8, 8, 3),
        torch.rand(3, 8, 8),
        torch.full((2, 192), 200.0),
    ],
)
def test_the_advice_works(images):
    with pytest.raises((TypeError, ValueError)) as caught:
        images_for(Conv(), images)
    message = str(caught.value)
    advice = re.search(r"(torch\.\w+\(images\)|images\.\w+\([^()]*\))", message)
    repaired = eval(advice[0]) if advice else images / 255
    assert images_for(Conv(), repaired).shape[1:] == (3, 8, 8)


@pytest.mark.parametrize("count, error", [(0, ValueError), (-1, ValueError), (True, TypeError), (2.5, TypeError), ("2", TypeError)])
def test_a_count_is_a_size(count, error):
    says(error, "count is", images_for, Conv(), torch.rand(3, 192), count)


def test_a_model_of_unknown_shape_takes_rows_of_its_width():
    says(ValueError, "rows (N, 12)", images_for, VAE(12, 2, 2), torch.rand(2, 13))
    model = Conv()
    model.image_shape = None
    says(ValueError, "image_shape of Conv is None", images_for, model, torch.rand(2, 192))


def test_a_batch_arrives_in_the_models_type():
    pixels = torch.arange(256, dtype=torch.uint8).view(16, 1, 4, 4)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        moved = to_model(small().to(dtype), pixels)
        assert moved.dtype == dtype
        torch.testing.assert_close(moved, (pixels.double() / 255).to(dtype), rtol=0 if dtype != torch.float32 else 1e-7, atol=0)
    assert to_model(small(), torch.ones(2, 16, dtype=torch.float16)).dtype == torch.float32
    assert pixels.max() == 255


# weights in files


def test_weights_are_copies_and_the_file_may_go(tmp_path):
    path = tmp_path / "w.safetensors"
    state = small().state_dict()
    save_weights(path, state)
    loaded = load_weights(path)
    path.write_bytes(b"")
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    loaded["fc1.bias"].zero_()
    assert len({tensor.untyped_storage().data_ptr() for tensor in loaded.values()}) == len(loaded)


def test_views_and_shared_memory_are_stored_as_own_copies(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    state = {
        "whole": whole,
        "again": whole,
        "turned": whole.T,
        "part": whole[:, 1],
        "one": torch.tensor(1.0).expand(3),
        "number": torch.tensor(2),
        "laid out": torch.rand(1, 3, 4, 4).to(memory_format=torch.channels_last),
        "learnt": nn.Parameter(whole),
        "none": torch.zeros(0, 3),
    }
    save_weights(tmp_path / "w.safetensors", state, {"kind": "test"})
    loaded, metadata = read_weights(tmp_path / "w.safetensors")
    assert metadata == {"kind": "test"} and all(torch.equal(loaded[name], state[name]) for name in state) and loaded.keys() == state.keys()


@pytest.mark.parametrize(
    "state, words",
    [
        ({"epoch": 3}, "'epoch' is a int"),
        ({"model": {}}, "'model' is a dict"),
        ([torch.ones(1)], "state is a list"),
        (None, "state is a NoneType"),
        (VAE(4, 2, 2), "model.state_dict()"),
    ],
)
def test_only_tensors_are_written(state, words, tmp_path):
    says(TypeError, words, save_weights, tmp_path / "w.safetensors", state)
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_weights_are_named(tmp_path):
    says(IsADirectoryError, "is a folder", load_weights, tmp_path)
    says(FileNotFoundError, "absent", load_weights, tmp_path / "absent.safetensors")
    says(FileNotFoundError, "absent", VAE.from_pretrained, tmp_path / "absent.safetensors")
    save_weights(path := tmp_path / "w.safetensors", {"a": torch.rand(50)})
    whole = path.read_bytes()
    for content in (b"", b"x", whole[:7], whole[:60], whole[:-1], whole + b"x", b"\xff" * 200, b"{}", whole.replace(b"F32", b"X99")):
        path.write_bytes(content)
        says(ValueError, "is not a whole safetensors file", load_weights, path)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_the_advice_for_a_pickle_works(old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = Tied().state_dict()
    torch.save(state, "it's mine.pt", _use_new_zipfile_serialization=not old)
    message = says(ValueError, "pickle file", load_weights, "it's mine.pt")
    assert "map_location='cpu'" in message
    import vae_nb.files  # noqa: F401  the advice names it

    exec(message.partition("convert it once with ")[2])
    loaded = load_weights("weights.safetensors")
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def same(one, other):
    return all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    "model",
    [
        small(),
        small().double(),
        VAE(12, 3, 2),
        VAE(image_shape=(3, 4, 4), hidden_dim=3),
        VAE(image_shape=(4, 14, 14), hidden_dim=3),
        small().bfloat16().requires_grad_(False),
    ],
)
def test_a_saved_model_comes_back_with_its_shape_and_type(model, tmp_path):
    model.save_pretrained(tmp_path / "w.safetensors")
    back = VAE.from_pretrained(tmp_path / "w.safetensors")
    assert same(model, back) and back.image_shape == model.image_shape and not back.training


def test_subclasses_come_back(tmp_path):
    path = tmp_path / "w.safetensors"
    model = Deep(2)
    model.save_pretrained(path)
    back = Deep.from_pretrained(path, depth=2)
    assert type(back) is Deep and same(model, back) and back.image_shape == (1, 4, 4)
    assert "depth" in says(TypeError, "give from_pretrained what its constructor needs", Deep.from_pretrained, path)
    says(TypeError, "color", Deep.from_pretrained, path, depth=2, color=True)
    assert "more.2.weight is missing" in says(ValueError, "does not hold the weights of this Deep", Deep.from_pretrained, path, depth=3)
    says(ValueError, "mask is not known", VAE.from_pretrained, path)

    class Keen(VAE):
        def __init__(self, *, loud=False, **sizes):
            super().__init__(**sizes)

    model = Keen(image_shape=(3, 4, 4), hidden_dim=5, latent_dim=2)
    model.save_pretrained(path)
    assert same(model, Keen.from_pretrained(path, loud=True)) and Keen.from_pretrained(path).image_shape == (3, 4, 4)

    class Flat(VAE):
        def __init__(self, image_size=784, hidden_dim=400, latent_dim=20):
            super().__init__(image_size, hidden_dim, latent_dim)

    assert Flat.from_pretrained(path).image_shape == (3, 4, 4)

    class Replaced(VAE):
        def __init__(self):
            super().__init__(16, 8, 3, image_shape=(1, 4, 4))
            self.fc1 = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 8))

    model = Replaced()
    model.save_pretrained(path)
    assert same(model, Replaced.from_pretrained(path))


def test_a_buffer_may_be_infinite_but_not_nan(tmp_path):
    model = Deep(1)
    model.mask[0] = math.nan
    model.save_pretrained(tmp_path / "w.safetensors")
    says(ValueError, "mask holds nan", Deep.from_pretrained, tmp_path / "w.safetensors", depth=1)


def test_compiled_and_tied_layers_are_stored_under_their_plain_names(tmp_path):
    path = tmp_path / "w.safetensors"
    model = small()
    twin = copy.deepcopy(model)
    model.fc1 = torch.compile(model.fc1)
    torch.compile(model).save_pretrained(path)
    assert set(load_weights(path)) == set(twin.state_dict()) and same(VAE.from_pretrained(path), twin)

    class Mirror(VAE):
        def __init__(self, **sizes):
            super().__init__(**sizes)
            self.fc2_logvar.weight = self.fc2_mean.weight

    model = Mirror(image_shape=(1, 4, 4), hidden_dim=8, latent_dim=3).double()
    model.save_pretrained(path)
    back = Mirror.from_pretrained(path)
    assert same(model, back) and back.fc2_logvar.weight is back.fc2_mean.weight


def test_a_checkpoint_is_read_without_the_optimizers_part(tmp_path):
    state = small().state_dict()
    save_weights(tmp_path / "run.safetensors", state | {"optimizer/fc1.weight/exp_avg": torch.zeros(8, 16)}, {"history": "[]"})
    assert same(VAE.from_pretrained(tmp_path / "run.safetensors", image_shape=(1, 4, 4)), small())


def changed(**new):
    state = small().state_dict()
    for name, tensor in new.items():
        name = name.replace("__", ".")
        state.pop(name, None)
        if tensor is not None:
            state[name] = tensor
    return state


@pytest.mark.parametrize(
    "state, words",
    [
        (changed(fc1__weight=None), "fc1.weight is missing"),
        (changed(fc4__bias=None, fc3__bias=None), "fc3.bias is missing; fc4.bias is missing"),
        (changed(conv__weight=torch.ones(1)), "conv.weight is not known"),
        (changed(fc3__weight=torch.rand(8, 4)), "fc3.weight has shape (8, 4), needed (8, 3)"),
        (changed(fc1__weight=torch.rand(16)), "fc1.weight has shape (16,)"),
        (changed(fc1__bias=torch.full((8,), math.nan)), "fc1.bias holds nan"),
        (changed(fc1__bias=torch.full((8,), math.inf)), "fc1.bias holds nan or infinity"),
        (changed(fc1__bias=torch.ones(8).long()), "fc1.bias is torch.int64"),
        (changed(fc1__weight=torch.rand(0, 16)), "hidden_dim is 0"),
    ],
)
def test_weights_that_do_not_fit_are_named(state, words, tmp_path):
    save_weights(tmp_path / "w.safetensors", state)
    says(ValueError, words, VAE.from_pretrained, tmp_path / "w.safetensors", image_shape=(1, 4, 4))


@pytest.mark.parametrize("shape", ["[1, 4]", "[1, 4, 5]", "no JSON", "null", '"144"', "[1, true, 4]"])
def test_a_damaged_shape_is_refused(shape, tmp_path):
    save_weights(tmp_path / "w.safetensors", small().state_dict(), {"image_shape": shape})
    with pytest.raises(ValueError, match="image_s"):
        VAE.from_pretrained(tmp_path / "w.safetensors")


def test_the_shipped_weights_are_mnists():
    model = VAE.from_pretrained()
    assert model.image_shape == (1, 28, 28) and not model.training


def test_the_shipped_weights_of_two_dimensions_are_small_and_as_good_as_trained():
    model, path = VAE.from_pretrained(latent_dim=2), ROOT / "vae_nb/mnist2.safetensors"
    assert (model.latent_dim, model.hidden_dim, model.image_shape, model.training) == (2, 400, (1, 28, 28), False)
    assert {weight.dtype for weight in load_weights(path).values()} == {torch.float16} and path.stat().st_size < 1_300_000
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    torch.manual_seed(0)
    assert abs(evaluate_epoch(model, mnist(ROOT / "nbs/data", train=False)[0]) - 154.07) < 0.05


def test_a_model_that_has_diverged_does_not_replace_one_that_has_not(tmp_path):
    good, bad = VAE(4, 3, 2), VAE(4, 3, 2)
    good.save_pretrained(tmp_path / "weights")
    before = (tmp_path / "weights").read_bytes()
    with torch.no_grad():
        bad.fc4.bias[0] = torch.nan
    with pytest.raises(ValueError, match="fc4.bias holds nan or infinity, so nothing is written"):
        bad.save_pretrained(tmp_path / "weights")
    assert (tmp_path / "weights").read_bytes() == before

"""What `fit` takes, refuses and leaves behind: contexts, types of images, losses, loops, divergence, pictures."""

import copy
import json
import math
import warnings
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms.functional import pil_to_tensor

from tests.test_checkpoints import Convolutional, Further, Scaled, losses, pictures, run, same, small
from vae_nb.data import as_float
from vae_nb.evaluate import binarize
from vae_nb.loss import loss_function
from vae_nb.model import VAE
from vae_nb.train import PlainLoop, evaluate_epoch, fit, save_reconstructions, save_samples, train_epoch

OTHER_TYPES = (torch.float64, torch.float16, torch.bfloat16)


def trained(images=None, test=None, model=None, epochs=2, **options):
    """A small model after some epochs, and its losses."""
    torch.manual_seed(0)
    model = model or small()
    images = pictures() if images is None else images
    history = fit(model, images, pictures(20, seed=1) if test is None else test, epochs, 32, progress=False, **options)
    return model, losses(history)


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


CONTEXTS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled": partial(torch.set_grad_enabled, False),
    "autocast bfloat16": partial(torch.autocast, "cpu", torch.bfloat16),
    "autocast float16": partial(torch.autocast, "cpu", torch.float16),
    "default float64": partial(default_dtype, torch.float64),
    "default bfloat16": partial(default_dtype, torch.bfloat16),
    "default device": partial(default_device, "meta"),
    "with device": partial(torch.device, "meta"),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", [small, Convolutional], ids=["small", "convolutional"])
@pytest.mark.parametrize("name", CONTEXTS)
def test_a_surrounding_context_changes_nothing(name, make, tmp_path):
    shape = make().image_shape
    torch.manual_seed(0)
    outside = make()
    inside, images, test = copy.deepcopy(outside), pictures(shape=shape), pictures(20, shape, seed=1)
    expected = fit(outside, images, test, 2, 32, progress=False)
    before = torch.get_default_dtype()
    with CONTEXTS[name]():
        found = fit(inside, images, test, 2, 32, progress=False, checkpoint=tmp_path / "run", results=tmp_path)
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu"), torch.get_default_dtype()
    with CONTEXTS[name]():
        assert modes == (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_default_dtype(),
        )
    assert torch.get_default_dtype() == before and same(outside, inside) and losses(expected) == losses(found)
    assert len(fit(make(), images, test, 3, 32, progress=False, checkpoint=tmp_path / "run")) == 3


class Careless(VAE):
    """Makes a tensor without saying where and of which type."""

    def decode(self, z):
        return super().decode(z + torch.zeros(1))


@pytest.mark.parametrize("name", CONTEXTS)
def test_what_a_model_makes_without_a_device_is_the_models(name):
    model, images, test = Careless(16, 8, 2, image_shape=(1, 4, 4)), pictures(), pictures(20, seed=1)
    again = copy.deepcopy(model)
    expected = fit(model, images, test, 2, 32, progress=False)
    with CONTEXTS[name]():
        found = fit(again, images, test, 2, 32, progress=False)
    assert same(model, again) and losses(expected) == losses(found)


def test_images_made_under_inference_mode_are_trained_on():
    with torch.inference_mode():
        images, test = pictures().float() / 255, pictures(20, seed=1).float() / 255
    assert trained(images, test)[1] == trained(as_float(pictures()), as_float(pictures(20, seed=1)))[1]


@pytest.mark.parametrize("shape", [(-1, 16), (-1, 4, 4), (-1, 1, 4, 4)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, *OTHER_TYPES], ids=str)
def test_every_type_and_shape_of_images(dtype, shape):
    def prepared(images):
        return images.view(shape) if dtype == torch.uint8 else (images.view(shape).float() / 255).to(dtype)

    found = trained(prepared(pictures()), prepared(pictures(20, seed=1)))[1]
    for mine, theirs in zip(found, trained()[1], strict=True):
        assert mine[1:3] == (theirs[1:3] if dtype in (torch.uint8, torch.float32, torch.float64) else pytest.approx(theirs[1:3], rel=1e-2))


def test_images_that_require_a_gradient_get_none():
    images = as_float(pictures()).requires_grad_()
    trained(images)
    assert images.grad is None and images.requires_grad


@pytest.mark.parametrize("strided", [lambda x: x.expand(150, 1, 4, 4), lambda x: x.transpose(2, 3)], ids=["expanded", "transposed"])
def test_images_of_any_layout(strided):
    images = strided(pictures())
    assert trained(images)[1] == trained(images.contiguous())[1]


def test_the_same_arguments_give_the_same_result_whatever_the_random_state_was():
    first = trained()
    torch.rand(7)
    assert trained()[1] == first[1] and trained(seed=1)[1] != first[1]


@pytest.mark.parametrize(
    "options", [{}, {"results": "pictures", "checkpoint": "run"}, {"redraw": binarize}], ids=["bare", "files", "redraw"]
)
def test_random_numbers_go_on_as_if_nothing_had_been_drawn(options, tmp_path):
    options = {key: tmp_path / value if isinstance(value, str) else value for key, value in options.items()}
    torch.manual_seed(0)
    model = small()
    expected = torch.get_rng_state()
    fit(model, pictures(), pictures(20), 1, progress=False, **options)
    assert torch.equal(torch.get_rng_state(), expected)
    for wrong in ({"loss": lambda *_: 1 / 0}, {"lr": 1e30}):
        with pytest.raises(ArithmeticError):
            fit(model, pictures(), pictures(20), 1, progress=False, **wrong)
        assert torch.equal(torch.get_rng_state(), expected)


class Noisy(torch.optim.SGD):
    """An optimizer that draws random numbers."""

    def step(self, closure=None):
        torch.rand(3)
        super().step()


def test_trials_disturb_neither_weights_nor_random_numbers():
    """A loop of one's own over the same steps, without any trial, gives the same weights."""
    model = Further()
    mine = copy.deepcopy(model)
    _, found = trained(model=model, optimizer=Noisy)
    optimizer = Noisy(mine.parameters(), lr=1e-3)
    for epoch in (1, 2):
        torch.manual_seed(epoch)
        train_loss = train_epoch(mine, pictures(), optimizer, 32)
        assert (epoch, train_loss, evaluate_epoch(mine, pictures(20, seed=1), 32), "float32") == found[epoch - 1]
    assert same(mine, model)


def test_an_optimizer_s_hooks_are_called_by_its_steps_alone():
    model, calls = small(), []
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.register_step_pre_hook(lambda *_: calls.append(1))
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    fit(model, pictures(64), pictures(8), 1, 32, optimizer=optimizer, progress=False)
    assert len(calls) == 2 and scheduler.get_last_lr() == [1e-3] and {int(state["step"]) for state in optimizer.state.values()} == {2}


DIVERGING = {
    "lr": {"lr": 1e30},
    "huge lr": {"lr": 1e10},
    "SGD": {"lr": 1e10, "optimizer": torch.optim.SGD},
    "nan loss": {"loss": lambda *given: loss_function(*given) * (math.nan if given[2].requires_grad and len(given[0]) > 8 else 1)},
    "torch's own cross-entropy": {"lr": 1e30, "loss": lambda r, x, m, v: nn.functional.binary_cross_entropy(r, x, reduction="sum")},
}


@pytest.mark.parametrize(
    "make", [small, Convolutional, Further, lambda: Scaled(small())], ids=["small", "convolutional", "further", "wrapped"]
)
@pytest.mark.parametrize("name", DIVERGING)
def test_divergence_in_training_names_its_place_and_restores_weights_and_optimizer(name, make, tmp_path):
    torch.manual_seed(0)
    model = make()
    shape = next(part.image_shape for part in model.modules() if hasattr(part, "image_shape"))
    images, test = pictures(shape=shape), pictures(20, shape, seed=1)
    fit(model, images, test, 1, 32, progress=False)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(FloatingPointError, match=r"epoch 1, step \d of 5: .*learning rate \(.*\) is too high") as caught:
        fit(model, images, test, 2, 32, progress=False, checkpoint=tmp_path / "run", **DIVERGING[name])
    assert "255" not in str(caught.value) and "pixel" not in str(caught.value)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert (tmp_path / "run").exists() and not (tmp_path / "run.lock").exists()


@pytest.mark.parametrize("when", ["train", "test"])
@pytest.mark.parametrize("kind", [math.nan, math.inf, "weights"], ids=str)
def test_what_any_loop_reports_as_not_finite_restores_everything(kind, when, tmp_path):
    class Diverging(PlainLoop):
        epochs = 0

        def failed(self, value):
            if kind == "weights":
                self.model.fc1.weight.data[0, 0] = math.nan
            return value if kind == "weights" else kind

        def train_epoch(self, images, progress=False):
            self.epochs += 1
            value = super().train_epoch(images, progress)
            return self.failed(value) if when == "train" and self.epochs == 3 else value

        def evaluate_epoch(self, images):
            value = super().evaluate_epoch(images)
            return self.failed(value) if when == "test" and self.epochs == 3 else value

    torch.manual_seed(0)
    model = small()
    optimizer = torch.optim.Adam(model.parameters())
    with pytest.raises(FloatingPointError, match="epoch 3"):
        fit(
            model, pictures(), pictures(20, seed=1), 4, 32, optimizer=optimizer, loop=Diverging, progress=False, checkpoint=tmp_path / "run"
        )
    expected, _ = trained(epochs=2)
    assert same(model, expected)
    assert {state["step"].item() for state in optimizer.state.values()} == {10.0}
    again, history = run(small, 2, seed=4, checkpoint=tmp_path / "run", made=lambda model: torch.optim.Adam(model.parameters()))
    assert same(again, expected) and len(history) == 2
    fit(model, pictures(), pictures(20, seed=1), 1, 32, optimizer=optimizer, progress=False)


def test_moments_that_overflow_are_noticed_before_they_are_stored(tmp_path):
    """The loss stays finite, but the squares of the gradients do not; a checkpoint with them would be refused."""
    with pytest.raises(FloatingPointError, match="optimizer/.*exp_avg_sq"):
        trained(loss=lambda *given: loss_function(*given) * 1e25, checkpoint=tmp_path / "run")


def test_any_other_error_restores_the_weights_too():
    class Failing(PlainLoop):
        def evaluate_epoch(self, images):
            raise KeyError("mine")

    model = small()
    optimizer = torch.optim.Adam(model.parameters())
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(KeyError, match="mine"):
        fit(model, pictures(), pictures(20), 1, optimizer=optimizer, loop=Failing, progress=False)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items()) and not optimizer.state


def test_a_last_batch_of_one_image_in_batch_normalization_keeps_the_weights():
    class Normed(VAE):
        def __init__(self):
            super().__init__(16, 8, 2, image_shape=(1, 4, 4))
            self.norm = nn.BatchNorm1d(2)

        def decode(self, z):
            return super().decode(self.norm(z))

    model = Normed()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        fit(model, pictures(33), pictures(20), 1, 32, progress=False)
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def kl_weighted(reconstructed, original, mu, logvar, beta=2.0):
    assert reconstructed.shape == original.shape
    return loss_function(reconstructed, original, mu, logvar) + (beta - 1) * 0.5 * (logvar.exp() + mu**2 - 1 - logvar).sum()


def test_the_loss_is_what_training_and_testing_use():
    model, found = trained(loss=kl_weighted)
    torch.manual_seed(0)
    mine = small()
    optimizer = torch.optim.Adam(mine.parameters())
    for epoch in (1, 2):
        torch.manual_seed(epoch)
        values = (
            train_epoch(mine, pictures(), optimizer, 32, loss=kl_weighted),
            evaluate_epoch(mine, pictures(20, seed=1), 32, loss=kl_weighted),
        )
        assert found[epoch - 1][1:3] == values
    assert same(model, mine) and found != trained()[1]


def test_redrawing_happens_once_an_epoch_within_its_random_state():
    drawn = []

    def redraw(images):
        drawn.append(binarize(images))
        return drawn[-1]

    _, found = trained(redraw=redraw, epochs=3)
    assert len(drawn) == 3 and not torch.equal(drawn[0], drawn[1]) and set(drawn[0].unique().tolist()) == {0.0, 1.0}
    torch.manual_seed(2)
    assert torch.equal(drawn[1], binarize(pictures()))
    assert found == trained(redraw=redraw, epochs=3)[1]


def test_redrawing_resumes_to_the_same_bits(tmp_path):
    expected, _ = run(small, 4, redraw=binarize)
    run(small, 2, redraw=binarize, checkpoint=tmp_path / "run")
    assert same(expected, run(small, 4, seed=3, redraw=binarize, checkpoint=tmp_path / "run")[0])


@pytest.mark.parametrize(
    "made, error",
    [
        (lambda images: images.float(), ValueError),
        (lambda images: None, TypeError),
        (lambda images: images[:, :, :2], ValueError),
        (lambda images: images[:0], ValueError),
    ],
)
def test_what_is_redrawn_is_checked(made, error):
    with pytest.raises(error, match="images|pixels"):
        trained(redraw=made)


def test_a_loop_of_ones_own_is_used_and_gets_the_loss():
    got = []

    def loop(model, optimizer, batch_size, loss):
        got.append((type(optimizer), batch_size, loss))
        return PlainLoop(model, optimizer, batch_size, loss)

    assert trained(loop=loop, loss=kl_weighted)[1] == trained(loss=kl_weighted)[1]
    assert got == [(torch.optim.Adam, 32, kl_weighted)]


def test_double_precision_is_named_in_the_records():
    assert {record[3] for record in trained(model=small().double())[1]} == {"float64"}


def test_precision_follows_what_pytorch_may_use():
    model = small()
    optimizer = torch.optim.Adam(model.parameters())
    assert PlainLoop(model, optimizer).precision == "float32"
    before = torch.get_float32_matmul_precision()
    try:
        for setting, name in (("high", "tf32"), ("medium", "bfloat16")):
            torch.set_float32_matmul_precision(setting)
            assert PlainLoop(model, optimizer).precision == name
            assert {record[3] for record in trained(precision="float32")[1]} == {"float32"}
            assert torch.get_float32_matmul_precision() == setting
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("low", ["tf32", "bfloat16", "float16"])
def test_low_precision_can_be_forbidden(low):
    loop = type("Low", (PlainLoop,), {"precision": property(lambda self: low, lambda self, value: None)})
    assert trained(loop=loop)[1][0][3] == low
    with pytest.raises(ValueError, match=f"computes in {low}"):
        trained(loop=loop, precision="float32")


def test_without_memory_on_the_gpu_training_runs_on_the_cpu():
    model = small()
    moves = iter([torch.cuda.OutOfMemoryError("no memory")])

    class Full(torch.Tensor):
        def to(self, *given, **options):
            if isinstance(given[0], torch.device) and (error := next(moves, None)):
                raise error
            return torch.Tensor.to(self, *given, **options).as_subclass(torch.Tensor)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        found = trained(pictures().as_subclass(Full), model=model, epochs=1)[1]
    assert "no memory left" in str(heard[-1].message) and len(found) == 1 and next(moves, "used") == "used"


@pytest.mark.parametrize(
    "make, shape",
    [
        (small, (1, 4, 4)),
        (Convolutional, (3, 4, 4)),
        (lambda: VAE(image_shape=(1, 3, 7)), (1, 3, 7)),
        (lambda: VAE(image_shape=(3, 6, 5)).double(), (3, 6, 5)),
        (lambda: torch.compile(small(), backend="eager"), (1, 4, 4)),
    ],
)
def test_pictures_have_the_models_shape_and_colours(make, shape, tmp_path):
    torch.manual_seed(0)
    model, (height, width) = make(), shape[1:]
    images = pictures(20, shape)
    fit(model, images, images, 1, progress=False, results=tmp_path)
    drawn = pil_to_tensor(Image.open(tmp_path / "reconstruction_1.png"))
    assert drawn.shape == (3, 2 * height + 6, 5 * width + 12)
    assert torch.equal(drawn[:, 2 : 2 + height, 2 : 2 + width], images[0].expand(3, -1, -1))
    assert pil_to_tensor(Image.open(tmp_path / "sample_1.png")).shape == (3, 8 * height + 18, 8 * width + 18)
    save_reconstructions(model.train(), images.double() / 255, tmp_path / "few.jpg", count=3)
    save_samples(model, tmp_path / "few.webp", count=2)
    assert model.training and len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    "model, words",
    [(VAE(30, 8, 2), r"image_shape=\(C, H, W\)"), (VAE(hidden_dim=8, latent_dim=2, image_shape=(2, 3, 5)), "only 1 channel")],
)
def test_what_cannot_be_drawn_is_refused_before_training(model, words, tmp_path):
    images = pictures(8, (30,))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=words):
        fit(model, images, images, 1, progress=False, results=tmp_path / "results")
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert len(fit(model, images, images, 1, progress=False)) == 1


class Pair(VAE):
    def forward(self, x):
        return super().forward(x)[:2]


class WideMu(VAE):
    def forward(self, x):
        reconstructed, mu, logvar = super().forward(x)
        return reconstructed, torch.cat([mu, mu], 1), torch.cat([logvar, logvar], 1)


class FewPixels(VAE):
    def decode(self, z):
        return super().decode(z)[:, :10]


class Logits(VAE):
    def decode(self, z):
        return 5 * super().decode(z) - 2


def of(cls):
    return cls(16, 8, 2, image_shape=(1, 4, 4))


def broken(value):
    model = small()
    model.fc1.weight.data[0, 0] = value
    return model


def inferred():
    with torch.inference_mode():
        return small()


FLAT, TEST, MODEL = pictures().flatten(1), pictures(20, seed=1), small()
WRONG = [
    ({"model": None}, TypeError, "model is None"),
    ({"model": VAE}, TypeError, "the class VAE"),
    ({"model": nn.Linear(4, 4)}, TypeError, "encode"),
    ({"model": "VAE"}, TypeError, "model is 'VAE'"),
    ({"model": of(Pair)}, TypeError, "reconstructed, mu, logvar"),
    ({"model": of(WideMu)}, ValueError, "latent_dim is 2"),
    ({"model": of(FewPixels)}, ValueError, "as many pixels"),
    ({"model": of(Logits)}, ValueError, "torch.sigmoid"),
    ({"model": broken(math.nan)}, ValueError, "fc1.weight holds nan"),
    ({"model": broken(math.inf)}, ValueError, "fc1.weight holds nan or inf"),
    ({"model": inferred()}, ValueError, "inference_mode"),
    ({"model": small().to("meta")}, ValueError, "meta device"),
    ({"model": small().requires_grad_(False)}, ValueError, "requires_grad_"),
    ({"images": None}, TypeError, "must be a tensor, not None"),
    ({"images": [1, 2]}, TypeError, "must be a tensor, not list"),
    ({"images": FLAT.numpy()}, TypeError, "torch.as_tensor"),
    ({"images": "images"}, TypeError, "tensor"),
    ({"images": FLAT.int()}, TypeError, "uint8"),
    ({"images": FLAT.bool()}, TypeError, "uint8"),
    ({"images": FLAT.float()}, ValueError, "255"),
    ({"images": FLAT[:0]}, ValueError, "at least 1 image"),
    ({"images": FLAT[:, :15]}, ValueError, r"\(150, 15\)"),
    ({"images": FLAT.float() * math.nan}, ValueError, "nan"),
    ({"test": TEST.float()}, ValueError, "255"),
    ({"test": TEST[:0]}, ValueError, "at least 1 image"),
    ({"test": None}, TypeError, "tensor"),
    ({"epochs": 0}, ValueError, "epochs is 0"),
    ({"epochs": True}, TypeError, "epochs is True"),
    ({"epochs": 1.0}, TypeError, "epochs is 1.0"),
    ({"batch_size": 0}, ValueError, "batch_size is 0"),
    ({"batch_size": "32"}, TypeError, "batch_size is '32'"),
    ({"lr": None}, TypeError, "lr is None"),
    ({"lr": "0.1"}, TypeError, "lr is '0.1'"),
    ({"lr": True}, TypeError, "lr is True"),
    ({"lr": -1e-3}, ValueError, "lr is -0.001"),
    ({"lr": math.nan}, ValueError, "lr is nan"),
    ({"lr": math.inf}, ValueError, "lr is inf"),
    ({"lr": 10**400}, ValueError, "lr is 1000"),
    ({"lr": torch.ones(2)}, TypeError, "lr is"),
    ({"lr": [1e-3]}, TypeError, "lr is"),
    ({"lr": 1j}, TypeError, "lr is 1j"),
    ({"seed": -1}, ValueError, "seed is -1"),
    ({"seed": 2**32}, ValueError, "seed is 4294967296"),
    ({"seed": 1.0}, TypeError, "seed is 1.0"),
    ({"seed": True}, TypeError, "seed is True"),
    ({"seed": None}, TypeError, "seed is None"),
    ({"seed": "0"}, TypeError, "seed is '0'"),
    ({"loss": None}, TypeError, "loss is None"),
    ({"loss": "bce"}, TypeError, "loss is 'bce'"),
    ({"loss": lambda *given: loss_function(*given).item()}, TypeError, "scalar tensor"),
    ({"loss": lambda *given: loss_function(*given).detach()}, ValueError, "detach"),
    ({"loss": lambda r, x, m, v: (r - x) ** 2}, TypeError, r"\.sum\(\)"),
    ({"loss": lambda *given: None}, TypeError, "loss returns None"),
    ({"loop": 3}, TypeError, "loop is 3"),
    ({"loop": lambda *given: object()}, TypeError, "no train_epoch"),
    ({"loop": PlainLoop(MODEL, torch.optim.Adam(MODEL.parameters()))}, TypeError, "PlainLoop"),
    ({"optimizer": "adam"}, TypeError, "optimizer is 'adam'"),
    ({"optimizer": lambda parameters, lr: None}, TypeError, "optimizer returns NoneType"),
    ({"optimizer": torch.optim.LBFGS}, ValueError, "closure"),
    ({"optimizer": torch.optim.SparseAdam}, ValueError, "SparseAdam cannot take a step"),
    ({"optimizer": torch.optim.Adam(small().parameters())}, ValueError, "other parameters"),
    ({"redraw": 3}, TypeError, "redraw is 3"),
    ({"precision": "bfloat16"}, ValueError, "precision is 'bfloat16'"),
    ({"precision": 32}, ValueError, "precision is 32"),
    ({"schedule": "cosine"}, ValueError, "schedule is 'cosine'; it must be None or \"one-cycle\""),
    ({"schedule": True}, ValueError, "schedule is True"),
    ({"schedule": "one-cycle", "epochs": 0}, ValueError, "epochs is 0; it must be a whole number of at least 1"),
    ({"checkpoint": 5}, TypeError, "path"),
    ({"results": 5}, TypeError, "path"),
]


@pytest.mark.parametrize("wrong, error, words", WRONG, ids=[f"{i}-{words}" for i, (_, _, words) in enumerate(WRONG)])
def test_bad_arguments_are_refused_before_anything_is_changed(wrong, error, words):
    given = {"model": small(), "images": FLAT, "test": TEST, "epochs": 1, **wrong}
    model = given["model"]
    before = copy.deepcopy(model.state_dict()) if isinstance(model, nn.Module) else {}
    with pytest.raises(error, match=words):
        fit(given.pop("model"), given.pop("images"), given.pop("test"), **given, progress=False)
    if before and not next(iter(before.values())).is_meta:
        assert all(torch.allclose(before[key], tensor, rtol=0, atol=0, equal_nan=True) for key, tensor in model.state_dict().items())


def test_an_optimizer_with_its_own_rate_refuses_another():
    model = small()
    with pytest.raises(ValueError, match="leave lr out"):
        fit(model, FLAT, TEST, 1, lr=0.1, optimizer=torch.optim.SGD(model.parameters(), lr=0.2), progress=False)


def test_an_optimizer_of_ones_own_trains_what_it_holds_and_no_more():
    model = small()
    before = copy.deepcopy(model.state_dict())
    fit(model, FLAT, TEST, 1, optimizer=torch.optim.SGD(model.fc4.parameters(), lr=1e-3), progress=False)
    moved = {key for key, tensor in model.state_dict().items() if not torch.equal(before[key], tensor)}
    assert moved == {"fc4.weight", "fc4.bias"}


def test_frozen_layers_stay(tmp_path):
    model = small()
    model.fc1.requires_grad_(False)
    before = model.fc1.weight.clone()
    fit(model, FLAT, TEST, 1, progress=False)
    assert torch.equal(before, model.fc1.weight) and model.fc1.weight.grad is None


@pytest.mark.parametrize("name", ["results", "checkpoint"])
def test_a_file_in_the_way_of_a_folder_is_named_at_once(name, tmp_path):
    (tmp_path / "taken").write_text("a file")
    path = tmp_path / "taken" if name == "results" else tmp_path / "taken" / "run"
    with pytest.raises(OSError, match="nothing can be written to .*taken"):
        trained(**{name: path})


def test_the_records_can_be_written_as_json():
    _, history = run(small, 1)
    assert list(json.loads(json.dumps(history))[0]) == ["epoch", "train_loss", "test_loss", "seconds", "precision"]


def test_a_model_of_rows_is_trained_on_rows():
    rows = pictures(40, (30,))
    assert len(fit(VAE(30, 8, 2), rows, rows, 1, progress=False)) == 1


def test_the_default_is_the_seeds_recipe():
    model = small()
    with patch.object(torch.optim, "Adam", side_effect=torch.optim.Adam) as made:
        fit(model, FLAT, TEST, 1, progress=False)
    assert made.call_args.kwargs == {"lr": 1e-3} and len(made.call_args.args[0]) == 10


@pytest.mark.parametrize("number", [lambda value: torch.tensor(value), lambda value: torch.tensor(value, requires_grad=True), round])
def test_a_loop_may_return_any_number_and_the_checkpoint_goes_on(number, tmp_path):
    class Own(PlainLoop):
        def train_epoch(self, images, progress=False):
            return number(super().train_epoch(images, progress))

        def evaluate_epoch(self, images):
            return number(super().evaluate_epoch(images))
    expected, _ = run(small, 3)
    run(small, 1, loop=Own, checkpoint=tmp_path / "run")
    model, history = run(small, 3, loop=Own, checkpoint=tmp_path / "run")
    assert same(model, expected) and all(type(record["test_loss"]) is float for record in history)


def test_a_loop_that_returns_no_number_is_named():
    class Silent(PlainLoop):
        def evaluate_epoch(self, images):
            super().evaluate_epoch(images)
    with pytest.raises(TypeError, match="the loop's evaluate_epoch returned None; needed: one number"):
        trained(loop=Silent)


def test_a_redraw_that_changes_the_images_themselves_is_refused():
    images = pictures().float() / 255
    with pytest.raises(ValueError, match="redraw has changed the training images themselves"):
        trained(images, redraw=lambda kept: kept.mul_(0.5))
    trained(images, redraw=lambda kept: kept.clone().mul_(0.5))


def test_an_error_of_any_kind_in_a_redraw_keeps_its_words():
    with pytest.raises(ValueError, match="redraw: Expecting value"):
        trained(redraw=lambda kept: json.loads("x"))


def test_samples_of_a_model_that_keeps_the_contract_to_the_letter(tmp_path):
    class Own(VAE):
        def log_prior(self, z):
            return -z.square().sum(-1) / 2

        def sample_latents(self, count, generator):
            return torch.zeros(count, self.latent_dim)
    trained(model=Own(16, 8, 2, image_shape=(1, 4, 4)), epochs=1, results=tmp_path)
    assert (tmp_path / "sample_1.png").exists()


def test_the_public_loops_arrange_images_as_the_model_takes_them():
    model = Convolutional()
    adam = torch.optim.Adam(model.parameters())
    rows = pictures(shape=(3 * 4 * 4,))
    assert math.isfinite(train_epoch(model, rows, adam)) and math.isfinite(evaluate_epoch(model, rows))


def test_images_of_zeros_and_ones_in_bytes_are_noticed():
    with pytest.warns(UserWarning, match=r"images\.float\(\)"):
        trained((pictures() > 127).to(torch.uint8), epochs=1)

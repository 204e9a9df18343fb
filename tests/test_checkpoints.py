"""Checkpoints of any model and optimizer: written, resumed to the same bits, or refused before the first step with the reason."""

import copy
import errno
import json
import os
import subprocess
import sys
import threading
from functools import partial

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from vae_nb.files import Checkpoint, State, read_weights, write_whole
from vae_nb.loss import loss_function
from vae_nb.model import VAE
from vae_nb.train import PlainLoop, fit


def pictures(count=150, shape=(1, 4, 4), seed=0):
    return torch.randint(0, 256, (count, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


class Further(VAE):
    """A VAE with a layer more, a buffer that changes, one that is masked with infinity, and one that is not stored."""

    def __init__(self, **sizes):
        super().__init__(16, 8, 2, image_shape=(1, 4, 4), **sizes)
        self.extra = nn.Linear(2, 2)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf], dtype=torch.float64))
        self.register_buffer("constant", torch.ones(2), persistent=False)

    def decode(self, z):
        self.calls += 1
        return super().decode(self.extra(z) + self.mask.softmax(0).float())


class Counted(VAE):
    """A VAE with one buffer more."""

    def __init__(self):
        super().__init__(16, 8, 2, image_shape=(1, 4, 4))
        self.register_buffer("calls", torch.zeros(()))


class Convolutional(nn.Module):
    """A convolutional VAE in color, with batch normalization and dropout."""

    latent_dim, image_shape = 3, (3, 4, 4)

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1), nn.Flatten())
        self.heads = nn.Linear(16, 6)
        self.up = nn.Sequential(nn.Linear(3, 16), nn.Unflatten(1, (4, 2, 2)), nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1))

    def encode(self, x):
        return self.heads(self.down(x)).chunk(2, 1)

    def decode(self, z):
        return self.up(z).sigmoid()

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + (logvar / 2).exp() * torch.randn_like(mu)), mu, logvar


class Scaled(nn.Module):
    """A wrapper with a parameter and a buffer of its own, like AveragedModel but trained itself."""

    def __init__(self, module):
        super().__init__()
        self.module, self.scale = module, nn.Parameter(torch.ones(()))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += len(x)
        reconstructed, mu, logvar = self.module(x)
        return reconstructed, mu * self.scale, logvar


def small():
    return VAE(16, 8, 2, image_shape=(1, 4, 4))


def tied():
    model = small()
    model.fc2_logvar.weight = model.fc2_mean.weight
    return model


def frozen():
    model = small()
    model.fc1.requires_grad_(False)
    model.fc4.bias.requires_grad_(False)
    return model


def unused():
    model = small()
    model.spare = nn.Linear(3, 3)
    return model


def normed():
    model = small()
    nn.utils.parametrizations.weight_norm(model.fc1)
    nn.utils.parametrizations.spectral_norm(model.fc3)
    return model


def part_compiled():
    model = Convolutional()
    model.down = torch.compile(model.down, backend="eager")
    return model


MODELS = {
    "plain": small,
    "further": Further,
    "tied": tied,
    "frozen": frozen,
    "unused": unused,
    "normed": normed,
    "convolutional": Convolutional,
    "double": lambda: small().double(),
    "double conv": lambda: Convolutional().double(),
    "bfloat16": lambda: small().bfloat16(),
    "compiled": lambda: torch.compile(small(), backend="eager"),
    "compiled conv": lambda: torch.compile(Convolutional(), backend="eager"),
    "part compiled": part_compiled,
    "parallel": lambda: nn.DataParallel(small()),
    "averaged": lambda: AveragedModel(Further()),
    "both": lambda: torch.compile(nn.DataParallel(small()), backend="eager"),
    "scaled": lambda: Scaled(small()),
    "channels last": lambda: Convolutional().to(memory_format=torch.channels_last),
    "rows": lambda: VAE(30, 8, 2),
}
OPTIMIZERS = {
    "SGD": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "AdamW": torch.optim.AdamW,
    "amsgrad": partial(torch.optim.Adam, amsgrad=True),
    "fused": partial(torch.optim.Adam, fused=True),
    "NAdam": torch.optim.NAdam,
    "RAdam": torch.optim.RAdam,
    "Adamax": torch.optim.Adamax,
    "Adagrad": torch.optim.Adagrad,
    "Adadelta": torch.optim.Adadelta,
    "RMSprop": partial(torch.optim.RMSprop, centered=True, momentum=0.5),
    "Rprop": torch.optim.Rprop,
    "ASGD": torch.optim.ASGD,
}
if hasattr(torch.optim, "Adafactor"):
    OPTIMIZERS["Adafactor"] = torch.optim.Adafactor


def run(make, epochs, seed=0, count=150, **options):
    """A model made from a seed and trained; an optimizer given by `made` is made on it."""
    torch.manual_seed(seed)
    model = make()
    inner = next((part for part in model.modules() if hasattr(part, "image_shape")))
    shape = inner.image_shape or (inner.image_size,)
    if made := options.pop("made", None):
        options["optimizer"] = made(model)
    history = fit(model, pictures(count, shape), pictures(20, shape, seed=1), epochs, batch_size=32, progress=False, **options)
    return model, history


def same(a, b):
    """Whether two models hold the same bits, the names included."""
    mine, theirs = a.state_dict(), b.state_dict()
    return list(mine) == list(theirs) and all(torch.equal(mine[name], theirs[name]) for name in mine)


def losses(history):
    return [(record["epoch"], record["train_loss"], record["test_loss"], record["precision"]) for record in history]


def broken_and_unbroken(make, path, **options):
    """A run of 4 epochs, and one that stops after 2 and goes on with another model of another seed."""
    unbroken = run(make, 4, **options)
    run(make, 2, checkpoint=path, **options)
    return unbroken, run(make, 4, seed=9, checkpoint=path, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_any_model_resumes_to_the_same_bits(name, tmp_path):
    (model, history), (again, resumed) = broken_and_unbroken(MODELS[name], tmp_path / "run.safetensors")
    assert same(model, again) and losses(history) == losses(resumed) and len(resumed) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("make", [frozen, Convolutional], ids=["frozen", "convolutional"])
def test_any_optimizer_resumes_to_the_same_bits(name, make, tmp_path):
    (model, history), (again, resumed) = broken_and_unbroken(make, tmp_path / "run", optimizer=OPTIMIZERS[name])
    assert same(model, again) and losses(history) == losses(resumed)


def groups(model):
    return torch.optim.SGD([{"params": model.fc1.parameters(), "lr": 0.01}, {"params": model.fc4.parameters()}], lr=1e-4, momentum=0.9)


def decaying(model):
    """An optimizer whose learning rate and other settings change with each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def decay(optimizer, *_):
        for group in optimizer.param_groups:
            group["lr"] *= 0.9
            group["count"] = group.get("count", 0) + 1

    optimizer.register_step_post_hook(decay)
    return optimizer


def on_tensor(model):
    return torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-3), foreach=False)


def warm(model):
    optimizer = torch.optim.Adam(model.parameters())
    model(pictures(8).float() / 255)[1].sum().backward()
    optimizer.step()
    return optimizer


class Lazy(torch.optim.SGD):
    """Keeps something more from its third step on."""

    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["count"] = state.get("count", torch.zeros((), dtype=torch.int64)) + 1
                if state["count"] > 2:
                    state["slow"] = state.get("slow", parameter.detach()).lerp(parameter.detach(), 0.5)
                    with torch.no_grad():
                        parameter.lerp_(state["slow"], 0.5)


@pytest.mark.parametrize(
    "made",
    [groups, decaying, on_tensor, warm, lambda model: Lazy(model.parameters(), lr=1e-3)],
    ids=["groups", "decaying", "lr a tensor", "warm", "lazy"],
)
def test_optimizers_made_by_the_caller_resume_to_the_same_bits(made, tmp_path):
    (model, history), (again, resumed) = broken_and_unbroken(small, tmp_path / "run", made=made)
    assert same(model, again) and losses(history) == losses(resumed)


@pytest.mark.slow
def test_a_checkpoint_of_a_compiled_or_wrapped_model_is_that_of_the_model(tmp_path):
    unbroken, _ = run(small, 4)
    chain = [small, MODELS["compiled"], MODELS["parallel"], MODELS["both"]]
    for epochs, make in enumerate(chain, 1):
        model, _ = run(make, epochs, seed=epochs - 1, checkpoint=tmp_path / "run")
    assert all(
        torch.equal(tensor, other) for tensor, other in zip(unbroken.state_dict().values(), model.state_dict().values(), strict=True)
    )


@pytest.mark.slow
def test_a_model_compiled_in_part_goes_on_without_it(tmp_path):
    expected, _ = run(Convolutional, 4)
    run(part_compiled, 2, checkpoint=tmp_path / "run")
    again, _ = run(Convolutional, 4, seed=3, checkpoint=tmp_path / "run")
    assert same(expected, again)


def holding(tensor):
    def make():
        model = small()
        model.register_buffer("held", tensor)
        return model

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    "tensor",
    [torch.tensor([torch.nan, 1.0]), torch.tensor([-torch.inf]), torch.tensor([True]), torch.tensor(3), torch.ones(0), torch.tensor([1j]),
     torch.ones(3).to(torch.float8_e4m3fn), torch.ones(3).half()],
    ids=str,
)
def test_buffers_of_any_type_and_value_resume(tensor, tmp_path):
    if tensor.is_complex():
        pytest.importorskip("safetensors", "0.7", reason="older safetensors hold no complex numbers, and fit says so")
    (model, history), (again, resumed) = broken_and_unbroken(holding(tensor), tmp_path / "run")
    assert losses(history) == losses(resumed)
    assert torch.equal(model.held.view(-1).view(torch.uint8), again.held.view(-1).view(torch.uint8)) and again.held.dtype == tensor.dtype


@pytest.mark.parametrize("tensor", [torch.eye(3).to_sparse(), torch.ones(2, dtype=torch.complex128)], ids=["sparse", "complex128"])
def test_buffers_that_no_file_holds_are_refused_with_a_checkpoint_alone(tensor, tmp_path):
    assert len(run(holding(tensor), 1)[1]) == 1
    with pytest.raises(ValueError, match="held is no tensor that a file can hold"):
        run(holding(tensor), 1, checkpoint=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_read_by_from_pretrained(tmp_path):
    model, _ = run(small, 1, checkpoint=tmp_path / "run")
    again = VAE.from_pretrained(tmp_path / "run")
    assert same(model, again) and again.image_shape == (1, 4, 4)


class Closure(torch.optim.SGD):
    def step(self, closure):
        return closure()


class Counting(torch.optim.SGD):
    """Counts its steps outside of what a state dict holds."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr)
        self.count = 0

    def step(self, closure=None):
        self.count += 1
        super().step()


class Numbers(torch.optim.SGD):
    def step(self, closure=None):
        super().step()
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["count"] = self.state[parameter].get("count", 0) + 1


class Global(torch.optim.SGD):
    def step(self, closure=None):
        super().step()
        self.state["all"] = {"count": torch.ones(())}


class Stateful(nn.Module):
    """A loss with a tensor of its own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(()))

    def forward(self, *arguments):
        return loss_function(*arguments) * self.weight


class Secret(VAE):
    """Leaves a trained parameter out of its state dict."""

    def state_dict(self, *arguments, **options):
        state = super().state_dict(*arguments, **options)
        return {name: tensor for name, tensor in state.items() if name != "fc4.bias"}


class WithText(Further):
    def get_extra_state(self):
        return "some text"

    def set_extra_state(self, state):
        pass


@pytest.mark.parametrize(
    "make, options, reason",
    [
        (small, {"optimizer": Counting}, "count"),
        (small, {"optimizer": Numbers}, "is no tensor"),
        (small, {"optimizer": Global}, "all"),
        (small, {"loss": Stateful()}, "weight"),
        (lambda: Secret(16, 8, 2, image_shape=(1, 4, 4)), {}, "fc4.bias"),
        (WithText, {}, "extra_state"),
    ],
    ids=["attribute", "number", "global", "loss", "secret", "text"],
)
def test_what_a_checkpoint_cannot_hold_is_refused_before_training(make, options, reason, tmp_path):
    before, _ = run(make, 1, **options)
    torch.manual_seed(0)
    model = make()
    start = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=reason):
        fit(model, pictures(), pictures(20), 1, checkpoint=tmp_path / "run", progress=False, **options)
    assert all(
        start[name] is tensor or start[name] == tensor if isinstance(tensor, str) else torch.equal(start[name], tensor)
        for name, tensor in model.state_dict().items()
    )
    assert not list(tmp_path.iterdir())


def refused(path, error=ValueError, make=small, images=None, test=None, epochs=3, **options):
    """The message with which `fit` refuses a checkpoint; the model, the optimizer and the file are as before."""
    torch.manual_seed(3)
    model = make()
    optimizer = torch.optim.Adam(model.parameters())
    before, content = copy.deepcopy(model.state_dict()), path.read_bytes() if path.is_file() else None
    options = {"optimizer": optimizer, "batch_size": 32, **options}
    with pytest.raises(error) as caught:
        fit(
            model,
            pictures() if images is None else images,
            pictures(20, seed=1) if test is None else test,
            epochs,
            progress=False,
            checkpoint=path,
            **options,
        )
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items()) and not optimizer.state
    assert content is None or path.read_bytes() == content
    assert str(path.name) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def stored(tmp_path):
    run(small, 2, checkpoint=tmp_path / "run.safetensors")
    return tmp_path / "run.safetensors"


def beta_loss(*arguments, beta):
    return beta * loss_function(*arguments)


def scaled_by(beta):
    return lambda *arguments: beta * loss_function(*arguments)


def doubled(*arguments):
    return 2 * loss_function(*arguments)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"batch_size": 16}, "batch_size was 32, now 16"),
        ({"seed": 1}, "seed was 0, now 1"),
        ({"images": 255 - pictures()}, "train_images"),
        ({"images": pictures().flip(0)}, "train_images"),
        ({"test": 255 - pictures(20)}, "test_images"),
        ({"loss": doubled}, "doubled"),
        ({"optimizer": torch.optim.AdamW}, "optimizer was 'Adam', now 'AdamW'"),
        ({"optimizer": None, "lr": 1e-2}, "lr was 0.001, now 0.01"),
        ({"optimizer": partial(torch.optim.Adam, betas=(0.5, 0.9))}, "betas"),
        ({"redraw": torch.clone}, "redraw was None"),
        ({"make": frozen, "optimizer": None}, "only then ['fc1.weight', 'fc1.bias', 'fc4.bias']"),
    ],
)
def test_other_settings_are_refused_by_name(options, words, stored):
    assert words in refused(stored, **options)


@pytest.mark.parametrize(
    "first, second",
    [(partial(beta_loss, beta=4), partial(beta_loss, beta=2)), (scaled_by(4), scaled_by(2)), (doubled, partial(beta_loss, beta=2))],
)
def test_a_loss_with_another_weight_is_another_loss(first, second, tmp_path):
    run(small, 1, checkpoint=tmp_path / "run", loss=first)
    assert len(run(small, 2, checkpoint=tmp_path / "run", loss=first)[1]) == 2
    with pytest.raises(ValueError, match="loss was"):
        run(small, 2, checkpoint=tmp_path / "run", loss=second)


def test_images_in_another_shape_are_the_same_images(stored):
    torch.manual_seed(5)
    assert len(fit(small(), pictures().flatten(1), pictures(20, seed=1).squeeze(1), 3, 32, progress=False, checkpoint=stored)) == 3


def changed(path, tensors=(), text=(), drop=()):
    """Write a checkpoint anew with some of its content changed."""
    old, metadata = read_weights(path)
    old = {name: tensor for name, tensor in (old | dict(tensors)).items() if name not in drop}
    metadata = {name: value for name, value in (metadata | dict(text)).items() if value is not None}
    save_file({name: tensor.clone().contiguous() for name, tensor in old.items()}, path, metadata)


ONES, MOMENTS = torch.ones, "optimizer/fc1.weight/exp_avg"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"tensors": {"fc1.weight": ONES(8, 17)}}, "fc1.weight has shape (8, 17), needed (8, 16)"),
        ({"tensors": {"fc1.weight": ONES(8, 16, dtype=torch.float64)}}, "fc1.weight is torch.float64, needed torch.float32"),
        ({"tensors": {"fc1.weight": ONES(8, 16, dtype=torch.bfloat16)}}, "fc1.weight is torch.bfloat16"),
        ({"tensors": {"fc1.weight": ONES(8, 16) * torch.nan}}, "fc1.weight holds nan"),
        ({"tensors": {"fc1.bias": ONES(8) * torch.inf}}, "fc1.bias holds nan or infinite"),
        ({"tensors": {MOMENTS: ONES(16, 8)}}, f"{MOMENTS} has shape (16, 8)"),
        ({"tensors": {MOMENTS: ONES(1)}}, f"{MOMENTS} has shape (1,)"),
        ({"tensors": {MOMENTS: ONES(8, 16).double()}}, f"{MOMENTS} is torch.float64"),
        ({"tensors": {MOMENTS: ONES(8, 16) * torch.nan}}, MOMENTS),
        ({"tensors": {"optimizer/fc1.weight/step": ONES(1)}}, "step has shape"),
        ({"drop": [MOMENTS]}, f"{MOMENTS} is missing"),
        ({"drop": ["fc4.bias"]}, "fc4.bias is missing"),
        ({"drop": [f"optimizer/fc1.bias/{key}" for key in ("step", "exp_avg", "exp_avg_sq")]}, "missing"),
        ({"tensors": {"fc9.weight": ONES(2)}}, "fc9.weight is not known"),
        ({"tensors": {"optimizer/fc9/exp_avg": ONES(2)}}, "not known"),
        ({"tensors": {"optimizer/fc1.weight/other": ONES(8, 16)}}, "other is not known"),
        *[
            ({"text": {"history": history}}, "damaged")
            for history in (
                "{",
                "null",
                "3",
                "[1, 2]",
                '[{"epoch": 1}]',
                "[" * 100_000,
                '"text"',
                "{}",
                "[null]",
                '[{"epoch": 2, "train_loss": 1.0, "test_loss": 1.0, "seconds": 1.0, "precision": "float32"}]',
                '[{"epoch": true, "train_loss": 1.0, "test_loss": 1.0, "seconds": 1.0, "precision": "float32"}]',
                '[{"epoch": 1, "train_loss": NaN, "test_loss": 1.0, "seconds": 1.0, "precision": "float32"}]',
                '[{"epoch": 1, "train_loss": 1.0, "test_loss": Infinity, "seconds": 1.0, "precision": "float32"}]',
                '[{"epoch": 1, "train_loss": "1", "test_loss": 1.0, "seconds": 1.0, "precision": "float32"}]',
            )
        ],
        ({"text": {"settings": "[]"}}, "damaged"),
        ({"text": {"settings": "{"}}, "damaged"),
        ({"text": {"groups": "3"}}, "damaged"),
        ({"text": {"groups": "[1]"}}, "damaged"),
        ({"text": {"tensors": "{}"}}, "damaged"),
        ({"text": {"groups": None}}, "damaged"),
        ({"text": {"groups": "[]"}}, "damaged"),
        ({"text": {"vae_nb_checkpoint": "3"}}, "another version"),
        ({"text": {"vae_nb_checkpoint": None}}, "another version"),
        ({"text": {"vae_nb_checkpoint": None, "history": None}}, "not a checkpoint"),
    ],
    ids=str,
)
def test_a_checkpoint_that_was_altered_is_refused_with_the_reason(change, words, stored):
    changed(stored, **change)
    assert words in refused(stored)


def test_a_checkpoint_of_another_type_is_refused_both_ways(stored):
    assert "fc1.bias is torch.float32, needed torch.float64" in refused(stored, make=lambda: small().double())
    run(lambda: small().double(), 1, checkpoint=stored.with_name("double"))
    assert "fc1.bias is torch.float64, needed torch.float32" in refused(stored.with_name("double"))


def test_another_architecture_is_refused_by_names_and_shapes(stored):
    assert "only now ['extra.weight', 'extra.bias']" in refused(stored, make=Further)
    assert "calls is missing" in refused(stored, make=Counted)
    assert "needed (9, 16)" in refused(stored, make=lambda: VAE(16, 9, 2, image_shape=(1, 4, 4)))


def test_files_that_are_no_checkpoints_are_refused(stored, tmp_path):
    whole = stored.read_bytes()
    for name, content in {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"hello", "header": whole[:20],
                          "long": b"\x80\x02" + bytes(6) + b"{}"}.items():
        (tmp_path / name).write_bytes(content)
        assert "not a whole safetensors file" in refused(tmp_path / name)
    torch.save(small().state_dict(), tmp_path / "old.pt")
    assert "pickle" in refused(tmp_path / "old.pt")
    small().save_pretrained(tmp_path / "weights")
    assert "not a checkpoint" in refused(tmp_path / "weights")
    (tmp_path / "folder").mkdir()
    assert "folder" in refused(tmp_path / "folder", IsADirectoryError)
    os.mkfifo(tmp_path / "pipe")
    assert "ordinary" in refused(tmp_path / "pipe")


def test_the_first_edition_s_checkpoint_is_refused(tmp_path):
    state = small().state_dict()
    moments = {
        f"adam.{name}.{key}": torch.zeros_like(tensor) for name, tensor in state.items() for key in ("step", "exp_avg", "exp_avg_sq")
    }
    text = {"history": "[]", "settings": json.dumps({"batch_size": 32, "lr": 0.001, "seed": 0, "images": 150})}
    save_file({**state, **moments}, tmp_path / "first", text)
    assert "another version" in refused(tmp_path / "first")


def test_what_was_read_does_not_change_with_the_file(stored):
    torch.manual_seed(0)
    model = small()
    optimizer = torch.optim.Adam(model.parameters())
    fit(model, pictures(), pictures(20, seed=1), 2, 32, optimizer=optimizer, progress=False, checkpoint=stored)
    before = [copy.deepcopy(list(optimizer.state.values())), copy.deepcopy(model.state_dict())]
    os.truncate(stored, 0)
    assert str(before) == str([list(optimizer.state.values()), model.state_dict()])


def test_a_symbolic_link_and_the_mode_are_kept(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    link.symlink_to(target)
    run(small, 1, checkpoint=link)
    target.chmod(0o600)
    run(small, 2, checkpoint=link)
    assert link.is_symlink() and target.stat().st_mode & 0o777 == 0o600 and len(run(small, 2, checkpoint=target)[1]) == 2


class Meeting(PlainLoop):
    """A loop that does something in the middle of an epoch."""

    act = staticmethod(lambda: None)

    def evaluate_epoch(self, images):
        self.act()
        return super().evaluate_epoch(images)


def meeting(act):
    return type("Loop", (Meeting,), {"act": staticmethod(act)})


@pytest.mark.parametrize("name", ["run", "link"])
def test_a_second_run_on_the_same_checkpoint_is_refused_and_the_first_goes_on(name, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "run")
    met = []

    def second():
        with pytest.raises(RuntimeError, match=f"{name} is in use by another run"):
            run(small, 2, checkpoint=tmp_path / name)
        met.append(1)

    def elsewhere():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    _, history = run(small, 2, checkpoint=tmp_path / "run", loop=meeting(elsewhere))
    assert len(history) == len(met) == 2 and not (tmp_path / "run.lock").exists()
    assert losses(run(small, 3, checkpoint=tmp_path / name)[1])[:2] == losses(history)


@pytest.mark.slow
def test_another_process_cannot_use_a_checkpoint_in_use(tmp_path):
    code = """
import sys, torch
from vae_nb.model import VAE
from vae_nb.train import fit
try: fit(VAE(16, 8, 2, image_shape=(1, 4, 4)), torch.zeros(4, 16), torch.zeros(4, 16), 1, checkpoint=sys.argv[1], progress=False)
except RuntimeError as error: print(error)
"""
    said = []

    def other():
        said.append(subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True, check=True).stdout)

    run(small, 1, checkpoint=tmp_path / "run", loop=meeting(other))
    assert "is in use by another run" in said[0]


def test_a_file_changed_by_something_else_is_left_alone_and_nothing_is_lost(tmp_path):
    path, other = tmp_path / "run.safetensors", tmp_path / "other"
    run(small, 1, seed=4, checkpoint=other)
    content, calls = other.read_bytes(), []

    def replace():
        calls.append(1)
        if len(calls) == 2:
            other.replace(path)

    with pytest.raises(RuntimeError, match="run.conflict.safetensors"):
        run(small, 4, checkpoint=path, loop=meeting(replace))
    assert path.read_bytes() == content
    expected, _ = run(small, 4)
    again, history = run(small, 4, seed=7, checkpoint=tmp_path / "run.conflict.safetensors")
    assert same(expected, again) and len(history) == 4


def test_a_second_conflict_does_not_overwrite_the_first(tmp_path):
    path, kept = tmp_path / "run.safetensors", []
    for number in range(2):

        def touch(number=number):
            path.write_bytes(b"%d" % number)

        path.unlink(missing_ok=True)
        with pytest.raises(RuntimeError, match="conflict"):
            run(small, 2, checkpoint=path, loop=meeting(touch))
        kept.append(sorted(file.name for file in tmp_path.glob("*.conflict.safetensors")))
    assert len(kept[0]) == 1 and len(kept[1]) == 2


def test_a_checkpoint_removed_meanwhile_is_written_again(tmp_path):
    path = tmp_path / "run"
    run(small, 2, checkpoint=path, loop=meeting(lambda: path.unlink(missing_ok=True)))
    assert len(run(small, 2, checkpoint=path)[1]) == 2


def test_the_checkpoint_is_written_before_the_pictures(tmp_path):
    def block():
        (tmp_path / "results" / "reconstruction_2.png").mkdir(parents=True, exist_ok=True)

    with pytest.raises(OSError, match="reconstruction_2.png"):
        run(small, 3, checkpoint=tmp_path / "run", results=tmp_path / "results", loop=meeting(block))
    assert len(json.loads(read_weights(tmp_path / "run")[1]["history"])) == 2
    expected, _ = run(small, 3)
    again, history = run(small, 3, seed=5, checkpoint=tmp_path / "run")
    assert same(expected, again) and len(history) == 3


def test_a_checkpoint_with_enough_epochs_is_only_loaded(stored):
    content = stored.read_bytes()
    model, history = run(small, 1, seed=8, checkpoint=stored)
    assert len(history) == 2 and same(model, run(small, 2)[0]) and stored.read_bytes() == content


def test_the_file_says_in_which_precision_each_epoch_was_computed(stored):
    text = read_weights(stored)[1]
    assert [record["precision"] for record in json.loads(text["history"])] == ["float32", "float32"]
    assert {name.split("/")[0] for name in load_file(stored)} == {"optimizer", *small().state_dict()}


def test_numbers_of_other_libraries_are_stored(tmp_path):
    numpy = pytest.importorskip("numpy")
    torch.manual_seed(0)
    fit(
        small(),
        pictures(),
        pictures(20),
        numpy.int64(1),
        numpy.int32(32),
        numpy.float32(0.25),
        numpy.uint8(3),
        checkpoint=tmp_path / "run",
        progress=False,
    )
    torch.manual_seed(0)
    history = fit(
        small(), pictures(), pictures(20), 2, 32, torch.tensor(0.25), torch.tensor(3), checkpoint=tmp_path / "run", progress=False
    )
    assert len(history) == 2


def test_a_new_date_alone_is_no_conflict(tmp_path):
    path = tmp_path / "run"
    model, history = run(small, 3, checkpoint=path, loop=meeting(lambda: os.utime(path)))
    assert len(history) == 3 and same(model, run(small, 3, seed=6, checkpoint=path)[0])
    assert not list(tmp_path.glob("*conflict*"))


class WarmUp:
    """A loss whose weight grows with each call."""

    calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        return loss_function(*arguments) * min(1.0, self.calls / 100)


def warming():
    calls = 0

    def loss(*arguments):
        nonlocal calls
        calls += 1
        return loss_function(*arguments) * calls

    return loss


@pytest.mark.parametrize("make", [WarmUp, warming])
def test_a_loss_that_changes_itself_is_refused_with_a_checkpoint(make, tmp_path):
    assert len(run(small, 1, loss=make())[1]) == 1
    with pytest.raises(ValueError, match="loss changes itself"):
        run(small, 1, loss=make(), checkpoint=tmp_path / "run")
    assert not list(tmp_path.iterdir())


class Noisy(torch.optim.SGD):
    """Draws a random number in each step."""

    def step(self, closure=None):
        torch.rand(1)
        super().step()


def test_a_checkpoint_by_itself_draws_no_random_numbers(tmp_path):
    model = small()
    state, before = State(model, Noisy(model.parameters(), lr=1e-3)), torch.get_rng_state()
    with Checkpoint(tmp_path / "run", state, {"k": 5}) as file:
        assert file.begin([0, 0.5]) == [0, 0.5]
    with pytest.raises(ValueError, match="k was 5, now 6"), Checkpoint(tmp_path / "run", state, {"k": 6}) as file:
        file.begin([0, 0.5])
    assert torch.equal(torch.get_rng_state(), before)


def test_the_model_just_trained_goes_on_with_a_loss_of_its_own(tmp_path):
    class Own(VAE):
        def loss(self, *outputs):
            return loss_function(*outputs)
    model = Own(16, 8, 2, image_shape=(1, 4, 4))
    options = {"batch_size": 32, "loss": model.loss, "checkpoint": tmp_path / "run", "progress": False}
    for epochs in (1, 2):
        history = fit(model, pictures(), pictures(20, seed=1), epochs, **options)
    assert [record["epoch"] for record in history] == [1, 2]


def test_an_optimizer_whose_rate_has_changed_goes_on_with_it(tmp_path):
    model = small()
    adam, path = torch.optim.Adam(model.parameters()), tmp_path / "run"

    def further(epochs, optimizer):
        return fit(model, pictures(), pictures(20, seed=1), epochs, 32, optimizer=optimizer, checkpoint=path, progress=False,
                   loop=lambda *parts: Falling(*parts))

    class Falling(PlainLoop):
        def train_epoch(self, images, progress=False):
            self.optimizer.param_groups[0]["lr"] *= 0.5
            return super().train_epoch(images, progress)
    further(1, adam)
    assert len(further(2, adam)) == 2 and adam.param_groups[0]["lr"] == 0.25e-3
    fresh = torch.optim.Adam(model.parameters())
    assert len(further(3, fresh)) == 3 and fresh.param_groups[0]["lr"] == 0.125e-3


def test_a_shape_of_numpy_numbers_is_stored(tmp_path):
    def make():
        model = small()
        model.image_shape = tuple(numpy.array([1, 4, 4]))
        return model
    run(make, 1, checkpoint=tmp_path / "run.safetensors")
    assert VAE.from_pretrained(tmp_path / "run.safetensors").image_shape == (1, 4, 4)


def test_a_disk_without_locks_is_named(tmp_path, monkeypatch):
    def refused(*args, **options):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    with pytest.raises(OSError, match="run cannot be locked .*; name a checkpoint on a disk of this machine"):
        run(small, 1, checkpoint=tmp_path / "run")


def test_a_file_that_is_read_only_is_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "weights"
    write_whole(path, b"good")
    monkeypatch.setattr(os, "access", lambda *args, **options: False)
    with pytest.raises(PermissionError, match="it is read-only.*what it held before is still there"):
        write_whole(path, b"other")
    assert path.read_bytes() == b"good"


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_whole("~/deep/file", b"there")
    run(small, 1, checkpoint="~/runs/run", results="~/pictures")
    assert (tmp_path / "deep/file").read_bytes() == b"there" and read_weights("~/runs/run")[0] and not (tmp_path / "~").exists()
    assert (tmp_path / "pictures/sample_1.png").exists()

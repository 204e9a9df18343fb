"""The fast loop was derived by hand from the plain one. Whatever of that is changed, both must compute the same: one change at a time."""
import inspect
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.optim import Adam
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from vae_nb import speed, train
from vae_nb.loss import loss_function
from vae_nb.model import VAE, EncoderDecoder
from vae_nb.speed import FastLoop, GraphLoop, adam_obstacle, fastest_loop, model_obstacle, obstacle
from vae_nb.train import PlainLoop

LINEAR, EXP, RANDN, STEP, CALL = F.linear, torch.exp, torch.randn_like, Adam.step, nn.Module.__call__
ADAM, LOSS, MODEL = (sys.modules[name] for name in ("torch.optim.adam", "vae_nb.loss", "vae_nb.model"))
DECODE, KL, TRAIN_EPOCH, BATCHES, TO_MODEL = (
    EncoderDecoder.decode, LOSS.kl_divergence, train.train_epoch, train.batches, train.to_model)


def images(count, seed=0):
    """Random uint8 images of 5 x 5 pixels."""
    return torch.randint(0, 256, (count, 1, 5, 5), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


DATA = images(70), images(40, seed=1)


def small(kind=VAE):
    """A small model from a fixed start."""
    torch.manual_seed(0)
    return kind(hidden_dim=8, latent_dim=3, image_shape=(1, 5, 5))


def pair():
    """A small model and its Adam."""
    model = small()
    return model, Adam(model.parameters())


class Doubled(VAE):
    def decode(self, z):
        return super().decode(2 * z)


class DoubledLoop(PlainLoop):
    def evaluate_epoch(self, images):
        return 2 * super().evaluate_epoch(images)


class Half(nn.Module):
    def forward(self, weight):
        return weight / 2


class Functions(TorchFunctionMode):
    """`relu` becomes `elu`."""
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return (F.elu if function is F.relu else function)(*args, **kwargs or {})


class Operators(TorchDispatchMode):
    """Every sigmoid is halved."""
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        return result / 2 if function is torch.ops.aten.sigmoid.default else result


def half(module, inputs, output):
    return output / 2


def zero_gradient(p):
    p.grad.zero_()


def half_gradient(gradient):
    return gradient / 2


def patched(owner, name, value):
    """A change that puts `value` in the place of an attribute."""
    return lambda it, stack: stack.enter_context(patch.object(owner, name, value))


def within(context):
    """A change that is a context; `context` makes it."""
    return lambda it, stack: stack.enter_context(context())


def registered(register):
    """A change that `register` makes and whose handle takes it back."""
    def change(it, stack):
        stack.callback(register(it.model).remove)
    return change


def of_model(change):
    """A change of the model itself."""
    return lambda it, stack: change(it.model)


def option(**options):
    """An option of `fit`."""
    return lambda it, stack: it.options.update(options)


def optimizer_from(make):
    """An optimizer that `make` makes for the model."""
    return lambda it, stack: it.options.update(optimizer=make(it.model))


def adam_with(**settings):
    """An Adam with settings of its own."""
    return optimizer_from(lambda model: Adam(model.parameters(), **settings))


def another(kind, **options):
    """A model made of the small one."""
    def change(it, stack):
        it.model = kind(it.model, **options)
    return change


def subclass(it, stack):
    it.model = small(Doubled)


def shared(model):
    model.fc2_logvar.weight = model.fc2_mean.weight


def same_memory(model):
    model.fc2_logvar.weight.data = model.fc2_mean.weight.data


def transposed(model):
    model.fc3.weight.data = model.fc3.weight.data.t().contiguous().t()


def wider(model):
    model.fc3, model.fc4 = nn.Linear(3, 9), nn.Linear(9, 25)


def deeper(model):
    model.fc4.more = nn.Linear(1, 1)


def quick(parameters, **options):
    return Adam([{"params": [p]} for p in parameters], **options)


def stepped(model):
    """An Adam that has already moved one of the layers."""
    adam = Adam(model.parameters())
    model.fc1.weight.grad = torch.ones_like(model.fc1.weight)
    adam.step()
    return adam


def shrinking(model):
    """A hook that makes a bias smaller at each step."""
    def hook(*args):
        model.fc1.bias.data.mul_(0.9)
    return hook


def hooked(kind):
    def make(model):
        adam = Adam(model.parameters())
        getattr(adam, f"register_step_{kind}_hook")(shrinking(model))
        return adam
    return make


def instance(name):
    """An Adam with a method of its own."""
    def make(model):
        adam = Adam(model.parameters())
        own = getattr(adam, name)
        setattr(adam, name, lambda *args, **kwargs: model.fc1.bias.data.mul_(0.9) if own(*args, **kwargs) is None else None)
        return adam
    return make


def scheduled(model):
    adam = Adam(model.parameters())
    torch.optim.lr_scheduler.StepLR(adam, 1)
    return adam


def slow_step(self, *args, **kwargs):
    result = STEP(self, *args, **kwargs)
    for group in self.param_groups:
        for p in group["params"]:
            p.data.mul_(0.99)
    return result


def beta(reconstructed, original, mu, logvar):
    return loss_function(reconstructed, original, mu, logvar) + KL(mu, logvar).sum()


def both(module, *args, **kwargs):
    result = CALL(module, *args, **kwargs)
    return 0.9 * result if isinstance(module, nn.Linear) else result


CHANGES = {  # the change, and what `obstacle` says of it
    "reparameterize": (patched(VAE, "reparameterize", lambda self, mu, logvar: mu + 0 * torch.randn_like(mu)), "VAE.reparameterize"),
    "forward": (patched(VAE, "forward", lambda self, x: (self.decode(self.encode(x)[0]), *self.encode(x))), "VAE.forward"),
    "decode, inherited": (patched(EncoderDecoder, "decode", lambda self, z: DECODE(self, 2 * z)), "VAE.decode"),
    "encode": (patched(VAE, "encode", lambda self, x: EncoderDecoder.encode(self, x / 2)), "VAE.encode"),
    "call": (patched(nn.Module, "__call__", both), "__call__"),
    "Linear.forward": (patched(nn.Linear, "forward", lambda self, x: LINEAR(x, self.weight, 2 * self.bias)), "Linear.forward"),
    "kl_divergence": (patched(LOSS, "kl_divergence", lambda mu, logvar: 2 * KL(mu, logvar)), "kl_divergence"),
    "loss module's F": (patched(LOSS, "F", SimpleNamespace(binary_cross_entropy=F.mse_loss)), "loss.F"),
    "check_images": (patched(MODEL, "check_images", lambda x, size: x.flatten(1) / 2), "model.check_images"),
    "batches": (patched(train, "batches", lambda images, *args, **kwargs: BATCHES(255 - images, *args, **kwargs)), "train.batches"),
    "to_model": (patched(train, "to_model", lambda model, images: TO_MODEL(model, images) / 2), "train.to_model"),
    "train_epoch": (patched(train, "train_epoch", lambda *args, **kwargs: TRAIN_EPOCH(*args, **kwargs) / 2), "train.train_epoch"),
    "PlainLoop": (patched(train, "PlainLoop", DoubledLoop), "PlainLoop"),
    "PlainLoop's method": (patched(PlainLoop, "evaluate_epoch", lambda self, images: 1.0), "PlainLoop.evaluate_epoch"),
    "relu": (patched(F, "relu", F.elu), "functional.relu"),
    "linear": (patched(F, "linear", lambda x, weight, bias=None: LINEAR(x, weight, bias) / 2), "functional.linear"),
    "binary_cross_entropy": (patched(F, "binary_cross_entropy", F.mse_loss), "functional.binary_cross_entropy"),
    "softplus, of the fast loop alone": (patched(F, "softplus", F.relu), "functional.softplus"),
    "exp": (patched(torch, "exp", lambda x: EXP(x / 2)), "torch.exp"),
    "randn_like": (patched(torch, "randn_like", lambda x: 2 * RANDN(x)), "torch.randn_like"),
    "mm, of the fast loop alone": (patched(torch, "mm", lambda a, b, out: out.zero_()), "torch.mm"),
    "a tensor's method": (patched(Tensor, "pow", lambda x, n: x * x / 2), "Tensor.pow"),
    "a tensor's operator": (patched(Tensor, "__add__", lambda x, y: torch.add(x, y, alpha=0.9)), "Tensor.__add__"),
    "backward": (patched(Tensor, "backward", lambda x: torch.autograd.backward(x * 2)), "Tensor.backward"),
    "Adam.step": (patched(Adam, "step", slow_step), "Adam.step"),
    "zero_grad": (patched(torch.optim.Optimizer, "zero_grad", lambda self, set_to_none=True: None), "zero_grad"),
    "adam's function": (patched(ADAM, "adam", lambda params, *args, **kwargs: params[0].data.mul_(0.9)), "adam.adam"),
    "own forward": (of_model(lambda model: setattr(model, "forward", lambda x: VAE.forward(model, x / 2))), "own forward"),
    "own decode": (of_model(lambda model: setattr(model, "decode", lambda z: DECODE(model, z / 2))), "own decode"),
    "own layer's forward": (of_model(lambda model: setattr(model.fc3, "forward", lambda z: LINEAR(z, model.fc3.weight))), "own forward"),
    "compiled in place": (of_model(lambda model: model.compile(backend="eager")), "own _compiled_call_impl"),
    "forward hook": (of_model(lambda model: model.fc3.register_forward_hook(half)), "_forward_hooks"),
    "forward hook on the model": (of_model(lambda model: model.register_forward_hook(
        lambda module, inputs, output: (output[0] / 2, *output[1:]))), "_forward_hooks"),
    "pre-hook": (of_model(lambda model: model.fc4.register_forward_pre_hook(lambda module, inputs: inputs[0] / 2)), "_forward_pre_hooks"),
    "backward hook": (of_model(lambda model: model.fc4.register_full_backward_hook(
        lambda module, inner, outer: (inner[0] / 2,))), "_backward_hooks"),
    "backward pre-hook": (of_model(lambda model: model.fc4.register_full_backward_pre_hook(
        lambda module, outer: (outer[0] / 2,))), "_backward_pre_hooks"),
    "parameter hook": (of_model(lambda model: model.fc3.weight.register_hook(half_gradient)), "a parameter has hooks"),
    "hook after accumulation": (of_model(lambda model: model.fc3.weight.register_post_accumulate_grad_hook(
        zero_gradient)), "a parameter has hooks"),
    "global forward hook": (registered(lambda model: nn.modules.module.register_module_forward_hook(
        lambda module, inputs, output: output / 2 if module is model.fc3 else None)), "hooks on all modules"),
    "global pre-hook": (registered(lambda model: nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: inputs[0] / 2 if module is model.fc3 else None)), "hooks on all modules"),
    "global backward hook": (registered(lambda model: nn.modules.module.register_module_full_backward_hook(
        lambda module, inner, outer: None)), "hooks on all modules"),
    "global optimizer hook": (registered(lambda model: sys.modules["torch.optim.optimizer"].register_optimizer_step_post_hook(
        shrinking(model))), "hooks on all optimizers"),
    "global optimizer pre-hook": (registered(lambda model: sys.modules["torch.optim.optimizer"].register_optimizer_step_pre_hook(
        shrinking(model))), "hooks on all optimizers"),
    "saved tensors": (within(lambda: torch.autograd.graph.saved_tensors_hooks(lambda t: t / 2, lambda t: t)), "tensors saved"),
    "function mode": (within(Functions), "a mode that overrides functions"),
    "dispatch mode": (within(Operators), "a mode that overrides operators"),
    "anomaly mode": (within(torch.autograd.detect_anomaly), "anomaly mode"),
    "parametrized": (of_model(lambda model: parametrize.register_parametrization(model.fc3, "weight", Half())), "other layers"),
    "weight norm": (of_model(lambda model: parametrizations.weight_norm(model.fc3)), "other layers"),
    "pruned": (of_model(lambda model: prune.l1_unstructured(model.fc3, "weight", 0.5)), "the model has"),
    "subclass": (subclass, "the model is a Doubled"),
    "frozen": (of_model(lambda model: model.fc1.requires_grad_(False)), "a parameter is frozen"),
    "double": (of_model(lambda model: model.double()), "not in float32"),
    "shared parameter": (of_model(shared), "other parameters"),
    "shared memory": (of_model(same_memory), "share memory"),
    "not contiguous": (of_model(transposed), "special kind"),
    "wider decoder": (of_model(wider), "other parameters"),
    "no bias": (of_model(lambda model: setattr(model, "fc4", nn.Linear(8, 25, bias=False))), "other parameters"),
    "a layer more": (of_model(deeper), "other layers"),
    "another layer": (of_model(lambda model: setattr(model, "fc3", nn.Sequential(nn.Linear(3, 8)))), "other layers"),
    "compiled": (another(torch.compile, backend="eager"), "the model is a OptimizedModule"),
    "wrapped": (another(nn.DataParallel), "the model is a DataParallel"),
    "SGD": (option(optimizer=torch.optim.SGD), "not an Adam"),
    "AdamW": (option(optimizer=torch.optim.AdamW), "not an Adam"),
    "weight decay": (adam_with(weight_decay=0.1), "weight_decay"),
    "amsgrad": (adam_with(amsgrad=True), "amsgrad"),
    "maximize": (adam_with(maximize=True), "maximize"),
    "a learning rate that is a tensor": (adam_with(lr=torch.tensor(1e-3)), "tensors"),
    "groups": (option(optimizer=quick), "one group"),
    "some parameters": (optimizer_from(lambda model: Adam(model.fc1.parameters())), "other parameters"),
    "uneven steps": (optimizer_from(stepped), "different steps"),
    "optimizer hook": (optimizer_from(hooked("post")), "own _optimizer_step_post_hooks"),
    "optimizer pre-hook": (optimizer_from(hooked("pre")), "own _optimizer_step_pre_hooks"),
    "own step": (optimizer_from(instance("step")), "own step"),
    "own zero_grad": (optimizer_from(instance("zero_grad")), "own zero_grad"),
    "scheduler": (optimizer_from(scheduled), "own step"),
    "own loss": (option(loss=beta), "the loss is not"),
    "wrapped loss": (option(loss=partial(loss_function)), "the loss is not"),
}


def losses(way, change):
    """The losses of two epochs with a change in place, and the loops that were made."""
    it, loops, make = SimpleNamespace(model=small(), options={}), [], fastest_loop

    def watched(model, optimizer, *args, **options):
        loops.append((type(make(model, optimizer, *args, **options)), obstacle(model, optimizer, args[1])))
        return make(model, optimizer, *args, **options)
    with ExitStack() as stack:
        stack.enter_context(patch.object(speed, "fastest_loop", watched))
        change(it, stack)
        history = way(it.model, *DATA, epochs=2, batch_size=32, progress=False, **it.options)
    return [(record["train_loss"], record["test_loss"], record["precision"]) for record in history], loops


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Anomaly Detection", "ignore:Detected call of", "ignore:Full backward hook")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_reaches_both_loops(name):
    change, reason = CHANGES[name]
    found, [(loop, said)] = losses(speed.fit, change)
    assert found == losses(train.fit, change)[0]
    assert issubclass(loop, PlainLoop) and reason in said


def test_unchanged_the_fast_loop_is_taken():
    def nothing(it, stack):
        pass
    assert losses(speed.fit, nothing)[1] == [(FastLoop, None)]
    for row in CHANGES:
        assert obstacle(*pair(), loss_function) is None, f"{row} was left behind"


@pytest.mark.parametrize("context", [
    torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu"), lambda: torch.device("meta")],
    ids=["no_grad", "inference_mode", "autocast", "another device"])
def test_a_context_that_fit_keeps_out_or_that_does_no_harm(context):
    found, [(loop, said)] = losses(lambda *args, **options: speed.fit(*args, precision="float32", **options), within(context))
    plain = losses(train.fit, within(context))[0]
    assert (loop, said) == (FastLoop, None)
    torch.testing.assert_close([row[:2] for row in found], [row[:2] for row in plain], rtol=1e-5, atol=0)


@pytest.mark.parametrize("context", [torch.inference_mode, lambda: torch.autocast("cpu")], ids=["inference mode", "autocast"])
def test_outside_of_fit_such_a_context_is_left_to_pytorch(context):
    model, adam = pair()
    with context():
        assert obstacle(model, adam, loss_function) and type(fastest_loop(model, adam)) is PlainLoop


def test_another_default_dtype_does_no_harm():
    torch.set_default_dtype(torch.float64)
    try:
        model = small().float()
        loop = FastLoop(model, Adam(model.parameters()), 32)
        assert type(fastest_loop(model, Adam(model.parameters()))) is FastLoop
        loop.train_epoch(images(70))
        assert {t.dtype for state in loop.step.optimizer.state.values() for t in state.values()} == {torch.float32}
    finally:
        torch.set_default_dtype(torch.float32)


def test_products_set_to_a_lower_precision_are_left_to_pytorch():
    torch.set_float32_matmul_precision("medium")
    try:
        assert type(fastest_loop(*pair())) is PlainLoop
    finally:
        torch.set_float32_matmul_precision("highest")


def test_every_object_that_a_step_goes_through_is_watched():
    model, adam = pair()
    for owner, name, value in speed.DERIVED_FROM:
        if (callable(value) or inspect.ismodule(value)) and name not in ("__name__", "__getattr__"):
            with patch.object(owner, name, SimpleNamespace()):
                said = obstacle(model, adam, loss_function)
            assert said and said.endswith(f".{name} is not the original"), (owner, name)


def test_a_step_names_nothing_that_is_not_watched():
    watched = {(owner.__name__, name) for owner, name, _ in speed.DERIVED_FROM}
    for owner, names in {"vae_nb.loss": "kl_divergence reconstruction_error loss_function", "vae_nb.model": "VAE check_images",
                         "vae_nb.train": "PlainLoop train_epoch evaluate_epoch batches batch_loss to_model",
                         "vae_nb.data": "check_tensor", "VAE": "forward encode decode reparameterize __call__", "Linear": "forward",
                         "torch": "exp sigmoid randn_like randperm relu mm addmm addcmul dot sign index_select _fused_adam_",
                         "torch.nn.functional": "relu linear binary_cross_entropy softplus hardshrink",
                         "Tensor": "pow sum backward __add__ __mul__ normal_ copy_",
                         "Adam": "step zero_grad", "torch.optim.adam": "adam"}.items():
        assert not [name for name in names.split() if (owner, name) not in watched]


def test_a_compiler_at_work_elsewhere_does_no_harm():
    torch.compile(small(), backend="eager")(images(2).float() / 255)
    assert obstacle(*pair(), loss_function) is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no CUDA graph")
@pytest.mark.parametrize("loop_class", [FastLoop, GraphLoop])
@pytest.mark.parametrize("change", ["hook", "patch", "frozen", "step"])
def test_a_change_between_epochs_reaches_every_loop(loop_class, change):
    def run(kind):
        (model, adam), ends = pair(), []
        loop = kind(model, adam, 32)
        with ExitStack() as stack:
            for epoch in range(3):
                if epoch == 1 and change == "hook":
                    stack.callback(model.fc4.register_forward_hook(half).remove)
                if epoch == 1 and change == "patch":
                    stack.enter_context(patch.object(VAE, "decode", lambda self, z: DECODE(self, z / 2)))
                if epoch == 1 and change == "frozen":
                    model.fc1.requires_grad_(False)
                if epoch == 1 and change == "step":
                    stack.enter_context(patch.object(Adam, "step", slow_step))
                torch.manual_seed(epoch)
                ends.append((loop.train_epoch(images(70)), loop.evaluate_epoch(images(40))))
        return ends, loop.precision
    (found, precision), (expected, _) = run(loop_class), run(PlainLoop)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)
    assert precision == "float32"


def test_the_precision_is_that_of_the_last_epoch():
    model, adam = pair()
    loop, graph = FastLoop(model, adam, 32, low=True), GraphLoop(model, adam, 32, low=True)
    assert (loop.precision, graph.precision) == ("bfloat16", "tf32")
    handle = model.fc4.register_forward_hook(half)
    for each in (loop, graph):
        each.train_epoch(images(70))
    assert (loop.precision, graph.precision) == ("float32", "float32")
    handle.remove()
    for each in (loop, graph):
        each.train_epoch(images(20))
    assert (loop.precision, graph.precision) == ("bfloat16", "tf32")


BEFORE = """
import torch, torch.nn.functional as F
from vae_nb import loss, model, train
{change}
import vae_nb
def run(fit):
    torch.manual_seed(0)
    images = torch.randint(0, 256, (70, 25), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    history = fit(model.VAE(25, 8, 3), images, images, epochs=2, progress=False)
    return [(record["train_loss"], record["test_loss"]) for record in history]
assert run(vae_nb.fit) == run(train.fit)
"""


@pytest.mark.slow
@pytest.mark.parametrize("change", [
    "kl = loss.kl_divergence; loss.kl_divergence = lambda mu, logvar: 2 * kl(mu, logvar)", "F.relu = F.gelu"], ids=["kl", "relu"])
def test_what_was_changed_before_the_import_is_found_by_trying(change):
    subprocess.run([sys.executable, "-c", BEFORE.format(change=change)], check=True, capture_output=True, text=True)


def test_what_no_list_knows_is_found_by_trying():
    assert speed.agree()
    entropy = torch._C._nn.binary_cross_entropy
    with patch.object(torch._C._nn, "binary_cross_entropy", lambda *args: entropy(*args) / 2):
        assert obstacle(*pair(), loss_function) is None and not speed.agree()
        assert type(fastest_loop(*pair())) is PlainLoop


def test_trying_draws_no_random_numbers_and_changes_no_settings():
    state = torch.get_rng_state()
    with torch.no_grad():
        assert speed.agree() and not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("what", ["lr", "betas"])
def test_settings_that_are_tensors(what):
    model = small()
    adam = Adam(model.parameters())
    adam.param_groups[0][what] = torch.tensor(0.1) if what == "lr" else (torch.tensor(0.9), 0.999)
    assert adam_obstacle(model, adam) == "the optimizer's settings are tensors"


@pytest.mark.parametrize("spoil", [
    lambda state: state.update(exp_avg=state["exp_avg"][:1]), lambda state: state.update(exp_avg_sq=state["exp_avg_sq"].double()),
    lambda state: state.update(exp_avg=state["exp_avg"].t().contiguous().t()), lambda state: state.pop("exp_avg"),
    lambda state: state.update(max_exp_avg_sq=state["exp_avg"]), lambda state: state.update(step=3)])
def test_a_state_that_adam_would_not_keep_is_left_to_pytorch(spoil):
    model, adam = pair()
    FastLoop(model, adam).train_epoch(images(20))
    assert adam_obstacle(model, adam) is None
    spoil(adam.state[model.fc1.weight])
    assert adam_obstacle(model, adam)


def test_a_model_on_another_device_is_left_to_pytorch():
    assert model_obstacle(small().to("meta"))
    split = small()
    split.fc4.to("meta")
    assert model_obstacle(split)


def test_an_optimizer_that_needs_a_closure_is_refused_in_the_same_words():
    said = []
    for fit in (speed.fit, train.fit):
        with pytest.raises(ValueError) as error:
            fit(small(), images(20), images(20), optimizer=torch.optim.LBFGS)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_loop_of_ones_own_is_used():
    made = []

    class Own(PlainLoop):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)
    speed.fit(small(), images(20), images(20), epochs=1, progress=False, loop=Own)
    assert len(made) == 1

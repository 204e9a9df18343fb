"""The fast loops where no lesson cell reaches: memory, odd numbers of images, odd models, and what `fit` leaves behind."""
import subprocess
import sys
import warnings
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import nn

from vae_nb import speed
from vae_nb.data import mnist
from vae_nb.model import VAE
from vae_nb.speed import FastLoop, GraphLoop, by_hand, engine, ordinary
from vae_nb.train import PlainLoop, fit

NBS = Path(__file__).parent.parent / "nbs"
MEMORY = """
import resource, torch
from vae_nb.data import mnist
from vae_nb.model import VAE
from vae_nb.speed import engine
from vae_nb.train import fit
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
before = peak()
fit(VAE(), mnist("data", True)[0], mnist("data", False)[0][:1000], epochs=1, progress=False)
print(peak() - before)
"""


def images(count, seed=0):
    """Random uint8 images, half of their pixels black."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randint(-255, 256, (count, 1, 28, 28), generator=generator)).clamp(min=0).to(torch.uint8)


def fresh(seed=0, **options):
    """A model of small layers and its Adam."""
    torch.manual_seed(seed)
    model = VAE(hidden_dim=32, latent_dim=4)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3, **options)


def trained(loop_class, data, epochs=2, **options):
    """The losses of some epochs and the weights after them, from a fixed start."""
    model, adam = fresh()
    loop = loop_class(model, adam, **options)
    torch.manual_seed(1)
    losses = [(loop.train_epoch(data), loop.test_epoch(data)) for _ in range(epochs)]
    return losses, [p.detach().clone() for p in model.parameters()], adam


def fake(action):
    """In place of `recorded` on a machine without a GPU: the action once as a warm-up, and again at each replay."""
    action()
    return action


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux alone")
def test_a_run_needs_no_more_than_the_data_and_200_mb():
    done = subprocess.run([sys.executable, "-c", MEMORY], cwd=NBS, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 247, f"{float(done.stdout):.0f} MB above the imports"


def test_fit_equals_the_plain_loop():
    train, test = [mnist(NBS / "data", train)[0][:count] for train, count in ((True, 6000), (False, 1000))]
    with patch.object(speed, "bf16_products", lambda: False):
        fast, plain = [fit(fresh()[0], train, test, epochs=2, progress=False, simple=simple) for simple in (False, True)]
    for key in ("train_loss", "test_loss"):
        torch.testing.assert_close([record[key] for record in fast], [record[key] for record in plain], rtol=1e-4, atol=0)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 96, 97, 130, 1100])
@pytest.mark.parametrize("floats", [False, True], ids=["uint8", "floats"])
def test_recorded_steps_for_any_number_of_images(count, floats):
    data = images(count).float() / 255 if floats else images(count)
    with patch.object(speed, "recorded", fake):
        graph_losses, graph_weights, graph_adam = trained(GraphLoop, data, batch_size=32)
    losses, weights, adam = trained(FastLoop, data, batch_size=32)
    assert graph_losses == losses and all(map(torch.equal, graph_weights, weights))
    for adam_used in (graph_adam, adam):
        assert {state["step"].item() for state in adam_used.state.values()} == {2 * -(-count // 32)}
    plain_losses, *_ = trained(PlainLoop, data, batch_size=32)
    torch.testing.assert_close(losses, plain_losses, rtol=1e-4, atol=0)


@pytest.mark.parametrize("change", ["in place", "another set", "learning rate", "not contiguous"])
def test_recorded_steps_follow_changes_between_epochs(change):
    def run(loop_class):
        model, adam = fresh()
        loop, data = loop_class(model, adam, batch_size=32), images(70)
        first = loop.train_epoch(data)
        if change == "in place":
            data.copy_(images(70, seed=1))
        if change == "another set":
            data = images(100, seed=1)
        if change == "learning rate":
            adam.param_groups[0]["lr"] = 0.1
        if change == "not contiguous":
            data = data.transpose(2, 3)
        return [first, loop.train_epoch(data), loop.test_epoch(data)]
    with patch.object(speed, "recorded", fake):
        graph = run(GraphLoop)
    assert graph == run(FastLoop)
    torch.testing.assert_close(graph, run(PlainLoop), rtol=1e-3, atol=0)


def test_the_same_images_are_recorded_once():
    loop, data, recordings = GraphLoop(*fresh(), batch_size=32), images(70), []
    with patch.object(speed, "recorded", lambda action: recordings.append(1) or fake(action)):
        for _ in range(3):
            loop.train_epoch(data[:])
            loop.test_epoch(data)
    assert len(recordings) == 1


def test_an_interrupted_recording_leaves_the_weights_alone():
    model, adam = fresh()
    before = [p.detach().clone() for p in model.parameters()]

    def interrupted(action):
        action()
        raise KeyboardInterrupt
    with patch.object(speed, "recorded", interrupted), pytest.raises(KeyboardInterrupt):
        GraphLoop(model, adam, batch_size=32).train_epoch(images(70))
    assert all(map(torch.equal, model.parameters(), before))


@pytest.mark.parametrize("shape", [(40, 784), (40, 28, 28), (40, 1, 28, 28)])
def test_any_shape_of_images(shape):
    assert trained(FastLoop, images(40).view(shape), batch_size=32)[0] == trained(FastLoop, images(40), batch_size=32)[0]


@pytest.mark.parametrize("loop_class", [FastLoop, GraphLoop])
def test_images_that_do_not_fit_are_refused(loop_class):
    loop = loop_class(*fresh(), batch_size=32)
    for wrong, error in ((images(40).long(), TypeError), (images(40).float(), ValueError), (images(40)[:, :, 1:], ValueError),
                         (images(40)[:, :, :1, :1], ValueError), (images(0), ValueError)):
        for act in (loop.train_epoch, loop.test_epoch):
            with pytest.raises(error):
                act(wrong)


def test_a_batch_far_larger_than_the_data_costs_nothing():
    losses, *_ = trained(FastLoop, images(40), batch_size=10**9)
    assert losses == trained(FastLoop, images(40), batch_size=40)[0]


class Doubled(VAE):
    def decode(self, z):
        return super().decode(2 * z)


def odd(kind):
    """A model for which the formulas by hand do not hold."""
    torch.manual_seed(0)
    model = Doubled(hidden_dim=32, latent_dim=4) if kind == "subclass" else VAE(hidden_dim=32, latent_dim=4)
    if kind == "frozen":
        model.fc1.requires_grad_(False)
    if kind == "hook":
        model.fc3.register_forward_hook(lambda layer, inputs, output: 2 * output)
    if kind == "parameter hook":
        model.fc3.weight.register_hook(lambda gradient: 2 * gradient)
    if kind == "wider decoder":
        model.fc3, model.fc4 = nn.Linear(4, 48), nn.Linear(48, 784)
    if kind == "no bias":
        model.fc4 = nn.Linear(32, 784, bias=False)
    if kind == "shared":
        model.fc2_logvar.weight = model.fc2_mean.weight
    if kind == "own forward":
        model.fc3.forward = lambda z: torch.tanh(nn.functional.linear(z, model.fc3.weight, model.fc3.bias))
    return model


@pytest.mark.parametrize("kind", ["subclass", "frozen", "hook", "parameter hook", "wider decoder", "no bias", "shared", "own forward"])
def test_other_models_take_the_plain_loop_and_train(kind):
    model, data = odd(kind), images(200)
    assert not by_hand(model) and type(engine(model, torch.optim.Adam(model.parameters()))) is PlainLoop
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(model, data, data, epochs=2, progress=False)
    plain = fit(odd(kind), data, data, epochs=2, progress=False, simple=True)
    assert [record["test_loss"] for record in history] == [record["test_loss"] for record in plain]
    assert history[1]["test_loss"] < history[0]["test_loss"]


def test_a_model_in_double_precision_is_not_trained_in_single():
    model = VAE(hidden_dim=32, latent_dim=4)
    assert by_hand(model) and not by_hand(model.double())


@pytest.mark.parametrize("loop_class", [PlainLoop, FastLoop, GraphLoop])
def test_the_model_is_left_in_the_mode_of_what_was_done_last(loop_class):
    model, adam = fresh()
    loop, modes = loop_class(model, adam, batch_size=32), []
    with patch.object(speed, "recorded", fake):
        for epoch in (loop.test_epoch, loop.train_epoch):
            epoch(images(70))
            modes.append(model.training)
    assert modes == [False, True]


def test_other_optimizers_take_the_plain_loop():
    model, adam = fresh()
    assert ordinary(model, adam)
    uneven = torch.optim.Adam(model.parameters())
    model.fc1.weight.grad = torch.ones_like(model.fc1.weight)
    uneven.step()
    hooked = torch.optim.Adam(model.parameters())
    hooked.register_step_post_hook(lambda *inputs: None)
    extra, layers = nn.Parameter(torch.zeros(1)), [{"params": layer.parameters()} for layer in model.children()]
    others = [hooked, uneven, torch.optim.SGD(model.parameters(), lr=0.1), torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-3)),
              torch.optim.Adam(layers), torch.optim.Adam(model.fc1.parameters()), torch.optim.Adam([*model.parameters(), extra]),
              torch.optim.Adam([{"params": model.parameters()}, {"params": [extra]}])]
    assert not any(ordinary(model, other) for other in others)


def test_a_state_dict_loaded_between_epochs_counts():
    def run(loop_class):
        model, adam = fresh()
        loop, data = loop_class(model, adam, batch_size=32), images(70)
        loop.train_epoch(data)
        other_model, other_adam = fresh(seed=2)
        PlainLoop(other_model, other_adam, 32).train_epoch(data)
        model.load_state_dict(other_model.state_dict())
        adam.load_state_dict(other_adam.state_dict())
        return loop.train_epoch(data), loop.test_epoch(data)
    torch.testing.assert_close(run(FastLoop), run(PlainLoop), rtol=1e-4, atol=0)


def test_without_the_fused_operator_cleared_gradients_do_no_harm():
    def run(loop_class):
        model, adam = fresh()
        loop, data = loop_class(model, adam, batch_size=32), images(70)
        loop.train_epoch(data)
        adam.zero_grad()
        return loop.train_epoch(data), loop.test_epoch(data)
    with patch("torch._fused_adam_", side_effect=TypeError):
        found = run(FastLoop)
    torch.testing.assert_close(found, run(PlainLoop), rtol=1e-4, atol=0)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_what_is_kept_is_large_enough_and_what_goes_is_tiny(decay):
    tiny = torch.finfo(torch.float32).tiny
    before = torch.cat([sign * torch.logspace(-44, 2, 1000) for sign in (-1, 1)])
    after = before.clone()
    speed.flush([after], decay)
    kept = after != 0
    assert torch.equal(after[kept], before[kept]) and kept[before.abs() > 1.2e-30].all()
    reached = (after[kept] * max(decay, 0.832)**100).abs()  # 0.832**100 is the 1e-8 at which the limit stops
    assert (reached > 0.9 * tiny).all() and not kept[before.abs() < tiny].any()


def test_fit_leaves_an_ordinary_model(tmp_path):
    model = fresh()[0]
    names = list(model.state_dict())
    fit(model, images(200), images(50), epochs=1, progress=False)
    assert list(model.state_dict()) == names
    assert all(type(p) is nn.Parameter and p.requires_grad and p.is_leaf and p.dtype == torch.float32 for p in model.parameters())
    model.save_pretrained(tmp_path / "weights.safetensors")
    again = VAE.from_pretrained(tmp_path / "weights.safetensors")
    assert all(map(torch.equal, model.parameters(), again.parameters()))
    before = model.fc1.weight.detach().clone()
    PlainLoop(model, torch.optim.Adam(model.parameters())).train_epoch(images(200))
    assert not torch.equal(model.fc1.weight, before)

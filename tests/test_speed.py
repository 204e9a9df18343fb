"""The fast loops where no lesson cell reaches: memory, odd numbers of images, redrawn images, and what `fit` leaves behind. What they
may be taken for is in test_guards.py."""
import inspect
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import nn

from vae_nb import speed, train
from vae_nb.data import mnist
from vae_nb.evaluate import binarize
from vae_nb.model import VAE
from vae_nb.speed import FastLoop, GraphLoop, fastest_loop, fit
from vae_nb.train import PlainLoop

NBS = Path(__file__).parent.parent / "nbs"


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
    losses = [(loop.train_epoch(data), loop.evaluate_epoch(data)) for _ in range(epochs)]
    return losses, [p.detach().clone() for p in model.parameters()], adam


def fake(action):
    """In place of `recorded` on a machine without a GPU: the action once as a warm-up, and again at each replay."""
    action()
    return action


@pytest.mark.slow
def test_fit_equals_the_plain_loop():
    data = [mnist(NBS / "data", part)[0][:count] for part, count in ((True, 6000), (False, 1000))]
    options = {"epochs": 2, "progress": False, "precision": "float32"}
    fast, plain = [way(fresh()[0], *data, **options) for way in (fit, train.fit)]
    for key in ("train_loss", "test_loss"):
        torch.testing.assert_close([record[key] for record in fast], [record[key] for record in plain], rtol=1e-4, atol=0)


@pytest.mark.slow
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
        return [first, loop.train_epoch(data), loop.evaluate_epoch(data)]
    with patch.object(speed, "recorded", fake):
        graph = run(GraphLoop)
    assert graph == run(FastLoop)
    torch.testing.assert_close(graph, run(PlainLoop), rtol=1e-3, atol=0)


def test_the_same_images_are_recorded_once():
    loop, data, recordings = GraphLoop(*fresh(), batch_size=32), images(70), []
    with patch.object(speed, "recorded", lambda action: recordings.append(1) or fake(action)):
        for _ in range(3):
            loop.train_epoch(data[:])
            loop.evaluate_epoch(data)
    assert len(recordings) == 1


def test_images_drawn_anew_are_copied_into_the_recorded_memory():
    def run(loop_class):
        model, adam = fresh()
        loop, data = loop_class(model, adam, batch_size=32), images(70).float() / 255
        kept = data.clone()
        generator = torch.Generator().manual_seed(0)
        ends = [loop.train_epoch(binarize(data, generator)) for _ in range(5)]
        assert torch.equal(data, kept)
        return [*ends, loop.train_epoch(data), loop.evaluate_epoch(data)]
    recordings = []
    with patch.object(speed, "recorded", lambda action: recordings.append(1) or fake(action)):
        graph = run(GraphLoop)
    assert graph == run(FastLoop) and len(recordings) == 2


def test_a_recording_never_writes_to_images_that_it_was_given():
    loop, first, second = GraphLoop(*fresh(), batch_size=32), images(70), images(70, seed=1)
    with patch.object(speed, "recorded", fake):
        for data in (first, second, first, second):
            loop.train_epoch(data)
    assert torch.equal(first, images(70)) and torch.equal(second, images(70, seed=1))


def test_a_recording_that_fails_is_tried_once():
    loop = GraphLoop(*fresh(), batch_size=32)
    with patch.object(speed, "recorded", side_effect=RuntimeError("no memory")) as tried, pytest.warns(UserWarning, match="no memory"):
        data = images(70)
        for _ in range(3):
            loop.train_epoch(data)
    assert tried.call_count == 1


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
        for act in (loop.train_epoch, loop.evaluate_epoch):
            with pytest.raises(error):
                act(wrong)


def test_a_batch_far_larger_than_the_data_costs_nothing():
    losses, *_ = trained(FastLoop, images(40), batch_size=10**9)
    assert losses == trained(FastLoop, images(40), batch_size=40)[0]


@pytest.mark.parametrize("loop_class", [PlainLoop, FastLoop, GraphLoop])
def test_the_model_is_left_in_the_mode_of_what_was_done_last(loop_class):
    model, adam = fresh()
    loop, modes = loop_class(model, adam, batch_size=32), []
    with patch.object(speed, "recorded", fake):
        for epoch in (loop.evaluate_epoch, loop.train_epoch):
            epoch(images(70))
            modes.append(model.training)
    assert modes == [False, True]


def test_a_state_dict_loaded_between_epochs_counts():
    def run(loop_class):
        model, adam = fresh()
        loop, data = loop_class(model, adam, batch_size=32), images(70)
        loop.train_epoch(data)
        other_model, other_adam = fresh(seed=2)
        PlainLoop(other_model, other_adam, 32).train_epoch(data)
        model.load_state_dict(other_model.state_dict())
        adam.load_state_dict(other_adam.state_dict())
        return loop.train_epoch(data), loop.evaluate_epoch(data)
    torch.testing.assert_close(run(FastLoop), run(PlainLoop), rtol=1e-4, atol=0)


def test_without_the_fused_operator_cleared_gradients_do_no_harm():
    def run(loop_class):
        model, adam = fresh()
        loop, data = loop_class(model, adam, batch_size=32), images(70)
        loop.train_epoch(data)
        adam.zero_grad()
        return loop.train_epoch(data), loop.evaluate_epoch(data)
    with patch.object(speed, "fused_adam", lambda group: None):
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


def test_both_faces_of_fit_are_the_same():
    assert inspect.signature(fit) == inspect.signature(train.fit)
    assert fit.__doc__.replace(" (`fastest_loop`)", "").replace("（`fastest_loop`）", "") == train.fit.__doc__


@pytest.mark.parametrize(("asked", "bf16", "used"), [(None, True, "bfloat16"), (None, False, "float32"), ("float32", True, "float32")])
def test_the_products_stand_in_every_record(asked, bf16, used):
    with patch.object(speed, "bf16_products", lambda: bf16):
        history = fit(fresh()[0], images(40), images(20), epochs=2, progress=False, precision=asked)
    assert [record["precision"] for record in history] == [used, used]


@pytest.mark.parametrize(("low", "used", "setting"), [(True, "tf32", "high"), (False, "float32", "highest")])
def test_a_graph_is_recorded_with_the_products_that_it_tells_of(low, used, setting):
    loop, during = GraphLoop(*fresh(), batch_size=32, low=low), []
    with patch.object(speed, "recorded", lambda action: during.append(torch.get_float32_matmul_precision()) or fake(action)):
        loop.train_epoch(images(70))
    assert loop.precision == used and during == [setting]
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize(("capability", "low", "used"), [((8, 0), None, "tf32"), ((7, 5), None, "float32"), ((9, 0), False, "float32")])
def test_on_a_gpu_a_graph_is_taken_with_tf32_where_there_are_instructions(capability, low, used):
    cuda = patch.object(nn.Parameter, "device", torch.device("cuda")), patch.object(speed, "obstacle", lambda *given: None)
    with cuda[0], cuda[1], patch.object(torch.cuda, "get_device_capability", lambda device: capability):
        with patch.object(speed, "agree", lambda: True):
            loop = fastest_loop(*fresh(), low=low)
    assert type(loop) is GraphLoop and loop.precision == used


def test_a_loss_that_is_not_finite_leaves_the_last_good_weights():
    for way in (fit, train.fit):
        model = fresh()[0]
        before = [p.detach().clone() for p in model.parameters()]
        with pytest.raises(FloatingPointError, match="epoch 1.*learning rate"):
            way(model, images(200), images(50), epochs=2, lr=1e10, progress=False)
        assert all(map(torch.equal, model.parameters(), before))


def test_a_broken_off_run_goes_on_bit_for_bit(tmp_path):
    straight, path = fresh()[0], tmp_path / "run.safetensors"
    history = fit(straight, images(200), images(50), epochs=4, progress=False)
    for epochs in (1, 3, 4):
        resumed = fresh()[0]
        parts = fit(resumed, images(200), images(50), epochs=epochs, checkpoint=path, progress=False)
    assert [record["train_loss"] for record in parts] == [record["train_loss"] for record in history]
    assert all(map(torch.equal, resumed.parameters(), straight.parameters()))


def test_images_drawn_anew_in_both_loops():
    fast, plain = [way(fresh()[0], images(200), images(50), epochs=3, redraw=binarize, progress=False, precision="float32")
                   for way in (fit, train.fit)]
    torch.testing.assert_close([record["train_loss"] for record in fast], [record["train_loss"] for record in plain], rtol=1e-4, atol=0)
    assert fast[0]["train_loss"] != fit(fresh()[0], images(200), images(50), epochs=1, progress=False, precision="float32")[0]["train_loss"]

"""What a GPU alone can show: recorded steps against plain ones, a recording that fails, memory that runs out, products in TF32. `make gpu`
runs it. On a machine without a GPU the CPU stands in, with steps that are repeated in place of recorded ones, so that the tests
themselves are tried; what has no stand-in is left out there."""

import pytest
import torch

from tests.test_speed import NBS, fake, fresh, images
from vae_nb import speed
from vae_nb.data import mnist, pick_device
from vae_nb.evaluate import active_units, binarize, elbo, kl_per_dimension, nll
from vae_nb.model import VAE
from vae_nb.sample import interpolate, latent_means, manifold, reconstruct
from vae_nb.speed import FastLoop, GraphLoop, fit
from vae_nb.train import PlainLoop

DEVICE = pick_device()
GPU = DEVICE.type == "cuda"
CURVE = (127.3, 115.8, 112.2, 109.6, 108.5, 107.7, 107.1, 106.7, 106.0, 105.6)
on_a_gpu = pytest.mark.skipif(not GPU, reason="nothing stands in for this")


@pytest.fixture(autouse=True)
def recorder(monkeypatch):
    """Without a GPU, steps are repeated and not replayed."""
    if not GPU:
        monkeypatch.setattr(speed, "recorded", fake)


@pytest.fixture(scope="module")
def digits():
    """All images, training and test, on the device."""
    return [mnist(NBS / "data", part)[0].to(DEVICE) for part in (True, False)]


def trained(loop_class, data, epochs=3, **options):
    """The losses of some epochs of a small model on the device, and its weights."""
    model, _ = fresh()
    model.to(DEVICE)
    adam = torch.optim.Adam(model.parameters())
    loop = loop_class(model, adam, batch_size=32, **options)
    torch.manual_seed(1)
    losses = [loop.train_epoch(data.to(DEVICE)) for _ in range(epochs)]
    return losses, [p.detach().cpu() for p in model.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 31, 32, 33, 96, 130, 1100])
def test_recorded_steps_give_what_plain_steps_give(count):
    graph, fast, plain = (trained(loop, images(count)) for loop in (GraphLoop, FastLoop, PlainLoop))
    torch.testing.assert_close(fast[0], plain[0], rtol=1e-3, atol=0)
    torch.testing.assert_close(graph[0], fast[0], rtol=1e-3, atol=0)
    for recorded, stepped in zip(graph[1], fast[1], strict=True):
        torch.testing.assert_close(recorded, stepped, rtol=0.02, atol=2e-4)


def test_every_replay_has_noise_of_its_own():
    model = VAE(latent_dim=20).to(DEVICE)
    loop = GraphLoop(model, torch.optim.Adam(model.parameters(), lr=0.0), batch_size=32)
    data = torch.rand(1, 1, 28, 28, device=DEVICE).repeat(320, 1, 1, 1)
    losses = [loop.train_epoch(data) for _ in range(4)]
    each = loop.recording.losses.tolist()
    assert len(set(losses)) == 4 and len(set(each)) == len(each)


@on_a_gpu
def test_a_recording_that_fails_leaves_the_device_well():
    with pytest.raises(RuntimeError):
        speed.recorded(lambda: torch.ones(1, device=DEVICE).sum().item())
    total = torch.zeros(1, device=DEVICE)
    replay = speed.recorded(lambda: total.add_(1))
    before = total.item()
    replay()
    assert total.item() == before + 1


def test_where_nothing_can_be_recorded_training_goes_on(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no capture")
    monkeypatch.setattr(*((torch.cuda, "graph") if GPU else (speed, "recorded")), broken)
    with pytest.warns(UserWarning, match="no capture"):
        losses, _ = trained(GraphLoop, images(130))
    torch.testing.assert_close(losses, trained(FastLoop, images(130))[0], rtol=1e-3, atol=0)


@on_a_gpu
def test_without_memory_on_the_gpu_training_runs_on_the_cpu():
    model, data = VAE().to(DEVICE), torch.zeros(20_000, 1, 28, 28, dtype=torch.uint8)
    torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated() / torch.cuda.get_device_properties(DEVICE).total_memory
    torch.cuda.set_per_process_memory_fraction(held + 1e-5)
    try:
        with pytest.warns(UserWarning, match="no memory left"):
            history = fit(model, data, data[:100], epochs=1, progress=False)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(history) == 1 and model.fc1.weight.device.type == "cuda"


@pytest.mark.slow
@pytest.mark.parametrize("precision", [None, "float32"])
def test_the_test_loss_follows_the_curve(digits, precision):
    torch.manual_seed(0)
    epochs = 10 if GPU else 1
    history = fit(VAE().to(DEVICE), *digits, epochs, progress=False, precision=precision)
    assert abs(history[-1]["test_loss"] - CURVE[epochs - 1]) < (0.7 if GPU else 1.5)
    quick = speed.tf32_products(DEVICE)
    assert {record["precision"] for record in history} <= ({"tf32"} if quick and not precision else {"float32", "bfloat16"})
    assert not precision or {record["precision"] for record in history} == {"float32"}


@on_a_gpu
def test_one_cycle_takes_half_the_epochs(digits):
    torch.manual_seed(0)
    assert fit(VAE().to(DEVICE), *digits, 5, lr=1.2e-2, progress=False, schedule="one-cycle")[-1]["test_loss"] < 104.9


@pytest.mark.slow
def test_a_run_goes_on_on_another_device(tmp_path, digits):
    small, held_out = (data[:1000] for data in digits)
    for device in (DEVICE, torch.device("cpu"), DEVICE):
        torch.manual_seed(0)
        history = fit(VAE().to(device), small.to(device), held_out.to(device), 2 if device == DEVICE else 3, progress=False,
                      checkpoint=tmp_path / f"{device}.safetensors" if device != DEVICE else tmp_path / "run.safetensors")
        assert history[-1]["test_loss"] < history[0]["test_loss"]
    moved = fit(VAE(), small.cpu(), held_out.cpu(), 4, progress=False, checkpoint=tmp_path / "run.safetensors")
    assert len(moved) == 4 and moved[:2] == history[:2] and moved[-1]["test_loss"] < moved[1]["test_loss"]


@pytest.mark.slow
def test_what_is_computed_there_is_what_is_computed_here():
    model, data = VAE.from_pretrained(), mnist(NBS / "data", False)[0][:200]
    binary = binarize(data, torch.Generator().manual_seed(0))
    z = torch.linspace(-1, 1, 40).view(2, 20)
    torch.set_float32_matmul_precision("highest")

    def found(device):
        model.to(device)
        results = {"means": latent_means(model, data.to(device)), "images": reconstruct(model, data.to(device)),
                   "way": interpolate(model, data[0].to(device), data[1].to(device)), "grid": manifold(VAE(latent_dim=2).to(device)).shape,
                   "decoded": model.decode(z.to(device)), "kl": kl_per_dimension(model, data.to(device)),
                   "active": active_units(model, data.to(device)).sum()}
        estimate = nll(model, binary[:50].to(device), k=1000, binary=True)
        return results, estimate.mean(), elbo(model, binary.to(device), binary=True)
    there, here = found(DEVICE), found(torch.device("cpu"))
    for name, value in here[0].items():
        other = there[0][name]
        assert other == value if isinstance(value, tuple) else torch.allclose(other.cpu().float(), value.float(), atol=2e-3), name
    assert abs(there[1][0] - here[1][0]) < 0.5

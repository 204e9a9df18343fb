"""Many processes, the numbers of one: real processes on one machine, small models, one thread each."""
import inspect
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

import vae_nb
from tests.ranks import ended, started, together
from vae_nb import scale, speed, train
from vae_nb.data import parse_idx, pick_device
from vae_nb.evaluate import nll
from vae_nb.files import load_weights
from vae_nb.loss import loss_function
from vae_nb.model import VAE
from vae_nb.train import PlainLoop
from vae_nb.vq import VQVAE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FIELDS = ("epoch", "train_loss", "test_loss", "precision")


def images(count, seed=0, side=6):
    """Random uint8 images."""
    return torch.randint(0, 256, (count, 1, side, side), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


class Noisy(nn.Module):
    """A model that draws noise in many ways: dropout, a binary mask, noise in place, several samples in front of the batch."""
    latent_dim, image_shape = 3, (1, 6, 6)

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.dropout = nn.Linear(36, 6), nn.Linear(3, 36), nn.Dropout(0.2)

    def encode(self, x):
        return self.encoder(self.dropout(x.flatten(1))).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        eps = torch.distributions.Normal(torch.zeros_like(mu), 1.0).rsample() + torch.empty_like(mu).normal_()
        eps = eps + torch.randn(5, *mu.shape).mean(0) + torch.normal(torch.zeros_like(mu), 0.5) + torch.rand(len(mu), 1)
        z = mu + torch.exp(logvar / 2) * eps * torch.bernoulli(torch.full_like(mu, 0.9))
        return self.decode(F.dropout(z, 0.1, self.training)), mu, logvar


class Normed(nn.Module):
    """A model with batch normalization."""
    latent_dim, image_shape = 3, (1, 6, 6)

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(nn.Linear(36, 8), nn.BatchNorm1d(8), nn.Linear(8, 6)), nn.Linear(3, 36)

    def encode(self, x):
        return self.encoder(x.flatten(1)).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


class Uneven(Noisy):
    """A model that draws as many numbers as the pixels of its share say."""

    def forward(self, x):
        torch.rand(1000 + int(255 * x.sum()) % 7)
        return super().forward(x)


def vae():
    return VAE(hidden_dim=9, latent_dim=3, image_shape=(1, 6, 6))


def wrapped():
    """A model in DistributedDataParallel."""
    scale.team()
    return nn.parallel.DistributedDataParallel(vae())


def quantized():
    """A model whose codebook follows what it sees."""
    return VQVAE((1, 6, 6), (4,), 3, 2)


MODELS = {"vae": vae, "noisy": Noisy, "normed": Normed, "quantized": quantized, "uneven": Uneven, "wrapped": wrapped}


SGD = {"optimizer": torch.optim.SGD, "lr": 1e-4}


def training(rank=0, model="vae", count=50, test=11, start=0, **options):
    """History and weights of a training."""
    torch.manual_seed(start)
    made = MODELS[model]()
    options = {"epochs": 2, "batch_size": 16, "precision": "float32", "progress": False} | options
    history = scale.fit(made, images(count), images(test, 1), **options)
    return history, {name: tensor.clone() for name, tensor in made.state_dict().items()}


def other(rank, odd, **options):
    """A training in which rank 1 has settings of its own."""
    return training(rank, **options | (odd if rank == 1 else {}))


def numbers(history):
    return [[record[field] for field in FIELDS] for record in history]


def agree(one, other, tolerance=1e-5):
    """The histories and weights of two trainings agree."""
    for a, b in zip(one[0], other[0], strict=True):
        assert a["epoch"] == b["epoch"] and a["precision"] == b["precision"]
        torch.testing.assert_close([a["train_loss"], a["test_loss"]], [b["train_loss"], b["test_loss"]], rtol=tolerance, atol=0)
    for name, weight in one[1].items():
        torch.testing.assert_close(weight, other[1][name], rtol=tolerance, atol=tolerance)


def alike(found):
    """All processes have the same history, seconds included, and the same weights, to the last bit."""
    for history, weights in found[1:]:
        assert history == found[0][0]
        assert all(torch.equal(weights[name], found[0][1][name]) for name in weights)


# 50 images in batches of 16 leave 2 for the last; 49 leave 1, fewer than there are processes
def told(value):
    """A parameter's name, the same in every process that collects the tests."""
    return re.sub(r" at 0x\w+", "", str(value))


@pytest.mark.parametrize("size, options", [
    (2, {"count": 50} | SGD), (3, {"count": 50} | SGD), (2, {"count": 49} | SGD), (2, {"count": 49}),
    (3, {"count": 49, "schedule": "one-cycle"}), (2, {"count": 49, "model": "noisy"} | SGD), (3, {"count": 50, "model": "noisy"}),
    (2, {"loop": PlainLoop}), (2, {"test": 1})], ids=told)
def test_many_processes_reach_the_numbers_of_one(size, options):
    found = together(size, training, **options)
    alike(found)
    agree(found[0], training(**options), 1e-5 if "optimizer" in options else 1e-3)


def test_the_first_process_decides_the_initial_weights():
    found = together(2, other, odd={"start": 1}, **SGD)
    alike(found)
    agree(found[0], training(**SGD))


@pytest.mark.parametrize("odd, said", [
    ({"seed": 1}, "seed is 0 in rank 0, 1 in rank 1"),
    ({"batch_size": 8}, "batch_size is 16 in rank 0, 8 in rank 1"),
    ({"epochs": 3}, "epochs is 2 in rank 0, 3 in rank 1"), ({"count": 48}, "train_images is"), ({"model": "noisy"}, "the model's"),
    ({"optimizer": torch.optim.SGD}, "optimizer is 'Adam' in rank 0, 'SGD' in rank 1"),
    ({"schedule": "one-cycle"}, "schedule is False in rank 0, True in rank 1"), ({"loss": train.batch_loss}, "loss"),
    ({"epochs": 0}, "epochs")], ids=told)
def test_processes_that_disagree_are_refused_in_all_of_them(odd, said):
    found = together(2, other, odd=odd)
    assert all(isinstance(error, Exception) and re.search(said, str(error)) for error in found), found


@pytest.mark.parametrize("size, options, said", [
    (3, {"batch_size": 2}, "3 processes cannot share a batch of 2"), (3, {"count": 2}, "3 processes cannot share a batch of 2"),
    (2, {"loop": speed.FastLoop}, "loop is one of your own"), (2, {"model": "wrapped"}, "wrapped by DistributedDataParallel")], ids=told)
def test_what_cannot_be_shared_is_refused(size, options, said):
    found = together(size, training, **options)
    assert all(isinstance(error, ValueError) and said in str(error) for error in found), found


class Failing(Noisy):
    """A model that one process cannot train: in the second epoch its loss fails there."""

    def forward(self, x):
        if self.training and torch.is_grad_enabled() and dist.get_rank() == 1:
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 4:
                raise self.error
        return super().forward(x)


def failing(rank, error, **options):
    """What `fit` raises, and the weights and history that are left; the group may be used again."""
    torch.manual_seed(0)
    model, before = Failing(), []
    model.error = error
    try:
        return scale.fit(model, images(50), images(11, 1), epochs=3, batch_size=16, progress=False, redraw=lambda kept: before.append(
            {name: tensor.clone() for name, tensor in model.state_dict().items()}) or kept, **options)
    except Exception as caught:
        again = training(rank)
        return caught, all(torch.equal(tensor, before[1][name]) for name, tensor in model.state_dict().items()), again


def test_an_error_in_one_process_is_raised_in_all_and_the_epoch_undone():
    first, second = together(2, failing, error=ZeroDivisionError("by rank 1"))
    assert isinstance(first[0], RuntimeError) and "rank 1 failed: ZeroDivisionError: by rank 1" in str(first[0])
    assert isinstance(second[0], ZeroDivisionError) and first[1] and second[1]
    agree(first[2], training())  # and the processes go on to the next call
    alike([first[2], second[2]])


def test_a_loss_that_is_not_finite_is_named_in_all_processes():
    found = together(2, failing, error=FloatingPointError("nan here"))
    for error, undone, _ in found:
        assert isinstance(error, FloatingPointError) and "nan here" in str(error) and "epoch 2" in str(error) and undone
    found = together(2, training, lr=1e9)
    assert all(isinstance(error, FloatingPointError) and "epoch 1" in str(error) for error in found), found


def test_rank_0_alone_writes(tmp_path):
    (tmp_path / "only").touch()
    one, two = together(2, writing, folder=tmp_path)
    alike([one, two])
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == sorted(
        ["run.safetensors", *(f"{kind}_{epoch}.png" for kind in ("sample", "reconstruction") for epoch in (1, 2))])


def writing(rank, folder):
    """A training that writes all it can; in rank 1 the folder is one that nothing can be written to."""
    home = folder if rank == 0 else folder / "only"
    return training(rank, results=home / "results", checkpoint=home / "run.safetensors", progress=True)


@pytest.mark.parametrize("first, second", [(1, 2), (2, 1), (2, 3)])
@pytest.mark.parametrize("options", [SGD, {"schedule": None}], ids=["SGD", "Adam"])
def test_a_run_goes_on_with_another_number_of_processes(tmp_path, first, second, options):
    options = {"count": 49, "epochs": 4, "checkpoint": tmp_path / "run.safetensors", **options}
    stopped = together(first, stopping, after=2, **options) if first > 1 else [stopping(after=2, **options)]
    assert all(isinstance(each, KeyError) for each in stopped), stopped
    found = together(second, training, **options) if second > 1 else [training(**options)]
    alike(found)
    agree(found[0], training(**options | {"checkpoint": None}), 1e-5 if "optimizer" in options else 1e-3)


def stopping(rank=0, after=2, **options):
    """A training that stops after some epochs."""
    record, done = train.Run.epoch, []

    def epoch(run, *args):
        if len(done) == after:
            raise KeyError("stop")
        done.append(0)
        return record(run, *args)
    with patch.object(train.Run, "epoch", epoch):
        try:
            return training(rank, **options)
        except KeyError as error:
            return error


def long_training(rank, epochs=40, **options):
    """A training that takes some seconds, of 130 images."""
    return training(rank, epochs=epochs, count=130, **options)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_is_killed_ends_the_others_and_the_run_goes_on(tmp_path, victim):
    path, jobs = tmp_path / "run.safetensors", None
    whole = together(2, long_training)
    jobs = started(2, long_training, checkpoint=path)
    while not path.exists():
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(jobs[victim][0].pid, signal.SIGKILL)
    results = [result for result, _ in ended(jobs)]
    assert results[victim] is None and "another process has ended" in str(results[1 - victim])
    resumed = together(2, long_training, checkpoint=path)
    alike(resumed)
    assert numbers(resumed[0][0]) == numbers(whole[0][0])
    assert all(torch.equal(tensor, whole[0][1][name]) for name, tensor in resumed[0][1].items())


def in_own_group(rank, **options):
    """A training that is refused and one that is not, in a group that is there already and afterwards still works."""
    dist.init_process_group("gloo", rank=rank, world_size=2)
    try:
        with pytest.raises(ValueError, match="do not agree"):
            training(rank, seed=rank)
        result = training(rank, **options)
        total = torch.ones(1)
        dist.all_reduce(total)
        return result, total.item()
    finally:
        dist.destroy_process_group()


def test_a_group_that_is_there_is_used_and_left():
    found = together(2, in_own_group, variables=False, **SGD)
    assert [total for _, total in found] == [2, 2]
    alike([result for result, _ in found])
    agree(found[0][0], training(**SGD))


@pytest.mark.parametrize("model,words", [("normed", "batch normalization"), ("quantized", "a codebook")])
def test_what_buffers_learn_from_a_batch_is_told_and_the_processes_end_alike(model, words):
    found = ended(started(2, training, model=model, count=48))
    alike([result for result, _ in found])
    assert any(words in text for text in found[0][1]) and not found[1][1]


def mean_loss(*arguments):
    return loss_function(*arguments) / len(arguments[0])


def test_a_loss_that_averages_is_told():
    found = ended(started(2, training, loss=mean_loss))
    assert any("a loss that averages" in text for text in found[0][1])


def aligned(rank):
    """What a process draws after all have been given the same random state."""
    torch.manual_seed(rank)
    scale.align(scale.team(), torch.device("cpu"))
    return torch.rand(3)


def test_random_numbers_that_cannot_be_divided_are_told():
    found = ended(started(2, training, model="uneven"))
    alike([result for result, _ in found])
    assert any("cannot be divided" in text for text in found[0][1])
    one, two = together(2, aligned)
    assert torch.equal(one, two)


def redrawing(rank, differently=False, **options):
    """A training whose images are drawn anew in each epoch."""
    def redraw(kept):
        torch.rand(int(os.environ.get("RANK", 0)) if differently else 0)
        return (torch.rand(kept.shape) < 0.5).float()
    return training(rank, redraw=redraw, **options)


def test_redrawn_images_are_the_same_in_all_processes():
    found = together(2, redrawing)
    alike(found)
    agree(found[0], redrawing(0), 1e-3)
    found = together(2, redrawing, differently=True)
    assert all("the images of this epoch is" in str(error) for error in found), found


def estimate(rank=0, model="vae", way=scale.nll, k=700, count=9, start=0):
    torch.manual_seed(start)
    return tuple(way(MODELS[model](), images(count), k=k, memory=0.1))


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("k", [1, 700])
def test_nll_is_that_of_one_process(size, k):
    found = together(size, estimate, k=k)
    for values in found:
        torch.testing.assert_close(values, estimate(way=nll, k=k), rtol=1e-6, atol=0, equal_nan=True)
        assert all(map(torch.equal, values[::2], found[0][::2]))


def other_estimate(rank, odd):
    return estimate(rank, **(odd if rank else {}))


@pytest.mark.parametrize("odd, said", [({"start": 1}, "the model's fc1.weight"), ({"k": 3}, "k is 700 in rank 0, 3 in rank 1"),
                                       ({"count": 0}, "at least 1 image"), ({"model": "noisy"}, "the model's")])
def test_nll_refuses_what_differs(odd, said):
    found = together(2, other_estimate, odd=odd)
    assert all(isinstance(error, Exception) and said in str(error) for error in found), found


def test_the_faces_of_fit_and_nll_have_one_signature():
    assert inspect.signature(scale.fit) == inspect.signature(train.fit) and inspect.signature(scale.nll) == inspect.signature(nll)
    assert vae_nb.fit is scale.fit and vae_nb.nll is scale.nll


def idx_file(path, pixels):
    header = bytes([0, 0, 8, pixels.dim()]) + b"".join(size.to_bytes(4, "big") for size in pixels.shape)
    path.write_bytes(header + pixels.numpy().tobytes())
    return path


def test_mapped_images_train_as_those_in_memory(tmp_path):
    pixels = images(50)
    for shaped in (pixels, pixels.squeeze(1)):
        mapped = scale.mapped_images(idx_file(tmp_path / "images", shaped))
        assert torch.equal(mapped, pixels) and mapped.is_contiguous()
    mapped[0] = 7
    assert torch.equal(scale.mapped_images(tmp_path / "images"), pixels), "what is written stays in memory"
    torch.manual_seed(0)
    model = vae()
    history = scale.fit(model, scale.mapped_images(tmp_path / "images"), images(11, 1), epochs=2, batch_size=16, precision="float32",
                        progress=False)
    assert numbers(history) == numbers(training()[0])


@pytest.mark.parametrize("content, said", [
    (b"", "no IDX or .npy file"), (b"\x1f\x8b\x08\x00", "gunzip"), (b"\x00\x00\x08\x01" + bytes(4), r"array of shape \(0,\)"),
    (b"\x00\x00\x0d\x03" + bytes(12), "no IDX or .npy file"), (b"\x00\x00\x08\x03" + bytes(12), r"array of shape \(0, 0, 0\)"),
    (b"\x00\x00\x08\x03" + bytes([0, 0, 0, 2])*3 + bytes(7), "should have 24 bytes"), (b"\x00\x00\x08\x03\x00", "array of shape"),
    (b"\x93NUMPY", "no whole .npy file"), (b"\x93NUMPY\x01\x00\x05\x00{'a'\n", "no whole .npy file")])
def test_mapped_images_refuse_other_files(tmp_path, content, said):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        scale.mapped_images(tmp_path / "file")


@pytest.mark.parametrize("array, said", [
    (np.zeros((3, 2, 2)), "holds float64; needed: pixels of uint8"), (np.zeros((3, 4), dtype=np.uint8), r"array of shape \(3, 4\)"),
    (np.zeros((0, 2, 2), dtype=np.uint8), r"array of shape \(0, 2, 2\)"), (np.array(["a", None]), "no whole .npy file"),
    (np.asfortranarray(np.zeros((3, 2, 2), dtype=np.uint8)), "Fortran order")], ids=["floats", "rows", "none", "objects", "Fortran"])
def test_mapped_images_refuse_other_arrays(tmp_path, array, said):
    np.save(tmp_path / "array.npy", array)
    with pytest.raises(ValueError, match=said):
        scale.mapped_images(tmp_path / "array.npy")


def npy_file(path, pixels):
    np.save(path, pixels.numpy())
    return path


def three_shards(folder, pixels):
    """The same images in three files of different kinds and lengths, whose names are in another order."""
    first, second, third = pixels.split([20, 1, 29])
    return [idx_file(folder / "b", first), npy_file(folder / "c.npy", second.squeeze(1)), idx_file(folder / "a", third.squeeze(1))]


def test_shards_are_joined_in_the_order_given(tmp_path):
    pixels, path = images(50), tmp_path / "deep/joined"
    scale.join_images(iter(three_shards(tmp_path, pixels)), path)
    assert torch.equal(scale.mapped_images(path), pixels) and torch.equal(parse_idx(path.read_bytes()), pixels)
    assert [each.name for each in path.parent.iterdir()] == ["joined"]
    torch.manual_seed(0)
    history = scale.fit(vae(), scale.mapped_images(path), images(11, 1), epochs=2, batch_size=16, precision="float32", progress=False)
    assert numbers(history) == numbers(training()[0])
    color = torch.randint(0, 256, (5, 3, 4, 2)).to(torch.uint8)
    scale.join_images([npy_file(tmp_path / "color.npy", color)] * 2, path)
    assert torch.equal(scale.mapped_images(path), color.repeat(2, 1, 1, 1)), "what is there is replaced"


@pytest.mark.parametrize("odd, said", [
    (torch.zeros(2, 5, 6, dtype=torch.uint8), r"odd.npy holds images of shape \(1, 5, 6\), \S*b of shape \(1, 6, 6\)"),
    (torch.zeros(2, 3, 6, 6, dtype=torch.uint8), r"odd.npy holds images of shape \(3, 6, 6\)"),
    (torch.zeros(2, 6, 6), "odd.npy holds float32"), (torch.zeros(36, dtype=torch.uint8), r"odd.npy holds an array of shape \(36,\)")],
    ids=["another size", "color", "floats", "a row"])
def test_a_shard_that_differs_is_named_and_nothing_written(tmp_path, odd, said):
    shards = [*three_shards(tmp_path, images(50)), npy_file(tmp_path / "odd.npy", odd)]
    with pytest.raises(ValueError, match=said):
        scale.join_images(shards, tmp_path / "joined")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("joined")]


def test_a_join_that_fails_leaves_what_was_there(tmp_path):
    shards, path = three_shards(tmp_path, images(50)), tmp_path / "joined"
    path.write_bytes(b"before")
    (tmp_path / "joined.1999999999-7.part").write_bytes(b"left by a process that was killed")
    with patch("os.replace", side_effect=OSError(28, "No space left on device")):
        with pytest.raises(OSError, match="joined could not be written .No space left on device."):
            scale.join_images(shards, path)
    assert path.read_bytes() == b"before" and [each.name for each in tmp_path.glob("joined*")] == ["joined"]
    with pytest.raises(ValueError, match="c.npy is one of the shards"):
        scale.join_images(shards, shards[1])
    assert len(scale.mapped_images(shards[1])) == 1


def test_joining_takes_a_piece_at_a_time(tmp_path):
    shards = [npy_file(tmp_path / f"{i}.npy", torch.zeros(20_000, 28, 28, dtype=torch.uint8)) for i in range(2)]  # 15 MiB each
    tracemalloc.start()
    scale.join_images(shards, tmp_path / "joined")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3 * 2**20 and len(scale.mapped_images(tmp_path / "joined")) == 40_000


def private_memory():
    """KiB of memory that belongs to this process alone and could not be taken back."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))


def growth(rank, path, mapped):
    """By how many MiB the memory of the process grows while it trains on the images of a file."""
    model = VAE(784, 9, 3)
    def train(given):
        scale.fit(model, given, given[:100], epochs=1, batch_size=2000, progress=False, loop=PlainLoop)
    train(torch.zeros(2000, 1, 28, 28, dtype=torch.uint8))  # what the first steps take stays taken
    before = private_memory()
    given = scale.mapped_images(path) if mapped else parse_idx(path.read_bytes()).unsqueeze(1)
    train(given)
    return (private_memory() - before) / 1024


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells the memory of a process so")
def test_mapped_images_take_no_memory_of_the_processes(tmp_path):
    path = idx_file(tmp_path / "images", torch.zeros(40_000, 28, 28, dtype=torch.uint8))  # 30 MiB
    assert max(together(2, growth, path=path, mapped=True)) < 20 < 29 < min(together(2, growth, path=path, mapped=False))


def test_a_process_alone_starts_nothing(monkeypatch):
    monkeypatch.setattr(dist, "init_process_group", None)
    training()
    monkeypatch.setenv("WORLD_SIZE", "1")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")
    training()
    monkeypatch.setattr(dist, "is_available", lambda: False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    training()


@pytest.mark.parametrize("local, count, expected", [(None, 2, "cuda"), ("1", 2, "cuda:1"), ("3", 1, "cuda:0"), ("2", 2, "at most 2")])
def test_each_process_takes_a_gpu_of_its_own(monkeypatch, local, count, expected):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if local:
        monkeypatch.setenv("LOCAL_RANK", local)
    with patch("torch.cuda.is_available", return_value=True), patch("torch.cuda.device_count", return_value=count):
        try:
            assert str(pick_device()) == expected
        except ValueError as error:
            assert expected in str(error)


def on_one_gpu(rank):
    """A training of two processes that seem to have the same GPU."""
    with patch.object(scale, "gpu_of", lambda device: ("here", "GPU-1")):
        return training(rank)


def test_two_processes_on_one_gpu_are_refused():
    found = together(2, on_one_gpu)
    assert all(isinstance(error, ValueError) and "rank 1 has the GPU of rank 0" in str(error) for error in found), found


def accelerated(rank):
    """A training in the group that Accelerate makes."""
    from accelerate import Accelerator
    Accelerator(cpu=True)
    return training(rank, **SGD), dist.is_initialized()


def test_accelerate():
    pytest.importorskip("accelerate")
    found = together(2, accelerated)
    alike([result for result, _ in found])
    assert all(there for _, there in found)
    agree(found[0][0], training(**SGD))


@pytest.mark.slow
def test_ray(tmp_path):
    pytest.importorskip("ray.train")
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    def loop():
        history, _ = training(0, **SGD)
        (tmp_path / str(dist.get_rank())).write_text(f"{dist.get_world_size()} {history[-1]['test_loss']}")
    TorchTrainer(loop, scaling_config=ScalingConfig(num_workers=2)).fit()
    for rank in range(2):
        size, loss = (tmp_path / str(rank)).read_text().split()
        assert int(size) == 2 and float(loss) == pytest.approx(training(**SGD)[0][-1]["test_loss"], rel=1e-5)


SCRIPT = """
import torch
from vae_nb import VAE, fit
images = torch.randint(0, 256, (200, 1, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
torch.manual_seed(0)
model = VAE()
fit(model, images, images[:50], epochs=2, optimizer=torch.optim.SGD, lr=1e-5, checkpoint="run.safetensors", results="results")
"""


def test_an_unchanged_script_under_torchrun(tmp_path):
    ends = []
    for start in ([], ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]):
        folder = tmp_path / str(len(start))
        folder.mkdir()
        (folder / "script.py").write_text(SCRIPT)
        subprocess.run([sys.executable, *start, "script.py"], cwd=folder, check=True, timeout=600,
                       env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
        assert (folder / "results/sample_2.png").exists()
        ends.append(load_weights(folder / "run.safetensors"))
    for name, tensor in ends[0].items():
        assert (tensor - ends[1][name]).norm() <= 1e-3 * tensor.norm(), name

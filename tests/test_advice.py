"""Every advice that a message of the package gives is taken, and it helps.

Each scenario provokes the message, does what it says, where it is code by evaluating that very code, and goes on. The last test
looks through the package's source for messages that advise something: one that no scenario provokes fails it."""
import ast
import gzip
import importlib
import inspect
import math
import os
import re
import shlex
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from torch import nn

from tests import ranks
from vae_nb import VAE, LatentExplorer, elbo, interpolate, nll, reconstruct, sample_prior, scale
from vae_nb import files as course_files
from vae_nb.conv import ConvVAE
from vae_nb.data import as_float, mnist, parse_idx, pick_device, to_images
from vae_nb.evaluate import binarize
from vae_nb.files import folder_images, load_weights, save_weights, write_whole
from vae_nb.labels import ClassVAE, QuadrantVAE, SemiVAE
from vae_nb.ladder import LadderVAE, layer_rates
from vae_nb.loss import loss_function, reconstruction_error
from vae_nb.prior import Mixture, PriorVAE, Scheduled, Vamp, beta_loss, fit_prior, warm_up
from vae_nb.sample import manifold, posterior
from vae_nb.speed import FastLoop
from vae_nb.train import PlainLoop, Run, fit, save_samples, train_epoch
from vae_nb.vq import VQVAE, Codebook, CodePrior, fit_codes, perplexity

ROOT = Path(__file__).parent.parent
SCENARIOS, SLOW, HEARD = {}, set(), {}
ADVICE = re.compile(r"\b(use|pass|leave|call|make|give|name another|put|end (it|decode)|choose|add|train (again|without)|look at|convert|"
                    r"fetch|undo|raise|becomes?|remove|mend|move it|wait|compute it|bring|start (at|one)|unpack|save (it|them)|larger|"
                    r"more images)\b|such as \w+\(", re.I)


def scenario(function):
    """Register a scenario, by its name."""
    SCENARIOS[function.__name__] = function
    return function


def slow_scenario(function):
    """Register a scenario that takes seconds, as it starts processes."""
    SLOW.add(function.__name__)
    return scenario(function)


def said(call, *arguments, **named):
    """The message of the error that a call raises."""
    try:
        call(*arguments, **named)
    except (ArithmeticError, OSError, RuntimeError, TypeError, ValueError, UnpicklingError) as error:
        HEARD.setdefault(str(error), type(error).__name__)
        return str(error)
    raise AssertionError("nothing was refused")


def warned(call, *arguments, **named):
    """The message of the warning that a call gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **named)
    HEARD.setdefault(str(caught[0].message), "warning")
    return str(caught[0].message)


def advised(message, pattern, **names):
    """The value of the code that a message advises, found by the pattern's group."""
    found = re.search(pattern, message)
    assert found, f"{pattern!r} is not in {message!r}"
    return eval(found[1], {"torch": torch, "VAE": VAE, **names})


def small(**sizes):
    torch.manual_seed(0)
    return VAE(hidden_dim=4, latent_dim=2, **sizes)


def pixels(count=6):
    return torch.full((count, 1, 28, 28), 0.5)


def train(model=None, **options):
    """A short training run."""
    model = small() if model is None else model
    return fit(model, options.pop("images", pixels()), pixels(), epochs=options.pop("epochs", 1), progress=False, **options)


# data

@scenario
def a_list_of_tensors_for_images(tmp):
    images = [torch.full((28, 28), 0.5)] * 2
    assert as_float(advised(said(as_float, images), r"(torch\.stack\(images\))", images=images)).shape == (2, 28, 28)


@scenario
def images_and_labels_for_images(tmp):
    def mnist(): return torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
    given = {"mnist": mnist}
    exec(re.search(r"images, labels = mnist\(\)", said(as_float, mnist()))[0], given)
    assert as_float(given["images"]).shape == (2, 1, 28, 28)


@scenario
def a_list_of_numbers_for_images(tmp):
    images = [[0.5] * 784]
    assert as_float(advised(said(as_float, images), r"(torch\.tensor\(images\))", images=images)).shape == (1, 784)


@scenario
def an_array_for_images(tmp):
    images = np.full((2, 784), 0.5)
    assert as_float(advised(said(as_float, images), r"(torch\.as_tensor\(images\))", images=images)).shape == (2, 784)


@scenario
def nothing_for_images(tmp):
    advised(said(as_float, None), r"(mnist)\(\) and folder_images", mnist=mnist)
    assert as_float(folder_images(a_picture(tmp))[0]).shape == (1, 1, 28, 28)


@scenario
def whole_numbers_for_images(tmp):
    images = torch.full((2, 784), 255)
    message = said(as_float, images)
    assert as_float(advised(message, r"\((images\.to\(torch\.uint8\))\)", images=images)).max() == 1
    assert as_float(advised(message, r"\((images\.float\(\))\)", images=images)).dtype == torch.float32


@scenario
def text_for_bytes(tmp):
    text = "abc"
    write_whole(tmp / "a", advised(said(write_whole, tmp / "a", text), r"by (text\.encode\(\))", text=text))
    assert (tmp / "a").read_bytes() == b"abc"


@scenario
def a_folder_for_a_file(tmp):
    assert "add a file's name" in said(write_whole, tmp, b"abc")
    write_whole(tmp / "name", b"abc")


@scenario
def a_disk_that_is_full(tmp):
    """Making room is simulated by undoing what took it away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert "Make room" in said(write_whole, tmp / "full", b"abc")
    write_whole(tmp / "full", b"abc")


IDX = b"\0\0\x08\x01\0\0\0\x04abcd"


@scenario
def a_path_for_idx_bytes(tmp):
    path = tmp / "file-idx1-ubyte"
    path.write_bytes(IDX)
    assert parse_idx(advised(said(parse_idx, path), r"use (path\.read_bytes\(\))", path=path)).tolist() == list(b"abcd")


@scenario
def gzip_for_idx_bytes(tmp):
    data = gzip.compress(IDX)
    assert parse_idx(advised(said(parse_idx, data), r"(gzip\.decompress\(data\))", data=data, gzip=gzip)).tolist() == list(b"abcd")


@scenario
def another_dataset(tmp):
    message = said(mnist, tmp, dataset="cifar")
    assert re.findall(r'"(\w+)"', message) == list(course_files.DATASETS)


@scenario
def files_that_cannot_be_had(tmp):
    """They are put where the message says; the hashes there are those of small stand-ins."""
    import hashlib
    labels, images = b"\0\0\x08\x01\0\0\0\x01\x07", b"\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x01\xff"
    files = {name: images if "images" in name else labels for name in course_files.MNIST_FILES}
    with pytest.MonkeyPatch.context() as patch:
        for name, content in files.items():
            patch.setitem(course_files.MNIST_FILES, name, hashlib.sha256(content).hexdigest())
        patch.setattr("urllib.request.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("offline")))
        patch.setattr("subprocess.run", lambda *_, **__: (_ for _ in ()).throw(OSError("offline")))
        message = said(mnist, tmp)
        folder = Path(re.search(r"into (.+) and call again", message)[1])
        folder.mkdir(parents=True)
        for name in re.findall(r"([\w-]+-ubyte)  sha256", message):
            (folder / f"{name}.gz").write_bytes(gzip.compress(files[name]))
        assert mnist(tmp)[1].tolist() == [7]


@scenario
def rows_of_another_size(tmp):
    rows = torch.full((2, 12), 0.5)
    assert "pass image_shape=(C, H, W)" in said(to_images, rows)
    assert to_images(rows, image_shape=(3, 2, 2)).shape == (2, 3, 2, 2)


@scenario
def a_device_that_is_not_there(tmp):
    assert "Leave the name out" in said(pick_device, "cuda:99")
    assert pick_device().type in ("cuda", "mps", "cpu")


def a_picture(tmp, name="a/1.png"):
    """A folder with a picture."""
    (tmp / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (28, 28), 9).save(tmp / "pictures" / name)
    return tmp / "pictures"


@scenario
def a_file_for_a_folder(tmp):
    message = said(folder_images, a_picture(tmp) / "a/1.png")
    assert len(folder_images(advised(message, r"pictures: ('.*')"))[0]) == 1


@scenario
def a_bad_picture(tmp):
    (a_picture(tmp) / "a/2.png").write_bytes(b"no picture")
    assert "skip_bad=True" in said(folder_images, tmp / "pictures")
    assert "left out" in warned(folder_images, tmp / "pictures", skip_bad=True)
    (tmp / "pictures/a/2.png").unlink()
    assert len(folder_images(tmp / "pictures")[0]) == 1


@scenario
def a_picture_above_the_limit(tmp):
    Image.new("1", (400, 400)).save(a_picture(tmp) / "a/2.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        assert "PIL.Image.MAX_IMAGE_PIXELS" in said(folder_images, tmp / "pictures")
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 400 * 400)
        assert len(folder_images(tmp / "pictures")[0]) == 2
    Image.new("1", (20, 20)).save(tmp / "pictures/a/2.png")
    assert len(folder_images(tmp / "pictures")[0]) == 2


@scenario
def a_format_that_pillow_does_not_read(tmp):
    (a_picture(tmp) / "a/2.heic").write_bytes(b"\0\0\0\x18ftypheic")
    assert "convert it to PNG or JPEG" in said(folder_images, tmp / "pictures")
    (tmp / "pictures/a/2.heic").unlink()
    Image.new("L", (28, 28)).save(tmp / "pictures/a/2.jpg")
    assert len(folder_images(tmp / "pictures")[0]) == 2


@scenario
def folders_that_are_splits(tmp):
    a_picture(tmp, "train/1.png"), a_picture(tmp, "test/1.png")
    message = warned(folder_images, tmp / "pictures")
    images, _, _ = advised(message, r"(folder_images\('.*?'\)) reads one", folder_images=folder_images)
    assert len(images) == 1


@scenario
def folders_that_are_outputs(tmp):
    a_picture(tmp), a_picture(tmp, "results/sample_1.png")
    assert "move it out" in warned(folder_images, tmp / "pictures")
    (tmp / "pictures/results").rename(tmp / "results")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder_images(tmp / "pictures")


# the model

@scenario
def an_array_for_a_batch(tmp):
    images = np.full((2, 784), 0.5)
    small()(advised(said(small(), images), r"(torch\.as_tensor\(images\))", images=images))


@scenario
def images_and_labels_for_a_batch(tmp):
    images = torch.full((2, 784), 0.5), torch.tensor([3, 4])
    assert small()(advised(said(small(), images), r"(images\[0\])", images=images))[0].shape == (2, 784)


@scenario
def a_list_for_a_batch(tmp):
    images = [torch.full((784,), 0.5)] * 2
    small()(advised(said(small(), images), r"(torch\.stack\(images\))", images=images))
    images = [[0.5] * 784]
    small()(advised(said(small(), images), r"(torch\.tensor\(images\))", images=images))


@scenario
def integers_for_a_batch(tmp):
    images = torch.full((2, 784), 255, dtype=torch.uint8)
    small()(advised(said(small(), images), r"use (images\.float\(\) / 255)", images=images))
    images = images.bool()
    small()(advised(said(small(), images), r"use (images\.float\(\))", images=images))


@scenario
def one_image_for_a_batch(tmp):
    images = torch.full((784,), 0.5)
    small()(advised(said(small(), images), r"(images\.unsqueeze\(0\))", images=images))
    reconstruct(small(), advised(said(reconstruct, small(), images), r"(images\.unsqueeze\(0\))", images=images))


@scenario
def pixels_up_to_255(tmp):
    images = torch.full((2, 784), 255.0)
    assert "divided by 255" in said(reconstruct, small(), images)
    reconstruct(small(), images / 255)


@scenario
def pixels_standardized(tmp):
    images = torch.rand(2, 784)
    assert "subtract" in said(reconstruct, small(), (images - 0.1307) / 0.3081)
    reconstruct(small(), images)


@scenario
def channels_last(tmp):
    images, model = torch.full((2, 8, 8, 3), 0.5), small(image_shape=(3, 8, 8))
    reconstruct(model, advised(said(reconstruct, model, images), r"(images\.permute\(0, 3, 1, 2\))", images=images))


@scenario
def labels_for_images(tmp):
    images = torch.full((2, 784), 200)
    reconstruct(small(), advised(said(reconstruct, small(), images), r"use (images\.to\(torch\.uint8\))", images=images))
    images = images.bool()
    reconstruct(small(), advised(said(reconstruct, small(), images), r"use (images\.float\(\))", images=images))


@scenario
def two_sizes(tmp):
    assert "leave image_size out" in said(VAE, 100, image_shape=(3, 8, 8))
    assert VAE(image_shape=(3, 8, 8)).image_size == 192


@scenario
def a_model_without_a_shape(tmp):
    message = said(sample_prior, small(image_size=192))
    assert sample_prior(advised(message, r"(VAE\(192, image_shape=\(C, H, W\)\))", C=3, H=8, W=8), 2).shape == (2, 3, 8, 8)


@scenario
def integers_for_latents(tmp):
    z = torch.zeros(2, 2, dtype=torch.int64)
    small().decode(advised(said(small().decode, z), r"use (z\.float\(\))", z=z))


@scenario
def a_pickle(tmp):
    """Of tied weights: torch.save keeps them tied, and the advice has to work all the same."""
    weight = torch.rand(3, 3)
    torch.save({"a": weight, "b": weight}, tmp / "old.pt")
    message = said(load_weights, tmp / "old.pt")
    code = re.search(r"with vae_nb\.files\.(save_weights\(.*\))", message)[1].replace("'weights.safetensors'", "path")
    eval(code, {"save_weights": save_weights, "torch": torch, "path": tmp / "new.safetensors"})
    assert all(torch.equal(tensor, weight) for tensor in load_weights(tmp / "new.safetensors").values())


@scenario
def a_pickle_from_a_gpu(tmp):
    """Its storages say "cuda:0"; without `map_location` it could not be opened on this machine."""
    torch.save({"a": torch.rand(3)}, tmp / "cpu.pt", _use_new_zipfile_serialization=False)
    tagged = (tmp / "cpu.pt").read_bytes().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    (tmp / "gpu.pt").write_bytes(tagged)
    code = re.search(r"(torch\.load\(.*\))\)", said(load_weights, tmp / "gpu.pt"))[1]
    if not torch.cuda.is_available():
        assert said(eval, code.replace("map_location='cpu', ", ""), {"torch": torch})
    assert eval(code, {"torch": torch})["a"].device.type == "cpu"


@scenario
def a_file_cut_short(tmp):
    small().save_pretrained(tmp / "w.safetensors")
    whole = (tmp / "w.safetensors").read_bytes()
    (tmp / "w.safetensors").write_bytes(whole[:-10])
    assert "fetch or save it again" in said(load_weights, tmp / "w.safetensors")
    small().save_pretrained(tmp / "w.safetensors")
    load_weights(tmp / "w.safetensors")


@scenario
def more_than_weights_to_save(tmp):
    model = small()
    message = said(save_weights, tmp / "w.safetensors", {"model": model.state_dict(), "epoch": 3})
    save_weights(tmp / "w.safetensors", advised(message, r"(model\.state_dict\(\))", model=model))


class Deeper(VAE):
    """A subclass that needs an argument of its own."""
    def __init__(self, depth, **sizes):
        super().__init__(**sizes)
        self.more = nn.ModuleList(nn.Linear(2, 2) for _ in range(depth))


@scenario
def a_constructor_with_arguments_of_its_own(tmp):
    Deeper(2, hidden_dim=4, latent_dim=2).save_pretrained(tmp / "w.safetensors")
    assert "by name" in said(Deeper.from_pretrained, tmp / "w.safetensors")
    assert len(Deeper.from_pretrained(tmp / "w.safetensors", depth=2).more) == 2


class Logits(VAE):
    """A VAE that forgot its sigmoid."""
    def decode(self, z):
        return self.fc4(torch.relu(self.fc3(z))) + 7


class Ended(Logits):
    """The same, ended as the message says."""
    def decode(self, z):
        return torch.sigmoid(super().decode(z))


@scenario
def a_decoder_without_sigmoid(tmp):
    sizes = {"hidden_dim": 4, "latent_dim": 2}
    assert "end it with torch.sigmoid" in said(sample_prior, Logits(**sizes))
    assert sample_prior(Ended(**sizes)).max() <= 1
    assert "end it with torch.sigmoid" in said(train, Logits(**sizes))
    train(Ended(**sizes))


@scenario
def probabilities_in_half_precision(tmp):
    logits = torch.zeros(2, 784, dtype=torch.bfloat16)
    message = said(reconstruction_error, torch.sigmoid(logits), torch.full((2, 784), 0.5))
    reconstruction_error(advised(message, r"(torch\.sigmoid\(logits\.float\(\)\))", logits=logits), torch.full((2, 784), 0.5))


@scenario
def what_is_no_model(tmp):
    assert sample_prior(advised(said(sample_prior, "VAE"), r"such as (VAE\(\))"), 2).shape == (2, 1, 28, 28)


# the loss

@scenario
def integers_for_a_gaussian(tmp):
    mu = torch.zeros(2, 2, dtype=torch.int64)
    rows = torch.full((2, 784), 0.5)
    message = said(loss_function, rows, rows, mu, torch.zeros(2, 2))
    loss_function(rows, rows, advised(message, r"(mu\.float\(\))", mu=mu), torch.zeros(2, 2))


@scenario
def a_run_that_diverges(tmp):
    model = small()
    message = said(train, model, lr=1e30)
    assert "a tenth of it" in message
    rate = float(re.search(r"learning rate \((.+?)\)", message)[1])
    while rate > 1e-2:
        rate /= 10
    assert math.isfinite(train(model, lr=rate)[-1]["test_loss"])


@scenario
def an_output_that_is_nan(tmp):
    rows, bad = torch.full((2, 784), 0.5), torch.full((2, 2), math.nan)
    assert "smaller learning rate" in said(loss_function, rows, rows, bad, bad)
    assert "smaller learning rate" in said(reconstruction_error, rows * math.nan, rows)
    train(small(), lr=1e-4)


# training

@scenario
def a_frozen_model(tmp):
    model = small().requires_grad_(False)
    advised(said(train, model), r"call (model\.requires_grad_\(True\))", model=model)
    train(model)


@scenario
def an_epoch_of_a_frozen_model(tmp):
    model = small().requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters())
    advised(said(train_epoch, model, pixels(), optimizer), r"call (model\.requires_grad_\(True\))", model=model)
    with torch.no_grad():
        assert "not within torch.no_grad" in said(train_epoch, model, pixels(), optimizer)
    train_epoch(model, pixels(), optimizer)


class Lazy(VAE):
    """A VAE with a layer whose size comes from its first batch."""
    def __init__(self):
        super().__init__(hidden_dim=4, latent_dim=2)
        self.more = nn.LazyLinear(784)

    def encode(self, x):
        return super().encode(torch.sigmoid(self.more(x.flatten(1))))


@scenario
def a_layer_without_a_size(tmp):
    model = Lazy()
    assert "call the model once" in said(train, model)
    model(pixels())
    train(model)


@scenario
def parameters_that_cannot_be_trained(tmp):
    with torch.device("meta"):
        model = small()
    assert "make the model anew" in said(train, model)
    model = small()
    model.fc1.weight.data[0] = math.nan
    assert "make the model anew" in said(train, model)
    train(small())


@scenario
def an_image_that_cannot_be_drawn(tmp):
    two = torch.full((6, 2, 4, 4), 0.5)
    model = small(image_shape=(2, 4, 4))
    assert "leave results out" in said(fit, model, two, two, epochs=1, progress=False, results=tmp)
    fit(model, two, two, epochs=1, progress=False)


@scenario
def a_picture_without_an_ending(tmp):
    assert "use .png" in said(save_samples, small(), tmp / "samples.txt")
    save_samples(small(), tmp / "samples.png")


@scenario
def the_optimizer_of_another_model(tmp):
    model = small()
    message = said(train, model, optimizer=torch.optim.SGD(small().parameters(), lr=1e-3))
    train(model, optimizer=advised(message, r"(torch\.optim\.Adam\(model\.parameters\(\)\))", model=model))


@scenario
def an_optimizer_and_a_rate(tmp):
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    assert "leave lr out" in said(train, model, optimizer=optimizer, lr=0.1)
    train(model, optimizer=optimizer)


@scenario
def an_optimizer_that_needs_a_closure(tmp):
    message = said(train, optimizer=torch.optim.LBFGS)
    train(optimizer=advised(message, r"such as (torch\.optim\.Adam)"))


@scenario
def a_loop_in_low_precision(tmp):
    class Low(PlainLoop):
        precision = property(lambda self: "bfloat16", lambda self, value: None)
    assert "loop=PlainLoop" in said(train, loop=Low, precision="float32")
    assert train(loop=PlainLoop, precision="float32")[0]["precision"] == "float32"


@scenario
def a_loss_for_each_image(tmp):
    def each(out, x, mu, logvar):
        return (out - x).square().flatten(1).sum(1)
    message = said(train, loss=each)
    assert "end it with .sum()" in message
    train(loss=lambda *arguments: each(*arguments).sum())


@scenario
def a_loss_without_a_gradient(tmp):
    def cut(out, x, mu, logvar):
        return (out - x).square().sum().detach()
    assert "without .detach()" in said(train, loss=cut)
    train(loss=lambda out, x, mu, logvar: (out - x).square().sum())


class Weighted(nn.Module):
    """A loss with a parameter."""
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, out, x, mu, logvar):
        return self.weight * (out - x).square().sum()


@scenario
def a_loss_with_parameters(tmp):
    assert "train without checkpoint" in said(train, loss=Weighted(), checkpoint=tmp / "run.safetensors")
    train(loss=Weighted())


class WarmUp:
    """A loss that counts its calls, to weigh the KL divergence more and more."""
    calls = 0

    def __call__(self, out, x, mu, logvar):
        self.calls += 1
        return (out - x).square().sum() + self.calls * mu.square().sum()


@scenario
def a_loss_that_changes(tmp):
    assert "train without checkpoint" in said(train, loss=WarmUp(), checkpoint=tmp / "run.safetensors")
    train(loss=WarmUp())
    train(loss=lambda out, x, mu, logvar: (out - x).square().sum() + mu.square().sum(), checkpoint=tmp / "run.safetensors")


class Tables(torch.optim.SGD):
    """An optimizer whose state is no tensor."""
    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["note"] = "text"


@scenario
def a_state_that_no_checkpoint_holds(tmp):
    assert "train without checkpoint" in said(train, optimizer=Tables, checkpoint=tmp / "run.safetensors")
    train(optimizer=Tables)


@scenario
def another_run_s_checkpoint(tmp):
    train(checkpoint=tmp / "run.safetensors")
    message = said(train, checkpoint=tmp / "run.safetensors", epochs=2, batch_size=2)
    assert "Use the same, or name another checkpoint" in message
    assert len(train(checkpoint=tmp / "run.safetensors", epochs=2)) == 2
    assert len(train(checkpoint=tmp / "other.safetensors", epochs=2, batch_size=2)) == 2


@scenario
def a_checkpoint_of_another_model(tmp):
    train(checkpoint=tmp / "run.safetensors")
    message = said(train, VAE(hidden_dim=5, latent_dim=2), checkpoint=tmp / "run.safetensors", epochs=2)
    assert "use those it was made with, or another path" in message
    assert len(train(checkpoint=tmp / "run.safetensors", epochs=2)) == 2
    train(VAE(hidden_dim=5, latent_dim=2), checkpoint=tmp / "other.safetensors")


@scenario
def a_file_that_is_no_checkpoint(tmp):
    small().save_pretrained(tmp / "weights.safetensors")
    assert "name another checkpoint" in said(train, checkpoint=tmp / "weights.safetensors")
    train(checkpoint=tmp / "run.safetensors")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp / "pipe")
        assert "name another" in said(train, checkpoint=tmp / "pipe")


@scenario
def a_damaged_history(tmp):
    import safetensors
    train(checkpoint=tmp / "run.safetensors")
    whole = (tmp / "run.safetensors").read_bytes()
    with safetensors.safe_open(tmp / "run.safetensors", "pt") as file:
        metadata = file.metadata()
    save_weights(tmp / "run.safetensors", load_weights(tmp / "run.safetensors"), metadata | {"history": "[3]"})
    message = said(train, checkpoint=tmp / "run.safetensors", epochs=2)
    assert "name another checkpoint, or bring back a copy" in message
    (tmp / "run.safetensors").write_bytes(whole)
    assert len(train(checkpoint=tmp / "run.safetensors", epochs=2)) == 2


@scenario
def a_checkpoint_in_use(tmp):
    lock = FileLock(f"{tmp / 'run.safetensors'}.lock")
    with lock:
        assert "wait until that ends, or name another" in said(train, checkpoint=tmp / "run.safetensors")
        train(checkpoint=tmp / "other.safetensors")
    train(checkpoint=tmp / "run.safetensors")


@scenario
def a_folder_that_cannot_be_written(tmp):
    (tmp / "file").write_bytes(b"")
    assert "name another folder" in said(train, results=tmp / "file/results")
    train(results=tmp / "results")


@scenario
def a_schedule_and_a_loop_that_does_not_step(tmp):
    class Idle(PlainLoop):
        def train_epoch(self, images, progress=False):
            return 1.0
    message = said(train, loop=Idle, schedule="one-cycle")
    assert "leave schedule out" in message and train(loop=Idle) and train(loop=PlainLoop, schedule="one-cycle")


@scenario
def a_schedule_and_an_optimizer_without_a_rate(tmp):
    class Fixed(torch.optim.Optimizer):
        def __init__(self, parameters, lr):
            super().__init__(parameters, {})

        def step(self, closure=None):
            pass
    message = said(train, optimizer=Fixed, schedule="one-cycle")
    assert "leave schedule out" in message and train(optimizer=Fixed)


@scenario
def a_schedule_and_a_scheduler(tmp):
    model = small()
    adam = torch.optim.Adam(model.parameters())
    torch.optim.lr_scheduler.ConstantLR(adam)
    message = said(train, model, optimizer=adam, schedule="one-cycle")
    assert "make the optimizer anew" in message
    assert train(model, optimizer=torch.optim.Adam(model.parameters()), schedule="one-cycle")


# sampling and evaluation

@scenario
def a_plane_of_many_dimensions(tmp):
    message = said(manifold, VAE(hidden_dim=4, latent_dim=3))
    assert manifold(advised(message, r"(VAE\(latent_dim=2\))"), 2).shape == (4, 1, 28, 28)


@scenario
def a_seed_for_a_generator(tmp):
    message = said(sample_prior, small(), 2, 0)
    sample_prior(small(), 2, advised(message, r"(torch\.Generator\(\)\.manual_seed\(0\))"))


@scenario
def an_encoder_that_has_diverged(tmp):
    model = small()
    model.fc2_mean.bias.data[0] = math.inf
    assert "look at its weights" in said(posterior, model, pixels())
    assert [name for name, tensor in model.state_dict().items() if not tensor.isfinite().all()] == ["fc2_mean.bias"]


@scenario
def grey_pixels_where_binary_ones_are_asked_for(tmp):
    images = pixels()
    elbo(small(), advised(said(elbo, small(), images, binary=True), r"(binarize\(images\))", binarize=binarize, images=images), binary=True)


class Endless(VAE):
    """A model whose likelihood is broken."""
    def log_likelihood(self, z, x):
        return torch.full(z.shape[:2], -math.inf)


@scenario
def a_likelihood_that_is_not_finite(tmp):
    model = Endless(hidden_dim=4, latent_dim=2)
    assert "look at what log_likelihood" in said(elbo, model, pixels()) and "look at what" in said(nll, model, pixels(), k=2)
    assert not model.log_likelihood(torch.zeros(1, 1, 2), pixels(1)).isfinite().all()


# the explorer

def instead(message, model, images):
    """Look at a model in the ways that the explorer's messages name."""
    for name in ("reconstruct", "sample_prior", "interpolate"):
        assert name in message
    reconstruct(model, images), sample_prior(model, 2), interpolate(model, images[0], images[1], 3)


@scenario
def a_model_that_the_explorer_cannot_show(tmp):
    instead(said(LatentExplorer, Ended(hidden_dim=4, latent_dim=2)), Ended(hidden_dim=4, latent_dim=2), pixels())
    color, images = small(image_shape=(3, 8, 8)), torch.full((2, 3, 8, 8), 0.5)
    instead(said(LatentExplorer, color), color, images)
    hooked = small()
    handle = hooked.fc1.register_forward_hook(lambda *_: None)
    instead(said(LatentExplorer, hooked), hooked, pixels())
    handle.remove()
    LatentExplorer(hooked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.nn.functional.relu", torch.tanh)
        instead(said(LatentExplorer, small()), small(), pixels())


@scenario
def one_hot_labels(tmp):
    labels = torch.eye(6, dtype=torch.int64)
    message = said(LatentExplorer, small(), pixels(), labels)
    LatentExplorer(small(), pixels(), advised(message, r"(labels\.argmax\(1\))", labels=labels))


@scenario
def labels_without_images(tmp):
    model, images, labels = small(), pixels(), list(range(6))
    message = said(LatentExplorer, model, labels=labels)
    advised(message, r"(LatentExplorer\(model, images, labels\))", LatentExplorer=LatentExplorer, model=model, images=images, labels=labels)


@scenario
def an_explorer_of_a_model_that_has_diverged(tmp):
    model = small()
    model.fc1.bias.data[0] = math.nan
    assert "smaller learning rate" in said(LatentExplorer, model)
    LatentExplorer(small())


@scenario
def sides_that_strides_do_not_divide(tmp):
    message = said(ConvVAE, (1, 30, 28))
    side = int(re.search(r"a multiple of 4, such as (\d+)", message)[1])
    model = ConvVAE((1, side, 28))
    model(torch.nn.functional.pad(torch.rand(2, 1, 30, 28), (0, 0, 0, side - 30)))
    Image.new("L", (28, 30)).save(tmp / "picture.png")
    model(as_float(folder_images(tmp, size=(side, 28))[0]))
    ConvVAE((1, 30, 28), widths=(16,))(torch.rand(2, 1, 30, 28))


@scenario
def labels_beneath_pictures_of_another_kind(tmp):
    model, pictures = ClassVAE(3, (1, 4, 5), 4, 2), torch.rand(3, 1, 4, 5)
    expected = model.join(pictures, [0, 2, 1])
    one_hot, floats = torch.eye(3)[[0, 2, 1]], torch.tensor([0.0, 2.0, 1.0])
    for labels, advice in ((one_hot, r"use (labels\.argmax\(1\))"), (floats, r"use (labels\.long\(\))")):
        found = advised(said(model.join, pictures, labels), advice, labels=labels)
        assert torch.equal(model.join(pictures, found), expected)


@scenario
def labels_counted_from_1(tmp):
    model, pictures, labels = ClassVAE(3, (1, 4, 5), 4, 2), torch.rand(3, 1, 4, 5), torch.tensor([1, 2, 3])
    message = said(model.join, pictures, labels)
    assert "count the classes from 0, or make the model with more classes" in message
    assert model.split(model.join(pictures, labels - 1))[1].tolist() == [0, 1, 2]
    assert ClassVAE(4, (1, 4, 5), 4, 2).join(pictures, labels).shape == (3, 1, 5, 5)


@scenario
def images_without_the_label_that_is_needed(tmp):
    model, pictures, labels = ClassVAE(3, (1, 4, 5), 4, 2), torch.rand(3, 1, 4, 5), [0, 1, 2]
    unlabeled, torn = model.join(pictures), model.join(pictures, labels)
    torn[0, 0, 4] = 0.5
    elbo(model, advised(said(elbo, model, unlabeled), r"(model\.join\(pictures, labels\))", model=model, pictures=pictures, labels=labels))
    elbo(SemiVAE(3, (1, 4, 5), 4, 2), unlabeled)
    elbo(model, advised(said(elbo, model, torn), r"(model\.join\(pictures, labels\))", model=model, pictures=pictures, labels=labels))


@scenario
def nothing_given_to_complete(tmp):
    model, images = QuadrantVAE(1, (1, 4, 6), 4, 2), torch.rand(2, 1, 4, 6)
    told = advised(said(sample_prior, model, 2), r"(model\.given\(images\))", model=model, images=images)
    assert sample_prior(told, 2).shape == images.shape
    assert "needed: 1, or as many" in said(sample_prior, told, 3)
    assert sample_prior(model.given(images[:1]), 3).shape == (3, 1, 4, 6) == sample_prior(model.given(torch.rand(3, 1, 4, 6)), 3).shape


# priors, codes and layers

@scenario
def a_prior_that_diverges(tmp):
    mu, logvar = torch.zeros(6, 2), torch.zeros(6, 2)
    message = said(fit_prior, Mixture(3, 2), mu, logvar, 3, lr=1e30)
    rate = float(re.search(r"a tenth of lr=(.+)", message)[1])
    while rate > 1e-2:
        rate /= 10
    assert fit_prior(Mixture(3, 2), mu, logvar, 3, lr=rate).isfinite().all()


@scenario
def what_is_no_prior(tmp):
    model = VAE(hidden_dim=4)
    for wrong in (Mixture, nn.Linear(2, 2)):
        PriorVAE(model, advised(said(PriorVAE, model, wrong), r"such as (Mixture\(.*\))", Mixture=Mixture))
    message = said(PriorVAE, small(), Mixture(3, 5))
    PriorVAE(small(), advised(message, r"such as (Mixture\(.*\))", Mixture=Mixture))


@scenario
def a_prior_for_a_model_that_has_one(tmp):
    model = PriorVAE(VAE(hidden_dim=4), Mixture(3, 20))
    PriorVAE(advised(said(PriorVAE, model, Mixture(3, 20)), r"such as (VAE\(\))"), Mixture(3, 20))


@scenario
def more_inputs_of_a_prior_than_images(tmp):
    message = said(Vamp, small(), pixels(), 7)
    assert "a count of at most 6, or more images" in message
    assert len(Vamp(small(), pixels(), 6).pixels) == 6 and len(Vamp(small(), pixels(7), 7).pixels) == 7


@scenario
def a_weight_over_time(tmp):
    message = said(train, loop=Scheduled)
    assert "loss=beta_loss, or one with an argument weight=1.0" in message
    train(loop=Scheduled, loss=beta_loss)
    train(loop=Scheduled, loss=lambda *outputs, weight=1.0: weight * loss_function(*outputs))
    message = said(Scheduled, small(), torch.optim.Adam(small().parameters()), weight=0.5)
    train(loss=beta_loss, loop=lambda *given: Scheduled(*given, weight=advised(message, r"such as (warm_up\(10\))", warm_up=warm_up)))


def quantizer(codes=3):
    """A model whose images of 4x4 have 4 codes each."""
    torch.manual_seed(0)
    return VQVAE((1, 4, 4), (4,), codes, 2)


def quantize(model, count=6, **options):
    """A short training run of a quantizer, all images in one batch if nothing else is said."""
    images = torch.rand(count, 1, 4, 4)
    return fit(model, images, images, epochs=1, loss=model.loss, progress=False, **options)


@scenario
def a_quantizer_that_diverges(tmp):
    """In the second step the codebook meets what the first has done, and after a single one the loss does."""
    for batch_size, what in ((3, "the vectors hold nan"), (6, "mu or logvar holds nan")):
        message = said(quantize, quantizer(), batch_size=batch_size, lr=1e30)
        assert what in message and "train again with a smaller learning rate" in message
    assert math.isfinite(quantize(quantizer(), batch_size=3)[0]["test_loss"])


@scenario
def a_codebook_larger_than_the_first_batch(tmp):
    message = said(quantize, quantizer(32))
    assert "needed: at most as many codes, or larger batches and more images" in message
    assert quantize(quantizer(24)) and quantize(quantizer(32), 8)


@scenario
def a_prior_that_is_not_of_the_codes(tmp):
    for wrong in (Mixture(3, 8), CodePrior(4, (2, 2))):
        model = quantizer()
        model.prior = wrong
        model.prior = advised(said(sample_prior, model, 2), r"(CodePrior\(.*\))", CodePrior=CodePrior)
        assert sample_prior(model, 2).shape == (2, 1, 4, 4)


@scenario
def what_is_no_prior_of_codes(tmp):
    model = VQVAE(widths=(4, 4), codes=16, code_dim=2)
    prior = advised(said(fit_codes, CodePrior, model.codes(pixels())), r"such as (CodePrior\(.*\))", CodePrior=CodePrior)
    fit_codes(prior, model.codes(pixels()), 1)
    CodePrior(16, advised(said(CodePrior, 16, 7), r"such as (\(7, 7\))"))
    model.codebook = Codebook(16, 2, advised(said(Codebook, 16, 2, 1.0), r"such as (0\.99)"))
    assert perplexity(advised(said(perplexity, torch.rand(3), 16), r"(model\.codes\(images\))", model=model, images=pixels()), 16) <= 16


@scenario
def a_model_of_one_layer(tmp):
    model = advised(said(layer_rates, small(), pixels()), r"such as (LadderVAE\(\))", LadderVAE=LadderVAE)
    assert layer_rates(model, pixels()).shape == (6, 2)


# many processes

def shared(model=None, **options):
    """A short training run by all processes that there are."""
    model, options = small() if model is None else model, {"epochs": 1, "batch_size": 4} | options
    return scale.fit(model, pixels(), pixels(), progress=False, **options)


def together(action, **options):
    """What an action returned in each of two processes, the message that it met first; `None` for a process that has ended."""
    found = ranks.together(2, action, **options)
    assert not any(isinstance(each, Exception) for each in found), found
    for message, *_ in filter(None, found):
        HEARD.setdefault(message, "two processes")
    return found


def a_batch_of_one(rank):
    return said(shared, batch_size=1), shared(batch_size=2)


@slow_scenario
def more_processes_than_images_in_a_batch(tmp):
    for message, history in together(a_batch_of_one):
        assert "start at most 1, or raise batch_size" in message and len(history) == 1
    assert shared(batch_size=1)


def a_gpu_for_two(rank):
    """No GPU is needed: what a process finds is made up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scale, "gpu_of", lambda device: ("here", "GPU-0"))
        message = said(shared)
        with pytest.MonkeyPatch.context() as machine:
            machine.setattr("torch.cuda.is_available", lambda: True)
            machine.setattr("torch.cuda.device_count", lambda: 2)
            place = advised(message, r"put the model on (pick_device\(\))", pick_device=pick_device)
        patch.setattr(scale, "gpu_of", lambda device: ("here", str(place)))
        return message, str(place), shared()


@slow_scenario
def two_processes_on_one_gpu(tmp):
    found = together(a_gpu_for_two)
    assert all("start one process for each GPU" in message for message, _, _ in found)
    assert [place for _, place, _ in found] == ["cuda:0", "cuda:1"] and all(len(history) == 1 for _, _, history in found)


def a_loop_of_ones_own(rank):
    return said(shared, loop=FastLoop), shared()


@slow_scenario
def a_loop_that_knows_no_other_processes(tmp):
    for message, history in together(a_loop_of_ones_own):
        assert "leave loop out, or start a single process" in message and len(history) == 1
    assert shared(loop=FastLoop)


def calls_that_differ(rank):
    return said(shared, seed=rank), shared(seed=0)


@slow_scenario
def processes_that_do_not_agree(tmp):
    for message, history in together(calls_that_differ):
        assert "Each must make the same call with the same images" in message and len(history) == 1


def a_wrapped_model(rank):
    scale.team()
    model = nn.parallel.DistributedDataParallel(small())
    message = said(shared, model)
    return message, shared(advised(message, r"give it (model\.module)", model=model))


@slow_scenario
def a_model_that_averages_gradients(tmp):
    assert all(len(history) == 1 for _, history in together(a_wrapped_model))


@scenario
def zeros_and_ones_in_bytes(tmp):
    images = (pixels() > 0.4).to(torch.uint8)
    advice = advised(warned(train, images=images), r"pass (images\.float\(\))", images=images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(images=advice)


def a_model_frozen_on_the_way(rank):
    model = small()
    message = said(shared, model, redraw=lambda images: model.requires_grad_(False) and images)
    advised(message, r"call (model\.requires_grad_\(True\))", model=model)
    return message, shared(model)


@slow_scenario
def processes_with_a_frozen_model(tmp):
    for message, history in together(a_model_frozen_on_the_way):
        assert "the loss has no gradient" in message and len(history) == 1


def three_epochs(rank, path, ends):
    """A run with a checkpoint; if it `ends`, process 1 does so at the beginning of the second epoch."""
    epoch, begun = Run.epoch, []

    def counted(run, *given):
        begun.append(given[0])
        if ends and rank == 1 and len(begun) == 2:
            os._exit(1)
        return epoch(run, *given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "epoch", counted)
        return (said(shared, epochs=3, checkpoint=path) if ends else "", [] if ends else shared(epochs=3, checkpoint=path), begun)


@slow_scenario
def a_process_that_has_ended(tmp):
    (message, _, _), ended = together(three_epochs, path=tmp / "run.safetensors", ends=True)
    assert ended is None and "look at that process's error first" in message and "holds the run up to its last whole epoch" in message
    for _, history, begun in together(three_epochs, path=tmp / "run.safetensors", ends=False):
        assert len(history) == 3 and begun == [2, 3]


@scenario
def a_process_without_a_gpu(tmp):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.cuda.is_available", lambda: True)
        patch.setattr("torch.cuda.device_count", lambda: 2)
        patch.setenv("LOCAL_RANK", "2")
        message = said(pick_device)
        assert advised(message, r"(pick_device\(\"cpu\"\))", pick_device=pick_device).type == "cpu"
        for rank in range(int(re.search(r"start at most (\d+) processes", message)[1])):
            patch.setenv("LOCAL_RANK", str(rank))
            assert pick_device() == torch.device("cuda", rank)


@scenario
def a_packed_file_to_map(tmp):
    for name in ("images.gz", "another name"):
        (tmp / name).write_bytes(gzip.compress(b"\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x01\xff"))
        command = re.search(r"unpack it: (gunzip -c .* > (.*))", said(scale.mapped_images, tmp / name))
        subprocess.run(command[1], shell=True, check=True)
        assert scale.mapped_images(shlex.split(command[2])[0]).tolist() == [[[[255]]]]


@scenario
def an_array_in_fortran_order(tmp):
    array, path = np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(3, 2, 2)), tmp / "images.npy"
    np.save(path, array)
    advised(said(scale.mapped_images, path), r"(np\.save\(path, np\.ascontiguousarray\(array\)\))", np=np, path=path, array=array)
    assert torch.equal(scale.mapped_images(path).squeeze(1), torch.from_numpy(array))


@scenario
def shards_that_cannot_be_joined_there(tmp):
    """Making room is simulated by undoing what took it away."""
    shards = [tmp / f"{i}.npy" for i in range(2)]
    for shard in shards:
        np.save(shard, np.zeros((3, 2, 2), dtype=np.uint8))
    assert "choose another path for the joined images" in said(scale.join_images, shards, shards[1])
    assert "add a file's name" in said(scale.join_images, shards, tmp)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert "Make room or allow it" in said(scale.join_images, shards, tmp / "joined")
    scale.join_images(shards, tmp / "joined")
    assert len(scale.mapped_images(tmp / "joined")) == 6


@cache
def heard(name):
    """Run a scenario; its messages are in `HEARD` afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        SCENARIOS[name](Path(folder).resolve())
    return True


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in SCENARIOS])
def test_the_advice_helps(name):
    heard(name)


# Messages that no test can bring about, or whose words advise nothing.
PASSED_OVER = {
    "the GPU has no memory left": "needs a GPU without memory",
    "is taken twice": "a reason inside another message, not an advice",
    "products are set to a lower precision": "a reason for the plain loop, never shown",
}


def literals(module):
    """The messages in a module's source as regular expressions, with what is filled in left open; and as text."""
    tree = ast.parse(Path(inspect.getsourcefile(module)).read_text(encoding="utf-8"))
    holders = (ast.FunctionDef, ast.ClassDef, ast.Module)
    firsts = [node.body[0] for node in ast.walk(tree) if isinstance(node, holders) and node.body]
    docs = {id(first.value) for first in firsts if isinstance(first, ast.Expr)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in docs or id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = [node.value]
        else:
            continue
        pattern = "".join(".*" if part is None else re.escape(part) for part in parts)
        yield pattern, "".join("{}" if part is None else part for part in parts)


# All modules but `exercises`, whose messages are verdicts on answers (tests/test_exercises.py).
MODULES = sorted({path.stem for path in (ROOT / "vae_nb").glob("[!_]*.py")} - {"exercises"})


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name == "scale" else []) for name in MODULES])
def test_no_advice_is_left_untaken(name):
    for each in SCENARIOS:
        if name == "scale" or each not in SLOW:
            heard(each)
    module = importlib.import_module(f"vae_nb.{name}")
    untaken = [text for pattern, text in literals(module) if " " in text and ADVICE.search(text)
               and not any(words in text for words in PASSED_OVER) and not any(re.search(pattern, message, re.S) for message in HEARD)]
    assert untaken == [], "write a scenario that takes this advice"

"""Every public function, called with arguments that do not belong there.

The table is made from the modules' `__all__`: each parameter of each function has a kind, and each kind a list of wrong values.
A call with one either works, where that is harmless, or raises `TypeError`, `ValueError` or `OSError` whose message says what
was given and what is needed. It never ends in an error that comes raw out of torch, NumPy, json or the file system.

A new function without a row in `CALLS`, or a new parameter without a kind, fails `test_the_table_is_whole`."""
import importlib
import inspect
import math
import re
import tempfile
import urllib.request
from collections import namedtuple
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

DATA = Path(__file__).parent.parent / "nbs/data"
# without exercises: its checkers take anything, see test_exercises.py, and the rest is for those who write checkers
MODULES = ["files", "data", "model", "loss", "train", "sample", "evaluate", "explore", "speed", "conv", "labels", "prior", "vq", "ladder",
           "scale"]
ALLOWED = (TypeError, ValueError, OSError, FloatingPointError)
RAW = re.compile("|".join([
    r"mat1 and mat2", r"Expected all tensors", r"has no attribute", r"not JSON serializable", r"unsupported operand", r"index out of range",
    r"must match the (existing )?size", r"invalid combination of arguments", r"expected scalar type", r"os error \d", r"size of tensor",
    r"^\[Errno \d+\] [A-Z][a-z ]+(: '|$)", r"Overflow", r"Dimension out of range", r"received an invalid", r"not subscriptable",
    r"not iterable", r"shape '\[", r"object is not callable", r"^\S+\(\) (takes|missing)", r"not supported between", r"Storage size",
    r"invalid literal", r"could not convert", r"cannot be interpreted"]))

# A kind of argument: the words for it, one of which a message must have; values that must raise, values that may work or
# raise, values that must work. A wrong value comes with the words for it, one of which a message must have too.
Kind = namedtuple("Kind", "needed wrong odd right", defaults=({}, {}, {}))


def NONE():
    """The value None: no error where it is a parameter's default."""


def rows(count=2, size=784, fill=0.5, **options):
    return torch.full((count, size), fill, **options)


NOT_TENSORS = {
    "a list": (lambda: [[0.5] * 784] * 2, r"\blist\b"), "an array": (lambda: np.full((2, 784), 0.5), r"\bndarray\b"),
    "None": (NONE, r"\bNone"), "a string": (lambda: "images", r"\bstr\b"), "a number": (lambda: 3, r"\bint\b")}
NO_SIZES = {
    "zero": (lambda: 0, r"\b0\b"), "negative": (lambda: -1, r"-1\b"), "True": (lambda: True, r"\bTrue\b"),
    "a float": (lambda: 2.5, r"\b2\.5\b"), "a float that is whole": (lambda: 2.0, r"\b2\.0\b"), "a string": (lambda: "3", r"'3'"),
    "None": (NONE, r"\bNone\b"), "nan": (lambda: math.nan, r"\bnan\b"), "a list": (lambda: [3], r"\[3\]")}
SIZES = {"NumPy's": lambda: np.int64(2), "Python's": lambda: 2}
AMOUNTS = {
    "a string": (lambda: "0.5", r"'0\.5'"), "None": (NONE, r"None"), "True": (lambda: True, r"True"), "negative": (lambda: -0.5, r"-0\.5"),
    "nan": (lambda: math.nan, r"\bnan\b"), "inf": (lambda: math.inf, r"\binf\b"), "a list": (lambda: [0.5], r"\[0\.5\]")}
HUGE = {"huge": (lambda: 10**400, r"1000|10\*\*|too large")}

KINDS = {
    # pixels
    "images": Kind(r"images?\b|tensor|pixels", NOT_TENSORS | {
        "int64": (lambda: torch.ones(2, 784, dtype=torch.int64), r"int64"), "complex": (lambda: rows(dtype=torch.complex64), r"complex64"),
        "empty": (lambda: rows(0), r"\(0, "), "too narrow": (lambda: rows(size=100), r"\(2, 100\)"),
        "one number": (lambda: torch.tensor(0.5), r"\(\)"), "0 to 255": (lambda: rows(fill=255.0), r"\b255\b"),
        "negative": (lambda: rows(fill=-0.1), r"-0\.1"), "slightly above 1": (lambda: rows(fill=1.01), r"1\.01"),
        "nan": (lambda: rows(fill=math.nan), r"\bnan\b"), "color": (lambda: torch.full((2, 3, 28, 28), 0.5), r"\(2, 3, 28, 28\)"),
    }, {}, {
        "rows": lambda: rows(), "uint8": lambda: rows(fill=9).to(torch.uint8), "float64": lambda: rows(dtype=torch.float64),
        "half": lambda: rows(dtype=torch.float16), "bfloat16": lambda: rows(dtype=torch.bfloat16),
        "without channel": lambda: rows().view(2, 28, 28), "with gradient": lambda: rows().requires_grad_()}),
    "batch": Kind(r"images?\b|tensor|pixels", NOT_TENSORS | {
        "int64": (lambda: torch.ones(2, 784, dtype=torch.int64), r"int64"),
        "uint8": (lambda: torch.ones(2, 784, dtype=torch.uint8), r"uint8"),
        "empty": (lambda: rows(0), r"\(0, 784\)"), "too narrow": (lambda: rows(size=100), r"\(2, 100\)"),
        "0 to 255": (lambda: rows(fill=255.0), r"\b255\b"), "nan": (lambda: rows(fill=math.nan), r"\bnan\b"),
        "slightly above 1": (lambda: rows(fill=1.01), r"1\.01"),
    }, {}, {"rows": lambda: rows(), "float64": lambda: rows(dtype=torch.float64), "half": lambda: rows(dtype=torch.float16)}),
    "any tensor": Kind(r"images?\b|tensor|pixels", NOT_TENSORS, {"int64": (lambda: torch.ones(2, 784, dtype=torch.int64), r"int64")}, {
        "uint8": lambda: torch.ones(2, 784, dtype=torch.uint8), "float64": lambda: rows(dtype=torch.float64)}),
    "pixels of any shape": Kind(r"images?\b|tensor|pixels", NOT_TENSORS | {
        "int64": (lambda: torch.ones(2, 784, dtype=torch.int64), r"int64"), "empty": (lambda: rows(0), r"\b0\b|no images"),
        "0 to 255": (lambda: rows(fill=255.0), r"\b255\b"), "slightly above 1": (lambda: rows(fill=1.01), r"1\.01"),
        "nan": (lambda: rows(fill=math.nan), r"\bnan\b"),
    }, {}, {"rows": lambda: rows(), "half": lambda: rows(dtype=torch.float16), "uint8": lambda: rows(fill=9).to(torch.uint8)}),
    "floats": Kind(r"logits|\bx\b|tensor|floats", NOT_TENSORS | {"int64": (lambda: torch.ones(2, 784, dtype=torch.int64), r"int64")},
                   {"another width": (lambda: rows(size=100), r"\(2, 100\)")}, {"float64": lambda: rows(dtype=torch.float64)}),
    "one image": Kind(r"images?\b|tensor|pixels", NOT_TENSORS | {
        "int64": (lambda: torch.ones(1, 28, 28, dtype=torch.int64), r"int64"), "too narrow": (lambda: torch.ones(100), r"100"),
        "0 to 255": (lambda: torch.full((1, 28, 28), 255.0), r"\b255\b"), "nan": (lambda: torch.full((1, 28, 28), math.nan), r"\bnan\b"),
    }, {"two": (lambda: rows(), r"\b2\b")}, {"uint8": lambda: torch.ones(1, 28, 28, dtype=torch.uint8)}),
    "probabilities": Kind(r"reconstruct|tensor|probabilit|model's output", NOT_TENSORS | {
        "int64": (lambda: torch.ones(2, 784, dtype=torch.int64), r"int64"), "logits": (lambda: rows(fill=7.0), r"\b7\b"),
        "too narrow": (lambda: rows(size=100), r"\(2, 100\)"), "other images": (lambda: rows(3), r"\(3, 784\)|\b3\b"),
        "nan": (lambda: rows(fill=math.nan), r"\bnan\b"), "empty": (lambda: rows(0), r"\(0, 784\)|\b0\b"),
    }, {"half": (lambda: rows(dtype=torch.float16), r"float16")}, {"images": lambda: rows().view(2, 1, 28, 28)}),
    "k probabilities": Kind(r"reconstruct|tensor|probabilit|model's output", NOT_TENSORS | {
        "int64": (lambda: torch.ones(2, 2, 784, dtype=torch.int64), r"int64"),
        "logits": (lambda: rows(4, fill=7.0).view(2, 2, 784), r"\b7\b"),
        "too narrow": (lambda: torch.ones(2, 2, 100), r"\(2, 2, 100\)"),
        "other images": (lambda: rows(6).view(2, 3, 784), r"\(2, 3, 784\)"),
        "other samples": (lambda: rows(6).view(3, 2, 784), r"\(3, 2, 784\)"), "one sample": (lambda: rows(), r"\(2, 784\)"),
        "nan": (lambda: rows(4, fill=math.nan).view(2, 2, 784), r"\bnan\b"), "empty": (lambda: rows(0).view(0, 2, 784), r"\(0, 2, 784\)"),
    }, {"half": (lambda: rows(4, dtype=torch.float16).view(2, 2, 784), r"float16")}, {"images": lambda: rows(4).view(2, 2, 1, 28, 28)}),
    "original": Kind(r"original|images?\b|tensor|pixels", NOT_TENSORS | {
        "int64": (lambda: torch.ones(2, 784, dtype=torch.int64), r"int64"),
        "uint8": (lambda: torch.ones(2, 784, dtype=torch.uint8), r"uint8"),
        "0 to 255": (lambda: rows(fill=255.0), r"\b255\b"), "too narrow": (lambda: rows(size=100), r"\(2, 100\)"),
        "other images": (lambda: rows(3), r"\(3, 784\)|\b3\b"), "nan": (lambda: rows(fill=math.nan), r"\bnan\b"),
    }, {}, {"images": lambda: rows().view(2, 1, 28, 28)}),
    "image_shape": Kind(r"image_shape|shape", {
        "a number": (lambda: 28, r"\b28\b"), "two numbers": (lambda: (28, 28), r"\(28, 28\)"), "a string": (lambda: "abc", r"'abc'"),
        "floats": (lambda: (1.0, 28.0, 28.0), r"1\.0"), "zero": (lambda: (0, 28, 28), r"\b0\b"), "negative": (lambda: (-1, -28, 28), r"-1"),
        "None": (NONE, r"None"),
    }, {"another product": (lambda: (3, 28, 28), r"\(3, 28, 28\)|2,?352")},
    {"a list": lambda: [1, 28, 28], "NumPy's": lambda: tuple(np.array([1, 28, 28]))}),
    # latents
    "z": Kind(r"\bz\b|latent|tensor", NOT_TENSORS | {
        "too wide": (lambda: torch.zeros(2, 5), r"\(2, 5\)"), "int64": (lambda: torch.zeros(2, 2, dtype=torch.int64), r"int64"),
        "one number": (lambda: torch.tensor(0.5), r"\(\)"),
    }, {"empty": (lambda: torch.zeros(0, 2), r"\(0, 2\)")}, {"float64": lambda: torch.zeros(2, 2, dtype=torch.float64),
    "one vector": lambda: torch.zeros(2)}),
    "samples of z": Kind(r"\bz\b|latent|tensor", NOT_TENSORS | {
        "too wide": (lambda: torch.zeros(2, 2, 5), r"\(2, 2, 5\)"), "two dimensions": (lambda: torch.zeros(2, 2), r"\(2, 2\)"),
        "other images": (lambda: torch.zeros(3, 2, 2), r"\(3, 2, 2\)"),
        "int64": (lambda: torch.zeros(2, 2, 2, dtype=torch.int64), r"int64"),
    }, {"nan": (lambda: torch.full((2, 2, 2), math.nan), r"\bnan\b")}, {"float64": lambda: torch.zeros(2, 2, 2, dtype=torch.float64)}),
    "gaussian": Kind(r"\bmu\b|logvar|tensor", NOT_TENSORS | {
        "another width": (lambda: torch.zeros(2, 5), r"\(2, 5\)"), "int64": (lambda: torch.zeros(2, 2, dtype=torch.int64), r"int64"),
        "one dimension": (lambda: torch.zeros(2), r"\(2,?\)"), "other images": (lambda: torch.zeros(3, 2), r"\(3, 2\)"),
        "nan": (lambda: torch.full((2, 2), math.nan), r"\bnan\b"),
    }, {}, {}),
    # models
    "model": Kind(r"\bmodel\b|VAELike|latent_dim|image_shape|explorer", {
        "None": (NONE, r"None"), "a string": (lambda: "VAE", r"'VAE'|\bstr\b"), "a list": (lambda: [1], r"\[1\]|\blist\b"),
        "a class": (lambda: public("model.VAE"), r"\bVAE\b"), "a layer": (lambda: nn.Linear(784, 2), r"Linear"),
        "a function": (lambda: len, r"\blen\b"),
        "a state dict": (lambda: small().state_dict(), r"dict|fc1"),
    }, {"without encode": (lambda: like(encode=None), r"encode|Like"), "without decode": (lambda: like(decode=None), r"decode|Like"),
        "without forward": (lambda: like(forward=nn.Module.forward), r"forward|Like"),
        "a latent_dim of text": (lambda: like(latent_dim="2"), r"'2'|Like"),
        "an image_shape of two": (lambda: like(image_shape=(28, 28)), r"\(28, 28\)|Like"),
        "frozen": (lambda: small().requires_grad_(False), r"grad"),
        "half": (lambda: small().half(), r"float16|Half|diverged"), "other": (lambda: like(), r"Like"),
    }, {"compiled": lambda: torch.compile(small(), backend="eager"), "wrapped": lambda: nn.DataParallel(small()),
    "double": lambda: small().double(),
            "in training": lambda: small().train()}),
    # numbers
    "size": Kind(r"whole number|at least 1|integer", NO_SIZES, HUGE, SIZES),
    "widths": Kind(r"widths|whole number", {
        "a number": (lambda: 16, r"\b16\b"), "none": (lambda: (), r"\(\)"), "None": (NONE, r"None"), "a string": (lambda: "16", r"'16'"),
        "a zero": (lambda: (4, 0), r"\b0\b"), "floats": (lambda: (4.5,), r"4\.5"), "too many": (lambda: (4, 4, 4), r"\b28\b"),
    }, {}, {"a list": lambda: [4, 4], "NumPy's": lambda: tuple(np.array([4, 4])), "one": lambda: (4,)}),
    "image size": Kind(r"whole number|at least 1|integer", NO_SIZES, HUGE, {"NumPy's": lambda: np.int64(784)}),
    "columns": Kind(r"whole number|at least 1|integer", NO_SIZES, HUGE, SIZES),
    "lr": Kind(r"\blr\b|learning rate|number", {
        "a string": (lambda: "1e-3", r"1e-3"), "None": (NONE, r"None"), "negative": (lambda: -1.0, r"-1"),
        "nan": (lambda: math.nan, r"\bnan\b"), "inf": (lambda: math.inf, r"\binf\b"), "a list": (lambda: [1e-3], r"\[0\.001\]"),
        "True": (lambda: True, r"True"), "two numbers": (lambda: torch.tensor([1e-3, 1e-3]), r"tensor|\(2"), "complex": (lambda: 1j, r"1j"),
    }, {"huge": (lambda: 10**400, r"1000|large|finite")}, {
        "NumPy's": lambda: np.float32(1e-3), "NumPy's double": lambda: np.float64(1e-3), "a tensor": lambda: torch.tensor(1e-3),
        "a NumPy array": lambda: np.array(1e-3), "whole": lambda: 0, "zero": lambda: 0.0}),
    "seed": Kind(r"\bseed\b|whole number", {
        "a string": (lambda: "0", r"'0'"), "a float": (lambda: 0.5, r"0\.5"), "None": (NONE, r"None"), "True": (lambda: True, r"True"),
        "negative": (lambda: -1, r"-1"), "too large": (lambda: 2**32, r"4294967296|2\*\*32"), "huge": (lambda: 10**400, r"1000|large"),
    }, {}, {"NumPy's": lambda: np.int64(3), "unsigned": lambda: np.uint8(3), "the largest": lambda: 2**32 - 1}),
    "long seed": Kind(r"\bseed\b|whole number", {
        "a string": (lambda: "0", r"'0'"), "a float": (lambda: 0.5, r"0\.5"), "None": (NONE, r"None"), "True": (lambda: True, r"True"),
        "negative": (lambda: -1, r"-1"), "huge": (lambda: 10**400, r"1000|large"),
    }, {}, {"NumPy's": lambda: np.int64(3), "unsigned": lambda: np.uint64(2**63 - 1)}),
    "memory": Kind(r"memory|number", {
        "negative": (lambda: -1, r"-1"), "zero": (lambda: 0, r"\b0\b"), "a string": (lambda: "1GB", r"1GB"), "None": (NONE, r"None"),
        "nan": (lambda: math.nan, r"\bnan\b"), "True": (lambda: True, r"True"),
    }, {}, {"NumPy's": lambda: np.int64(2**28)}),
    "threshold": Kind(r"threshold|number", {
        "a string": (lambda: "0.01", r"0\.01"), "None": (NONE, r"None"), "nan": (lambda: math.nan, r"\bnan\b"),
    }, {"negative": (lambda: -1.0, r"-1")}, {"NumPy's": lambda: np.float32(0.01)}),
    "amount": Kind(r"number", AMOUNTS, HUGE, {"NumPy's": lambda: np.float32(0.5), "whole": lambda: 1, "zero": lambda: 0}),
    "amount above 0": Kind(r"number", AMOUNTS | {"zero": (lambda: 0, r"\b0\b")}, HUGE,
        {"NumPy's": lambda: np.float32(0.5), "whole": lambda: 1}),
    "weight over time": Kind(r"weight|passes", {
        "a number": (lambda: 0.5, r"0\.5"), "None": (NONE, r"None"), "what returns a word": (lambda: lambda passes: "half", r"'half'"),
        "what returns nan": (lambda: lambda passes: math.nan, r"\bnan\b"), "what falls below 0": (lambda: lambda passes: -passes, r"-0\.5"),
    }, {}, {"a function": lambda: lambda passes: passes**2}),
    "prior": Kind(r"prior|Mixture", {
        "None": (NONE, r"None"), "a class": (lambda: public("prior.Mixture"), r"Mixture"), "a number": (lambda: 3, r"\b3\b"),
        "a layer": (lambda: nn.Linear(2, 2), r"Linear"), "of other dimensions": (lambda: public("prior.Mixture")(3, 5), r"\b5\b"),
    }, {}, {"a flow": lambda: public("prior.Flow")(2, 4, 2), "double": lambda: public("prior.Mixture")(3, 2).double()}),
    "generator": Kind(r"generator", {"a seed": (lambda: 0, r"\b0\b|\bint\b"), "a string": (lambda: "cpu", r"cpu|\bstr\b"),
                                     "NumPy's": (lambda: np.random.default_rng(0), r"Generator")}, {}, {}),
    # files
    "file to read": Kind(r"path|file|folder", {
        "a folder": ("tmp", r"is a folder|directory"), "no such file": ("missing", r"missing"), "a number": (lambda: 3, r"\b3\b|\bint\b"),
        "a list": (lambda: ["a"], r"list|\['a'\]"), "not a safetensors file": ("text", r"text\.txt"), "empty": ("empty", r"empty\.bin"),
        "a pickle": ("pickle", r"pickle")}, {"None": (NONE, r"None")}, {}),
    "file to write": Kind(r"path|file|folder|written", {
        "a folder": ("tmp", r"folder|directory"), "a number": (lambda: 3, r"\b3\b|\bint\b"), "a list": (lambda: ["a"], r"list|\['a'\]"),
        "below a file": ("below", r"text\.txt"), "None": (NONE, r"None")}, {}, {}),
    "folder to read": Kind(r"path|file|folder|pictures", {
        "a file": ("text", r"text\.txt"), "no such folder": ("missing", r"missing"), "empty": ("hollow", r"hollow"),
        "a number": (lambda: 3, r"\b3\b|\bint\b"), "None": (NONE, r"None")}, {}, {}),
    "folder to write": Kind(r"path|file|folder|results|written", {
        "a file": ("text", r"text\.txt"), "a number": (lambda: 3, r"\b3\b|\bint\b"), "below a file": ("below", r"text\.txt")}, {}, {}),
    "bytes": Kind(r"bytes", {"a string": (lambda: "abc", r"\bstr\b"), "None": (NONE, r"None"), "a list": (lambda: [1], r"\blist\b"),
                             "a tensor": (lambda: torch.ones(3), r"\bTensor\b")}, {}, {"a bytearray": lambda: bytearray(IDX)}),
    "IDX": Kind(r"IDX|bytes", {"a string": (lambda: "abc", r"\bstr\b"), "None": (NONE, r"None"), "empty": (lambda: b"", r"begins|\b0\b"),
                               "cut short": (lambda: IDX[:-1], r"\b11\b"), "other type": (lambda: b"\0\0\x0d\x01\0\0\0\x01abcd", r"0d"),
                               "gzip": (lambda: b"\x1f\x8b\x08", r"gzip")}, {}, {"a bytearray": lambda: bytearray(IDX)}),
    # words, functions and the rest
    "word": Kind(r"mnist|files?\b|dataset", {"another": (lambda: "cifar", r"cifar"), "None": (NONE, r"None"),
        "a number": (lambda: 3, r"\b3\b"),
                                             "a list": (lambda: ["mnist"], r"\['mnist'\]")}, {}, {}),
    "train": Kind(r"\btrain\b", {"a string": (lambda: "test", r"'test'"), "None": (NONE, r"None")}, {"a number": (lambda: 1, r"\b1\b")},
        {}),
    "device": Kind(r"device", {"another": (lambda: "tpu:9", r"tpu:9"), "a float": (lambda: 1.5, r"1\.5"),
        "a list": (lambda: ["cpu"], r"\['cpu'\]"),
                               "True": (lambda: True, r"True"), "meta": (lambda: "meta", r"meta")}, {},
                               {"a device": lambda: torch.device("cpu")}),
    "state dict": Kind(r"state|tensor|dict", {
        "a model": (lambda: small(), r"\bVAE\b"), "None": (NONE, r"None"), "a list": (lambda: [torch.ones(2)], r"\blist\b"),
        "a checkpoint": (lambda: {"model": small().state_dict(), "epoch": 3}, r"model|dict"),
        "arrays": (lambda: {"a": np.ones(2)}, r"ndarray")}, {}, {}),
    "metadata": Kind(r"metadata", {"numbers": (lambda: {"epoch": 3}, r"\b3\b|\bint\b"), "a string": (lambda: "abc", r"abc|\bstr\b")}, {},
                     {"words": lambda: {"a": "b"}}),
    "loss": Kind(r"\bloss\b", {
        "a word": (lambda: "mse", r"'mse'|\bstr\b"), "None": (NONE, r"None"), "a number": (lambda: 1.0, r"1\.0|\bfloat\b"),
        "one per image": (lambda: lambda out, x, mu, logvar: (out - x).flatten(1).sum(1), r"\(\d+,?\)|shape"),
        "a Python number": (lambda: lambda out, x, mu, logvar: 3.0, r"3\.0"),
    }, {}, {"a function": lambda: lambda out, x, mu, logvar: (out - x).square().sum() + mu.square().sum() + logvar.square().sum()}),
    "weighted loss": Kind(r"\bloss\b", {"a word": (lambda: "mse", r"'mse'|\bstr\b"), "None": (NONE, r"None"),
        "without weight": (lambda: public("loss.loss_function"), r"loss_function.*no weight")}, {}, {}),
    "some loss": Kind(r"\bloss\b", {"a word": (lambda: "mse", r"'mse'|\bstr\b"), "None": (NONE, r"None"),
        "a number": (lambda: 1.0, r"1\.0")}, {}, {}),
    "loop": Kind(r"\bloop\b", {"a word": (lambda: "fast", r"'fast'|\bstr\b"), "a number": (lambda: 1, r"\b1\b|\bint\b"),
                               "what makes no loop": (lambda: lambda *_: 3, r"train_epoch|\b3\b|\bint\b")}, {}, {}),
    "optimizer maker": Kind(r"optimizer", {
        "a word": (lambda: "adam", r"'adam'|\bstr\b"), "a number": (lambda: 1e-3, r"0\.001|\bfloat\b"),
        "of another model": (lambda: torch.optim.SGD(small().parameters(), lr=1e-3), r"parameters?|SGD"),
        "needs a closure": (lambda: torch.optim.LBFGS, r"LBFGS"), "what makes none": (lambda: lambda parameters, lr: 3, r"\b3\b|\bint\b"),
    }, {}, {"a class": lambda: torch.optim.SGD}),
    "optimizer": Kind(r"optimizer", {"a word": (lambda: "adam", r"'adam'|\bstr\b"), "None": (NONE, r"None"),
                                     "a class": (lambda: torch.optim.Adam, r"Adam")}, {}, {}),
    "redraw": Kind(r"redraw", {
        "a word": (lambda: "binarize", r"'binarize'|\bstr\b"), "what returns nothing": (lambda: lambda images: None, r"None"),
        "what returns other sizes": (lambda: lambda images: images[:, :, :5], r"\(\d+, 1, 5, 28\)"),
        "what leaves [0, 1]": (lambda: lambda images: images.float() + 7, r"\b7"), "a number": (lambda: 3, r"\b3\b|\bint\b"),
    }, {"what returns fewer": (lambda: lambda images: images[:1], r"\b1\b")}, {}),
    "precision": Kind(r"precision|float32", {"another": (lambda: "float8", r"float8"), "a number": (lambda: 32, r"\b32\b"),
                                             "a dtype": (lambda: torch.float32, r"torch\.float32")}, {}, {"float32": lambda: "float32"}),
    "schedule": Kind(r"schedule|one-cycle", {"another": (lambda: "cosine", r"cosine"), "a number": (lambda: 5, r"\b5\b"),
        "what PyTorch has": (lambda: torch.optim.lr_scheduler.OneCycleLR, r"OneCycleLR")}, {}, {"one-cycle": lambda: "one-cycle"}),
    "history": Kind(r"history|record", {"None": (NONE, r"None"), "a string": (lambda: "history", r"str|'history'"),
        "empty": (lambda: [], r"\[\]|empty|at least"),
                                        "numbers": (lambda: [1.0], r"1\.0|\bfloat\b"),
                                        "other records": (lambda: [{"loss": 1.0}], r"loss")}, {}, {}),
    "labels": Kind(r"labels", {
        "too few": (lambda: [1, 2], r"\(2,\)"), "a number": (lambda: 3, r"\(\)|\bint\b"), "floats": (lambda: [0.5] * 6, r"float"),
        "a string": (lambda: "abcdef", r"\(\)|\bstr\b"), "one-hot": (lambda: torch.eye(6), r"\(6, 6\)|float"),
        "uneven": (lambda: [[1], [1, 2]], r"list|inhomogeneous"),
    }, {}, {"names": lambda: list("abcdef"), "an array": lambda: np.arange(6), "a tensor": lambda: torch.arange(6)}),
    "latent vector": Kind(r"\bz\b|latent", {"huge": (lambda: [10**400, 0], r"1000|finite|large|\bz\b"),
        "nan": (lambda: [math.nan, 0], r"\bnan\b|finite"),
                                 "words": (lambda: ["a", "b"], r"'a'|\bstr\b"), "too many": (lambda: [0.0] * 5, r"\b5\b"),
                                 "a number": (lambda: 3, r"\b3\b|\bint\b")},
               {}, {"an array": lambda: np.zeros(2), "a tensor": lambda: torch.zeros(2)}),
    "free": Kind("", {}, {}, {}),  # what cannot be wrong: flags, and words that go into a picture
}
IDX = b"\0\0\x08\x01\0\0\0\x04abcd"


def public(name):
    """The object of this name in the package, `train.fit` for instance."""
    module, *rest = name.split(".")
    found = importlib.import_module(f"vae_nb.{module}")
    for part in rest:
        found = getattr(found, part)
    return found


def small(**sizes):
    """A VAE of images of 28x28 that is quick."""
    torch.manual_seed(0)
    return public("model.VAE")(hidden_dim=4, latent_dim=2, **sizes)


def convolutional(kind="ConvVAE"):
    """A convolutional VAE of images of 28x28 that is quick."""
    torch.manual_seed(0)
    return public(f"conv.{kind}")(widths=(4,), latent_dim=2)


def classed(kind="ClassVAE", style_dim=1):
    """A model of pictures of 27x28 in one class, whose images with labels have 784 pixels."""
    torch.manual_seed(0)
    return public(f"labels.{kind}")(1, (1, 27, 28), 4, style_dim)


def labeled():
    """Two images with labels, as rows."""
    return classed().join(torch.full((2, 1, 27, 28), 0.5), [0, 0]).flatten(1)


def completer():
    """A model that is given a picture to complete."""
    torch.manual_seed(0)
    return public("labels.QuadrantVAE")(hidden_dim=4, latent_dim=2).given(rows(1))
def layered(kind="LadderVAE"):
    """A model of two layers that is quick."""
    torch.manual_seed(0)
    return public(f"ladder.{kind}")(lower_dim=1, upper_dim=1, lower_hidden=4, upper_hidden=4)


def mixture():
    """A prior for `small`."""
    torch.manual_seed(0)
    return public("prior.Mixture")(3, 2)


def with_prior():
    """A VAE with a prior of its own."""
    return public("prior.PriorVAE")(small(), mixture())


def scheduled(tmp):
    return trainer(tmp) | {"loss": public("prior.beta_loss"), "weight": public("prior.warm_up")(2)}


def codebook():
    """Two codes of two numbers."""
    torch.manual_seed(0)
    return public("vq.Codebook")(2, 2)


def quantizing():
    """A model of images of 784 pixels with one place, and two codes of two numbers."""
    torch.manual_seed(0)
    return public("vq.VQVAE")((49, 4, 4), (4, 4), 2, 2).eval()


def code_prior():
    """A prior over grids of 2x3 with four codes."""
    torch.manual_seed(0)
    return public("vq.CodePrior")(4, (2, 3), 4, 1)


def grids():
    return torch.ones(3, 2, 3, dtype=torch.int64)


class Like(nn.Module):
    """The smallest model that keeps the contract."""
    image_shape, latent_dim = (1, 28, 28), 2

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(784, 4), nn.Linear(2, 784)

    def encode(self, x):
        return self.down(x.flatten(1)).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.up(z)).unflatten(-1, (1, 28, 28))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.randn_like(mu)), mu, logvar


def like(**other):
    """A model that keeps the contract, but for some attributes."""
    return type("Like", (Like,), other)()


def images():
    return rows(6, fill=0.25).view(6, 1, 28, 28)


def latents():
    """A reconstruction, its images, samples of z, and what they were drawn from."""
    mu, logvar = torch.zeros(2, 2), torch.zeros(2, 2)
    return {"original": rows(), "z": torch.zeros(2, 2, 2), "mu": mu, "logvar": logvar}


def coded():
    """The arguments of a loss."""
    return {"reconstructed": rows(), "original": rows(), "mu": torch.zeros(2, 2), "logvar": torch.zeros(2, 2)}


def adam(model):
    return torch.optim.Adam(model.parameters())


def of_model(**arguments):
    """The arguments of a function that takes a model and, mostly, images."""
    return lambda tmp: {"model": small(), **{name: make() for name, make in arguments.items()}}


MODEL = {"model": "model", "images": "images"}
VAE_ARGUMENTS = {"image_size": "image size", "hidden_dim": "size", "latent_dim": "size", "image_shape": "image_shape"}
CLASS_ARGUMENTS = {"classes": "size", "picture_shape": "image_shape", "hidden_dim": "size", "style_dim": "size"}
LAYER_ARGUMENTS = {"image_shape": "image_shape", "lower_dim": "size", "upper_dim": "size", "lower_hidden": "size", "upper_hidden": "size"}
CONV_ARGUMENTS = {"image_shape": "image_shape", "widths": "widths", "latent_dim": "size"}
FIT = {"model": "model", "train_images": "images", "test_images": "images", "epochs": "size", "batch_size": "size", "lr": "lr",
"seed": "seed",
       "loss": "loss", "loop": "loop", "optimizer": "optimizer maker", "redraw": "redraw", "results": "folder to write",
       "checkpoint": "file to write", "progress": "free", "precision": "precision", "schedule": "schedule"}
TRAINER = {"model": "model", "optimizer": "optimizer", "batch_size": "size", "loss": "some loss"}
GAUSSIAN = {"mu": "gaussian", "logvar": "gaussian"}
CODED = {"reconstructed": "probabilities", "original": "original", **GAUSSIAN}


def fit_arguments(tmp):
    return {"model": small(), "train_images": images(), "test_images": images(), "epochs": 1, "progress": False}


def trainer(tmp):
    model = small()
    return {"model": model, "optimizer": adam(model), "batch_size": 2, "loss": public("loss.loss_function")}


# For each public function the arguments of a call that works, and the kind of each.
Call = namedtuple("Call", "arguments kinds")
CALLS = {
    "files.write_whole": Call(lambda tmp: {"path": tmp / "file.bin", "data": b"abc"}, {"path": "file to write", "data": "bytes"}),
    "files.fetch": Call(lambda tmp: {"root": DATA, "name": "t10k-labels-idx1-ubyte"}, {"root": "root", "name": "word", "dataset": "word"}),
    "data.parse_idx": Call(lambda tmp: {"data": IDX}, {"data": "IDX"}),
    "data.mnist": Call(lambda tmp: {"root": DATA, "train": False}, {"root": "root", "train": "train", "dataset": "word"}),
    "data.as_float": Call(lambda tmp: {"images": images()}, {"images": "any tensor"}),
    "data.to_images": Call(lambda tmp: {"pixels": rows()}, {"pixels": "any tensor", "image_shape": "image_shape"}),
    "data.show_images": Call(lambda tmp: {"images": rows()}, {"images": "any tensor", "columns": "columns", "image_shape": "image_shape"}),
    "data.pick_device": Call(lambda tmp: {}, {"name": "device"}),
    "files.folder_images": Call(lambda tmp: {"root": pictures(tmp)},
        {"root": "folder to read", "size": "picture size", "color": "free", "skip_bad": "free"}),
    "model.EncoderDecoder": Call(lambda tmp: {}, VAE_ARGUMENTS),
    "model.EncoderDecoder.encode": Call(lambda tmp: {"self": small(), "x": rows()}, {"x": "batch"}),
    "model.EncoderDecoder.decode": Call(lambda tmp: {"self": small(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "model.VAE": Call(lambda tmp: {}, VAE_ARGUMENTS),
    "model.VAE.forward": Call(lambda tmp: {"self": small(), "x": rows()}, {"x": "batch"}),
    "model.VAE.reparameterize": Call(lambda tmp: {"self": small(), "mu": torch.zeros(2, 2), "logvar": torch.zeros(2, 2)},
        {"mu": "free", "logvar": "free"}),
    "model.VAE.log_likelihood": Call(lambda tmp: {"self": small(), "z": torch.zeros(2, 2, 2), "x": rows()},
        {"z": "samples of z", "x": "batch"}),
    "model.VAE.save_pretrained": Call(lambda tmp: {"self": small(), "path": tmp / "a.safetensors"}, {"path": "file to write"}),
    "model.VAE.from_pretrained": Call(lambda tmp: {"path": weights(tmp)}, {"path": "file to read", "arguments": "free"}),
    "conv.ConvVAE": Call(lambda tmp: {}, CONV_ARGUMENTS),
    "conv.ConvVAE.encode": Call(lambda tmp: {"self": convolutional(), "x": rows()}, {"x": "batch"}),
    "conv.ConvVAE.decode": Call(lambda tmp: {"self": convolutional(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "conv.ConvVAE.forward": Call(lambda tmp: {"self": convolutional(), "x": rows()}, {"x": "batch"}),
    "conv.LogisticVAE": Call(lambda tmp: {}, CONV_ARGUMENTS),
    "conv.LogisticVAE.log_density": Call(lambda tmp: {"self": convolutional("LogisticVAE"), "mean": rows(), "x": rows()},
        {"mean": "free", "x": "free"}),
    "conv.LogisticVAE.log_likelihood": Call(lambda tmp: {"self": convolutional("LogisticVAE"), "z": torch.zeros(2, 2, 2), "x": rows()},
        {"z": "samples of z", "x": "batch"}),
    "conv.LogisticVAE.loss": Call(lambda tmp: {"self": convolutional("LogisticVAE"), "reconstructed": rows(), "original": rows(),
        "mu": torch.zeros(2, 2), "logvar": torch.zeros(2, 2)}, {"reconstructed": "probabilities", "original": "original", **GAUSSIAN}),
    "labels.ClassVAE": Call(lambda tmp: {}, CLASS_ARGUMENTS),
    "labels.ClassVAE.encode": Call(lambda tmp: {"self": classed(), "x": labeled()}, {"x": "labeled batch"}),
    "labels.ClassVAE.drawn": Call(lambda tmp: {"self": classed(), "z": torch.zeros(2, 1), "y": torch.ones(2, 1)},
        {"z": "free", "y": "free"}),
    "labels.ClassVAE.decode": Call(lambda tmp: {"self": classed(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "labels.ClassVAE.forward": Call(lambda tmp: {"self": classed(), "x": labeled()}, {"x": "labeled batch"}),
    "labels.ClassVAE.log_likelihood": Call(lambda tmp: {"self": classed(), "z": torch.zeros(2, 2, 2), "x": labeled()},
        {"z": "samples of z", "x": "labeled batch"}),
    "labels.SemiVAE": Call(lambda tmp: {}, {**CLASS_ARGUMENTS, "alpha": "weight"}),
    "labels.SemiVAE.classify": Call(lambda tmp: {"self": classed("SemiVAE"), "x": labeled()}, {"x": "labeled batch"}),
    "labels.SemiVAE.known": Call(lambda tmp: {"self": classed("SemiVAE"), "pixels": torch.zeros(2, 756), "y": torch.zeros(2, 1)},
        {"pixels": "free", "y": "free"}),
    "labels.SemiVAE.log_likelihood": Call(lambda tmp: {"self": classed("SemiVAE"), "z": torch.zeros(2, 2, 2), "x": labeled()},
        {"z": "samples of z", "x": "labeled batch"}),
    "labels.SemiVAE.loss": Call(lambda tmp: {"self": classed("SemiVAE"), "reconstructed": rows(), "original": labeled(),
        "mu": torch.zeros(2, 2), "logvar": torch.zeros(2, 2)},
        {"reconstructed": "probabilities", "original": "labeled original", **GAUSSIAN}),
    "labels.dial": Call(lambda tmp: {"model": classed(style_dim=2), "styles": torch.zeros(2, 2)},
        {"model": "model with classes", "styles": "z"}),
    "labels.QuadrantVAE": Call(lambda tmp: {},
        {"quadrants": "quadrants", "image_shape": "image_shape", "hidden_dim": "size", "latent_dim": "size"}),
    "labels.QuadrantVAE.given": Call(lambda tmp: {"self": completer(), "images": images()}, {"images": "images"}),
    "labels.QuadrantVAE.decode": Call(lambda tmp: {"self": completer(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "labels.QuadrantVAE.log_likelihood": Call(lambda tmp: {"self": completer(), "z": torch.zeros(2, 2, 2), "x": rows()},
        {"z": "samples of z", "x": "batch"}),
    "labels.QuadrantVAE.forward": Call(lambda tmp: {"self": completer(), "x": rows()}, {"x": "batch"}),
    "vq.perplexity": Call(lambda tmp: {"codes": torch.zeros(3, dtype=torch.int64), "count": 2}, {"codes": "codes", "count": "size"}),
    "vq.straight_through": Call(lambda tmp: {"vectors": torch.zeros(2, 2), "quantized": torch.ones(2, 2)},
        {"vectors": "vectors", "quantized": "vectors"}),
    "vq.Codebook": Call(lambda tmp: {}, {"codes": "size", "dim": "size", "decay": "share below 1", "restart": "amount"}),
    "vq.Codebook.nearest": Call(lambda tmp: {"self": codebook(), "vectors": torch.zeros(3, 2)}, {"vectors": "z"}),
    "vq.Codebook.follow": Call(lambda tmp: {"self": codebook(), "vectors": torch.rand(3, 2), "chosen": torch.tensor([0, 1, 0])},
        {"vectors": "rows of vectors", "chosen": "chosen codes"}),
    "vq.Codebook.forward": Call(lambda tmp: {"self": codebook(), "vectors": torch.rand(3, 2)}, {"vectors": "rows of vectors"}),
    "vq.VQVAE": Call(lambda tmp: {"widths": (4,)}, {"image_shape": "image_shape", "widths": "widths", "codes": "size",
        "code_dim": "size", "weight": "amount"}),
    "vq.VQVAE.encode": Call(lambda tmp: {"self": quantizing(), "x": rows()}, {"x": "batch"}),
    "vq.VQVAE.forward": Call(lambda tmp: {"self": quantizing(), "x": rows()}, {"x": "batch"}),
    "vq.VQVAE.decode": Call(lambda tmp: {"self": quantizing(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "vq.VQVAE.loss": Call(lambda tmp: {"self": quantizing(), **coded()}, CODED),
    "vq.CodePrior": Call(lambda tmp: {}, {"codes": "size", "grid": "grid", "width": "size", "blocks": "size"}),
    "vq.CodePrior.logits": Call(lambda tmp: {"self": code_prior(), "codes": grids()}, {"codes": "grids"}),
    "vq.CodePrior.log_prob": Call(lambda tmp: {"self": code_prior(), "codes": grids()}, {"codes": "grids"}),
    "vq.CodePrior.sample": Call(lambda tmp: {"self": code_prior(), "count": 3}, {"count": "size", "generator": "generator"}),
    "vq.fit_codes": Call(lambda tmp: {"prior": code_prior(), "codes": grids(), "steps": 2},
        {"prior": "code prior", "codes": "grids", "steps": "size", "batch_size": "size", "lr": "lr", "seed": "seed"}),
    "ladder.TwoLayerVAE": Call(lambda tmp: {}, LAYER_ARGUMENTS),
    "ladder.TwoLayerVAE.infer": Call(lambda tmp: {"self": layered("TwoLayerVAE"), "x": rows(), "eps": torch.zeros(2, 3, 2)},
        {"x": "batch", "eps": "noise"}),
    "ladder.TwoLayerVAE.loss": Call(lambda tmp: {"self": layered("TwoLayerVAE"), **coded()}, {**CODED, "weight": "amount"}),
    "ladder.LadderVAE": Call(lambda tmp: {}, LAYER_ARGUMENTS),
    "ladder.LadderVAE.infer": Call(lambda tmp: {"self": layered(), "x": rows(), "eps": torch.zeros(2, 3, 2)},
        {"x": "batch", "eps": "noise"}),
    "ladder.layer_rates": Call(lambda tmp: {"model": layered(), "images": images()},
        {"model": "model of two layers", "images": "images", "samples": "size", "seed": "long seed"}),
    "prior.beta_loss": Call(lambda tmp: coded(), {**CODED, "weight": "amount"}),
    "prior.free_bits": Call(lambda tmp: coded(), {**CODED, "nats": "amount"}),
    "prior.warm_up": Call(lambda tmp: {"passes": 3}, {"passes": "amount above 0"}),
    "prior.cyclical": Call(lambda tmp: {"period": 3}, {"period": "amount above 0"}),
    "prior.Scheduled": Call(scheduled, {**TRAINER, "loss": "weighted loss", "weight": "weight over time"}),
    "prior.Scheduled.train_epoch": Call(lambda tmp: {"self": public("prior.Scheduled")(**scheduled(tmp)), "images": images()},
                                        {"images": "images", "progress": "free"}),
    "prior.Mixture": Call(lambda tmp: {}, {"count": "size", "latent_dim": "size"}),
    "prior.Mixture.components": Call(lambda tmp: {"self": mixture()}, {}),
    "prior.Mixture.log_prob": Call(lambda tmp: {"self": mixture(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "prior.Mixture.loss": Call(lambda tmp: {"self": mixture(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "prior.Mixture.sample": Call(lambda tmp: {"self": mixture(), "count": 3}, {"count": "size", "generator": "generator"}),
    "prior.Vamp": Call(of_model(images=images, count=lambda: 2), {**MODEL, "count": "size"}),
    "prior.Vamp.components": Call(lambda tmp: {"self": public("prior.Vamp")(small(), images(), 2)}, {}),
    "prior.Flow": Call(lambda tmp: {}, {"latent_dim": "size", "hidden_dim": "size", "steps": "size"}),
    "prior.Flow.log_prob": Call(lambda tmp: {"self": public("prior.Flow")(2, 4, 2), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "prior.Flow.sample": Call(lambda tmp: {"self": public("prior.Flow")(2, 4, 2), "count": 3}, {"count": "size", "generator": "generator"}),
    "prior.fit_prior": Call(lambda tmp: {"prior": mixture(), "mu": torch.zeros(2, 2), "logvar": torch.zeros(2, 2), "steps": 2},
        {"prior": "prior", **GAUSSIAN, "steps": "size", "batch_size": "size", "lr": "lr", "seed": "seed"}),
    "prior.PriorVAE": Call(lambda tmp: {"model": small(), "prior": mixture()}, {"model": "model", "prior": "prior"}),
    "prior.PriorVAE.log_prior": Call(lambda tmp: {"self": with_prior(), "z": torch.zeros(2, 2)}, {"z": "z"}),
    "prior.PriorVAE.sample_latents": Call(lambda tmp: {"self": with_prior(), "count": 3}, {"count": "size", "generator": "generator"}),
    "prior.PriorVAE.loss": Call(lambda tmp: {"self": with_prior(), **coded()}, {**CODED, "weight": "amount"}),
    "files.load_weights": Call(lambda tmp: {"path": weights(tmp)}, {"path": "file to read"}),
    "files.save_weights": Call(lambda tmp: {"path": tmp / "a.safetensors", "state": small().state_dict()},
                               {"path": "file to write", "state": "state dict", "metadata": "metadata"}),
    "loss.kl_divergence": Call(lambda tmp: {"mu": torch.zeros(2, 2), "logvar": torch.zeros(2, 2)}, GAUSSIAN),
    "loss.reconstruction_error": Call(lambda tmp: {"reconstructed": rows(), "original": rows()},
                                      {"reconstructed": "probabilities", "original": "original"}),
    "loss.loss_function": Call(lambda tmp: {"reconstructed": rows(), "original": rows(), "mu": torch.zeros(2, 2),
        "logvar": torch.zeros(2, 2)},
                               {"reconstructed": "probabilities", "original": "original", **GAUSSIAN}),
    "loss.log_weights": Call(lambda tmp: {"reconstructed": rows(4).view(2, 2, 784), **latents()},
                             {"reconstructed": "k probabilities", "original": "original", "z": "samples of z", **GAUSSIAN}),
    "loss.iwae_loss": Call(lambda tmp: {"reconstructed": rows(4).view(2, 2, 784), **latents()},
                           {"reconstructed": "k probabilities", "original": "original", "z": "samples of z", **GAUSSIAN}),
    "sample.posterior": Call(of_model(images=images), {**MODEL, "batch_size": "size"}),
    "sample.latent_means": Call(of_model(images=images), {**MODEL, "batch_size": "size"}),
    "sample.reconstruct": Call(of_model(images=images), MODEL),
    "sample.sample_prior": Call(of_model(), {"model": "model", "count": "size", "generator": "generator"}),
    "sample.interpolate": Call(of_model(first=lambda: images()[0], last=lambda: images()[1]),
                               {"model": "model", "first": "one image", "last": "one image", "steps": "size"}),
    "sample.manifold": Call(of_model(), {"model": "model", "side": "size"}),
    "train.batches": Call(lambda tmp: {"images": images()}, {"images": "any tensor", "batch_size": "size", "shuffle": "free"}),
    "train.train_epoch": Call(lambda tmp: {"images": images(), **trainer(tmp)},
        {**TRAINER, "loss": "loss", "images": "images", "progress": "free"}),
    "train.evaluate_epoch": Call(of_model(images=images), {**MODEL, "batch_size": "size", "loss": "loss"}),
    "train.save_reconstructions": Call(lambda tmp: {"model": small(), "images": images(), "path": tmp / "a.png"},
                                       {**MODEL, "path": "picture to write", "count": "size"}),
    "train.save_samples": Call(lambda tmp: {"model": small(), "path": tmp / "a.png"},
        {"model": "model", "path": "picture to write", "count": "size"}),
    "train.PlainLoop": Call(trainer, TRAINER),
    "train.PlainLoop.train_epoch": Call(lambda tmp: {"self": public("train.PlainLoop")(**trainer(tmp)), "images": images()},
                                        {"images": "images", "progress": "free"}),
    "train.PlainLoop.evaluate_epoch": Call(lambda tmp: {"self": public("train.PlainLoop")(**trainer(tmp)), "images": images()},
        {"images": "images"}),
    "train.fit": Call(fit_arguments, FIT),
    "train.plot_history": Call(lambda tmp: {"history": [{"epoch": 1, "train_loss": 2.0, "test_loss": 3.0}]}, {"history": "history"}),
    "speed.bf16_products": Call(lambda tmp: {}, {}),
    "speed.FastLoop": Call(trainer, {**TRAINER, "low": "free"}),
    "speed.FastLoop.by_hand": Call(lambda tmp: {"self": public("speed.FastLoop")(**trainer(tmp)), "images": images()},
        {"images": "images", "progress": "free"}),
    "speed.FastLoop.train_epoch": Call(lambda tmp: {"self": public("speed.FastLoop")(**trainer(tmp)), "images": images()},
                                       {"images": "images", "progress": "free"}),
    "speed.FastLoop.evaluate_epoch": Call(lambda tmp: {"self": public("speed.FastLoop")(**trainer(tmp)), "images": images()},
        {"images": "images"}),
    "speed.GraphLoop": Call(trainer, {**TRAINER, "low": "free"}),
    "speed.GraphLoop.train_epoch": Call(lambda tmp: {"self": public("speed.GraphLoop")(**trainer(tmp)), "images": images()},
        {"images": "images", "progress": "free"}),
    "speed.GraphLoop.evaluate_epoch": Call(lambda tmp: {"self": public("speed.GraphLoop")(**trainer(tmp)), "images": images()},
        {"images": "images"}),
    "speed.fastest_loop": Call(trainer, {**TRAINER, "low": "free"}),
    "speed.fit": Call(fit_arguments, FIT),
    "evaluate.binarize": Call(lambda tmp: {"images": images()}, {"images": "pixels of any shape", "generator": "generator"}),
    "evaluate.elbo": Call(of_model(images=images), {**MODEL, "samples": "size", "seed": "long seed", "memory": "memory", "binary": "free",
        "progress": "free"}),
    "evaluate.nll": Call(of_model(images=images, k=lambda: 3),
                         {**MODEL, "k": "size", "seed": "long seed", "memory": "memory", "binary": "free", "progress": "free"}),
    "scale.fit": Call(fit_arguments, FIT),
    "scale.nll": Call(of_model(images=images, k=lambda: 3),
                      {**MODEL, "k": "size", "seed": "long seed", "memory": "memory", "binary": "free", "progress": "free"}),
    "scale.mapped_images": Call(lambda tmp: {"path": idx_file(tmp)}, {"path": "IDX file"}),
    "scale.join_images": Call(lambda tmp: {"shards": [idx_file(tmp)], "path": tmp / "joined"},
                              {"shards": "shards", "path": "file to write"}),
    "evaluate.Estimate.mean": Call(lambda tmp: {"self": public("evaluate.nll")(small(), images(), k=3)}, {}),
    "evaluate.continuous_bernoulli": Call(lambda tmp: {"logits": rows(), "x": rows()}, {"logits": "floats", "x": "floats"}),
    "evaluate.active_units": Call(of_model(images=images), {**MODEL, "threshold": "threshold"}),
    "evaluate.kl_per_dimension": Call(of_model(images=images), MODEL),
    "explore.site_state": Call(lambda tmp: {}, {}),
    "explore.plane_state": Call(lambda tmp: {}, {}),
    "explore.dial_state": Call(lambda tmp: {}, {}),
    "explore.LatentExplorer": Call(of_model(images=images), {**MODEL, "labels": "labels"}),
    "explore.playground_state": Call(lambda tmp: {}, {}),
    "explore.TrainingPlayground": Call(lambda tmp: {}, {}),
}


def weights(tmp):
    """A file of weights."""
    small().save_pretrained(tmp / "weights.safetensors")
    return tmp / "weights.safetensors"


def idx_file(tmp):
    """Images in an IDX file, left unpacked."""
    (tmp / "images.idx").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(8))
    return tmp / "images.idx"


def pictures(tmp):
    """A folder with a picture."""
    from PIL import Image
    (tmp / "pictures/a").mkdir(parents=True, exist_ok=True)
    Image.new("L", (28, 28), 9).save(tmp / "pictures/a/1.png")
    return tmp / "pictures"


def on_disk(name, tmp):
    """A path that leads to something unfit for its purpose."""
    (tmp / "text.txt").write_text("not what you think", encoding="utf-8")
    (tmp / "empty.bin").write_bytes(b"")
    (tmp / "hollow").mkdir(exist_ok=True)
    if name == "pickle":
        torch.save({"a": torch.ones(2)}, tmp / "old.pt")
    return {"tmp": tmp, "missing": tmp / "missing", "text": tmp / "text.txt", "empty": tmp / "empty.bin", "hollow": tmp / "hollow",
            "pickle": tmp / "old.pt", "below": tmp / "text.txt/below.png",
            "below.txt": tmp / "below.txt"}[name]


KINDS["picture to write"] = KINDS["file to write"]._replace(needed=r"path|file|folder|picture|written",
wrong=KINDS["file to write"].wrong | {
    "a folder": ("tmp", r"folder|directory|ending of a picture"), "not a picture's name": ("below.txt", r"below\.txt")})
KINDS["IDX file"] = KINDS["file to read"]._replace(wrong=KINDS["file to read"].wrong | {
    "not a safetensors file": ("text", r"text\.txt is no IDX or \.npy file"), "empty": ("empty", r"empty\.bin is no IDX or \.npy file"),
    "a pickle": ("pickle", r"old\.pt is no IDX or \.npy file")})
KINDS["shards"] = Kind(r"shards|path|file", {
    "one path": (lambda: "images.idx", r"'images\.idx'"), "a number": (lambda: 3, r"\b3\b"), "None": (NONE, r"None"),
    "none": (lambda: [], r"empty"), "numbers": (lambda: [3], r"\b3\b"),
    "a file that is not there": (lambda: ["missing"], r"missing")}, {}, {})
KINDS["labeled batch"] = KINDS["batch"]._replace(right={"rows": lambda: labeled()})
KINDS["labeled original"] = KINDS["original"]._replace(right={"rows": lambda: labeled()})
KINDS["model with classes"] = Kind(r"model|VAELike", {
    "None": (NONE, r"None"), "a class": (lambda: public("labels.ClassVAE"), r"class ClassVAE"), "another": (lambda: small(), r"\bVAE\b"),
}, {}, {})
KINDS["model of two layers"] = Kind(r"model|VAELike|layer", {
    "None": (NONE, r"None"), "a class": (lambda: public("ladder.LadderVAE"), r"class LadderVAE"),
    "of one layer": (lambda: small(), r"\bVAE\b"),
}, {}, {"bottom-up": lambda: layered("TwoLayerVAE")})
KINDS["noise"] = KINDS["samples of z"]._replace(needed=r"\beps\b|tensor")
KINDS["quadrants"] = Kind(r"quadrants|whole number", NO_SIZES | {"all four": (lambda: 4, r"\b4\b")}, HUGE, {"NumPy's": lambda: np.int64(3)})
KINDS["weight"] = Kind(r"alpha|number", {
    "a string": (lambda: "1", r"'1'"), "None": (NONE, r"None"), "negative": (lambda: -1.0, r"-1"), "nan": (lambda: math.nan, r"\bnan\b"),
    "inf": (lambda: math.inf, r"\binf\b"), "True": (lambda: True, r"True")}, {}, {"NumPy's": lambda: np.float32(2), "zero": lambda: 0})
NO_CODES = NOT_TENSORS | {
    "floats": (lambda: torch.zeros(3, 2, 3), r"float32"), "negative": (lambda: torch.full((3, 2, 3), -1), r"-1\b"),
    "too large": (lambda: torch.full((3, 2, 3), 9), r"\b9\b"), "none": (lambda: torch.zeros(0, 2, 3, dtype=torch.int64), r"\(0, 2, 3\)")}
KINDS["codes"] = Kind(r"codes|chosen|tensor", NO_CODES, {}, {"bytes": lambda: torch.zeros(3, dtype=torch.uint8)})
KINDS["chosen codes"] = Kind(r"codes|chosen|tensor", NO_CODES | {
    "of other vectors": (lambda: torch.zeros(2, dtype=torch.int64), r"\(2,\)")}, {}, {})
KINDS["grids"] = Kind(r"codes|tensor", NO_CODES | {
    "of another size": (lambda: torch.zeros(3, 2, 2, dtype=torch.int64), r"\(3, 2, 2\)"),
    "of one dimension": (lambda: torch.zeros(3, dtype=torch.int64), r"\(3,\)")}, {}, {"bytes": lambda: grids().to(torch.uint8)})
KINDS["grid"] = Kind(r"grid|whole number", {
    "a number": (lambda: 7, r"\b7\b"), "None": (NONE, r"None"), "a string": (lambda: "7x7", r"'7x7'"),
    "three": (lambda: (7, 7, 7), r"\(7, 7, 7\)"),
    "a zero": (lambda: (0, 7), r"\b0\b"), "floats": (lambda: (7.5, 7), r"7\.5")}, {}, {
    "a list": lambda: [3, 4], "NumPy's": lambda: tuple(np.array([3, 4]))})
KINDS["vectors"] = Kind(r"vectors|quantized|tensor", NOT_TENSORS | {
    "of another shape": (lambda: torch.zeros(2, 5), r"\(2, 5\)"),
    "int64": (lambda: torch.zeros(2, 2, dtype=torch.int64), r"int64")}, {}, {})
KINDS["rows of vectors"] = Kind(r"vectors|latent|tensor", NOT_TENSORS | {
    "too wide": (lambda: torch.zeros(3, 5), r"\(3, 5\)"), "int64": (lambda: torch.zeros(3, 2, dtype=torch.int64), r"int64"),
    "nan": (lambda: torch.full((3, 2), math.nan), r"\bnan\b"), "fewer than codes": (lambda: torch.zeros(1, 2), r"\b1 vectors|\(3,\)"),
}, {}, {"float64": lambda: torch.zeros(3, 2, dtype=torch.float64)})
KINDS["noise"] = KINDS["samples of z"]._replace(needed=r"\beps\b|\bz\b|latent|tensor", odd={})
KINDS["share below 1"] = Kind(r"number", AMOUNTS | {"one": (lambda: 1, r"\b1\b")}, HUGE, {
    "NumPy's": lambda: np.float32(0.5), "zero": lambda: 0})
KINDS["code prior"] = Kind(r"prior", {
    "None": (NONE, r"None"), "a class": (lambda: public("vq.CodePrior"), r"CodePrior"), "a number": (lambda: 3, r"\b3\b"),
    "a layer": (lambda: nn.Linear(2, 2), r"Linear")}, {}, {"double": lambda: code_prior().double()})
KINDS["root"] = Kind(r"path|file|folder", {"a number": (lambda: 3, r"\b3\b|\bint\b"), "None": (NONE, r"None"),
                                           "no such folder": ("missing", r"missing")}, {}, {})
KINDS["picture size"] = Kind(r"size|height|width|whole number", NO_SIZES | {
    "three numbers": (lambda: (3, 28, 28), r"\(3, 28, 28\)"), "a zero": (lambda: (0, 28), r"\b0\b")}, {},
    {"NumPy's": lambda: np.int64(8), "two": lambda: (8, 12)})


def publics():
    """The names of all public functions and of the public methods of public classes."""
    for module in MODULES:
        space = importlib.import_module(f"vae_nb.{module}")
        for name in space.__all__:
            found = getattr(space, name)
            if inspect.isfunction(found):
                yield f"{module}.{name}"
            elif inspect.isclass(found) and Protocol not in found.__mro__ and not issubclass(found, Enum):
                if not issubclass(found, tuple):
                    yield f"{module}.{name}"
                yield from (f"{module}.{name}.{method}" for method, member in vars(found).items()
                            if not method.startswith("_") and isinstance(member, (classmethod, staticmethod, type(publics))))


def parameters(name):
    """The parameters of a public function, without `self`."""
    return {key: parameter for key, parameter in inspect.signature(public(name)).parameters.items() if key != "self"}


def test_the_table_is_whole():
    assert sorted(CALLS) == sorted(publics()), "each public function needs a row in CALLS, and only these"
    kinds = {name: (sorted(parameters(name)), sorted(call.kinds)) for name, call in CALLS.items()}
    assert {name: pair for name, pair in kinds.items() if pair[0] != pair[1]} == {}, "each parameter needs a kind"


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No download is tried, and no picture shown."""
    def refuse(*_, **__):
        raise OSError("offline")
    import matplotlib
    matplotlib.use("agg")
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("subprocess.run", refuse)


def outcome(name, arguments):
    """The error that a call raises, or None."""
    try:
        result = public(name)(**arguments)
        if inspect.isgenerator(result):
            list(result)
    except Exception as error:
        return error
    return None


def complaint(error, parameter, needed, given):
    """What is wrong with an error, or None."""
    text = f"{type(error).__name__}: {error}"
    if not isinstance(error, ALLOWED) or isinstance(error, (UnicodeError, IndexError)):
        return f"an error of the wrong kind: {text}"
    if RAW.search(str(error)):
        return f"a raw error: {text}"
    if not re.search(rf"\b{parameter}\b|{needed}", str(error), re.I):
        return f"it does not say what is needed ({needed}): {text}"
    if not re.search(given, str(error)):
        return f"it does not say what was given ({given}): {text}"
    return None


def prepare(name, parameter, value, tmp):
    """The arguments of a call with one of them replaced."""
    arguments = CALLS[name].arguments(tmp)
    return arguments | {parameter: on_disk(value, tmp) if isinstance(value, str) else value()}


def tried(name, column):
    """For each value of a column that a function's parameters are given: the parameter, the value's name, its entry, and the outcome."""
    for parameter, kind in CALLS[name].kinds.items():
        for label, entry in getattr(KINDS[kind], column).items():
            make = entry[0] if isinstance(entry, tuple) else entry
            if column == "wrong" and make is NONE and parameters(name)[parameter].default is None:
                continue  # None is what this parameter has by default
            with tempfile.TemporaryDirectory() as folder:
                yield parameter, label, entry, outcome(name, prepare(name, parameter, make, Path(folder)))


def fail(complaints):
    """Fail with all that is wrong, each with the parameter and the name of the value."""
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.mark.parametrize("name", CALLS)
def test_the_call_itself_works(name, tmp_path):
    if name in ("data.mnist", "files.fetch") and not DATA.exists():
        pytest.skip("MNIST is not there")
    assert outcome(name, CALLS[name].arguments(tmp_path)) is None


@pytest.mark.parametrize("name", CALLS)
def test_wrong_values_are_refused_in_words(name):
    complaints = []
    for parameter, label, (_, given), error in tried(name, "wrong"):
        needed = KINDS[CALLS[name].kinds[parameter]].needed
        if wrong := "it was taken" if error is None else complaint(error, parameter, needed, given):
            complaints.append(f"{parameter}, {label}: {wrong}")
    fail(complaints)


@pytest.mark.parametrize("name", CALLS)
def test_odd_values_work_or_are_refused_in_words(name):
    fail([f"{parameter}, {label}: {wrong}" for parameter, label, (_, given), error in tried(name, "odd")
          if error and (wrong := complaint(error, parameter, KINDS[CALLS[name].kinds[parameter]].needed, given))])


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_unusual_values_work(name):
    fail([f"{parameter}, {label}: {type(error).__name__}: {error}" for parameter, label, _, error in tried(name, "right") if error])


@pytest.mark.parametrize("label", KINDS["latent vector"].wrong)
def test_a_wrong_latent_vector_is_refused_in_words(label):
    explorer = public("explore.LatentExplorer")(small())
    make, given = KINDS["latent vector"].wrong[label]
    with pytest.raises(TraitError, match=given) as caught:
        explorer.z = make()
    assert not RAW.search(str(caught.value)) and re.search(KINDS["latent vector"].needed, str(caught.value))
    assert explorer.z == [0, 0]


@pytest.mark.parametrize("label", KINDS["latent vector"].right)
def test_a_latent_vector_of_another_type_works(label):
    explorer = public("explore.LatentExplorer")(small())
    explorer.z = KINDS["latent vector"].right[label]()
    assert explorer.z == [0, 0]

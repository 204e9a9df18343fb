"""Figures: how they look, and what becomes of them on the pages."""
import base64
import itertools
import re
import struct

import lxml.etree
import numpy as np
import pytest
import torch
from IPython.core.pylabtools import print_figure
from matplotlib import pyplot as plt
from matplotlib import rc_context, rcParams
from matplotlib.colors import to_rgb

from vae_nb import show_images

GROUNDS = {"light": "#ffffff", "dark": "#16191d"}
SEEN = {  # what a reader sees of linear red, green and blue: Machado, Oliveira and Fernandes (2009), severity 1
    "with all cones": np.eye(3),
    "without red ones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "without green ones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "without blue ones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
OKLAB = (np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]),
         np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]))


@pytest.fixture
def style():
    """The course's style, for one test."""
    with rc_context():
        plt.style.use("vae_nb.course")
        yield rcParams
    plt.close("all")


def linear(colour):
    """The linear red, green and blue of a colour."""
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055)**2.4)


def contrast(one, other):
    """The contrast ratio of WCAG between two colours."""
    low, high = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour, seen):
    """A colour in OKLab, as somebody sees it."""
    cones, axes = OKLAB
    return axes @ np.cbrt(cones @ np.clip(np.array(seen) @ linear(colour), 0, 1))


def test_every_colour_is_seen_on_light_and_on_dark(style):
    cycle = style["axes.prop_cycle"].by_key()["color"]
    assert len(cycle) == 6
    for ground in GROUNDS.values():
        assert min(contrast(colour, ground) for colour in cycle) >= 3
    assert contrast(style["text.color"], GROUNDS["light"]) >= 4.5 and contrast(style["text.color"], GROUNDS["dark"]) >= 3.8


@pytest.mark.parametrize("seen", SEEN)
def test_the_colours_of_the_cycle_are_told_apart(style, seen):
    cycle = style["axes.prop_cycle"].by_key()["color"]
    apart = {pair: np.linalg.norm(lab(pair[0], SEEN[seen]) - lab(pair[1], SEEN[seen])) for pair in itertools.combinations(cycle, 2)}
    assert min(apart.values()) >= 0.05, min(apart, key=apart.get)
    assert min(apart[pair] for pair in itertools.combinations(cycle[:3], 2)) >= 0.08


def test_all_that_is_no_data_has_one_colour(style):
    names = ("text", "axes.edge", "axes.label", "xtick.", "ytick.", "patch.edge", "hatch.", "grid.", "boxplot.boxprops.")
    assert {style[f"{name}{'.' * (name == 'text')}color"] for name in names} == {"#767676"}


def svg(figure):
    """A figure as a notebook stores it, and its root element."""
    text = print_figure(figure, "svg", metadata={"Date": None})
    return text, lxml.etree.fromstring(text.encode())


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_figure_has_text_and_no_ground_and_is_the_same_again(style):
    def drawn():
        figure, (left, right) = plt.subplots(1, 2)
        left.plot([1, 2], [2, 1], label="train")
        left.set(xlabel="epoch", ylabel="loss, nats per image")
        left.legend()
        right.imshow(np.eye(5), cmap="gray")
        return svg(figure)
    (text, root), (again, _) = drawn(), drawn()
    assert text == again
    assert {"epoch", "loss, nats per image", "train"} <= {"".join(found.itertext()) for found in root.iter("{*}text")}
    styles = " ".join(found.get("style", "") for found in root.iter("{*}path", "{*}rect"))
    assert not re.search("fill: #(?!6079d3)", styles), "something is painted behind the figure"
    assert 600 < float(root.get("width").removesuffix("pt")) * 96 / 72 < 700


@pytest.mark.parametrize(("count", "columns", "least"), [(1, 10, 4), (3, 10, 4), (5, 5, 4), (40, 10, 2)])
def test_the_pixels_of_an_image_are_large_and_sharp(monkeypatch, count, columns, least):
    monkeypatch.setattr(plt, "show", lambda: None)
    show_images(torch.rand(count, 1, 28, 28), columns=columns)
    _, root = svg(plt.gcf())
    [image] = root.iter("{*}image")
    png = base64.b64decode(image.get("{http://www.w3.org/1999/xlink}href").partition(",")[2])
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == ((28, 28) if count == 1 else (2 + 30 * min(count, columns), 2 + 30 * -(-count // columns)))
    assert "pixelated" in image.get("style"), "the browser would blur the pixels"
    assert float(root.get("width").removesuffix("pt")) * 96 / 72 / width >= least
    assert float(root.get("width").removesuffix("pt")) <= 520
    plt.close("all")

"""The explorer's Python: what it shows and what it refuses. The explorer where readers meet it: on the built site, without a
kernel, and in JupyterLab, with one."""
import contextlib
import functools
import gzip
import os
import re
import subprocess
import sys
import time
from copy import deepcopy
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import MethodType

import ipywidgets
import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from IPython.core.formatters import DisplayFormatter
from jupyter_client import BlockingKernelClient
from jupyter_server.serverapp import list_running_servers
from playwright import sync_api as playwright
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from traitlets import TraitError

from tests.conftest import AXE, PATIENCE, ROOT, WCAG
from tests.test_explore import base64_of, packed
from vae_nb import interpolate, reconstruct, sample_prior
from vae_nb.data import as_float, mnist
from vae_nb.explore import DECODER, ENCODER, LatentExplorer, dial_state, pack, plane_state, site_state
from vae_nb.files import load_weights
from vae_nb.labels import ClassVAE, dial
from vae_nb.model import VAE, EncoderDecoder

EDITIONS = ("zh", "en", "duo")
PIXEL = 0.02 + 0.5 / 255  # what int8 weights and a canvas of 256 greys may change
GREY = """(selector) => { const canvas = document.querySelector(selector);
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0); }"""
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))"
TOKEN = "only-for-this-test"
LIMIT = 300  # seconds that JupyterLab has for a step, since the machine may do much else


@pytest.fixture(scope="module")
def model():
    """The model that the package ships."""
    return VAE.from_pretrained()


@pytest.fixture(scope="module")
def state():
    """What the site's explorer shows."""
    return site_state()


@torch.no_grad()
def decoded(model, z):
    """PyTorch's image of one z."""
    return model.decode(torch.tensor([z], dtype=torch.float32))[0].numpy()


def shown(page, selector="[data-latent-image]"):
    """What a canvas shows, from 0 to 1."""
    page.evaluate(FRAMES)
    return np.array(page.evaluate(GREY, selector)) / 255


@pytest.fixture
def visit(browser):
    """Open a page of the site with its explorer alive; at the end there must have been no error and no request elsewhere."""
    contexts, problems = [], []

    def visit(base, path, live=True, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((base, "blob:", "data:")) else problems.append(request.url))
        page.goto(f"{base}/{path}")
        if live:
            page.locator("[data-widget=explorer]").first.scroll_into_view_if_needed()
            page.wait_for_selector("[data-widget=explorer][data-state=live]")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems


@pytest.mark.parametrize(("edition", "where"), [("zh", "http"), ("en", "file"), ("duo", "http")])
def test_the_explorer_lives_on_the_site(site, home, visit, model, state, edition, where):
    page = visit(home if where == "http" else site.as_uri(), f"{edition}/05_explore.html")
    sliders = page.locator(".vae-explorer .slider input")
    assert sliders.count() == 20 and sliders.nth(4).is_visible() and not sliders.nth(5).is_visible()
    page.locator(".sliders summary").click()
    assert page.locator(".gallery [aria-pressed=true]").inner_text() == "3"
    assert np.abs(shown(page) - decoded(model, state["gallery"][3]["mean"])).max() <= PIXEL
    page.locator(".gallery button").nth(4).click()
    mean = state["gallery"][4]["mean"]
    assert np.abs(shown(page) - decoded(model, mean)).max() <= PIXEL
    for i in range(20):
        sliders.nth(i).focus()
        page.keyboard.press("Home")
        for _ in range(5):
            page.keyboard.press("PageUp")
    assert np.abs(shown(page) - decoded(model, [0] * 20)).max() <= PIXEL
    first = int(np.argmax(state["kl"]))
    for key, value in (("End", 4), ("ArrowLeft", 3.95), ("Home", -4), ("ArrowRight", -3.95)):
        sliders.first.press(key)
        z = [0.0] * 20
        z[first] = value
        assert np.abs(shown(page) - decoded(model, z)).max() <= PIXEL, key
    language = "en" if edition == "en" else "zh-Hans"
    assert page.locator(".vae-explorer").get_attribute("lang") == language
    assert not page.locator("[data-widget=explorer] img").is_visible()


@pytest.mark.parametrize("where", ["http", "file"])
def test_a_drawing_is_encoded_on_the_site(site, home, visit, model, where):
    page = visit(home if where == "http" else site.as_uri(), "en/index.html")
    scripts = "[...document.scripts].filter((script) => script.src.includes('explorer-encoder')).length"
    assert page.evaluate(scripts) == 0
    page.locator(".drawing summary").click()
    page.wait_for_function("!document.querySelector('.drawing [role=status]').textContent")
    sheet = page.locator(".sheet")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    points = [(0.3, 0.2), (0.7, 0.2), (0.5, 0.85)]  # a seven
    for number, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if not number:
            page.mouse.down()
    page.mouse.up()
    prepared = torch.tensor(shown(page, ".both canvas"), dtype=torch.float32)[None]
    rows, columns = (prepared.view(28, 28).sum(1 - axis).nonzero().flatten() for axis in (0, 1))
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == 20
    with torch.no_grad():
        wanted = model.decode(model.encode(prepared)[0])[0].numpy()
    difference = np.abs(shown(page, ".both figure:nth-child(2) canvas") - wanted)
    assert difference.mean() <= 0.005 and difference.max() <= 0.1


@pytest.mark.parametrize("where", ["http", "file"])
def test_a_link_leads_to_what_was_shown(site, home, visit, where):
    base = home if where == "http" else site.as_uri()
    page = visit(base, "en/05_explore.html")
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject())")
    page.get_by_role("button", name="Prior sample").click()
    page.get_by_role("button", name="Copy link").click()
    address, picture = page.get_by_label("Link to this z").input_value(), shown(page)
    assert address.startswith(f"{base}/en/05_explore.html#explorer=z:")
    page = visit(base, address.removeprefix(f"{base}/"))
    assert np.abs(shown(page) - picture).max() <= PIXEL
    page.evaluate("location.hash = '#explorer=digit:7'")
    page.wait_for_selector(".gallery [aria-pressed=true] >> text=7")
    page.evaluate("location.hash = '#explorer=z:1,2'")
    page.get_by_text("does not fit this model").wait_for()
    assert page.locator(".gallery [aria-pressed=true]").inner_text() == "7"


def test_a_link_finds_the_explorer_though_it_is_far_down(site, home, visit):
    page = visit(home, "zh/index.html#explorer=nonsense%", live=False, viewport={"width": 390, "height": 300})
    page.wait_for_selector("[data-widget=explorer][data-state=live]")
    page.get_by_text("链接里的内容与模型不符").wait_for()
    assert page.locator("[data-widget=explorer]").evaluate("(place) => Math.abs(place.getBoundingClientRect().top)") < 150
    assert shown(page).any() and page.locator(".gallery [aria-pressed=true]").inner_text() == "3"


def test_nothing_of_the_explorer_is_loaded_before_it_is_near(site, home, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    style = (site / "zh/site.css").read_text(encoding="utf-8")
    page.route("**/site.css", lambda route: route.fulfill(body=f"{style}\nh1 {{ margin-bottom: 3000px; }}", content_type="text/css"))
    page.goto(f"{home}/zh/05_explore.html")
    page.wait_for_load_state("networkidle")
    loaded = "performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => name.includes('/widgets/'))"
    assert [Path(name).name for name in page.evaluate(loaded)] == ["host.js"]
    page.locator("[data-widget=explorer]").scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget=explorer][data-state=live]")
    context.close()


def test_the_explorer_is_light(site):
    sizes = {name: len(gzip.compress((site / "widgets" / name).read_bytes())) for name in ("host.js", "explorer.js")}
    assert sum(sizes.values()) <= 420_000, sizes


def test_the_map_loads_its_weights_when_it_is_near_and_says_what_it_is(site, home, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{home}/en/04_sample.html")
    page.wait_for_load_state("networkidle")
    loaded = "performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => name.includes('/widgets/'))"
    assert [Path(name).name for name in page.evaluate(loaded)] == ["host.js"]
    place = page.locator("[data-widget=plane]")
    place.scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget=plane][data-state=live]")
    sizes = {name: len(gzip.compress((site / "widgets" / name).read_bytes())) for name in ("plane.js", "plane-encoder.js")}
    assert sizes["plane.js"] <= 420_000, sizes
    assert page.locator(".points").is_visible() and page.get_by_label("Show 996 test digits").is_checked()
    plane, state = VAE.from_pretrained(latent_dim=2), plane_state()
    page.get_by_role("application").scroll_into_view_if_needed()
    box = page.get_by_role("application").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.3)
    values = [float(output.inner_text().replace("−", "-")) for output in page.locator("output").all()]
    z = [value for _, value in sorted(zip(np.argsort(state["kl"])[::-1], values, strict=True))]
    assert np.abs(np.array(z) - [2, 1.6]).max() <= 0.05 and np.abs(shown(page) - decoded(plane, z)).max() <= PIXEL
    assert not place.locator("img").is_visible()
    page.close()


@pytest.fixture(scope="module")
def turned():
    """The model of the dial; its encoder did not come with the package."""
    model, stored = ClassVAE(hidden_dim=200).eval(), load_weights(ROOT / "vae_nb/dial.safetensors")
    model.decoder.load_state_dict({name: stored[f"decoder.{name}"] for name in model.decoder.state_dict()})
    return model


@pytest.mark.parametrize(("edition", "where"), [("zh", "file"), ("en", "http"), ("duo", "http")])
def test_the_dial_loads_its_weights_when_it_is_near_and_draws_a_style_in_every_class(site, home, visit, turned, edition, where):
    page = visit(home if where == "http" else site.as_uri(), f"{edition}/09_labels.html", live=False)
    scripts = "[...document.scripts].filter((script) => script.src.includes('/widgets/dial')).length"
    assert page.evaluate(scripts) == 0
    place = page.locator("[data-widget=dial]")
    place.scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget=dial][data-state=live]")
    assert len(gzip.compress((site / "widgets/dial.js").read_bytes())) <= 250_000 and page.evaluate(scripts) == 1
    assert not place.locator("figure, .plot").first.is_visible() and place.locator(".slider input").nth(3).is_visible()
    style, bound = torch.zeros(1, 10), 0.03 + 0.5 / 255
    for slider, (dimension, key, value) in enumerate([(4, "End", 4.0), (1, "Home", -4.0)]):
        place.locator(".slider input").nth(slider).press(key)
        style[0, dimension] = value
    wanted = dial(turned, style).flatten(1).numpy()
    for kind in range(10):
        place.get_by_role("radio").nth(kind).check()
        assert np.abs(shown(page, f".face:nth-of-type({kind + 1}) canvas") - wanted[kind]).max() <= bound, kind
        assert np.abs(shown(page) - wanted[kind]).max() <= bound, kind


def test_a_link_leads_to_the_dial(home, visit, turned):
    page = visit(home, "en/09_labels.html#dial=8/z:1,0,0,0,-2,0,0,0,0,0", live=False)
    page.wait_for_selector("[data-widget=dial][data-state=live]")
    wanted = dial(turned, torch.tensor([[1.0, 0, 0, 0, -2, 0, 0, 0, 0, 0]]))[8].flatten().numpy()
    assert np.abs(shown(page) - wanted).max() <= 0.03 + 0.5 / 255
    assert page.locator("[data-widget=dial]").evaluate("(place) => Math.abs(place.getBoundingClientRect().top)") < 150


@torch.no_grad()
def test_the_styles_of_the_dial_are_named_by_what_they_change_most_within_a_class(turned):
    z = torch.randn(1000, 10, generator=torch.Generator().manual_seed(0))
    measured = strokes(dial(turned, z)[:, 0])
    within = torch.stack([(each.view(1000, 10) - each.view(1000, 10).mean(0)).flatten() for each in measured.values()])
    r = torch.corrcoef(torch.cat([within, z.repeat_interleave(10, 0).T]))[:5, 5:].abs()
    best, names = r.argmax(1).tolist(), dial_state()["names"]
    assert {name["en"]: int(i) for i, name in names.items()} == dict(zip(list(measured)[:4], best[:4], strict=True))
    assert [list(measured)[i] for i in r[:, [int(i) for i in names]].argmax(0)] == [name["en"] for name in names.values()]
    assert [name["zh"] for name in names.values()] == ["倾斜", "宽度", "粗细", "顶端"] and r[:4].amax(1).min() > 0.5


@torch.no_grad()
def test_the_points_of_the_map_are_the_first_test_digits():
    images, labels = mnist(ROOT / "nbs/data", train=False)
    model, state = VAE.from_pretrained(latent_dim=2), plane_state()
    points, means = np.frombuffer(state["points"], np.uint8).reshape(-1, 3), model.encode(as_float(images[:1000]))[0].numpy()
    inside = np.abs(means).max(1) <= 4
    assert len(points) == inside.sum() == 996 and (points[:, 2] == labels[:1000].numpy()[inside]).all()
    assert np.abs(points[:, :2] / 255 * 8 - 4 - means[inside]).max() <= 4 / 255 + 1e-6
    own = LatentExplorer(model, images[:1200], labels[:1200])
    assert own.points == state["points"] and LatentExplorer(model, images[:5]).points == b""
    assert LatentExplorer(VAE.from_pretrained(), images[:20], labels[:20]).points == b""
    named = LatentExplorer(model, images[:3], ["b", "a", "b"])
    assert np.frombuffer(named.points, np.uint8).reshape(-1, 3)[:, 2].tolist() == [1, 0, 1]
    many = np.frombuffer(LatentExplorer(model, images[:12], torch.arange(12)).points, np.uint8).reshape(-1, 3)
    assert many[:, 2].tolist() == [i for i in range(10) if inside[i]], "a class that the gallery has no room for"


@pytest.mark.parametrize(("edition", "where"), [("zh", "file"), ("en", "http")])
def test_the_front_page_opens_on_a_walk_and_stands_under_reduced_motion(site, home, visit, state, edition, where):
    base, start = home if where == "http" else site.as_uri(), np.array(state["gallery"][3]["mean"])
    page = visit(base, f"{edition}/index.html")
    halt = page.locator(".halt")
    halt.wait_for()
    first = shown(page)
    page.wait_for_timeout(1500)
    assert np.abs(shown(page) - first).max() > 0.1
    halt.click()
    still = shown(page)
    page.wait_for_timeout(500)
    assert not halt.is_visible() and np.array_equal(shown(page), still)
    page = visit(base, f"{edition}/index.html", reduced_motion="reduce")
    page.wait_for_timeout(500)
    with torch.no_grad():
        wanted = decoded(VAE.from_pretrained(), start.tolist())
    assert not page.locator(".halt").is_visible() and np.abs(shown(page) - wanted).max() <= PIXEL
    page = visit(base, f"{edition}/05_explore.html")
    page.wait_for_timeout(500)
    assert not page.locator(".halt").is_visible() and np.abs(shown(page) - wanted).max() <= PIXEL


def test_without_script_the_picture_stays(site, visit):
    page = visit(site.as_uri(), "en/05_explore.html", live=False, java_script_enabled=False)
    picture = page.locator("[data-widget=explorer] img")
    picture.scroll_into_view_if_needed()
    assert picture.is_visible() and picture.get_attribute("alt") and page.locator("[data-widget=explorer] .plot p").last.is_visible()
    assert page.locator("[data-widget=explorer]").bounding_box()["height"] < 1.5 * picture.bounding_box()["height"]


@pytest.mark.parametrize("damage", ["missing", "cut short", "weights cut short", "another script"])
def test_where_the_weights_do_not_come_the_picture_stays(site, home, browser, state, damage):
    whole = (site / "widgets/explorer.js").read_text(encoding="utf-8")
    broken = {"missing": None, "cut short": whole[:300_000], "another script": "window.other = 1;",
              "weights cut short": whole.replace(base64_of(state["decoder"])[-4000:], "")}[damage]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.route("**/widgets/explorer.js", lambda route: route.abort() if broken is None
               else route.fulfill(body=broken, content_type="text/javascript"))
    page.goto(f"{home}/en/05_explore.html")
    page.locator("[data-widget=explorer]").first.scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget=explorer][data-state=failed]")
    assert page.locator("[data-widget=explorer] img").is_visible() and page.locator("[data-widget=explorer] .plot p").last.is_visible()
    said = page.locator("[data-widget=explorer] [role=status], [data-widget=explorer] [role=alert]").first
    assert said.is_visible() and ("did not load" in said.inner_text() or "incomplete" in said.inner_text())
    assert page.locator("[data-widget=explorer] input").count() == 0
    context.close()


def test_where_the_encoder_does_not_come_the_rest_goes_on(home, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.route("**/widgets/explorer-encoder.js", lambda route: route.abort())
    page.goto(f"{home}/zh/index.html")
    page.locator("[data-widget=explorer]").scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget=explorer][data-state=live]")
    page.locator(".drawing summary").click()
    page.wait_for_selector(".widget-failed")
    page.locator(".gallery button").first.click()
    assert shown(page).any() and page.locator(".slider input").first.is_visible()
    context.close()


@pytest.mark.parametrize(("edition", "width", "scheme"), [
    ("zh", 1280, "light"), ("zh", 390, "dark"), ("en", 390, "light"), ("duo", 1280, "dark")])
def test_a_page_with_the_explorer_is_accessible_and_within_the_screen(home, visit, edition, width, scheme):
    page = visit(home, f"{edition}/index.html", viewport={"width": width, "height": 850}, color_scheme=scheme, reduced_motion="reduce")
    page.locator(".gallery button").first.click()
    page.evaluate(FRAMES)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.add_script_tag(path=ROOT / "web/node_modules/axe-core/axe.min.js")
    assert page.evaluate(AXE.replace("axe.run(document", "axe.run('[data-widget=explorer]'"), WCAG) == []


CHINESE = """() => {
    const [one, two] = ["一", "鑫"].map((character) => {
        const canvas = document.createElement("canvas");
        canvas.getContext("2d").fillText(character, 9, 20);
        return canvas.toDataURL();
    });
    return one != two;
}"""  # whether Chinese characters are drawn: those that no font has look all alike


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(("name", "page"), [
    ("explorer", "index"), ("plane", "04_sample"), ("dial", "09_labels"), ("playground", "playground")])
def test_the_page_does_not_move_when_a_widget_comes(home, visit, name, page, edition):
    for width in (390, 1280):
        shown = visit(home, f"{edition}/{page}.html", live=False, viewport={"width": width, "height": 850})
        if edition != "en" and not shown.evaluate(CHINESE):
            pytest.skip("no font has Chinese characters, and their boxes are of another height")
        place = shown.locator(f"[data-widget={name}]")
        before = place.evaluate("(place) => parseFloat(getComputedStyle(place).minHeight)")
        place.scroll_into_view_if_needed()
        shown.wait_for_selector(f"[data-widget={name}][data-state=live]")
        after = place.evaluate("(place) => (place.style.minHeight = 0, place.getBoundingClientRect().height)")
        assert abs(after - before) <= 60, (width, before, after)
        shown.context.close()


def test_the_package_packs_as_the_script_reads():
    state = VAE(image_shape=(1, 4, 4), hidden_dim=7, latent_dim=3).state_dict()
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    for layers, dtype in product((DECODER, ENCODER), ("int8", "float32")):
        assert pack(arrays, layers, dtype) == packed(state, layers, dtype), (layers, dtype)


def test_the_state_of_the_site_needs_no_torch_and_is_the_shipped_model(model, state):
    code = "import sys, vae_nb.explore as e; e.site_state(), e.dial_state(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    assert len(state["decoder"]) <= 340_000
    scales, biases, at = {}, {}, 0
    shapes = {"fc3": (400, 20), "fc4": (784, 400)}
    for name, (rows, _) in shapes.items():
        for store in (scales, biases):
            store[name] = torch.tensor(np.frombuffer(state["decoder"], "<f4", rows, at))
            at += 4 * rows
    weights = {}
    for name, (rows, columns) in shapes.items():
        q = torch.tensor(np.frombuffer(state["decoder"], "i1", rows * columns, at)).view(rows, columns)
        weights[name] = q * scales[name][:, None]
        at += rows * columns
    z = torch.randn(1000, 20, generator=torch.Generator().manual_seed(0))
    h = torch.relu(z @ weights["fc3"].T + biases["fc3"])
    with torch.no_grad():
        assert (torch.sigmoid(h @ weights["fc4"].T + biases["fc4"]) - model.decode(z)).abs().max() <= 0.02
        images = torch.tensor(np.frombuffer(state["digits"], "u1").copy()).view(10, 784) / 255
        means = torch.tensor([digit["mean"] for digit in state["gallery"]])
        torch.testing.assert_close(model.encode(images)[0], means, rtol=1e-4, atol=1e-4)


def strokes(ink):
    """What chapter 5 measures of pictures (N, 28, 28)."""
    down, right = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    total = ink.sum((1, 2))

    def mean(what):
        return (ink * what).sum((1, 2)) / total
    x, y = (place - mean(place).view(-1, 1, 1) for place in (right, down))
    return {"slant": -mean(x * y) / mean(y * y), "width": mean(x * x).sqrt(), "stroke": total, "top": mean((down >= 4) & (down < 8)),
            "upper half": mean(down < 14)}


def test_the_names_of_the_dimensions_are_what_they_go_with_most(model, state):
    images, _ = mnist(ROOT / "nbs/data", train=False)
    measured = strokes(as_float(images)[:, 0])
    with torch.no_grad():
        mu, _ = model.encode(as_float(images))
    best = torch.corrcoef(torch.cat([torch.stack([*measured.values()]), mu.T]))[:5, 5:].abs().argmax(1)
    assert {name["en"]: int(i) for i, name in state["names"].items()} == dict(zip(measured, best.tolist(), strict=True))
    assert [name["zh"] for name in state["names"].values()] == ["倾斜", "宽度", "粗细", "顶端", "上半幅"]


def test_it_opens_on_a_digit_where_there_is_one():
    for count, opened in ((10, 3), (2, 0), (1, 0)):
        explorer = LatentExplorer(small(), IMAGES.repeat(2, 1, 1, 1)[:count])
        assert explorer.z == explorer.gallery[opened]["mean"]
    assert LatentExplorer(small()).z == [0, 0, 0]


VIEW = "application/vnd.jupyter.widget-view+json"
IMAGES = torch.randint(256, (6, 1, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def small(kind=VAE, image_shape=(1, 4, 5)):
    """An untrained model of a few units."""
    torch.manual_seed(0)
    return kind(hidden_dim=7, latent_dim=3, image_shape=image_shape)


class OwnEncode(VAE):
    def encode(self, x):
        mu, logvar = super().encode(x)
        return mu + 0.19, logvar


class OwnDecode(VAE):
    def decode(self, z):
        return torch.sigmoid(self.fc4(torch.tanh(self.fc3(z))))


class OwnSample(VAE):
    def reparameterize(self, mu, logvar):
        return super().reparameterize(mu, 2 * logvar)


class OwnForward(VAE):
    def forward(self, x):
        rebuilt, mu, logvar = super().forward(x)
        return rebuilt, -mu, logvar


class Further(VAE):
    """A VAE with a layer and a buffer besides, which nothing that the explorer shows goes through."""

    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.classifier = nn.Linear(self.latent_dim, 10)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))


class Flat(nn.Module):
    """A model that keeps the contract and is no VAE of the course."""

    latent_dim, image_shape = 3, (1, 4, 5)

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(20, 6), nn.Linear(3, 20)

    def encode(self, x):
        return self.down(x.flatten(1)).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.up(z)).unflatten(1, self.image_shape)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar


def changed(change):
    """A small model on which `change` was called."""
    model = small()
    change(model)
    return model


def widened(model):
    model.fc3, model.fc4 = nn.Linear(3, 8), nn.Linear(8, 20)


def replaced(name, make):
    """A small model of which `name` is what `make` makes of the model."""
    return changed(lambda model: setattr(model, name, make(model)))


OTHERS = {  # models that the explorer would show wrongly, and what the refusal names
    "encode": (lambda: small(OwnEncode), "encode of its own"),
    "decode": (lambda: small(OwnDecode), "decode of its own"),
    "reparameterize": (lambda: small(OwnSample), "reparameterize of its own"),
    "forward": (lambda: small(OwnForward), "forward of its own"),
    "on the object": (lambda: replaced("encode", lambda model: lambda x: (x, x)), "encode of its own"),
    "bound to the object": (lambda: replaced("decode", lambda model: MethodType(lambda model, z: 1 - VAE.decode(model, z), model)),
                            "decode of its own"),
    "compiled, patched": (lambda: torch.compile(small(OwnEncode)), "encode of its own"),
    "layer before": (lambda: replaced("fc1", lambda model: nn.Sequential(nn.BatchNorm1d(20), model.fc1)), "fc1 that is not"),
    "layer of its own": (lambda: changed(lambda model: setattr(model.fc3, "forward", lambda x: x @ model.fc3.weight.T)), "fc3 that is not"),
    "no bias": (lambda: replaced("fc4", lambda model: nn.Linear(7, 20, bias=False)), "fc4 that is not"),
    "other sizes": (lambda: changed(widened), "fc3 that is not nn.Linear(3, 7)"),
    "hook": (lambda: changed(lambda model: model.fc1.register_forward_hook(lambda layer, x, y: y + 1)), "a hook on fc1"),
    "early hook": (lambda: changed(lambda model: model.register_forward_pre_hook(lambda model, x: None)), "a hook on the model"),
    "pruned": (lambda: changed(lambda model: prune.l1_unstructured(model.fc3, "weight", 0.5)), "a hook on fc3"),
    "nan": (lambda: changed(lambda model: nn.init.constant_(model.fc2_logvar.bias, float("nan"))), "NaN"),
    "color": (lambda: small(image_shape=(3, 4, 5)), "shape (3, 4, 5); the explorer shows gray ones"),
    "no shape": (lambda: VAE(12), "VAE(12, image_shape=(C, H, W))")}
NO_VAE = {"another model": Flat(), "a layer": nn.Linear(2, 2), "array": np.ones(3),
          **{repr(each): each for each in (None, [], "mnist.safetensors", 3, VAE)}}


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_that_would_be_shown_wrongly_is_refused(name):
    make, said = OTHERS[name]
    with pytest.raises(ValueError) as caught:
        LatentExplorer(make(), IMAGES)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", NO_VAE)
def test_what_is_no_vae_is_refused(name):
    with pytest.raises(TypeError, match="model is .*VAE"):
        LatentExplorer(NO_VAE[name], IMAGES)


@pytest.fixture
def everywhere(request, monkeypatch):
    """Something that every module goes through, replaced."""
    owner, name, wrap = request.param
    monkeypatch.setattr(owner, name, wrap(getattr(owner, name)))


def keeping_its_name(function):
    """What a decorator makes of a method."""
    return functools.wraps(function)(lambda model, x: function(model, x))


@pytest.mark.parametrize("everywhere", [
    (EncoderDecoder, "encode", lambda old: lambda model, x: old(model, 1 - x)), (VAE, "decode", keeping_its_name),
    (VAE, "forward", keeping_its_name), (VAE, "reparameterize", lambda old: lambda model, mu, logvar: mu),
    (nn.Linear, "forward", lambda old: lambda layer, x: 1.1 * old(layer, x)),
    (F, "relu", lambda old: F.elu), (F, "linear", lambda old: lambda x, weight, bias: old(x, weight, bias) + 0.1),
    (torch, "sigmoid", lambda old: torch.sin)], indirect=True, ids=lambda patch: patch[1])
def test_what_was_patched_for_all_is_noticed(everywhere):
    with pytest.raises(ValueError, match="of its own|is not nn.Linear|does not compute"):
        LatentExplorer(small())


def test_a_hook_for_all_modules_is_noticed():
    handle = nn.modules.module.register_module_forward_hook(lambda module, x, y: None)
    try:
        with pytest.raises(ValueError, match="a hook on every module"):
            LatentExplorer(small())
    finally:
        handle.remove()
    LatentExplorer(small())


def test_what_the_refusals_advise_works():
    hooked = small()
    handle = hooked.fc1.register_forward_hook(lambda layer, x, y: y)
    handle.remove()
    pruned = changed(lambda model: prune.l1_unstructured(model.fc3, "weight", 0.5))
    prune.remove(pruned.fc3, "weight")
    for model in (hooked, pruned, VAE(12, image_shape=(1, 3, 4))):
        assert LatentExplorer(model).decoder
    x = IMAGES / 255
    for model in (Flat(), small(OwnEncode)):
        assert reconstruct(model, x).shape == x.shape
        assert sample_prior(model, 2).shape == (2, 1, 4, 5) and interpolate(model, x[0], x[1], 3).shape == (3, 1, 4, 5)
    one_hot = F.one_hot(torch.arange(6) % 2)
    with pytest.raises(ValueError, match=r"labels.argmax\(1\)"):
        LatentExplorer(small(), IMAGES, one_hot)
    assert [digit["label"] for digit in LatentExplorer(small(), IMAGES, one_hot.argmax(1)).gallery] == ["0", "1"]


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


SHOWN = {  # models that are as good as the course's, however they are dressed
    "plain": small, "further layers": lambda: small(Further), "training": lambda: small().train(), "float64": lambda: small().double(),
    "float16": lambda: small().half(), "bfloat16": lambda: small().bfloat16(), "compiled": lambda: torch.compile(small()),
    "data parallel": lambda: nn.DataParallel(small()), "averaged": lambda: torch.optim.swa_utils.AveragedModel(small()),
    "compiled and wrapped": lambda: nn.DataParallel(torch.compile(small())), "frozen": lambda: small().requires_grad_(False),
    "parametrized": lambda: changed(lambda model: parametrize.register_parametrization(model.fc3, "weight", Doubled())),
    "weight norm": lambda: changed(lambda model: parametrizations.weight_norm(model.fc1)),
    "spectral norm": lambda: changed(lambda model: parametrizations.spectral_norm(model.fc1)).eval(),
    "spectral norm, training": lambda: changed(lambda model: parametrizations.spectral_norm(model.fc1))}


@pytest.mark.parametrize("name", SHOWN)
def test_gallery_and_decoder_are_the_models(name):
    given = SHOWN[name]()
    inside = next(module for module in given.modules() if isinstance(module, VAE))
    modes, random, state = [module.training for module in given.modules()], torch.get_rng_state(), deepcopy(given.state_dict())
    explorer = LatentExplorer(given, IMAGES)
    assert [module.training for module in given.modules()] == modes and torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, state[name]) for name, tensor in given.state_dict().items())
    inside.eval()
    with torch.no_grad():
        mean, logvar = inside.encode(IMAGES / 255)
        shown = torch.tensor([digit["mean"] for digit in explorer.gallery]), torch.tensor([digit["sigma"] for digit in explorer.gallery])
        torch.testing.assert_close(shown, (mean.float(), (logvar.float() / 2).exp()), atol=0.02, rtol=0.01)
        mean, logvar = inside.double().encode(IMAGES / 255)
        kl = 0.5 * (logvar.exp() + mean**2 - 1 - logvar)
        weight = inside.fc3.weight.float().numpy()
    assert explorer.kl == pytest.approx(kl.mean(0).tolist(), abs=1e-6)
    assert np.array_equal(np.frombuffer(explorer.decoder, "<f4", 21).reshape(7, 3), weight)
    assert explorer.sizes == {"image_size": 20, "image_shape": [1, 4, 5], "hidden_dim": 7, "latent_dim": 3, "dtype": "float32"}


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu"), lambda: torch.device("meta")])
def test_where_it_is_made_changes_nothing(context):
    model = changed(lambda model: model.fc4.weight.data.mul_(50))  # which half precision would change visibly
    wanted = LatentExplorer(model, IMAGES).get_state(["decoder", "kl", "gallery"])
    with context():
        made = LatentExplorer(model, IMAGES)
    assert made.get_state(["decoder", "kl", "gallery"]) == wanted


@pytest.mark.parametrize("images", [
    IMAGES, IMAGES[:, 0], IMAGES.flatten(1), IMAGES / 255, (IMAGES / 255).double(), (IMAGES / 255).requires_grad_()])
def test_images_of_every_kind_give_the_same_gallery(images):
    explorer = LatentExplorer(small(), images, torch.tensor([1, 1, 0, 2, 0, 2]))
    assert explorer.digits == IMAGES[[2, 0, 3]].numpy().tobytes()
    assert explorer.kl == pytest.approx(LatentExplorer(small(), IMAGES).kl, abs=1e-6)


def test_greys_in_between_go_to_the_nearest():
    between = torch.tensor([0.4, 0.6, 1.4, 254.4, 254.6, 255] + [0] * 14) / 255
    assert list(LatentExplorer(small(), between.view(1, 1, 4, 5)).digits) == [0, 1, 1, 254, 255, 255] + [0] * 14
    coarse = np.frombuffer(LatentExplorer(small(), (IMAGES / 255).bfloat16()).digits, np.uint8)
    assert np.abs(coarse.astype(int) - IMAGES.flatten().numpy()).max() <= 1


@pytest.mark.parametrize("images", [IMAGES.numpy(), IMAGES.tolist(), "images", 3, IMAGES.long(), IMAGES > 0, IMAGES[:0], IMAGES[:, :, :2],
                                    IMAGES.float(), IMAGES[0, 0], IMAGES / 0], ids=lambda images: type(images).__name__)
def test_images_that_do_not_fit_are_refused(images):
    with pytest.raises((TypeError, ValueError), match="images|pixels"):
        LatentExplorer(small(), images)


@pytest.mark.parametrize(("labels", "names"), [
    ([1, 0, 1, 0, 1, 0], ["0", "1"]), (torch.tensor([2, 1] * 3, dtype=torch.uint8), ["1", "2"]), (range(6), list("012345")),
    (list("bacbac"), ["a", "b", "c"]), (np.array(list("bacbac"), dtype=object), ["a", "b", "c"]),
    (torch.tensor([True, False] * 3), ["False", "True"])])
def test_labels_are_whole_numbers_or_names(labels, names):
    assert [digit["label"] for digit in LatentExplorer(small(), IMAGES, labels).gallery] == names


@pytest.mark.parametrize("labels", [
    [1.0] * 6, torch.ones(6), [None] * 6, {}, [b"a"] * 6, [[1], [1, 2], 3, 4, 5, 6], [1] * 5, torch.ones(6, 2), "abcdef", 3, iter(range(6)),
    torch.ones(6, requires_grad=True), [1j] * 6], ids=lambda labels: type(labels).__name__)
def test_other_labels_are_refused(labels):
    with pytest.raises((TypeError, ValueError), match="labels .* needed: one whole number or name for each of the 6 images"):
        LatentExplorer(small(), IMAGES, labels)


@pytest.mark.parametrize("labels", [None, torch.arange(12)])
def test_the_gallery_holds_ten_at_most(labels):
    assert len(LatentExplorer(small(), IMAGES.repeat(2, 1, 1, 1), labels).gallery) == 10


def test_labels_alone_are_refused():
    with pytest.raises(ValueError, match="pass both"):
        LatentExplorer(small(), labels=[1, 2])


NOT_FINITE = [float("nan"), float("inf"), -float("inf"), 10**400, -(10**400), 10**5000, 1e39, np.float64(1e300), torch.tensor(float("nan"))]
NO_NUMBER = ["1", None, True, np.bool_(True), 1j, [1], {}, np.ones(2), torch.ones(2), b"1"]


@pytest.mark.parametrize("bad", NOT_FINITE + NO_NUMBER, ids=lambda bad: type(bad).__name__)
def test_what_is_no_finite_number_leaves_z_as_it_was(bad):
    explorer = LatentExplorer(small())
    explorer.z = [1, 2, 3]
    for name, value in (("z", [0, bad, 0]), ("z1", bad)):
        with pytest.raises(TraitError, match=r"z\[?1\]? is .* finite number"):
            setattr(explorer, name, value)
        with pytest.raises(TraitError):
            explorer.set_state({name: value})
    assert explorer.z == [1, 2, 3] and (explorer.z0, explorer.z1, explorer.z2) == (1, 2, 3)


@pytest.mark.parametrize("good", [
    Fraction(1, 2), np.float32(0.5), np.array([[0.5]]), torch.tensor(0.5), torch.tensor([0.5], requires_grad=True)])
def test_every_kind_of_number_is_taken(good):
    explorer = LatentExplorer(small())
    explorer.z1 = good
    assert explorer.z == [0, 0.5, 0] and type(explorer.z[1]) is float
    explorer.z = [good, 1, good]
    assert explorer.z == [0.5, 1, 0.5]


@pytest.mark.parametrize("bad", [
    [1, 2], [1, 2, 3, 4], np.ones((2, 3)), np.ones((3, 1)), "abc", 5, {1: 2}, torch.tensor(1.0), [[1, 2]], [[[1, 2, 3]]]])
def test_a_z_of_another_shape_is_refused(bad):
    explorer = LatentExplorer(small())
    with pytest.raises(TraitError, match="z.* is |needs 3"):
        explorer.z = bad
    assert explorer.z == [0, 0, 0]


def test_a_dimension_that_is_not_there_is_refused():
    explorer = LatentExplorer(small())
    with pytest.raises(AttributeError, match="3 latent dimensions, z0 to z2"):
        explorer.z3 = 1.0
    explorer.zoom = 1.0


def test_every_front_end_gets_the_widget_and_the_picture(monkeypatch):
    explorer, formatter = LatentExplorer(small(), IMAGES), DisplayFormatter()
    assert set(formatter.format(explorer)[0]) == {VIEW, "image/png", "text/plain"}
    # ipywidgets 7, which Colab has, shows its widgets by this method, and then no picture goes with them
    monkeypatch.setattr(ipywidgets.Widget, "_ipython_display_", lambda self: None, raising=False)
    assert set(formatter.format(explorer)[0]) == {VIEW, "image/png", "text/plain"}
    assert formatter.format(explorer)[0]["text/plain"] == "LatentExplorer(20-7-3)"
    explorer.close()
    assert set(LatentExplorer._repr_mimebundle_(explorer)[0]) == {"image/png", "text/plain"}


def started(command, env, runtime):
    """A server of JupyterLab and its address; the address is None if it does not come, as on a machine that does much else."""
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + LIMIT
    while server.poll() is None and time.monotonic() < end:
        for running in list_running_servers(runtime):
            return server, running["url"]
        time.sleep(0.5)
    server.kill()
    server.wait()
    return server, None


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab in an empty folder; the folder of its kernels' connection files, and its address."""
    runtime = tmp_path / "runtime"
    env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
           "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0",
               f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={tmp_path}"]
    tries = (started(command, env, runtime) for _ in range(3))
    server, address = next((pair for pair in tries if pair[1]), (None, None))
    assert address, "JupyterLab did not start"
    yield runtime, address
    server.terminate()
    server.wait()


@pytest.mark.slow
def test_in_jupyterlab_python_and_the_page_stay_in_step(lab, browser, tmp_path):
    runtime, address = lab
    chapter = nbformat.read(ROOT / "nbs/14_widget.ipynb", as_version=4)
    exported = [cell.source for cell in chapter.cells if re.search(r"^#\| export", cell.source, re.M)]
    widget = "explorer = LatentExplorer(model, images, labels)\nexplorer"
    given = "from vae_nb import VAE, mnist\nmodel, (images, labels) = VAE.from_pretrained(), mnist('data', train=False)"
    linked = ("import ipywidgets\nlinked = ipywidgets.FloatSlider(min=-4, max=4, step=0.05, readout=False)\n"
              "link = ipywidgets.jslink((linked, 'value'), (explorer, 'z14'))\nlinked")
    chapter.cells = [nbformat.v4.new_code_cell(source) for source in (*exported, given, widget, linked)]
    nbformat.write(chapter, tmp_path / "chapter.ipynb")
    (tmp_path / "data").symlink_to(ROOT / "nbs/data")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(1000 * LIMIT)
    try:
        page.goto(f"{address}lab/tree/chapter.ipynb?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")  # cells that are run before are not
        begun = page.locator(".jp-Notebook .jp-InputPrompt").filter(has_text=re.compile(r"\[(\*|\d+)\]"))
        for _ in range(5):  # a click on a menu can come to nothing while the page is still being put together
            page.locator(".jp-Notebook .jp-Cell").first.click()
            page.get_by_text("Run", exact=True).first.click()
            page.get_by_text("Run All Cells", exact=True).click()
            with contextlib.suppress(playwright.TimeoutError):
                begun.first.wait_for(timeout=20_000)
                break
        page.wait_for_selector(".vae-explorer .slider input")
        [connection] = runtime.glob("kernel-*.json")
        client = BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        client.start_channels()

        def ask(code):
            answer = client.execute_interactive("", user_expressions={"it": code}, timeout=LIMIT, allow_stdin=False)
            return eval(answer["content"]["user_expressions"]["it"]["data"]["text/plain"])  # the notebook's own kernel

        def arrives(code, wanted):
            """What the page sends reaches the kernel when it can."""
            for _ in range(100):
                if (found := ask(code)) == wanted:
                    return
                page.wait_for_timeout(100)
            pytest.fail(f"{code} is {found}, not {wanted}")

        first = page.locator(".vae-explorer .slider input").first
        dimension = int(page.locator(".vae-explorer .slider label").first.text_content().removeprefix("z"))
        first.scroll_into_view_if_needed()
        first.press("End")
        page.evaluate(FRAMES)
        arrives(f"explorer.z[{dimension}], explorer.z{dimension}", (4.0, 4.0))
        ask("setattr(explorer, 'z', [0.5] * 20)")
        page.wait_for_function("document.querySelector('.vae-explorer output').textContent === '0.50'")
        model = VAE.from_pretrained()
        assert np.abs(shown(page) - decoded(model, [0.5] * 20)).max() <= 1e-4 + 0.5 / 255
        ask("setattr(linked, 'value', -1.5)")
        page.wait_for_function("[...document.querySelectorAll('.vae-explorer .slider')].some((row) => "
                               "row.querySelector('label i').textContent === 'z14' && row.querySelector('output').textContent === '−1.50')")
        arrives("explorer.z[14]", -1.5)
        page.locator(".vae-explorer .drawing summary").click()
        page.wait_for_function("!document.querySelector('.drawing [role=status]').textContent")
        client.stop_channels()
    finally:
        page.close()

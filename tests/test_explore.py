"""The explorer: its modules, widgets/, against PyTorch under Node, and vae_nb/explore.js as readers meet it, in Chromium on a small
host of its own."""
import base64
import gzip
import json
import os
import re
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import AXE, WCAG
from vae_nb.data import as_float, mnist
from vae_nb.labels import ClassVAE, dial
from vae_nb.model import VAE

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "vae_nb/explore.js"
DECODER, ENCODER = ("fc3", "fc4"), ("fc1", "fc2_mean", "fc2_logvar")
SAME = {"pixel": 1e-5, "mean": 1e-4, "logvar": 1e-4}
ROUNDED = {"pixel": 0.04, "mean": 0.04, "logvar": 0.04}  # what int8 weights, each rounded for itself, may change
GREYS = 0.5 / 255 + 1e-5  # what a canvas of 256 greys may change


def packed(state, layers, dtype):
    """The layers' weights as the script reads them; written apart from the package's own packer, which must give the same bytes."""
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    if dtype == "float32":
        return b"".join(arrays[f"{layer}.{kind}"].astype("<f4").tobytes() for layer in layers for kind in ("weight", "bias"))
    vectors, weights = [], []
    for layer in layers:
        weight = arrays[f"{layer}.weight"]
        scale = np.abs(weight).max(axis=1) / 127
        scale[scale == 0] = 1
        vectors += [scale.astype("<f4"), arrays[f"{layer}.bias"].astype("<f4")]
        weights.append(np.round(weight / scale[:, None]).astype("i1"))
    return b"".join(array.tobytes() for array in vectors + weights)


def rounded(model):
    """The model with its weights as int8 holds them."""
    other = deepcopy(model).eval()
    for name, weight in other.state_dict().items():
        if name.endswith("weight"):
            scale = weight.abs().amax(1, keepdim=True) / 127
            weight.copy_(torch.round(weight / scale) * scale)
    return other


def base64_of(data):
    """Text that a page or Node can read bytes from."""
    return base64.b64encode(data).decode()


def sizes_of(model, dtype):
    """The trait `sizes`."""
    return {"image_size": model.image_size, "image_shape": list(model.image_shape), "hidden_dim": model.hidden_dim,
            "latent_dim": model.latent_dim, "dtype": dtype}


@cache
def digits_of_mnist():
    """MNIST's test images, flat and in [0, 1], and their labels."""
    images, labels = mnist(ROOT / "nbs/data", train=False)
    return as_float(images).flatten(1), labels


@cache
def random_model(image_shape, hidden_dim, latent_dim):
    """A VAE that was never trained."""
    torch.manual_seed(hidden_dim)
    return VAE(hidden_dim=hidden_dim, latent_dim=latent_dim, image_shape=image_shape).eval()


@torch.no_grad()
def golden(name, model, packed_as, x, dtype, bounds):
    """What PyTorch makes of random z and of images, and the weights for the script to do the same."""
    z = torch.randn(1000, model.latent_dim, generator=torch.Generator().manual_seed(0))
    mean, logvar = model.encode(x)
    floats = {"z": z, "images": model.decode(z), "x": x, "mean": mean, "logvar": logvar}
    return {"name": f"{name}, {dtype}", "sizes": sizes_of(model, dtype), "bounds": bounds,
            "decoder": base64_of(packed(packed_as.state_dict(), DECODER, dtype)), "encoder": encoder_of(packed_as, dtype),
            **{key: base64_of(value.numpy().astype("<f4").tobytes()) for key, value in floats.items()}}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_the_script_computes_what_pytorch_computes(tmp_path, dtype):
    shipped, x = VAE.from_pretrained(), digits_of_mnist()[0][:1000]
    cases = [golden("shipped", rounded(shipped) if dtype == "int8" else shipped, shipped, x, dtype, SAME)]
    for sizes in (((1, 28, 28), 64, 1), ((1, 28, 28), 33, 2), ((1, 4, 4), 7, 3), ((1, 2, 8), 5, 20)):
        model = random_model(*sizes)
        x = torch.rand(200, model.image_size, generator=torch.Generator().manual_seed(1))
        cases.append(golden(f"random {sizes}", rounded(model) if dtype == "int8" else model, model, x, dtype, SAME))
    if dtype == "int8":
        cases.append(golden("shipped, before rounding", shipped, shipped, digits_of_mnist()[0][:1000], dtype, ROUNDED))
    (tmp_path / "golden.json").write_text(json.dumps(cases), encoding="utf-8")
    done = subprocess.run(["node", "--test", "--test-reporter=spec", "tests/explore.test.mjs"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "GOLDEN": str(tmp_path / "golden.json")})
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("is PyTorch's") == 2 * len(cases)


def test_the_types_of_the_modules_are_right():
    done = subprocess.run(["node", "widgets/node_modules/typescript/bin/tsc", "-p", "widgets"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_script_stands_alone(capsys):
    source = SCRIPT.read_text(encoding="utf-8")
    source = source.replace('"http://www.w3.org/2000/svg"', "")  # the name of SVG's elements, which loads nothing
    assert not re.search(r"^import\b|\bimport *\(\s*['\"]|https?:", source, re.M)
    with capsys.disabled():
        print(f"\nexplore.js: {len(gzip.compress(SCRIPT.read_bytes()))} bytes to load", end=" ")


@torch.no_grad()
def traits(model, dtype="int8", **given):
    """A model as the host hands it to the script, with ten of MNIST's digits if they fit it; and its packed encoder."""
    values = {"z": [0.0] * model.latent_dim, "sizes": sizes_of(model, dtype), "encoder": "", "kl": [], "gallery": [], "digits": "",
              "names": {}, "shared": None, "points": "", "opening": None, "decoder": base64_of(packed(model.state_dict(), DECODER, dtype))}
    if model.image_size == 784:
        x, labels = digits_of_mnist()
        x = x[[int((labels == label).nonzero()[3]) for label in range(10)]]
        mean, logvar = model.encode(x)
        values["kl"] = ((mean**2 + logvar.exp() - 1 - logvar) / 2).mean(0).tolist()
        values["gallery"] = [{"label": str(i), "mean": mean[i].tolist(), "sigma": (logvar[i] / 2).exp().tolist()} for i in range(10)]
        values["digits"] = base64_of((x * 255).round().byte().numpy().tobytes())
    return {**values, **given}


def encoder_of(model, dtype="int8"):
    """The trait `encoder` once it has been asked for."""
    return base64_of(packed(model.state_dict(), ENCODER, dtype))


@torch.no_grad()
def decoded(model, z):
    """PyTorch's image for one z, from weights as int8 holds them."""
    model = rounded(model)
    return model.decode(torch.tensor([z], dtype=torch.float32))[0].numpy()


PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Explorer</title>
<style>:root {{ color-scheme: light dark; background: light-dark(#fff, #111) }}</style><main><div id="a"></div><div id="b"></div></main>
<script>{host}</script><script type="module">
const module = await import(URL.createObjectURL(new Blob([{source}], {{ type: "text/javascript" }})));
window.model = makeModel({traits});
window.view = (id, signal) => module.default.render({{ model, el: document.getElementById(id), signal }});
window.clean = view("a");
await frames(2);
window.started = true;
</script>"""


@pytest.fixture
def show(browser, tmp_path):
    """Open a page with a widget on these traits; at the end the page must have had no errors."""
    contexts, problems = [], []

    def show(traits, lang="en", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        host = Path(__file__).with_name("explore_page.js").read_text(encoding="utf-8")
        file = tmp_path / f"{len(contexts)}.html"
        source = json.dumps(SCRIPT.read_text(encoding="utf-8"))
        file.write_text(PAGE.format(lang=lang, host=host, source=source, traits=json.dumps(traits)), encoding="utf-8")
        page.goto(file.as_uri())
        page.wait_for_function("window.started")
        return page

    yield show
    for context in contexts:
        context.close()
    assert not problems


def picture(page, selector="#a [data-latent-image]"):
    """What a canvas shows, from 0 to 1."""
    return np.array(page.evaluate("async (selector) => { await frames(2); return grey(selector); }", selector)) / 255


def z_of(page):
    """The model's z."""
    return page.evaluate("[...model.get('z')]")


@pytest.fixture(scope="module")
def shipped():
    """The model that comes with the package."""
    return VAE.from_pretrained()


def test_every_slider_goes_to_zero_by_keyboard(show, shipped):
    z = torch.randn(20, generator=torch.Generator().manual_seed(3)).mul(2).tolist()
    page = show(traits(shipped, z=z))
    assert np.abs(picture(page) - decoded(shipped, z)).max() <= GREYS
    sliders = page.locator("#a .slider input")
    assert sliders.count() == 20
    for i in range(20):
        sliders.nth(i).focus()
        page.keyboard.press("Home")
        for _ in range(5):
            page.keyboard.press("PageUp")
    assert z_of(page) == [0] * 20
    assert np.abs(picture(page) - decoded(shipped, [0] * 20)).max() <= GREYS
    page.keyboard.press("End")
    assert sorted(z_of(page)) == [0] * 19 + [4]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert sorted(z_of(page)) == [0] * 19 + [3.9]
    picture(page)
    assert page.evaluate("model.saved.length > 0 && model.saved.at(-1).includes(3.9)")


def test_sliders_are_named_ordered_and_say_their_value(show, shipped):
    kl = np.linspace(0.5, 2, 20).round(2)
    kl[[4, 7]] = 0.02, 0.09
    page = show(traits(shipped, kl=kl.tolist(), z=[0.0] * 3 + [-1.5, 0.25] + [0.0] * 15))
    assert page.locator("#a .slider label").all_text_contents() == [f"z{i}" for i in np.argsort(-kl, kind="stable")]
    fourth = page.get_by_label("z3", exact=True)
    assert fourth.get_attribute("aria-valuetext") == "−1.50"
    described = fourth.get_attribute("aria-describedby")
    assert page.evaluate("(id) => document.getElementById(id).textContent", described) == f"KL {kl[3]:.2f} nats"
    folded = page.locator("#a .sliders details")
    assert folded.locator("input").count() == 2 and not folded.locator("input").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("output").all_inner_texts() == ["0.00", "0.25"]
    assert fourth.evaluate("(slider) => [slider.min, slider.max, slider.step]") == ["-4", "4", "0.05"]


def test_named_sliders_come_first_and_the_others_are_folded(show, shipped):
    names = {"14": {"zh": "倾斜", "en": "slant"}, "3": {"zh": "粗细", "en": "stroke"}}
    said = {"en": (["slant z14", "stroke z3"], "17 more dimensions"), "zh-Hans": (["倾斜 z14", "粗细 z3"], "其余17维")}
    for lang, (first, summary) in said.items():
        page = show(traits(shipped, names=names, kl=[0.0, *np.linspace(1, 2, 19)]), lang)
        assert page.locator("#a .slider label").all_text_contents()[:2] == first
        shown = page.locator(".sliders").get_by_role("slider")
        assert shown.count() == 2 and page.get_by_role("slider", name=first[0], exact=True).count() == 1
        page.locator(".sliders summary").first.click()
        assert page.locator(".sliders summary").first.inner_text().startswith(summary) and shown.count() == 19
        page.locator(".sliders summary").last.click()
        assert shown.count() == 20


def test_the_ends_of_a_slider_show_where_it_leads(show, shipped):
    z = torch.randn(20, generator=torch.Generator().manual_seed(3)).tolist()
    page = show(traits(shipped, z=z))
    for _ in range(2):
        page.wait_for_timeout(400)
        page.wait_for_function("grey('.slider:last-child canvas:nth-of-type(2)').some(Boolean)", polling="raf")
        for i in (0, 19):
            row, dimension = f".slider:nth-child({i + 2})", int(page.locator(".slider label i").nth(i).inner_text()[1:])
            for which, end in ((1, -4), (2, 4)):
                wanted = decoded(shipped, [*z[:dimension], end, *z[dimension + 1:]])
                assert np.abs(picture(page, f"{row} canvas:nth-of-type({which})") - wanted).max() <= GREYS
        page.get_by_role("button", name="Prior sample").click()
        z = z_of(page)


def swipe(page, selector, way):
    """A finger that comes down on an element, goes some way in steps and is lifted."""
    box, touch = page.locator(selector).first.bounding_box(), page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for share in np.linspace(0.1, 1, 10 if any(way) else 0):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + share * way[0], "y": y + share * way[1]}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_finger_that_scrolls_the_page_moves_no_slider(show, shipped):
    page = show(traits(shipped), has_touch=True, viewport={"width": 390, "height": 700})
    page.locator("input[type=range]").first.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    swipe(page, "input[type=range]", (4, -200))
    page.wait_for_function("(before) => scrollY > before + 100", arg=before)
    assert z_of(page) == [0] * 20 and page.locator("input[type=range]").first.input_value() == "0"
    page.evaluate("scrollTo(0, 0)")
    page.locator("input[type=range]").first.scroll_into_view_if_needed()
    swipe(page, "input[type=range]", (60, 3))
    sideways = sum(z_of(page))
    assert sideways > 1 and sum(map(bool, z_of(page))) == 1
    swipe(page, "input[type=range]", (0, 0))
    assert -3 < sum(z_of(page)) < -1, "a tap moves a slider"
    assert page.locator("input[type=range]").first.evaluate("(slider) => getComputedStyle(slider).touchAction") == "pan-y"


def test_without_activity_nothing_is_hidden(show, shipped):
    page = show(traits(shipped, kl=[0.0] * 20))
    assert page.locator("#a .slider input").last.is_visible()
    page = show(traits(shipped, kl=[]))
    assert page.locator("#a .slider label").all_inner_texts() == [f"z{i}" for i in range(20)]


def test_a_gallery_digit_sets_its_mean_and_shows_its_spread(show, shipped):
    given = traits(shipped)
    page = show(given, lang="zh-Hans")
    for label in (0, 7):
        page.get_by_role("button", name=f"数字{label}").click()
        digit = given["gallery"][label]
        assert z_of(page) == digit["mean"]
        assert np.abs(picture(page) - decoded(shipped, digit["mean"])).max() <= GREYS
    assert page.locator("[aria-pressed=true]").all_inner_texts() == ["7"]
    bands = page.evaluate("""() => [...document.querySelectorAll(".slider")].map((row) => {
        const [scale, band] = [".scale", ".band"].map((name) => row.querySelector(name).getBoundingClientRect());
        const z = (x) => (x - scale.left) / scale.width * 8 - 4;
        return [row.querySelector("label").textContent, z(band.left), z(band.right)]; })""")
    for name, low, high in bands:
        i = int(name[1:])
        wanted = np.clip([digit["mean"][i] - 2 * digit["sigma"][i], digit["mean"][i] + 2 * digit["sigma"][i]], -4, 4)
        assert np.abs(wanted - [low, high]).max() < 0.03, name
    page.locator("input[type=range]").first.press("ArrowRight")
    picture(page)
    assert page.locator(".band").first.is_visible() and page.locator("[aria-pressed=true]").count() == 1
    page.get_by_role("button", name="归零").click()
    picture(page)
    assert not page.locator(".band").first.is_visible() and page.locator("[aria-pressed=true]").count() == 0
    shown = np.array(page.evaluate("grey('.gallery button:nth-child(8) canvas')"), dtype="u1").tobytes()
    assert shown == base64.b64decode(given["digits"])[7 * 784:8 * 784]


def test_a_digit_that_the_program_sets_is_known(show, shipped):
    given = traits(shipped)
    page = show({**given, "z": given["gallery"][3]["mean"]}, lang="zh-Hans")
    assert np.abs(picture(page) - decoded(shipped, z_of(page))).max() <= GREYS
    assert page.locator("[aria-pressed=true]").all_inner_texts() == ["3"] and page.locator(".band").first.is_visible()
    assert page.locator(".status").inner_text().startswith("数字3的近似后验均值")
    page.evaluate("model.set('z', Array(20).fill(1))")
    picture(page)
    assert page.locator("[aria-pressed=true]").count() == 0 and not page.locator(".band").first.is_visible()


def test_what_the_program_sets_is_shown_though_it_lies_beyond_the_slider(show, shipped):
    page = show(traits(shipped))
    z = [5.2, -7.0] + [0.123] * 18
    page.evaluate("(z) => model.set('z', z)", z)
    assert np.abs(picture(page) - decoded(shipped, z)).max() <= GREYS
    first, second = page.get_by_label("z0", exact=True), page.get_by_label("z1", exact=True)
    assert "5.20" in first.get_attribute("aria-valuetext") and "beyond" in first.get_attribute("aria-valuetext")
    assert (first.input_value(), second.input_value()) == ("4", "-4")
    assert sorted(page.locator(".beyond output").all_inner_texts()) == ["5.20", "−7.00"]
    page.get_by_label("z2", exact=True).press("ArrowLeft")
    assert z_of(page)[:2] == [5.2, -7.0] and z_of(page)[3:] == [0.123] * 17, "moving one slider rounded another"
    assert page.evaluate("model.saved.length") <= 1


def test_what_changed_is_said_when_it_has_settled(show, shipped):
    page = show(traits(shipped))
    image, status = page.locator("[data-latent-image]"), page.locator(".status")
    page.evaluate("""() => { window.said = []; new MutationObserver(() => said.push(document.querySelector(".status").textContent))
        .observe(document.querySelector(".status"), {childList: true, characterData: true, subtree: true}); }""")
    page.locator("input[type=range]").first.focus()
    page.evaluate("""async () => { const input = document.activeElement; for (let i = 0; i < 10; i++) {
        input.stepUp(); input.dispatchEvent(new Event("input")); await frames(1); } }""")
    page.wait_for_function("said.length === 1")
    assert status.inner_text() == "Set by hand; ‖z‖ = 0.50, under the prior about 4.47."
    assert image.get_attribute("aria-label").endswith(status.inner_text()) and image.get_attribute("role") == "img"
    assert status.get_attribute("role") == "status" and page.locator("output").first.get_attribute("aria-live") == "off"


def test_a_prior_sample_is_new_each_time(show, shipped):
    page = show(traits(shipped))
    samples = []
    for _ in range(5):
        page.get_by_role("button", name="Prior sample").click()
        samples += [z_of(page)]
    assert 0.5 < np.std(samples) < 1.5 and len({tuple(sample) for sample in samples}) == 5


def walker(page):
    """The button that starts and stops the walk, running."""
    button = page.locator(".path button")
    assert button.inner_text() == "Walk"
    button.click()
    page.wait_for_function("window.path ??= [], path.push([...model.get('z')]), path.length > 20", polling="raf")
    assert button.inner_text() == "Stop"
    return button


def test_a_walk_leads_from_digit_to_digit_until_it_is_stopped(show, shipped):
    given = traits(shipped)
    page = show(given)
    button = walker(page)
    path, means = np.array(page.evaluate("path"))[1:], np.array([digit["mean"] for digit in given["gallery"]])
    assert len(np.unique(path, axis=0)) > 5

    assert off_line(path, means[3], means[8]) < 1e-6
    stops = {"Escape": lambda: page.keyboard.press("Escape"), "button": button.click,
             "slider": lambda: page.locator("input[type=range]").first.press("ArrowRight"),
             "host": lambda: page.evaluate("model.set('z', Array(20).fill(1))"),
             "out of sight": lambda: page.evaluate("document.querySelector('main').style.marginTop = '3000px'")}
    for name, stop in stops.items():
        stop()
        page.wait_for_function("document.querySelector('.path button').textContent === 'Walk'")
        z = z_of(page)
        picture(page)
        assert z_of(page) == z, name
        if name != "out of sight":
            walker(page)
    page.evaluate("document.querySelector('main').style.marginTop = 0")
    walker(page)
    page.evaluate("clean()")
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


def off_line(path, a, b):
    """How far the points of a path are from the way between two points."""
    t = (path - a) @ (b - a) / ((b - a) @ (b - a))
    return max(np.abs(a + t[:, None] * (b - a) - path).max(), -t.min(), t.max() - 1)


def test_the_reader_chooses_the_digits_and_how_far_to_go(show, shipped):
    given = traits(shipped)
    page, means = show(given, reduced_motion="reduce"), np.array([digit["mean"] for digit in given["gallery"]])
    start, to, way = (page.get_by_label(name) for name in ("From digit", "To digit", "How far along the way"))
    assert (start.input_value(), to.input_value()) == ("3", "8")
    start.select_option(label="1")
    to.select_option(label="0")
    assert np.allclose(z_of(page), means[1]) and page.locator(".gallery [aria-pressed=true]").count() == 0
    for end in (".end:first-child", ".end:last-child"):
        digit = 1 if "first" in end else 0
        assert page.evaluate(f"grey('{end} canvas')") == list(base64.b64decode(given["digits"])[784 * digit:784 * (digit + 1)])
    way.focus()
    for key, share in (("End", 1), ("ArrowLeft", 0.99), ("PageDown", 0.89)):
        page.keyboard.press(key)
        assert np.allclose(z_of(page), (1 - share) * means[1] + share * means[0]) and way.get_attribute("aria-valuetext") == f"{share:.0%}"
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('Between 1 and 0;')")
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function("!document.querySelector('button:disabled')")
    page.evaluate("window.steps = [], void model.on('change:z', () => steps.push([...model.get('z')]))")
    walker(page)
    steps = np.array(page.evaluate("steps"))
    assert off_line(steps, means[1], means[0]) < 1e-6 and np.allclose(steps[0], 0.11 * means[1] + 0.89 * means[0]), "it jumped"
    to.select_option(label="7")
    page.evaluate("void (path.length = 0)")
    page.wait_for_function("path.push([...model.get('z')]), path.length > 20", polling="raf")
    assert off_line(np.array(page.evaluate("path"))[2:], means[1], means[7]) < 1e-6


def test_no_walk_under_reduced_motion(show, shipped):
    page = show(traits(shipped), lang="zh", reduced_motion="reduce")
    button = page.get_by_role("button", name="漫步")
    assert button.is_disabled() and page.get_by_text("系统已设为减弱动态效果").is_visible()
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function("!document.querySelector('button:disabled')")
    assert not page.get_by_text("系统已设为减弱动态效果").is_visible()
    button.click()
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_function("document.querySelector('button:disabled')?.textContent === '漫步'")


def test_a_plane_of_two_latent_variables(show):
    model = random_model((1, 28, 28), 33, 2)
    page = show(traits(model))
    plane = page.get_by_role("application")
    page.wait_for_function("grey('.plane canvas').slice(-1)[0] > 0", polling="raf")
    tiles = np.array(page.evaluate("grey('.plane canvas')")).reshape(17, 28, 17, 28) / 255
    for row, column in ((8, 8), (0, 16), (14, 3)):
        z = [(column - 8) * 8 / 17, (8 - row) * 8 / 17]
        assert np.abs(tiles[row, :, column].ravel() - decoded(model, z)).max() <= GREYS
    box = plane.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    assert np.abs(np.array(z_of(page)) - 2).max() <= 0.03
    page.mouse.move(box["x"] + box["width"] + 50, box["y"] + box["height"] * 0.5, steps=3)
    page.mouse.up()
    assert z_of(page)[0] == 4 and abs(z_of(page)[1]) <= 0.03
    page.mouse.move(box["x"], box["y"])
    assert z_of(page)[0] == 4, "the pad follows a pointer that is not pressed"
    page.evaluate("model.set('z', [0, 0])")
    plane.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert z_of(page) == [0.1, -0.1]
    assert np.abs(picture(page) - decoded(model, [0.1, -0.1])).max() <= GREYS
    marker = page.locator(".marker").bounding_box()
    right, down = ((marker[start] + marker[size] / 2 - box[start]) / box[size] * 8 - 4 for start, size in (("x", "width"), ("y", "height")))
    assert abs(right - 0.1) < 0.03 and abs(down - 0.1) < 0.03
    page.evaluate("clean()")
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


def test_the_plane_follows_a_finger(show):
    page = show(traits(random_model((1, 28, 28), 33, 2)), has_touch=True, viewport={"width": 390, "height": 850})
    page.locator(".plane").scroll_into_view_if_needed()
    box = page.locator(".plane").bounding_box()
    touch = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.5), ("touchMove", 0.6), ("touchMove", 0.75)):
        point = {"x": box["x"] + box["width"] * share, "y": box["y"] + box["height"] * share}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert np.abs(np.array(z_of(page)) - [2, -2]).max() <= 0.05


def plane_traits():
    """The model of two dimensions that comes with the package, with four points: 0, 0, 3 and, far from them, 9."""
    places = [(127, 128, 0), (128, 128, 0), (150, 128, 3), (230, 230, 9)]
    return traits(VAE.from_pretrained(latent_dim=2), points=base64_of(bytes(byte for place in places for byte in place)))


def test_test_digits_stand_on_the_plane_and_say_what_they_are(show):
    page = show(plane_traits())
    plane, tip, ink = page.get_by_role("application"), page.locator(".tip"), "grey('.points').filter(Boolean).length"
    page.wait_for_function("grey('.plane canvas').some(Boolean)", polling="raf")
    assert page.locator(".points").is_visible() and page.evaluate(ink) > 500 and not tip.is_visible()
    box = plane.bounding_box()
    at = lambda x, y: (box["x"] + box["width"] * x / 255, box["y"] + box["height"] * (1 - y / 255))  # noqa: E731
    for place, words in (((128, 128), "Test digit 0"), ((150, 128), "Test digit 3"), ((230, 230), "Test digit 9")):
        page.mouse.move(*at(*place))
        assert tip.inner_text() == words
        shown = tip.bounding_box()
        assert box["x"] <= shown["x"] and shown["x"] + shown["width"] <= box["x"] + box["width"] and shown["y"] >= box["y"]
    assert z_of(page) == [0.0, 0.0], "a pointer that is not pressed moves nothing"
    page.mouse.move(*at(60, 60))
    assert not tip.is_visible()
    page.mouse.move(*at(150, 128))
    page.mouse.down()
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('Near a test digit 3; z = (0.7')")
    page.mouse.move(*at(60, 60), steps=3)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('Set by hand')")
    assert np.abs(picture(page) - decoded(VAE.from_pretrained(latent_dim=2), z_of(page))).max() <= 0.05 + GREYS
    page.evaluate("model.set('z', [0.6, 0])")
    plane.press("ArrowRight")
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('Near a test digit 3')")
    dimmed = "getComputedStyle(document.querySelector('.plane .picture')).opacity"
    assert float(page.evaluate(dimmed)) < 0.6
    page.get_by_role("checkbox", name="Show 4 test digits").press("Space")
    assert not page.locator(".points").is_visible() and page.evaluate(dimmed) == "1"
    page.mouse.move(*at(128, 128))
    assert not tip.is_visible()
    page.evaluate("clean()")
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


@cache
def class_model():
    """A ClassVAE that was never trained; its weights are large enough for each class to look different."""
    torch.manual_seed(0)
    model = ClassVAE(hidden_dim=33, style_dim=6).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def dial_traits():
    """A model with classes as the host hands it to the script."""
    sizes = {"image_size": 784, "image_shape": [1, 28, 28], "hidden_dim": 33, "latent_dim": 6, "classes": 10, "dtype": "int8"}
    decoder = packed(class_model().state_dict(), ("decoder.0", "decoder.2", "decoder.4"), "int8")
    return {"z": [0.0] * 6, "sizes": sizes, "encoder": "", "kl": [0.5, 2.0, 1.0, 0.0, 0.7, 0.6], "gallery": [], "digits": "", "points": "",
            "names": {"1": {"zh": "倾斜", "en": "slant"}, "4": {"zh": "粗细", "en": "stroke"}}, "shared": None, "opening": None,
            "decoder": base64_of(decoder)}


def drawn(z):
    """PyTorch's pictures of one style in every class, (10, 784), from weights as int8 holds them."""
    return dial(rounded(class_model()), torch.tensor([z], dtype=torch.float32)).flatten(1).numpy()


def faces(page):
    """What the dial shows of every class, (10, 784)."""
    return np.stack([picture(page, f".face:nth-of-type({kind + 1}) canvas") for kind in range(10)])


def test_a_style_is_drawn_in_every_class_and_one_is_chosen(show):
    page = show(dial_traits())
    assert page.get_by_role("group", name="Digit dial").count() == 1 and page.locator(".drawing").count() == 0
    wanted = drawn([0] * 6)
    assert np.abs(wanted[:, None] - wanted).max(2)[~np.eye(10, dtype=bool)].min() > 0.1, "classes that look alike would show nothing"
    assert np.abs(faces(page) - wanted).max() <= GREYS and np.abs(picture(page) - wanted[3]).max() <= GREYS
    page.get_by_text("7", exact=True).click()
    assert np.abs(picture(page) - wanted[7]).max() <= GREYS and page.get_by_role("radio", name="Digit 7", exact=True).is_checked()
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('Digit 7. z = 0; ‖z‖ = 0.00')")
    slant = page.get_by_role("slider", name="slant z1", exact=True)
    slant.press("End")
    z = [0, 4, 0, 0, 0, 0]
    assert z_of(page) == z and np.abs(faces(page) - drawn(z)).max() <= GREYS and np.abs(picture(page) - drawn(z)[7]).max() <= GREYS
    page.get_by_role("radio", name="Digit 2", exact=True).check()
    low = page.locator(".slider canvas").nth(0)
    page.wait_for_function("(wanted) => Math.abs(grey('.slider canvas').reduce((sum, each) => sum + each / 255, 0) - wanted) < 2",
                           arg=float(drawn([0, -4, 0, 0, 0, 0])[2].sum()), polling="raf")
    assert low.is_visible(), "the ends of a slider are of the class that is chosen"
    page.get_by_role("button", name="Prior sample").click()
    assert z_of(page) != z and np.abs(faces(page) - drawn(z_of(page))).max() <= GREYS
    assert np.abs(picture(page) - drawn(z_of(page))[2]).max() <= GREYS, "a new style has the class that is chosen"
    page.evaluate("clean()")
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


def test_the_dial_has_a_few_sliders_and_folds_the_others(show):
    page = show(dial_traits())
    assert page.locator(".sliders").get_by_role("slider").count() == 2 and page.get_by_text("Bands show").count() == 0
    summaries = page.locator(".sliders summary")
    assert [text.split(",")[0] for text in summaries.all_inner_texts()] == ["3 more dimensions", "1 inactive dimension"]


def test_the_dial_is_turned_by_keyboard(show):
    page = show(dial_traits(), lang="zh-Hans")
    page.get_by_role("radio", name="数字3", exact=True).focus()
    for key, kind in (("ArrowRight", 4), ("ArrowDown", 5), ("ArrowLeft", 4), ("ArrowUp", 3)):
        page.keyboard.press(key)
        assert np.abs(picture(page) - drawn([0] * 6)[kind]).max() <= GREYS, key
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert page.get_by_role("radio", name="数字9", exact=True).is_checked()
    assert page.locator(".face:has(:focus-visible)").evaluate("(face) => getComputedStyle(face).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "range", "one key leads out of the group"
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('数字9。z=0')")
    assert page.get_by_role("radiogroup", name="同一种风格的各个数字").count() == 1


def test_a_link_says_the_class_too(show):
    page = show({**dial_traits(), "shared": ""})
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: { writeText: async () => {} } })")
    page.get_by_role("radio", name="Digit 8", exact=True).check()
    page.get_by_role("slider", name="slant z1", exact=True).press("End")
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("model.get('shared')") == "8/z:0,4,0,0,0,0"
    page.evaluate("model.set('shared', '5/z:0,-1.5,0,0,0,1')")
    z = [0, -1.5, 0, 0, 0, 1]
    assert z_of(page) == z and np.abs(picture(page) - drawn(z)[5]).max() <= GREYS
    for bad in ("10/z:0,0,0,0,0,0", "z:0,0,0,0,0,0", "5/z:1"):
        page.evaluate("(words) => model.set('shared', words)", bad)
        assert page.get_by_text("does not fit this model").is_visible(), bad
        assert np.abs(picture(page) - drawn(z)[5]).max() <= GREYS
    page = show({**dial_traits(), "shared": "0/z:0,4,0,0,0,0"}, lang="zh-Hans")
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('数字0。由链接设定')")
    assert np.abs(picture(page) - drawn([0, 4, 0, 0, 0, 0])[0]).max() <= GREYS


def test_the_dial_speaks_both_languages_in_an_edition_with_both(show):
    page = show(dial_traits(), lang="zh-Hans")
    page.evaluate("clean(), document.documentElement.classList.add('both'), void view('a')")
    zh, en = "数字3。z=0；‖z‖=0.00，先验下约为2.45。", "Digit 3. z = 0; ‖z‖ = 0.00, under the prior about 2.45."
    page.wait_for_function("(words) => document.querySelector('.status').textContent === words", arg=f"{zh} {en}")
    assert page.get_by_role("radio", name="数字3 Digit 3", exact=True).is_checked()


def test_an_opening_walk_goes_from_digit_to_digit_until_the_reader_does_anything(show, shipped):
    given = traits(shipped)
    means = np.array([digit["mean"] for digit in given["gallery"]])
    given.update(opening="walk", z=means[3].tolist())
    stops = {"button": lambda page: page.locator(".halt").click(), "Escape": lambda page: page.keyboard.press("Escape"),
             "press": lambda page: page.locator(".drawing summary").click(),
             "key": lambda page: page.locator(".gallery button").first.press("Tab"),
             "out of sight": lambda page: page.evaluate("document.querySelector('main').style.marginTop = '3000px'"),
             "less motion": lambda page: page.emulate_media(reduced_motion="reduce")}
    for name, stop in stops.items():
        page = show(given)
        page.evaluate("window.said = [], void new MutationObserver(() => said.push(document.querySelector('.status').textContent)).observe("
                      "document.querySelector('.status'), {childList: true, characterData: true, subtree: true})")
        page.wait_for_function("window.path ??= [], path.push([...model.get('z')]), path.length > 12", polling="raf")
        path = np.array(page.evaluate("path"))
        legs = [[off_line(z[None], means[digit], means[(digit + 1) % 10]) for digit in range(10)] for z in path]
        assert np.min(legs, 1).max() < 1e-6 and len(np.unique(path, axis=0)) > 5
        assert page.locator(".halt").is_visible() and page.get_by_role("button", name="Stop").count() == 1
        assert "until you touch anything" in page.locator(".status").inner_text() and len(page.evaluate("said")) <= 1
        stop(page)
        page.wait_for_function("document.querySelector('.halt').hidden")
        z = z_of(page)
        picture(page)
        assert z_of(page) == z, name
        page.wait_for_function("document.querySelector('.status').textContent.startsWith('Between ')")
        page.context.close()


@pytest.mark.parametrize("change", [{"opening": None}, {"shared": "digit:7"}, {"z": [0.5] * 20}, {"gallery": [], "digits": ""}])
def test_nothing_walks_unasked(show, shipped, change):
    given = traits(shipped)
    page = show({**given, "opening": "walk", "z": given["gallery"][3]["mean"], **change})
    z = z_of(page)
    page.evaluate("frames(5)")
    assert z_of(page) == z and not page.locator(".halt").is_visible()


def test_an_opening_under_reduced_motion_stands_still_on_a_digit(show, shipped):
    given = traits(shipped)
    page = show({**given, "opening": "walk", "z": given["gallery"][3]["mean"]}, reduced_motion="reduce")
    page.evaluate("frames(5)")
    assert z_of(page) == given["gallery"][3]["mean"] and not page.locator(".halt").is_visible()
    assert page.locator(".status").inner_text().startswith("The posterior mean of digit 3")


def test_an_edition_with_both_languages_has_both(show, shipped):
    page = show(traits(shipped, names={"3": {"zh": "宽度", "en": "width"}}), lang="zh-Hans")
    page.evaluate("clean(), document.documentElement.classList.add('both'), void view('a')")
    page.get_by_role("button", name="归零 Zero").click()
    zh, en = "z=0；‖z‖=0.00，先验下约为4.47。", "z = 0; ‖z‖ = 0.00, under the prior about 4.47."
    page.wait_for_function("(words) => document.querySelector('.status').textContent === words", arg=f"{zh} {en}")
    assert page.locator("[data-latent-image]").get_attribute("aria-label") == f"解码得到的图像。{zh} Decoded image. {en}"
    assert page.locator("label", has_text="宽度 width").count() == 1
    page.evaluate("model.set('z', [1])")
    assert page.get_by_role("alert").inner_text() == ("z应是20个有限的数。图中仍是上一个有效的z。 "
                                                      "z must be a list of 20 finite numbers. The last good one is shown.")


def test_the_encoder_is_shown_and_draws_again(show, shipped):
    given = traits(shipped)
    page = show(given)
    assert not page.locator(".posterior").is_visible()
    page.get_by_role("button", name="Digit 7").click()
    digit, canvases = given["gallery"][7], [f".pair figure:nth-child({i}) canvas" for i in (1, 2)]
    mean, sigma = (np.array(digit[name]) for name in ("mean", "sigma"))
    assert np.abs(picture(page, canvases[0]) * 255 - list(base64.b64decode(given["digits"])[784 * 7:784 * 8])).max() < 1e-6
    assert np.abs(picture(page, canvases[1]) - decoded(shipped, digit["mean"])).max() <= GREYS
    said = page.locator(".curves").get_attribute("aria-label")
    assert f"σ from {sigma.min():.2f} to {sigma.max():.2f}" in said
    peaks = page.evaluate("""() => [...document.querySelectorAll(".curves > div")].map((each) => [each.querySelector("i").textContent,
        each.querySelector(".own").getAttribute("d").slice(1).split("L").map((spot) => spot.split(" ").map(Number))])""")
    assert [name for name, _ in peaks] == page.locator(".slider label i").all_text_contents()
    heights = {}
    for name, spots in peaks:
        i, (x, y) = int(name[1:]), min(spots, key=lambda spot: spot[1])
        heights[i] = 32 - y
        assert abs(x / 10 - 3 - np.clip(mean[i], -3, 3)) < 0.06, name
    inside = [i for i in heights if abs(mean[i]) < 3]
    assert np.allclose([heights[i] * sigma[i] for i in inside], 32 * sigma.min(), rtol=0.02), "an area is not that of the others"
    draws = []
    for _ in range(40):
        page.get_by_role("button", name="Draw z again").click()
        draws.append((np.array(z_of(page)) - mean) / sigma)
    assert abs(np.mean(draws)) < 0.2 and 0.9 < np.std(draws) < 1.1 and len(np.unique(draws)) == 800
    assert np.abs(picture(page, canvases[1]) - decoded(shipped, digit["mean"])).max() <= GREYS, "the reconstruction is the mean's"
    assert page.locator(".gallery [aria-pressed=true]").all_inner_texts() == ["7"]
    z, dots = z_of(page), page.evaluate("""() => [...document.querySelectorAll(".curves > div")].map((each) =>
        [Number(each.querySelector("i").textContent.slice(1)), parseFloat(each.querySelector(".dot").style.transform.slice(11))])""")
    assert all(abs(x / 10 - 3 - np.clip(z[i], -3, 3)) < 0.01 for i, x in dots)
    page.wait_for_function("document.querySelector('.status').textContent.startsWith('A draw from the posterior;')")


def test_a_link_says_where_z_is(show, shipped):
    given = traits(shipped)
    assert show(given).get_by_role("button", name="Copy link").count() == 0
    page = show({**given, "shared": ""}, lang="zh-Hans")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.copied = text; } } })")
    page.get_by_role("button", name="从先验采样").click()
    page.get_by_role("button", name="复制链接").click()
    page.wait_for_function("window.copied === location.href")
    assert page.get_by_text("只在这台电脑上有效").is_visible()
    kind, numbers = page.evaluate("model.get('shared')").split(":")
    assert kind == "z" and np.abs(np.array(numbers.split(","), float) - z_of(page)).max() <= 0.005
    page.get_by_role("button", name="数字4").click()
    page.get_by_role("button", name="复制链接").click()
    assert page.evaluate("model.get('shared')") == "digit:4"
    page.evaluate("words => model.set('shared', words)", f"z:{numbers}")
    assert np.allclose(z_of(page), np.array(numbers.split(","), float))
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject())")
    page.get_by_role("button", name="复制链接").click()
    assert page.get_by_label("指向当前z的链接").input_value() == page.url
    for words, opened in ((f"z:{numbers}", "由链接设定"), ("digit:5", "数字5的近似后验均值")):
        page = show({**given, "shared": words}, lang="zh-Hans")
        page.wait_for_function("(start) => document.querySelector('.status').textContent.startsWith(start)", arg=opened)
    page = show({**given, "shared": "z:1,2"})
    assert page.get_by_text("does not fit this model").is_visible() and z_of(page) == [0] * 20 and page.get_by_role("alert").count() == 0
    page.evaluate("clean()")
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


def thinned(ink):
    """The middle lines of strokes (Zhang and Suen, 1984)."""
    ink = np.pad(ink, 1)
    while True:
        before = ink.copy()
        for first in (True, False):
            ring = [np.roll(ink, shift, (0, 1)) for shift in ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))]
            north, east, south, west = ring[::2]
            count = sum(each.astype(int) for each in ring)
            ends = sum((~ring[i] & ring[(i + 1) % 8]).astype(int) for i in range(8))
            keep = (north & east & south) | (east & south & west) if first else (north & east & west) | (north & south & west)
            ink &= ~((count >= 2) & (count <= 6) & (ends == 1) & ~keep)
        if (ink == before).all():
            return ink[1:-1, 1:-1]


def test_a_digit_drawn_by_hand_is_encoded(show, shipped):
    """The strokes of a test digit, drawn again with the page's own pen, give nearly what PyTorch makes of the digit itself."""
    page = show(traits(shipped))
    page.locator(".drawing summary").click()
    page.get_by_text("The encoder is loading.").wait_for()
    page.wait_for_function("model.sent.length")
    assert page.evaluate("model.sent") == [{"load": "encoder"}]
    page.evaluate("(data) => model.receive('encoder', data)", encoder_of(shipped))
    sheet = page.locator(".sheet")
    sheet.scroll_into_view_if_needed()
    box, (images, labels), errors = sheet.bounding_box(), digits_of_mnist(), {}
    for label in (3, 7):
        page.get_by_role("button", name="Clear").click()
        digit = images[int((labels == label).nonzero()[4])]
        line = thinned(np.kron(digit.reshape(28, 28).numpy() > 0.5, np.ones((2, 2), bool)))
        spots = {tuple(spot) for spot in np.argwhere(line)}
        for row, column in sorted(spots):
            for other in {(row + 1, column), (row, column + 1), (row + 1, column + 1), (row + 1, column - 1)} & spots:
                for (y, x), press in (((row, column), page.mouse.down), (other, page.mouse.up)):
                    page.mouse.move(box["x"] + (x + 1) / 58 * box["width"], box["y"] + (y + 1) / 58 * box["height"])
                    press()
        prepared = torch.tensor(picture(page, ".both canvas"), dtype=torch.float32)[None]
        shown = picture(page, ".both figure:nth-child(2) canvas")
        with torch.no_grad():
            (mean, _), (wanted, _) = rounded(shipped).encode(prepared), shipped.encode(digit[None])
            errors[label] = np.abs(shown - shipped.decode(wanted)[0].numpy()).mean()
        assert np.abs(np.array(z_of(page)) - mean[0].numpy()).max() <= 0.03, "more than a canvas of 256 greys can change"
        assert np.abs(shown - decoded(shipped, z_of(page))).max() <= GREYS
        assert page.locator(".band").first.is_visible() and page.locator(".status").is_visible()
    print("mean difference per pixel between the drawn digit's reconstruction and the digit's own:", errors)
    assert max(errors.values()) < 0.06, errors
    page.get_by_role("button", name="Clear").click()
    assert not picture(page, ".both canvas").any() and not picture(page, ".both figure:nth-child(2) canvas").any()
    assert page.evaluate("model.sent.length") == 1


def test_what_was_drawn_before_the_encoder_came_is_encoded_when_it_comes(show, shipped):
    page = show(traits(shipped))
    page.locator(".drawing summary").click()
    page.locator(".sheet").scroll_into_view_if_needed()
    page.locator(".sheet").click()
    assert picture(page, ".both canvas").any() and z_of(page) == [0] * 20
    page.evaluate("(data) => model.receive('encoder', data)", encoder_of(shipped)[:4000])
    assert page.get_by_text("The weights of the encoder are incomplete: 3000 bytes arrived").is_visible()
    page.evaluate("(data) => model.receive('encoder', data)", encoder_of(shipped))
    picture(page)
    assert any(z_of(page)) and not page.get_by_text("are incomplete").is_visible()


def test_no_encoder_is_asked_for_before_the_drawing_area_is_opened(show, shipped):
    page = show(traits(shipped, encoder=encoder_of(shipped)))
    page.locator(".drawing summary").click()
    picture(page)
    assert page.evaluate("model.sent") == []


def test_several_views_of_one_model(show, shipped):
    page = show(traits(shipped))
    page.evaluate("void (window.cleanB = view('b'))")
    page.locator("#b .gallery button").nth(4).click()
    assert (picture(page) == picture(page, "#b [data-latent-image]")).all() and picture(page).any()
    page.locator("#a .slider input").first.press("End")
    picture(page, "#b [data-latent-image]")
    assert page.locator("#b output").first.inner_text() == "4.00"
    page.evaluate("clean()")
    assert page.locator("#a").inner_html() == ""
    page.locator("#b input[type=range]").first.press("Home")
    picture(page, "#b [data-latent-image]")
    assert page.locator("#b output").first.inner_text() == "−4.00"
    page.evaluate("cleanB()")
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


def test_a_view_ends_with_its_signal_and_saves_what_it_still_had(show, shipped):
    page = show(traits(shipped))
    page.evaluate("end = new AbortController(), view('b', end.signal), clean()")
    picture(page, "#b [data-latent-image]")
    before = page.evaluate("model.saved.length")
    page.evaluate("document.querySelector('#b .gallery button').click(), end.abort()")
    assert page.evaluate("[model.saved.length, document.querySelector('#b').innerHTML]") == [before + 1, ""]
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


@pytest.mark.parametrize(("change", "message"), [
    ({"decoder": "AAAA"}, "解码器的权重不完整：应有331072字节，只收到3字节。"), ({"decoder": ""}, "只收到0字节"),
    ({"sizes": {}}, "缺少模型的尺寸"),
    ({"sizes": {"image_size": 784, "image_shape": [3, 28, 28], "hidden_dim": 400, "latent_dim": 20, "dtype": "int8"}}, "尺寸不合理")])
def test_a_model_that_is_not_whole_is_a_message_in_the_widget(show, shipped, change, message):
    given = traits(shipped)
    page = show({**given, **change}, lang="zh-Hans")
    assert message in page.get_by_role("alert").inner_text()
    assert page.locator("#a button, #a input").count() == 0
    page.evaluate("([name, value]) => model.receive(name, value)", [next(iter(change)), given[next(iter(change))]])
    assert not page.get_by_role("alert").is_visible() and page.locator("#a .slider input").count() == 20
    page.evaluate("clean()")
    assert page.evaluate("[model.listeners(), left()]") == [0, []]


@pytest.mark.parametrize("bad", ["[1, 2]", "null", "Array(20).fill(NaN)", "[...Array(19).fill(0), Infinity]"])
def test_a_bad_z_is_a_message_and_the_last_good_one_stays(show, shipped, bad):
    page = show(traits(shipped))
    page.evaluate("model.set('z', Array(20).fill(0.5))")
    before = picture(page)
    page.evaluate(f"model.set('z', {bad})")
    assert "20 finite numbers" in page.get_by_role("alert").inner_text() and (picture(page) == before).all()
    page.locator("input[type=range]").first.press("Home")
    assert sorted(z_of(page)) == [-4] + [0.5] * 19 and not page.get_by_role("alert").is_visible()
    page.evaluate(f"clean(), model.set('z', {bad}), void view('a')")
    assert page.get_by_role("alert").is_visible() and page.locator("#a .slider input").count() == 20


@pytest.mark.parametrize(("change", "message", "absent"), [
    ({"kl": [1.0]}, "The KL is left out", ".kl"), ({"digits": "AAAA"}, "The test digits are left out", ".gallery"),
    ({"points": "AAAA"}, "The points of the map are left out", ".points"),
    ({"gallery": [{"label": "1", "mean": [0.0], "sigma": [1.0]}]}, "The test digits are left out", ".gallery")])
def test_an_extra_that_does_not_fit_is_left_out_with_a_note(show, shipped, change, message, absent):
    page = show({**traits(shipped), **change})
    assert message in page.get_by_role("alert").inner_text()
    assert page.locator(absent).count() == 0 and page.locator("#a .slider input").count() == 20


def test_other_sizes_work_without_digits(show):
    for sizes in (((1, 4, 4), 7, 1), ((1, 2, 8), 5, 3), ((1, 28, 28), 9, 40)):
        model = random_model(*sizes)
        page = show({**traits(model, "float32"), "gallery": [], "digits": ""})
        assert page.locator(".gallery").count() == 0 and page.locator(".buttons button").count() == 2
        page.locator("input[type=range]").first.press("End")
        with torch.no_grad():
            wanted = model.decode(torch.tensor([z_of(page)], dtype=torch.float32))[0].numpy()
        assert np.abs(picture(page) - wanted).max() <= GREYS
        page.context.close()


@pytest.mark.parametrize("image_shape", [(1, 12, 30), (1, 40, 16)])
def test_images_that_are_not_square_keep_their_shape(show, image_shape):
    """The picture, the gallery, the plane and the drawing; a pixel is as wide as it is high, and a tall image fits the screen."""
    model, (_, height, width) = random_model(image_shape, 9, 2), image_shape
    pixels = torch.randint(256, (2, height * width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    digits = [{"label": name, "mean": [0.5, -1.0], "sigma": [1.0, 1.0]} for name in "ab"]
    page = show(traits(model, gallery=digits, digits=base64_of(pixels.numpy().tobytes()), encoder=encoder_of(model)))
    page.locator(".gallery button").nth(1).click()
    assert np.abs(picture(page) - decoded(model, [0.5, -1.0])).max() <= GREYS
    assert (picture(page, ".gallery button:nth-child(2) canvas") * 255).round().astype("u1").tobytes() == pixels[1].numpy().tobytes()
    page.wait_for_function("grey('.plane canvas').slice(-1)[0] > 0", polling="raf")
    tiles = picture(page, ".plane canvas").reshape(17, height, 17, width)
    assert np.abs(tiles[14, :, 3].ravel() - decoded(model, [-40 / 17, -48 / 17])).max() <= GREYS
    page.locator(".drawing summary").click()
    page.locator(".sheet").scroll_into_view_if_needed()
    page.locator(".sheet").click()
    assert picture(page, ".both canvas").reshape(height, width).any()
    for canvas in page.locator("canvas.picture").all():
        box = canvas.bounding_box()
        assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.02) or box["height"] == 26 * 16
        assert box["height"] <= 26 * 16
    page.locator(".plane").scroll_into_view_if_needed()
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    assert np.abs(np.array(z_of(page)) - 2).max() <= 0.05


def test_in_a_notebook_the_browser_says_which_language(show, shipped):
    for locale, words in (("zh-CN", "归零"), ("en-US", "Zero")):
        page = show(traits(shipped), lang="en", locale=locale)
        assert page.get_by_role("button", name="Zero", exact=True).is_visible()
        page.evaluate("clean(), document.body.dataset.jpThemeLight = 'false', void view('a')")
        assert page.get_by_role("button", name=words, exact=True).is_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('.vae-explorer')).backgroundColor") == "rgb(22, 25, 29)"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("lang", ["zh-Hans", "en"])
@pytest.mark.parametrize("what", ["explorer", "plane", "dial"])
def test_accessible_and_within_the_screen(show, shipped, width, lang, what):
    given = {"explorer": lambda: traits(shipped), "plane": plane_traits, "dial": dial_traits}[what]()
    given["kl"] = [*given["kl"][:-1], 0.0]
    page = show(given, lang, viewport={"width": width, "height": 800}, color_scheme="light", reduced_motion="reduce")
    for summary in page.locator("summary").all():
        summary.click()
    page.locator(".gallery button, .face").first.click()
    picture(page)
    page.add_script_tag(path=ROOT / "web/node_modules/axe-core/axe.min.js")
    small = """() => [...document.querySelectorAll("button, input, summary, .plane")].filter((each) => {
        const box = each.getBoundingClientRect();
        return each.checkVisibility() && (box.width < 24 || box.height < 24); }).map((each) => each.outerHTML.slice(0, 60))"""
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        assert page.evaluate(AXE, WCAG) == [], colours
    for narrower in (width, 320):
        page.set_viewport_size({"width": narrower, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") and page.evaluate(small) == [], narrower

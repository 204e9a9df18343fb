"""The explorer where readers meet it: on the built site, without a kernel, and in JupyterLab, with one."""
import gzip
import json
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from jupyter_client import BlockingKernelClient

from tests.conftest import AXE, ROOT, WCAG
from tests.test_explore import base64_of, packed
from vae_nb.explore import DECODER, ENCODER, pack, site_state
from vae_nb.model import VAE

EDITIONS = ("zh", "en", "duo")
PIXEL = 0.02 + 0.5 / 255  # what int8 weights and a canvas of 256 greys may change
GREY = """(selector) => { const canvas = document.querySelector(selector);
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0); }"""
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))"
TOKEN = "only-for-this-test"


@pytest.fixture(scope="module")
def model():
    """The model that the package ships."""
    return VAE.from_pretrained()


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
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((base, "blob:", "data:")) else problems.append(request.url))
        page.goto(f"{base}/{path}")
        if live:
            page.locator("[data-widget]").first.scroll_into_view_if_needed()
            page.wait_for_selector("[data-widget][data-state=live]")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems


@pytest.mark.parametrize(("edition", "where"), list(product(EDITIONS, ("http", "file"))))
def test_the_explorer_lives_on_the_site(site, home, visit, model, edition, where):
    page = visit(home if where == "http" else site.as_uri(), f"{edition}/05_explore.html")
    sliders = page.locator(".vae-explorer .slider input")
    assert sliders.count() == 20
    page.locator(".gallery button").nth(4).click()
    state = site_state()
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
    assert not page.locator("[data-widget] img").is_visible()


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


def test_nothing_of_the_explorer_is_loaded_before_it_is_near(home, visit):
    page = visit(home, "zh/05_explore.html", live=False)
    page.wait_for_load_state("networkidle")
    loaded = "performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => name.includes('/widgets/'))"
    assert [Path(name).name for name in page.evaluate(loaded)] == ["host.js"]


def test_the_explorer_is_light(site):
    sizes = {name: len(gzip.compress((site / "widgets" / name).read_bytes())) for name in ("host.js", "explorer.js")}
    assert sum(sizes.values()) <= 420_000, sizes


def test_without_script_the_picture_stays(site, visit):
    page = visit(site.as_uri(), "en/05_explore.html", live=False, java_script_enabled=False)
    picture = page.locator("[data-widget] img")
    picture.scroll_into_view_if_needed()
    assert picture.is_visible() and picture.get_attribute("alt") and page.locator("[data-widget] .plot p").last.is_visible()
    assert page.locator("[data-widget]").bounding_box()["height"] < 1.5 * picture.bounding_box()["height"]


@pytest.mark.parametrize("damage", ["missing", "cut short", "weights cut short", "another script"])
def test_where_the_weights_do_not_come_the_picture_stays(site, home, browser, damage):
    whole = (site / "widgets/explorer.js").read_text(encoding="utf-8")
    broken = {"missing": None, "cut short": whole[:300_000], "another script": "window.other = 1;",
              "weights cut short": whole.replace(base64_of(site_state()["decoder"])[-4000:], "")}[damage]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.route("**/widgets/explorer.js", lambda route: route.abort() if broken is None
               else route.fulfill(body=broken, content_type="text/javascript"))
    page.goto(f"{home}/en/05_explore.html")
    page.locator("[data-widget]").first.scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget][data-state=failed]")
    assert page.locator("[data-widget] img").is_visible() and page.locator("[data-widget] .plot p").last.is_visible()
    said = page.locator("[data-widget] [role=status], [data-widget] [role=alert]").first
    assert said.is_visible() and ("did not load" in said.inner_text() or "incomplete" in said.inner_text())
    assert page.locator("[data-widget] input").count() == 0
    context.close()


def test_where_the_encoder_does_not_come_the_rest_goes_on(home, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.route("**/widgets/explorer-encoder.js", lambda route: route.abort())
    page.goto(f"{home}/zh/index.html")
    page.locator("[data-widget]").scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget][data-state=live]")
    page.locator(".drawing summary").click()
    page.wait_for_selector(".widget-failed")
    page.locator(".gallery button").first.click()
    assert shown(page).any() and page.locator(".slider input").first.is_visible()
    context.close()


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_page_with_the_explorer_is_accessible_and_stays_in_place(home, visit, edition):
    for width, scheme in product((390, 1280), ("light", "dark")):
        page = visit(home, f"{edition}/index.html", viewport={"width": width, "height": 850}, color_scheme=scheme, reduced_motion="reduce")
        page.locator(".gallery button").first.click()
        page.evaluate(FRAMES)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.add_script_tag(path=ROOT / "web/node_modules/axe-core/axe.min.js")
        include = AXE.replace("axe.run(document", "axe.run('[data-widget]'")
        assert page.evaluate(include, WCAG) == [], (width, scheme)
        page.context.close()


def test_the_page_does_not_move_when_the_explorer_comes(home, visit):
    for width in (390, 1280):
        page = visit(home, "en/index.html", live=False, viewport={"width": width, "height": 850})
        before = page.evaluate("document.querySelector('[data-widget]').getBoundingClientRect().height")
        page.locator("[data-widget]").scroll_into_view_if_needed()
        page.wait_for_selector("[data-widget][data-state=live]")
        after = page.evaluate("document.querySelector('[data-widget]').getBoundingClientRect().height")
        assert abs(after - before) <= 60, (width, before, after)
        page.context.close()


def test_the_package_packs_as_the_script_reads():
    state = VAE(16, 7, 3).state_dict()
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    for layers, dtype in product((DECODER, ENCODER), ("int8", "float32")):
        assert pack(arrays, layers, dtype) == packed(state, layers, dtype), (layers, dtype)


def test_the_state_of_the_site_needs_no_torch_and_is_the_shipped_model(model):
    code = "import sys, vae_nb.explore as e; e.site_state(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    state = site_state()
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


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab in an empty folder; the folder of its kernels' connection files, and its address."""
    runtime = tmp_path / "runtime"
    env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
           "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0",
               f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={tmp_path}"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = None
    while address is None:
        assert server.poll() is None, "JupyterLab did not start"
        for file in runtime.glob("jpserver-*.json"):
            address = json.loads(file.read_text(encoding="utf-8"))["url"]
        time.sleep(0.2)
    yield runtime, address
    server.terminate()
    server.wait()


def test_in_jupyterlab_python_and_the_page_stay_in_step(lab, browser, tmp_path):
    runtime, address = lab
    chapter = nbformat.read(ROOT / "nbs/05_explore.ipynb", as_version=4)
    ends = next(i for i, cell in enumerate(chapter.cells) if "#| widget: explorer" in cell.source) + 1
    chapter.cells = chapter.cells[:ends]
    chapter.cells.append(nbformat.v4.new_code_cell(
        "import ipywidgets\nlinked = ipywidgets.FloatSlider(min=-4, max=4, step=0.05, readout=False)\n"
        "link = ipywidgets.jslink((linked, 'value'), (explorer, 'z14'))\nlinked"))
    nbformat.write(chapter, tmp_path / "chapter.ipynb")
    (tmp_path / "data").symlink_to(ROOT / "nbs/data")
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    try:
        page.goto(f"{address}lab/tree/chapter.ipynb?token={TOKEN}")
        page.locator(".jp-Notebook .jp-Cell").first.click()
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_selector(".vae-explorer .slider input", timeout=240_000)
        [connection] = runtime.glob("kernel-*.json")
        client = BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        client.start_channels()

        def ask(code):
            answer = client.execute_interactive("", user_expressions={"it": code}, timeout=120, allow_stdin=False)
            return eval(answer["content"]["user_expressions"]["it"]["data"]["text/plain"])  # the notebook's own kernel

        first = page.locator(".vae-explorer .slider input").first
        dimension = int(page.locator(".vae-explorer .slider label").first.text_content().removeprefix("z"))
        first.scroll_into_view_if_needed()
        first.press("End")
        page.evaluate(FRAMES)
        assert ask(f"explorer.z[{dimension}], explorer.z{dimension}") == (4.0, 4.0)
        ask("setattr(explorer, 'z', [0.5] * 20)")
        page.wait_for_function("document.querySelector('.vae-explorer output').textContent === '0.50'")
        model = VAE.from_pretrained()
        assert np.abs(shown(page) - decoded(model, [0.5] * 20)).max() <= 1e-4 + 0.5 / 255
        ask("setattr(linked, 'value', -1.5)")
        page.wait_for_function("[...document.querySelectorAll('.vae-explorer .slider')].some((row) => "
                               "row.querySelector('label').textContent === 'z14' && row.querySelector('output').textContent === '−1.50')")
        assert ask("explorer.z[14]") == -1.5
        page.locator(".vae-explorer .drawing summary").click()
        page.wait_for_function("!document.querySelector('.drawing [role=status]').textContent")
        client.stop_channels()
    finally:
        page.close()

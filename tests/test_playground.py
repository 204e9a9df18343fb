"""The playground: its mathematics under Node against PyTorch, its digits, and the page that trains, in Chromium."""
import base64
import json
import os
import subprocess
from statistics import median

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from tests.conftest import AXE, PATIENCE, ROOT, WCAG
from tools.playground import TEST, TRAIN, choose, shrink
from vae_nb.data import mnist
from vae_nb.loss import kl_divergence
from vae_nb.model import VAE

BATCH, HIDDEN = 50, 64
INITIAL = 135  # nats: 196 pixels of which nothing is known, each ln 2
PAGE = """<!doctype html><html lang="{lang}" class="{kind}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Playground</title><style>:root {{ color-scheme: light dark; background: light-dark(#fff, #111) }}</style>
<main><div id="a"></div></main>
<script>
const nothing = new DataView(new ArrayBuffer(0)), values = {{ history: [], parameters: nothing, digits: nothing }}, listeners = new Map();
const bytes = (text) => {{
  const plain = atob(text), data = new Uint8Array(plain.length);
  for (let i = 0; i < data.length; i++) data[i] = plain.charCodeAt(i);
  return new DataView(data.buffer);
}};
window.asked = 0;
window.model = {{
  get: (name) => values[name], save_changes() {{}}, on: (name, act) => listeners.set(name, act), off: (name) => listeners.delete(name),
  set(name, value) {{ values[name] = value; listeners.get(`change:${{name}}`)?.(); }},
  send: ({{ load }}) => setTimeout(() => (asked++, model.set(load, bytes({digits})))),
}};
</script><script type="module">
const module = await import(URL.createObjectURL(new Blob([{source}], {{ type: "text/javascript" }})));
window.clean = module.default.render({{ model, el: document.getElementById("a") }});
window.started = true;
</script>"""


def base64_of(tensor):
    """Text that Node or a page can read the numbers from, float32 or bytes."""
    data = tensor.detach()
    return base64.b64encode((data.float() if data.is_floating_point() else data).contiguous().numpy().tobytes()).decode()


@pytest.fixture(scope="module")
def shipped():
    """The digits that the package ships: images and labels."""
    return load_file(ROOT / "vae_nb/playground.safetensors")


def flat(tensors):
    """Parameters one after another, as the script has them."""
    return torch.cat([tensor.flatten() for tensor in tensors])


class Reference:
    """PyTorch's own training of the playground's network, in float64."""

    def __init__(self, latent, beta, plain, rate):
        torch.manual_seed(latent)
        self.model = VAE(hidden_dim=HIDDEN, latent_dim=latent, image_shape=(1, 14, 14)).double()
        self.start, self.beta, self.plain = base64_of(flat(self.model.parameters())), beta, plain
        self.adam = torch.optim.Adam(self.model.parameters(), lr=rate)

    def step(self, x, noise):
        """Reconstruction and KL of a batch, in nats per image, and their gradients; Adam has taken its step."""
        model, x, noise = self.model, x.double(), noise.double()
        h = F.relu(model.fc1(x))
        mean, logvar = model.fc2_mean(h), model.fc2_logvar(h)
        z = mean if self.plain else mean + (logvar / 2).exp() * noise
        logits = model.fc4(F.relu(model.fc3(z)))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        kl = kl_divergence(mean, logvar).mean()
        self.adam.zero_grad()
        (reconstruction + (0 if self.plain else self.beta) * kl).backward()
        gradients = flat(torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters())
        self.adam.step()
        return reconstruction.item(), kl.item(), gradients


def case(name, latent, beta, plain, rate, x, steps=3):
    """A few steps in all their numbers, for the script to take them too."""
    reference, generator = Reference(latent, beta, plain, rate), torch.Generator().manual_seed(0)
    batches, noises, losses, slopes, after = [], [], [], [], []
    for step in range(steps):
        batch, noise = x[step * BATCH:(step + 1) * BATCH], torch.randn(BATCH, latent, generator=generator)
        reconstruction, kl, gradients = reference.step(batch, noise)
        batches.append(base64_of(batch))
        noises.append(base64_of(noise))
        losses.append({"reconstruction": reconstruction, "kl": kl})
        slopes.append(base64_of(gradients))
        after.append(base64_of(flat(reference.model.parameters())))
    return {"name": name, "latent": latent, "objective": {"beta": beta, "plain": plain}, "rate": rate, "weights": reference.start,
            "batches": batches, "noises": noises, "losses": losses, "slopes": slopes, "after": after}


def run(name, latent, beta, plain, rate, x, steps=120):
    """The losses of a longer run."""
    reference, generator = Reference(latent, beta, plain, rate), torch.Generator().manual_seed(1)
    order = torch.cat([torch.randperm(len(x), generator=generator) for _ in range(steps * BATCH // len(x) + 1)])[:steps * BATCH]
    noise, losses = torch.randn(steps, BATCH, latent, generator=generator), []
    for step in range(steps):
        reconstruction, kl, _ = reference.step(x[order[step * BATCH:(step + 1) * BATCH]], noise[step])
        losses.append(reconstruction + (0 if plain else beta * kl))
    return {"name": name, "latent": latent, "objective": {"beta": beta, "plain": plain}, "rate": rate, "weights": reference.start,
            "images": base64_of(x), "order": order.tolist(), "noise": base64_of(noise), "losses": losses}


@pytest.mark.slow
def test_the_script_trains_as_pytorch_does(tmp_path, shipped):
    x = shipped["images"].flatten(1).float() / 255
    cases = [case("2 dimensions", 2, 1.0, False, 0.003, x), case("1 dimension, beta 10", 1, 10.0, False, 0.01, x),
             case("8 dimensions, beta 0.1", 8, 0.1, False, 0.001, x), case("plain autoencoder", 2, 1.0, True, 0.003, x)]
    runs = [run("VAE", 2, 1.0, False, 0.003, x[:1000]), run("plain autoencoder", 2, 1.0, True, 0.003, x[:1000])]
    digits = base64_of(torch.cat([shipped["images"].flatten(), shipped["labels"]]))
    (tmp_path / "golden.json").write_text(json.dumps({"cases": cases, "runs": runs, "digits": digits}), encoding="utf-8")
    done = subprocess.run(["node", "--test", "--test-reporter=spec", "tests/playground.test.mjs"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "GOLDEN": str(tmp_path / "golden.json")})
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Adam are PyTorch's") == len(cases) and done.stdout.count("run follow PyTorch's") == len(runs)


def test_the_shipped_digits_are_mnists(shipped):
    assert shipped["images"].shape == (TRAIN + TEST, 1, 14, 14) and (ROOT / "vae_nb/playground.safetensors").stat().st_size < 500_000
    for train, part in ((True, slice(0, TRAIN)), (False, slice(TRAIN, None))):
        images, labels = mnist(ROOT / "nbs/data", train=train)
        chosen, shown = choose(labels, TRAIN if train else TEST), shipped["labels"][part].long()
        assert torch.equal(shipped["images"][part], shrink(images[chosen])) and torch.equal(shown, labels[chosen].long())
        assert shown.view(-1, 10).eq(torch.arange(10)).all() and len(chosen.unique()) == len(chosen)
        corner = images[chosen[7], 0, 10:12, 12:14].float().mean()
        assert abs(shipped["images"][part][7, 0, 5, 6] - corner) <= 0.5


@pytest.fixture
def show(browser, tmp_path, shipped):
    """Open a page from disk with the playground on it; at the end the page must have had no errors."""
    contexts, problems = [], []
    whole = base64_of(torch.cat([shipped["images"].flatten(), shipped["labels"]]))

    def show(lang="en", kind="", script="", digits=whole, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.add_init_script(script)
        source = json.dumps((ROOT / "vae_nb/playground.js").read_text(encoding="utf-8"))
        file = tmp_path / f"{len(contexts)}.html"
        file.write_text(PAGE.format(lang=lang, kind=kind, source=source, digits=json.dumps(digits)), encoding="utf-8")
        page.goto(file.as_uri())
        page.wait_for_function("window.started")
        return page

    yield show
    for context in contexts:
        context.close()
    assert not problems


def told(page, name):
    """A number that the playground says of itself, `loss` or `epoch`."""
    return float(page.locator(".vae-playground").get_attribute(f"data-playground-{name}"))


def until(page, epoch):
    """Wait until it has trained for so many epochs."""
    page.wait_for_function("(epoch) => Number(document.querySelector('.vae-playground').dataset.playgroundEpoch) >= epoch", arg=epoch)


def tabbed(page, target):
    """Go to a control with the tabulator alone."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("(target) => document.activeElement.matches(target)", target):
            return
    raise AssertionError(f"the keyboard does not reach {target}")


TRAINING = "[data-playground-train]"


@pytest.mark.parametrize(("lang", "kind", "train", "pause", "said"), [
    ("zh-Hans", "", "训练", "暂停", "轮：损失"), ("en", "", "Train", "Pause", ": loss"),
    ("zh-Hans", "both", "训练 Train", "暂停 Pause", ": loss")])
def test_by_keyboard_the_loss_falls_and_a_large_beta_makes_the_codes_collapse(show, lang, kind, train, pause, said):
    page = show(lang, kind)
    assert page.evaluate("asked") == 0 and page.locator(TRAINING).inner_text() == train
    tabbed(page, TRAINING)
    page.keyboard.press("Enter")
    until(page, 4)
    assert page.locator(TRAINING).inner_text() == pause and page.evaluate("asked") == 1
    page.keyboard.press("Space")
    page.wait_for_selector("[data-playground-state=paused]")
    page.wait_for_function("model.get('history').length > 3")
    loss, status = told(page, "loss"), page.locator(".vae-playground [role=status]")
    assert 40 < loss < 0.45 * INITIAL and said in status.inner_text()
    tabbed(page, "input[type=range]")
    page.keyboard.press("End")
    assert page.locator("input[type=range]").first.get_attribute("aria-valuetext") == "100"
    page.locator(TRAINING).focus()
    page.keyboard.press("Enter")
    until(page, told(page, "epoch") + 4)
    page.keyboard.press("Enter")
    page.wait_for_function("model.get('history').at(-1).beta === 100")
    last = page.evaluate("model.get('history').at(-1)")
    assert last["kl"] < 0.05 and 50 < last["reconstruction"] < 60 and last["beta"] == 100


def test_what_python_is_given_is_what_was_trained(show, shipped):
    page = show()
    page.get_by_label("Latent dimensions").select_option("3")
    page.get_by_role("button", name="Train").click()
    until(page, 3)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function("model.get('history').length >= 3")
    history = page.evaluate("model.get('history')")
    assert [row["epoch"] for row in history] == list(range(1, len(history) + 1)) and history[0]["latent_dim"] == 3
    page.wait_for_function("Number(document.querySelector('.vae-playground').dataset.playgroundEpoch) >= model.get('history').length")
    page.wait_for_timeout(300)
    values = torch.tensor(page.evaluate("[...new Float32Array(model.get('parameters').buffer)]"))
    model = VAE(hidden_dim=HIDDEN, latent_dim=3, image_shape=(1, 14, 14))
    torch.nn.utils.vector_to_parameters(values, model.parameters())
    x = shipped["images"][TRAIN:].flatten(1).float() / 255
    with torch.no_grad():
        mean, logvar = model.encode(x)
        kl = kl_divergence(mean, logvar).mean().item()
    shown = page.locator(".readout").inner_text()
    assert f"KL {kl:.1f} nats" in shown, (kl, shown)
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("document.querySelector('.vae-playground').dataset.playgroundEpoch === '0'")
    assert abs(told(page, "loss") - INITIAL) < 5


def test_a_plain_autoencoder_has_no_beta_and_no_rate(show):
    page = show()
    page.get_by_label("Reconstruction only").check()
    assert page.locator("input[type=range]").first.is_disabled()
    page.get_by_role("button", name="One step").click()
    page.wait_for_function("Number(document.querySelector('.vae-playground').dataset.playgroundEpoch) === 1 / 40")
    page.wait_for_function("document.querySelector('.readout').textContent.includes('reconstruction alone')")
    assert page.locator(".tradeoff circle").get_attribute("hidden") is not None and "no rate" in page.locator(".tradeoff").inner_text()


REFUSALS = {"at once": "window.Worker = class { constructor() { throw new Error('refused'); } };",
            "later": """window.Worker = class { postMessage() {} terminate() {}
                constructor() { setTimeout(() => this.onerror({ preventDefault() {} })); } };"""}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_where_there_is_no_worker_the_page_trains_between_frames(show, refusal):
    page = show(script=REFUSALS[refusal])
    page.get_by_role("button", name="Train").click()
    until(page, 2)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    page.get_by_role("button", name="Pause").click()
    assert told(page, "loss") < 0.5 * INITIAL


@pytest.mark.parametrize("script", ["", REFUSALS["at once"]], ids=["worker", "page"])
def test_the_page_never_freezes(browser, show, script):
    page = show(script=script)
    rounds = [longest(browser, page, 8 * (at + 1)) for at in range(3)]
    assert median(rounds) < 50, rounds  # a machine that does much else can make one longer


def longest(browser, page, epoch):
    """The longest task of the page's own thread while it trains up to an epoch: the milliseconds that it computed itself."""
    browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    page.get_by_role("button", name="Train").click()
    until(page, epoch)
    page.get_by_role("button", name="Pause").click()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    mains = {(event["pid"], event["tid"]) for event in events if event.get("args", {}).get("name") == "CrRendererMain"}
    own = [event for event in events if (event["pid"], event["tid"]) in mains and "RunTask" in event["name"]]
    tasks = [event["tdur"] / 1000 for event in own if "tdur" in event]
    assert len(tasks) > 100
    return max(tasks)


def test_digits_that_do_not_come_whole_are_refused(show):
    page = show(digits=base64.b64encode(bytes(1000)).decode())
    page.get_by_role("button", name="Train").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "did not arrive whole" in alert.inner_text()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_it_is_accessible_and_fits_a_phone(show, scheme, width):
    page = show(color_scheme=scheme, viewport={"width": width, "height": 844})
    page.add_script_tag(path=ROOT / "web/node_modules/axe-core/axe.min.js")
    assert page.evaluate(AXE, WCAG) == []
    page.get_by_role("button", name="One step").click()
    page.locator(".views:not(.ahead)").wait_for()
    assert page.evaluate(AXE, WCAG) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("lang", "kind", "hint", "untrained"), [
    ("en", "", "Appears when you press Train", "Not trained yet"),
    ("zh-Hans", "both", "按“训练”后显示 Appears when you press Train", "还没有训练")])
def test_before_training_it_says_what_will_be_there(show, lang, kind, hint, untrained):
    page = show(lang, kind)
    hints = "[...document.querySelectorAll('.views > figure')].map((each) => getComputedStyle(each, '::before').content)"
    pictures, height = page.locator(".views :is(canvas, svg)"), "document.querySelector('.views').offsetHeight"
    assert page.evaluate(hints) == [f'"{hint}"'] * 4 and not any(each.is_visible() for each in pictures.all())
    before = page.evaluate(height)
    page.locator(TRAINING).click()
    until(page, 1)
    assert all(each.is_visible() for each in pictures.all()) and page.evaluate(hints) == ["none"] * 4
    assert abs(page.evaluate(height) - before) < 60, "the page moves when training begins"
    page.locator(".buttons button").nth(2).click()
    page.wait_for_function("(words) => document.querySelector('.readout').textContent.startsWith(words)", arg=untrained)


def test_a_playground_that_is_taken_away_stops(show):
    page = show()
    page.get_by_role("button", name="Train").click()
    until(page, 1)
    page.evaluate("clean()")
    assert page.evaluate("[document.querySelector('.vae-playground'), model.get('history').length]")[0] is None
    before = page.evaluate("model.get('history').length")
    page.wait_for_timeout(500)
    assert page.evaluate("model.get('history').length") == before


@pytest.mark.slow
@pytest.mark.parametrize(("edition", "where"), [("zh", "file"), ("en", "http")])
def test_on_the_site_it_trains_and_loads_its_digits_only_then(site, home, browser, edition, where):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{home if where == 'http' else site.as_uri()}/{edition}/playground.html")
    place = page.locator("[data-widget=playground]")
    place.scroll_into_view_if_needed()
    page.wait_for_selector("[data-widget=playground][data-state=live]")
    scripts = "[...document.scripts].filter((script) => script.src.includes('playground-digits')).length"
    assert page.evaluate(scripts) == 0 and (site / "widgets/playground-digits.js").stat().st_size < 1_000_000
    page.locator(TRAINING).press("Enter")
    until(page, 3)
    page.locator(TRAINING).press("Enter")
    assert page.evaluate(scripts) == 1 and told(page, "loss") < 0.5 * INITIAL and not place.locator("img").is_visible()
    page.close()

// The playground, in anywidget's format: the reader trains a VAE in the page.
/** @import {Model} from "./types.js" */
/** @import {Point} from "./playground/views.js" */
/** @import {Snapshot} from "./playground/trainer.js" */
/** @import {Words} from "./playground/words.js" */
import { button, h } from "./draw.js";
import { languageOf, TAGS } from "./language.js";
import { PIXELS } from "./playground/network.js";
import STYLE from "./playground/playground.css";
import { training } from "./playground/trained.js";
import { STEPS, TEST, TRAIN } from "./playground/trainer.js";
import { curve, images, manifold, map, tradeoff } from "./playground/views.js";
import { WORDS } from "./playground/words.js";

const BETAS = [0, 0.01, 0.03, 0.1, 0.3, 1, 2, 3, 5, 10, 30, 100], RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const LATENTS = [1, 2, 3, 8], START = { beta: 1, plain: false, rate: 0.003 };
const SPOKEN = 10; // epochs from one announcement to the next
const SAVED_MS = 1000, LONGEST = 600; // points of the trail

/** A slider over a list of numbers. @param {string} label @param {number[]} values @param {number} value @param {(value: number) => void} act */
function scale(label, values, value, act) {
  const id = `vae-${Math.random().toString(36).slice(2)}`, output = h("output", { for: id, "aria-live": "off" });
  const input = h("input", { id, type: "range", min: 0, max: values.length - 1, step: 1, value: values.indexOf(value) });
  const show = () => {
    const chosen = values[input.valueAsNumber];
    output.value = String(chosen);
    input.setAttribute("aria-valuetext", String(chosen));
    return chosen;
  };
  show();
  input.addEventListener("input", () => act(show()));
  return { element: h("div", { class: "control" }, h("label", { for: id }, label), output, input), input };
}

/** @param {string} label @param {HTMLInputElement | HTMLSelectElement} input @param {HTMLElement[]} more */
function labelled(label, input, ...more) {
  input.id = `vae-${Math.random().toString(36).slice(2)}`;
  return h("div", { class: "control short" }, h("label", { for: input.id }, label), input, ...more);
}

/**
 * The whole playground, until `signal`.
 * @param {HTMLElement} root @param {Model} model @param {Words} words @param {AbortSignal} signal @returns {Node[]}
 */
function playground(root, model, words, signal) {
  const settings = { ...START };
  let latent = 2, seed = 1, on = false, visible = true, frame = 0, saved = 0;
  /** @type {ReturnType<typeof training> | null} */
  let trained = null;
  /** @type {(() => void) | null} what to do once the digits are there */
  let wanted = null;
  /** @type {Uint8Array} */
  let labels = new Uint8Array(TEST);
  /** @type {Snapshot | null} */
  let latest = null;
  /** @type {Point[]} */
  let trail = [];
  /** @type {Record<string, number | boolean>[]} */
  let history = [];

  const spoken = h("p", { class: "unseen", role: "status" }), problem = h("p", { class: "problem", role: "alert", hidden: "" });
  const readout = h("p", { class: "readout" }, words.ready);
  const panels = [curve(words), map(words), manifold(words), images(words), tradeoff(words)];
  const [curvePanel, mapPanel, manifoldPanel, imagesPanel, tradeoffPanel] = panels.map((panel) => panel.element);
  const views = h("div", { class: "views ahead", style: `--hint: "${words.ahead}"` }, curvePanel, tradeoffPanel, mapPanel, manifoldPanel, imagesPanel);

  const complain = (/** @type {string} */ message) => {
    problem.textContent = message;
    problem.hidden = !message;
  };
  const inWords = (/** @type {Snapshot} */ { epoch, reconstruction, kl, settings: { beta, plain } }) => {
    const loss = plain ? words.plainLoss(epoch, reconstruction) : words.loss(epoch, reconstruction + beta * kl, reconstruction, beta, kl);
    return epoch ? loss : `${words.untrained} ${loss}`;
  };
  const draw = () => {
    frame = 0;
    if (!latest) return;
    const shown = latest;
    views.classList.remove("ahead");
    readout.textContent = inWords(shown);
    panels.forEach((panel) => panel.update(shown, trail, labels));
  };
  const save = () => {
    if (!latest || !history.length) return;
    saved = performance.now();
    model.set("history", [...history]);
    model.set("parameters", new DataView(latest.weights.buffer));
    model.save_changes();
  };
  const hear = (/** @type {Snapshot} */ snapshot) => {
    const { epoch, steps, reconstruction, kl, finite, settings: { beta, plain, rate } } = snapshot;
    latest = snapshot;
    const loss = reconstruction + (plain ? 0 : beta * kl);
    root.dataset.playgroundLoss = String(loss);
    root.dataset.playgroundEpoch = String(epoch);
    if (finite) trail.push({ epoch, loss, reconstruction, kl, plain });
    if (trail.length > LONGEST) trail = trail.filter((_, i) => i % 2 === 0 || i > LONGEST / 2);
    if (steps && steps % STEPS === 0) {
      history.push({ epoch, reconstruction, kl, beta, plain, learning_rate: rate, latent_dim: snapshot.latent });
      if (epoch % SPOKEN === 0) spoken.textContent = inWords(snapshot);
      if (performance.now() > saved + SAVED_MS) save();
    }
    if (!finite) complain(words.diverged), pause();
    if (!on) spoken.textContent = inWords(snapshot), save();
    frame ||= requestAnimationFrame(draw);
  };
  const digits = () => {
    const given = model.get("digits");
    return given ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength) : new Uint8Array();
  };
  const renew = () => {
    if (!trained) return;
    trail = [];
    history = [];
    complain("");
    trained.send({ settings: { ...settings } });
    trained.send({ reset: { latent, seed } });
    trained.send({ run: on && visible });
  };
  const begin = () => {
    const bytes = digits();
    if (trained || !wanted || !bytes.length) return;
    if (bytes.length !== (TRAIN + TEST) * (PIXELS + 1)) return complain(words.badDigits);
    labels = bytes.slice(bytes.length - TEST);
    trained = training(hear);
    trained.send({ digits: bytes.slice() });
    renew();
    wanted();
  };
  const once = (/** @type {() => void} */ act) => {
    if (trained) return act();
    wanted = act;
    readout.textContent = spoken.textContent = words.loading;
    if (digits().length) begin();
    else model.send({ load: "digits" });
  };

  const train = button(words.train, () => (on ? pause() : once(run)));
  train.setAttribute("data-playground-train", "");
  train.className = "main";
  const label = () => {
    train.textContent = on ? words.pause : words.train;
    root.dataset.playgroundState = on ? "training" : "paused";
  };
  function run() {
    on = true;
    label();
    spoken.textContent = words.training;
    trained?.send({ run: visible });
  }
  function pause() {
    on = false;
    label();
    trained?.send({ run: false });
    if (latest) spoken.textContent = inWords(latest), save();
  }
  const step = button(words.step, () => once(() => {
    if (on) pause();
    trained?.send({ step: true });
  }));
  const reset = button(words.reset, () => {
    if (on) pause();
    renew();
  });

  const change = (/** @type {Partial<typeof settings>} */ some) => {
    Object.assign(settings, some);
    trained?.send({ settings: { ...settings } });
  };
  const beta = scale(words.beta, BETAS, settings.beta, (value) => change({ beta: value }));
  const rate = scale(words.rate, RATES, settings.rate, (value) => change({ rate: value }));
  const plain = h("input", { type: "checkbox" }), latents = h("select"), seeds = h("input", { type: "number", min: 0, max: 999999, step: 1, value: seed });
  plain.addEventListener("change", () => {
    beta.input.disabled = plain.checked;
    change({ plain: plain.checked });
  });
  for (const count of LATENTS) latents.append(h("option", { value: count, ...(count === latent ? { selected: "" } : {}) }, String(count)));
  latents.addEventListener("change", () => {
    latent = Number(latents.value);
    renew();
  });
  const sow = () => {
    if (!seeds.checkValidity() || !seeds.value) return;
    seed = seeds.valueAsNumber;
    renew();
  };
  seeds.addEventListener("change", sow);
  const another = button(words.another, () => {
    seeds.value = String((seed + 1) % 1e6);
    sow();
  });

  const seen = new IntersectionObserver((entries) => {
    visible = entries[entries.length - 1].isIntersecting;
    if (on) trained?.send({ run: visible });
  });
  seen.observe(root);
  model.on("change:digits", begin);
  signal.addEventListener("abort", () => {
    seen.disconnect();
    model.off("change:digits", begin);
    cancelAnimationFrame(frame);
    trained?.stop();
  });
  label();
  const controls = [beta.element, rate.element, labelled(words.latent, latents), labelled(words.seed, seeds, another), labelled(words.plain, plain)];
  return [
    h("div", { class: "bar" }, h("div", { class: "buttons" }, train, step, reset), readout), spoken, problem,
    h("div", { class: "controls", role: "group", "aria-label": words.controls }, ...controls), views,
  ];
}

/** A view of a model, in anywidget's format. @param {{model: Model, el: HTMLElement, signal?: AbortSignal}} host @returns {() => void} */
function render({ model, el, signal }) {
  const language = languageOf(el), words = WORDS[language];
  const root = h("div", { class: "vae-playground", lang: TAGS[language], role: "group", "aria-label": words.playground });
  const stop = new AbortController();
  root.append(h("style", {}, STYLE), ...playground(root, model, words, stop.signal));
  el.append(root);
  const clean = () => {
    stop.abort();
    root.remove();
  };
  signal?.addEventListener("abort", clean);
  return clean;
}

export default { render };

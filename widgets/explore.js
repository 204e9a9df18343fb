// The latent-space explorer, in anywidget's format.
/** @import {Digit, Model, Phrase, Posterior, Sizes, Text, View} from "./types.js" */
import { dial } from "./dial.js";
import { drawing } from "./drawing.js";
import { h } from "./draw.js";
import STYLE from "./explore.css";
import { digitAt, gallery } from "./gallery.js";
import { languageOf, TAGS } from "./language.js";
import { checkSizes, checkZ, decodersOf, decoderShapes, isVector } from "./network.js";
import { path } from "./path.js";
import { pad } from "./plane.js";
import { unpackPoints } from "./points.js";
import { posterior } from "./posterior.js";
import { asBytes, unpack } from "./quantize.js";
import { sliders } from "./sliders.js";
import { stage } from "./stage.js";
import { explain, say, TEXTS } from "./strings.js";
import { tour } from "./tour.js";

/** The optional traits, each left out with a note if it does not fit. @param {Model} model @param {Sizes} sizes */
function extras(model, { image_size, latent_dim }) {
  const names = model.get("names") ?? {}, kl = model.get("kl") ?? [];
  const digits = model.get("gallery") ?? [], pixels = asBytes(model.get("digits"));
  const goodKl = !kl.length || isVector(kl, latent_dim);
  const goodDigits = Array.isArray(digits) && pixels.length === digits.length * image_size
    && digits.every(({ mean, sigma }) => isVector(mean, latent_dim) && isVector(sigma, latent_dim));
  /** @type {Phrase[]} */
  const problems = [];
  if (!goodKl) problems.push((text) => text.badKl);
  if (!goodDigits) problems.push((text) => text.badGallery);
  const greys = Float32Array.from(pixels, (pixel) => pixel / 255);
  /** @type {Digit[]} */
  const shown = goodDigits ? digits.map((digit, i) => ({ ...digit, image: greys.subarray(i * image_size, (i + 1) * image_size) })) : [];
  const points = unpackPoints(model.get("points"), latent_dim === 2 ? shown : []);
  if (!points) problems.push((text) => text.badPoints);
  return { names, kl: goodKl ? kl : [], digits: shown, points: points ?? [], problems };
}

/**
 * The whole explorer, kept in step with the model until `signal`.
 * @param {HTMLElement} root @param {Model} model @param {Text} text @param {AbortSignal} signal @returns {Node[]}
 */
function explorer(root, model, text, signal) {
  const sizes = checkSizes(model.get("sizes"));
  const decoders = decodersOf(unpack(model.get("decoder"), decoderShapes(sizes), sizes.dtype), sizes);
  const { problems, ...given } = extras(model, sizes);
  const problem = h("p", { class: "problem", role: "alert" });
  /** @type {Set<FrameRequestCallback>} */
  let tasks = new Set();
  let frame = 0, stale = true, unsaved = false;
  const save = () => {
    if (unsaved) model.save_changes();
    unsaved = false;
  };
  const run = (/** @type {number} */ now) => {
    frame = 0;
    const due = tasks;
    tasks = new Set();
    due.forEach((task) => task(now));
    if (stale) parts.forEach((part) => part.update?.());
    stale = false;
    save();
  };
  const request = () => void (frame ||= requestAnimationFrame(run));
  const complain = (/** @type {Phrase[]} */ ...more) => {
    problem.textContent = [...problems, ...more].map((phrase) => say(phrase, text)).join(text.space);
    problem.hidden = !problem.textContent;
  };
  const take = (/** @type {number[]} */ z, /** @type {Phrase} */ source, /** @type {Posterior | null} */ band) => {
    Object.assign(view, { z, source, band });
    complain();
    view.renew();
  };
  const [, height, width] = sizes.image_shape, kind = Math.floor(decoders.length / 3);
  /** @type {View} */
  const view = {
    ...given, model, text, sizes, decoders, kind, decoder: decoders[kind], signal, size: { width, height },
    z: Array(sizes.latent_dim).fill(0), band: null, source: (text) => text.byZero, walk: null,
    soon(task) {
      tasks.add(task);
      request();
    },
    renew() {
      stale = true;
      request();
    },
    set(z, source, band = null) {
      take(z, source, band);
      unsaved = true;
      model.set("z", [...z]);
    },
    move(z, source, band) {
      view.walk?.stop();
      view.set(z, source, band);
    },
    turn(kind) {
      Object.assign(view, { kind, decoder: decoders[kind] });
      view.renew();
    },
  };
  const follow = () => {
    try {
      const z = checkZ(model.get("z"), view.z.length);
      complain();
      if (z.every((x, i) => x === view.z[i])) return;
      view.walk?.stop();
      const digit = digitAt(view.digits, z);
      take(z, (text) => (digit ? text.byDigit(digit.label) : text.byHost), digit);
    } catch (error) {
      complain((text) => explain(error, text));
    }
  };
  complain();
  follow();
  model.on("change:z", follow);
  const opening = tour(view, root);
  let fresh = model.get("opening") === "walk" && !model.get("shared"); // said by a host whose page begins with the explorer
  const seen = new IntersectionObserver((entries) => {
    if (!entries.at(-1)?.isIntersecting) return view.walk?.stop();
    if (fresh) opening.begin();
    fresh = false;
  });
  seen.observe(root);
  signal.addEventListener("abort", () => {
    model.off("change:z", follow);
    seen.disconnect();
    cancelAnimationFrame(frame);
    save();
  });
  const controls = [
    ...(view.digits.length ? [gallery(view)] : []), sizes.classes ? dial(view) : drawing(view),
    ...(sizes.latent_dim === 2 ? [pad(view)] : []), sliders(view),
    ...(view.digits.length > 1 ? [path(view)] : []),
  ];
  const picture = stage(view, opening.element), seenByEncoder = posterior(view), parts = [picture, ...controls, seenByEncoder];
  const middle = h("div", { class: "controls" }, ...controls.map((part) => part.element));
  request();
  return [problem, h("div", { class: "body" }, picture.element, middle, seenByEncoder.element)];
}

/** Fills the root. @param {HTMLElement} root @param {Model} model @param {Text} text @returns {() => void} stops all but what is seen */
function mount(root, model, text) {
  const stop = new AbortController();
  try {
    root.replaceChildren(h("style", {}, STYLE), ...explorer(root, model, text, stop.signal));
  } catch (error) {
    stop.abort();
    root.replaceChildren(h("style", {}, STYLE), h("p", { class: "problem", role: "alert" }, explain(error, text)));
  }
  return () => stop.abort();
}

/** A view of a model, in anywidget's format. @param {{model: Model, el: HTMLElement, signal?: AbortSignal}} host @returns {() => void} */
function render({ model, el, signal }) {
  const language = languageOf(el), text = TEXTS[language];
  const name = model.get("sizes")?.classes ? text.dial : text.explorer;
  const root = h("div", { class: "vae-explorer", lang: TAGS[language], role: "group", "aria-label": name });
  const events = ["sizes", "decoder", "kl", "gallery", "digits", "points"].map((name) => `change:${name}`);
  el.append(root);
  let unmount = mount(root, model, text);
  const again = () => {
    unmount();
    unmount = mount(root, model, text);
  };
  events.forEach((event) => model.on(event, again));
  const clean = () => {
    events.forEach((event) => model.off(event, again));
    unmount();
    root.remove();
  };
  signal?.addEventListener("abort", clean);
  return clean;
}

export default { render };

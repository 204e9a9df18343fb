// Made from widgets/ by `make widgets`; change it there.
var __typeError = (msg) => {
  throw TypeError(msg);
};
var __accessCheck = (obj, member, msg) => member.has(obj) || __typeError("Cannot " + msg);
var __privateAdd = (obj, member, value) => member.has(obj) ? __typeError("Cannot add the same private member more than once") : member instanceof WeakSet ? member.add(obj) : member.set(obj, value);
var __privateMethod = (obj, member, method) => (__accessCheck(obj, member, "access private method"), method);

// widgets/draw.js
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
function button(label, act) {
  const element = h("button", { type: "button" }, label);
  element.addEventListener("click", act);
  return element;
}

// widgets/language.js
var TAGS = { zh: "zh-Hans", en: "en", both: "zh-Hans" };
function languageFor(lang, both, notebook, browser) {
  if (both) return "both";
  return /^zh\b/i.test(notebook || !lang ? browser : lang) ? "zh" : "en";
}
function languageOf(element) {
  const lang = element.closest("[lang]")?.getAttribute("lang") ?? "", both = document.documentElement.classList.contains("both");
  return languageFor(lang, both, document.body.hasAttribute("data-jp-theme-light"), navigator.language);
}
var pair = (zh, en) => {
  if (typeof zh === "function") return (...given) => pair(zh(...given), en(...given));
  if (Array.isArray(zh)) return zh.map((each, i) => pair(each, en[i]));
  return zh ? `${zh} ${en}` : en;
};
var inLanguages = (zh, en) => {
  const both = Object.fromEntries(Object.entries(zh).map(([key, words]) => [key, pair(words, en[key])]));
  return { zh, en, both: (
    /** @type {W} */
    both
  ) };
};

// widgets/playground/network.js
var PIXELS = 196;
var HIDDEN = 64;
var DECAY = 0.9;
var SQUARE_DECAY = 0.999;
var EPSILON = 1e-8;
var shapes = (latent) => [
  ["fc1", HIDDEN, PIXELS],
  ["fc2_mean", latent, HIDDEN],
  ["fc2_logvar", latent, HIDDEN],
  ["fc3", HIDDEN, latent],
  ["fc4", PIXELS, HIDDEN]
];
var cut = (all, at, rows, columns) => ({
  weight: all.subarray(at, at + rows * columns),
  bias: all.subarray(at + rows * columns, at + rows * (columns + 1))
});
var on = new Int32Array(Math.max(PIXELS, HIDDEN));
function gather(x) {
  let count2 = 0;
  for (let i = 0; i < x.length; i++) if (x[i] !== 0) on[count2++] = i;
  return count2;
}
function linear({ rows, value: { weight, bias } }, x, out) {
  out.set(bias);
  const count2 = gather(x);
  let i = 0;
  for (; i + 4 <= count2; i += 4) {
    const a = x[on[i]], b = x[on[i + 1]], c = x[on[i + 2]], d = x[on[i + 3]];
    let atA = on[i] * rows, atB = on[i + 1] * rows, atC = on[i + 2] * rows, atD = on[i + 3] * rows;
    for (let row = 0; row < rows; row++) out[row] += a * weight[atA++] + b * weight[atB++] + c * weight[atC++] + d * weight[atD++];
  }
  for (; i < count2; i++) for (let row = 0, at = on[i] * rows; row < rows; row++) out[row] += x[on[i]] * weight[at++];
}
function collect({ rows, gradient: { weight, bias } }, x, dOut) {
  for (let row = 0; row < rows; row++) bias[row] += dOut[row];
  for (let i = 0, count2 = gather(x); i < count2; i++) {
    const value = x[on[i]];
    for (let row = 0, at = on[i] * rows; row < rows; row++) weight[at++] += value * dOut[row];
  }
}
function back({ rows, value: { weight } }, dOut, dx) {
  for (let column = 0, at = 0; column < dx.length; column++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += weight[at++] * dOut[row];
    dx[column] += sum;
  }
}
function relu(h2) {
  for (let i = 0; i < h2.length; i++) if (h2[i] < 0) h2[i] = 0;
}
function gate(dh, h2) {
  for (let i = 0; i < h2.length; i++) if (h2[i] === 0) dh[i] = 0;
}
var _Network_instances, turned_fn;
var Network = class {
  /** @param {number} latent how many latent dimensions */
  constructor(latent) {
    __privateAdd(this, _Network_instances);
    const sizes = shapes(latent), count2 = sizes.reduce((sum, [, rows, columns]) => sum + rows * (columns + 1), 0);
    this.latent = latent;
    this.parameters = new Float32Array(count2);
    this.gradients = new Float32Array(count2);
    this.first = new Float32Array(count2);
    this.second = new Float32Array(count2);
    this.updates = 0;
    let at = 0;
    this.layers = sizes.map(([, rows, columns]) => {
      const layer = { rows, columns, value: cut(this.parameters, at, rows, columns), gradient: cut(this.gradients, at, rows, columns) };
      at += rows * (columns + 1);
      return layer;
    });
    const vector = (size) => new Float32Array(size);
    this.h = vector(HIDDEN), this.mean = vector(latent), this.logvar = vector(latent);
    this.z = vector(latent), this.g = vector(HIDDEN), this.logits = vector(PIXELS);
    this.dHidden = vector(HIDDEN), this.dMean = vector(latent), this.dLogvar = vector(latent), this.dZ = vector(latent);
  }
  /** PyTorch's start of a linear layer: uniform within one over the root of its inputs. @param {() => number} random */
  start(random) {
    for (const { columns, value } of this.layers) {
      const limit = 1 / Math.sqrt(columns);
      for (const values of [value.weight, value.bias]) for (let i = 0; i < values.length; i++) values[i] = limit * (2 * random() - 1);
    }
  }
  /** Into `mean` and `logvar`. @param {Float32Array} x */
  encode(x) {
    const [fc1, fc2Mean, fc2Logvar] = this.layers;
    linear(fc1, x, this.h);
    relu(this.h);
    linear(fc2Mean, this.h, this.mean);
    linear(fc2Logvar, this.h, this.logvar);
  }
  /** Into `logits`. @param {Float32Array} z */
  decode(z) {
    const [, , , fc3, fc4] = this.layers;
    linear(fc3, z, this.g);
    relu(this.g);
    linear(fc4, this.g, this.logits);
  }
  /**
   * Encodes, draws z with the given noise, decodes.
   * @param {Float32Array} x pixels in [0, 1] @param {Float32Array} noise @param {boolean} plain @returns {Loss} of this image
   */
  forward(x, noise, plain) {
    this.encode(x);
    const { mean, logvar, z, logits } = this;
    let kl = 0, reconstruction = 0;
    for (let i = 0; i < z.length; i++) {
      const variance = Math.exp(logvar[i]);
      z[i] = plain ? mean[i] : mean[i] + Math.sqrt(variance) * noise[i];
      kl += 0.5 * (variance + mean[i] * mean[i] - 1 - logvar[i]);
    }
    this.decode(z);
    for (let i = 0; i < PIXELS; i++) {
      const a = logits[i];
      reconstruction += Math.max(a, 0) - x[i] * a + Math.log1p(Math.exp(-Math.abs(a)));
    }
    return { reconstruction, kl };
  }
  /**
   * Adds the gradients of reconstruction + beta KL for the image that `forward` has just seen.
   * @param {Float32Array} x @param {Float32Array} noise @param {Objective} objective
   */
  backward(x, noise, { beta, plain }) {
    const [fc1, fc2Mean, fc2Logvar, fc3, fc4] = this.layers, { h: h2, g, mean, logvar, z, logits, dHidden, dMean, dLogvar, dZ } = this;
    const dLogits = logits;
    for (let i = 0; i < PIXELS; i++) dLogits[i] = 1 / (1 + Math.exp(-logits[i])) - x[i];
    collect(fc4, g, dLogits);
    dHidden.fill(0);
    back(fc4, dLogits, dHidden);
    gate(dHidden, g);
    collect(fc3, z, dHidden);
    dZ.fill(0);
    back(fc3, dHidden, dZ);
    for (let i = 0; i < dZ.length; i++) {
      const variance = Math.exp(logvar[i]);
      dMean[i] = dZ[i] + (plain ? 0 : beta * mean[i]);
      dLogvar[i] = plain ? 0 : 0.5 * (dZ[i] * Math.sqrt(variance) * noise[i] + beta * (variance - 1));
    }
    collect(fc2Mean, h2, dMean);
    collect(fc2Logvar, h2, dLogvar);
    dHidden.fill(0);
    back(fc2Mean, dMean, dHidden);
    back(fc2Logvar, dLogvar, dHidden);
    gate(dHidden, h2);
    collect(fc1, x, dHidden);
  }
  /**
   * The mean loss of a batch, and its gradients into `gradients`.
   * @param {Float32Array[]} images @param {Float32Array} noise `latent` numbers for each image @param {Objective} objective @returns {Loss}
   */
  differentiate(images2, noise, objective) {
    let reconstruction = 0, kl = 0;
    this.gradients.fill(0);
    images2.forEach((x, i) => {
      const mine = noise.subarray(i * this.latent, (i + 1) * this.latent), loss = this.forward(x, mine, objective.plain);
      this.backward(x, mine, objective);
      reconstruction += loss.reconstruction;
      kl += loss.kl;
    });
    for (let i = 0; i < this.gradients.length; i++) this.gradients[i] /= images2.length;
    return { reconstruction: reconstruction / images2.length, kl: kl / images2.length };
  }
  /** One step of Adam along `gradients`. @param {number} rate the learning rate */
  update(rate) {
    const { parameters, gradients, first, second } = this;
    this.updates++;
    const correction = 1 - DECAY ** this.updates, squareCorrection = Math.sqrt(1 - SQUARE_DECAY ** this.updates);
    for (let i = 0; i < parameters.length; i++) {
      const gradient = gradients[i];
      first[i] = DECAY * first[i] + (1 - DECAY) * gradient;
      second[i] = SQUARE_DECAY * second[i] + (1 - SQUARE_DECAY) * gradient * gradient;
      parameters[i] -= rate / correction * first[i] / (Math.sqrt(second[i]) / squareCorrection + EPSILON);
    }
  }
  /** Weight (row by row) and bias of each layer, one after another, as PyTorch has them. @returns {Float32Array} */
  get weights() {
    return __privateMethod(this, _Network_instances, turned_fn).call(this, this.parameters);
  }
  /** @param {Float32Array} values */
  set weights(values) {
    let at = 0;
    for (const { rows, columns, value } of this.layers) {
      for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) value.weight[column * rows + row] = values[at++];
      for (let row = 0; row < rows; row++) value.bias[row] = values[at++];
    }
  }
  /** The gradients in the order of `weights`. @returns {Float32Array} */
  get slopes() {
    return __privateMethod(this, _Network_instances, turned_fn).call(this, this.gradients);
  }
};
_Network_instances = new WeakSet();
/** @param {Float32Array} all @returns {Float32Array} */
turned_fn = function(all) {
  const out = new Float32Array(all.length);
  let at = 0;
  for (const { rows, columns } of this.layers) {
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) out[at + row * columns + column] = all[at + column * rows + row];
    out.set(all.subarray(at + rows * columns, at + rows * (columns + 1)), at + rows * columns);
    at += rows * (columns + 1);
  }
  return out;
};

// widgets/playground/playground.css
var playground_default = '.vae-playground {\n  --x-paper: var(--paper, light-dark(#fefefd, #16191d)); --x-raised: var(--raised, light-dark(#f4f5f7, #1c2025));\n  --x-ink: var(--ink, light-dark(#1e2227, #dde2e7)); --x-soft: var(--soft, light-dark(#56606a, #a0a9b3));\n  --x-line: var(--line, light-dark(#d8dce1, #343b43)); --x-link: var(--link, light-dark(#0b57a4, #82b6f2));\n  --x-tint: color-mix(in srgb, var(--x-link) 30%, var(--x-paper)); --x-edge: light-dark(#7d8791, #77818b);\n  container-type: inline-size; box-sizing: border-box; margin: 1rem 0; padding: 0.9rem; text-align: start;\n  color: var(--x-ink); background: var(--x-paper); border: 1px solid var(--x-line); border-radius: 8px; font-size: 0.92rem;\n  *, ::before, ::after { box-sizing: border-box; }\n  p, figure { margin: 0; }\n  [hidden] { display: none; }\n  figcaption { padding: 0; color: var(--x-soft); font-size: 0.85rem; line-height: 1.5; }\n  .problem { margin-top: 0.6rem; padding: 0.5rem 0.8rem; border-left: 4px solid light-dark(#b3261e, #f2938c); background: var(--x-raised); }\n  .bar {\n    position: sticky; top: var(--widget-top, 0px); z-index: 2; margin: -0.9rem -0.9rem 0; padding: 0.9rem 0.9rem 0.6rem;\n    background: var(--x-paper); border-bottom: 1px solid var(--x-line); border-radius: 8px 8px 0 0;\n  }\n  .bar, .buttons { display: flex; flex-wrap: wrap; gap: 0.4rem 0.8rem; align-items: center; }\n  .buttons { gap: 0.4rem; }\n  .readout { flex: 1 1 18rem; min-height: 2lh; padding: 0; color: inherit; line-height: 1.4; font-variant-numeric: tabular-nums; }\n  .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }\n  button, select, input[type=number] {\n    min-height: 2rem; min-width: 24px; margin: 0; padding: 0.2rem 0.7rem; font: inherit; font-size: 0.88rem; line-height: 1.4;\n    color: var(--x-ink); background: var(--x-raised); border: 1px solid var(--x-edge); border-radius: 6px;\n  }\n  button { cursor: pointer; }\n  button:hover { border-color: var(--x-link); color: var(--x-link); }\n  button.main { min-width: 5.5rem; color: var(--x-paper); background: var(--x-link); border-color: var(--x-link); font-weight: 650; }\n  :focus-visible { outline: 3px solid var(--x-link); outline-offset: 2px; }\n  .controls { display: grid; gap: 0.5rem 1.4rem; margin: 0.6rem 0 0.9rem; padding-bottom: 0.6rem; border-bottom: 1px solid var(--x-line); }\n  .control { display: grid; grid-template-columns: 1fr auto; gap: 0.2rem; align-items: center; min-width: 0; }\n  .short { display: flex; flex-wrap: wrap; gap: 0.3rem 0.6rem; }\n  .short:has([type=checkbox]) { flex-wrap: nowrap; }\n  label { margin: 0; }\n  output { padding: 0; color: inherit; font-variant-numeric: tabular-nums; }\n  input[type=range] { grid-column: 1 / -1; width: 100%; height: 24px; margin: 0; padding: 0; accent-color: var(--x-link); outline-offset: -2px; }\n  input[type=number] { width: 6rem; }\n  input[type=checkbox] { flex: none; order: -1; width: 24px; height: 24px; margin: 0; accent-color: var(--x-link); }\n  .views { display: grid; gap: 1rem 1.4rem; }\n  .picture { display: block; width: 100%; height: auto; background: #000; border-radius: 4px; }\n  .manifold .picture, .images .picture { image-rendering: pixelated; }\n  .images { display: grid; gap: 0.5rem; }\n  .ahead figure { display: grid; }\n  .ahead :is(.picture, svg) { visibility: hidden; }\n  .ahead figure::before, .ahead :is(.picture, svg) { grid-area: pictures; }\n  .ahead figure { grid-template-areas: "pictures"; }\n  .ahead .images figure { grid-template-areas: "words" "pictures"; }\n  .ahead figure::before {\n    content: ""; display: grid; place-items: center; padding: 0.5rem; text-align: center; color: var(--x-soft); font-size: 0.85rem;\n    border: 1px dashed var(--x-edge); border-radius: 4px;\n  }\n  .ahead > figure::before { content: var(--hint); }\n  svg { display: block; width: 100%; height: auto; overflow: visible; }\n  .axes line { stroke: var(--x-line); }\n  .axes text { fill: var(--x-soft); font-size: 11px; font-family: inherit; }\n  .line { fill: none; stroke: var(--x-link); stroke-width: 1.8; stroke-linejoin: round; }\n  path.band { fill: light-dark(#e8a13a, #c98a2c); fill-opacity: 0.55; }\n  .tradeoff .line { stroke-width: 1; opacity: 0.6; }\n  .dots { fill: none; stroke: var(--x-link); stroke-width: 4; stroke-linecap: round; opacity: 0.5; }\n  circle { fill: var(--x-link); stroke: var(--x-paper); stroke-width: 1.5; }\n  .key { display: inline-block; margin-inline-start: 0.8rem; }\n  .key::before { content: ""; display: inline-block; width: 1.2em; height: 0.6em; margin-inline-end: 0.35em; border-radius: 2px; }\n  .key.line::before { height: 2px; vertical-align: middle; background: var(--x-link); }\n  .key.band::before { background: light-dark(#e8a13a, #c98a2c); opacity: 0.55; }\n}\n@container (min-width: 34rem) {\n  .vae-playground .controls, .vae-playground .views { grid-template-columns: 1fr 1fr; }\n  .vae-playground .images { grid-column: 1 / -1; }\n}\n@media (forced-colors: active) { .vae-playground .main { border: 2px solid; } }\n:is([data-jp-theme-light=true], [theme=light]) .vae-playground { color-scheme: light; }\n:is([data-jp-theme-light=false], [theme=dark]) .vae-playground { color-scheme: dark; }\n:where(.vae-playground) { font-family: system-ui, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }\n';

// widgets/playground/random.js
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = state + 1831565813 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
function fillNormal(values, random) {
  for (let i = 0; i < values.length; i += 2) {
    const length = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
    values[i] = length * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = length * Math.sin(angle);
  }
  return values;
}
function shuffle(order, random) {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1)), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}

// widgets/playground/trainer.js
var TRAIN = 2e3;
var TEST = 500;
var BATCH = 50;
var STEPS = TRAIN / BATCH;
var SHOWN = 10;
var TILES = 12;
var CHUNK = 50;
var REACHES = [3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100];
var INSIDE = 0.98;
function unpackDigits(bytes) {
  const count2 = TRAIN + TEST, all = new Float32Array(count2 * PIXELS);
  for (let i = 0; i < all.length; i++) all[i] = bytes[i] / 255;
  const images2 = Array.from({ length: count2 }, (_, i) => all.subarray(i * PIXELS, (i + 1) * PIXELS));
  return { train: images2.slice(0, TRAIN), test: images2.slice(TRAIN), labels: bytes.slice(count2 * PIXELS + TRAIN) };
}
function toGreys(logits, out, at) {
  for (let i = 0; i < PIXELS; i++) out[at * PIXELS + i] = Math.round(255 / (1 + Math.exp(-logits[i])));
}
var _Trainer_instances, manifold_fn, samples_fn;
var Trainer = class {
  /** @param {Digits} digits @param {number} latent @param {number} seed @param {Settings} settings */
  constructor(digits, latent, seed, settings) {
    __privateAdd(this, _Trainer_instances);
    this.digits = digits;
    this.settings = settings;
    this.random = uniform(seed);
    this.network = new Network(latent);
    this.network.start(this.random);
    this.order = Uint16Array.from({ length: TRAIN }, (_, i) => i);
    this.noise = new Float32Array(BATCH * latent);
    this.testNoise = fillNormal(new Float32Array(TEST * latent), uniform(0));
    this.steps = 0;
  }
  get epoch() {
    return this.steps / STEPS;
  }
  /** Trains on one batch. */
  step() {
    const at = this.steps % STEPS;
    if (at === 0) shuffle(this.order, this.random);
    const images2 = [...this.order.subarray(at * BATCH, (at + 1) * BATCH)].map((i) => this.digits.train[i]);
    const loss = this.network.differentiate(images2, fillNormal(this.noise, this.random), this.settings);
    this.network.update(this.settings.rate);
    this.steps++;
    return loss;
  }
  /** What the network makes of the test digits, in pieces of a few milliseconds. @returns {Generator<void, Snapshot, void>} */
  *look() {
    const { network, digits, settings, testNoise } = this, { latent } = network;
    const means = new Float32Array(TEST * latent), rebuilt = new Uint8Array(SHOWN * PIXELS);
    let reconstruction = 0, kl = 0;
    for (let i = 0; i < TEST; i++) {
      const loss = network.forward(digits.test[i], testNoise.subarray(i * latent, (i + 1) * latent), settings.plain);
      reconstruction += loss.reconstruction / TEST;
      kl += loss.kl / TEST;
      means.set(network.mean, i * latent);
      if (i % CHUNK === CHUNK - 1) yield;
    }
    const axes = widest(means, latent), reach = reachOf(means, latent, axes);
    for (let i = 0; i < SHOWN; i++) {
      network.decode(means.subarray(i * latent, (i + 1) * latent));
      toGreys(network.logits, rebuilt, i);
    }
    const originals = Uint8Array.from(digits.test.slice(0, SHOWN).flatMap((x) => [...x]), (pixel) => Math.round(pixel * 255));
    yield;
    const manifold2 = __privateMethod(this, _Trainer_instances, manifold_fn).call(this, axes, reach), samples = __privateMethod(this, _Trainer_instances, samples_fn).call(this);
    const finite = Number.isFinite(reconstruction + kl);
    return {
      steps: this.steps,
      epoch: this.epoch,
      reconstruction,
      kl,
      finite,
      settings,
      latent,
      means,
      axes,
      reach,
      manifold: manifold2,
      originals,
      rebuilt,
      samples,
      weights: network.weights
    };
  }
};
_Trainer_instances = new WeakSet();
/** Images decoded across the plane that the map shows, the other latent variables being 0. @param {number[]} axes @param {number} reach */
manifold_fn = function(axes, reach) {
  const { network } = this, rows = axes.length === 1 ? 1 : TILES, out = new Uint8Array(rows * TILES * PIXELS);
  const at = (i) => reach * ((2 * i + 1) / TILES - 1), z = new Float32Array(network.latent);
  for (let i = 0; i < rows * TILES; i++) {
    z[axes[0]] = at(i % TILES);
    if (axes.length > 1) z[axes[1]] = -at(Math.floor(i / TILES));
    network.decode(z);
    toGreys(network.logits, out, i);
  }
  return out;
};
/** Images decoded from draws of the prior, always the same draws. */
samples_fn = function() {
  const { network } = this, out = new Uint8Array(SHOWN * PIXELS), random = uniform(1), z = new Float32Array(network.latent);
  for (let i = 0; i < SHOWN; i++) {
    network.decode(fillNormal(z, random));
    toGreys(network.logits, out, i);
  }
  return out;
};
function widest(means, latent) {
  const all = Array.from({ length: latent }, (_, i) => i);
  if (latent < 3) return all;
  const spread = all.map((dimension) => {
    let sum = 0, square = 0;
    for (let i = dimension; i < means.length; i += latent) sum += means[i], square += means[i] * means[i];
    return square / TEST - (sum / TEST) ** 2;
  });
  return all.sort((a, b) => spread[b] - spread[a]).slice(0, 2).sort((a, b) => a - b);
}
function reachOf(means, latent, axes) {
  const far = Float32Array.from({ length: TEST }, (_, i) => Math.max(...axes.map((axis) => Math.abs(means[i * latent + axis])))).sort();
  const needed = far[Math.floor(INSIDE * TEST)];
  return REACHES.find((reach) => reach >= needed) ?? REACHES[REACHES.length - 1];
}

// widgets/playground/session.js
var EVERY = 20;
var _Session_instances, set_fn, reset_fn, run_fn, step_fn, look_fn;
var Session = class {
  /** @param {(snapshot: Snapshot) => void} say */
  constructor(say) {
    __privateAdd(this, _Session_instances);
    this.say = say;
    this.running = false;
    this.settings = { beta: 1, plain: false, rate: 3e-3 };
    this.digits = null;
    this.trainer = null;
    this.look = null;
    this.seen = -1;
  }
  /** @param {Message} message */
  receive(message) {
    if ("digits" in message) this.digits = unpackDigits(message.digits);
    else if ("settings" in message) __privateMethod(this, _Session_instances, set_fn).call(this, message.settings);
    else if ("reset" in message) __privateMethod(this, _Session_instances, reset_fn).call(this, message.reset.latent, message.reset.seed);
    else if ("run" in message) __privateMethod(this, _Session_instances, run_fn).call(this, message.run);
    else if (this.trainer) __privateMethod(this, _Session_instances, step_fn).call(this, this.trainer);
  }
  /** Does a piece of a few milliseconds. @returns {boolean} whether there was anything to do */
  work() {
    if (this.look) {
      const { done, value } = this.look.next();
      if (done) {
        this.look = null;
        this.say(value);
        if (!value.finite) this.running = false;
      }
      return true;
    }
    if (!this.running || !this.trainer) return false;
    this.trainer.step();
    if (this.trainer.steps % EVERY === 0) __privateMethod(this, _Session_instances, look_fn).call(this, this.trainer);
    return true;
  }
};
_Session_instances = new WeakSet();
/** @param {Settings} settings */
set_fn = function(settings) {
  this.settings = settings;
  if (this.trainer) this.trainer.settings = settings;
};
/** @param {number} latent @param {number} seed */
reset_fn = function(latent, seed) {
  if (!this.digits) throw new Error("the digits have not come");
  this.running = false;
  this.trainer = new Trainer(this.digits, latent, seed, this.settings);
  __privateMethod(this, _Session_instances, look_fn).call(this, this.trainer);
};
/** @param {boolean} on */
run_fn = function(on2) {
  this.running = on2;
  if (!on2 && this.trainer && this.seen !== this.trainer.steps) __privateMethod(this, _Session_instances, look_fn).call(this, this.trainer);
};
/** @param {Trainer} trainer */
step_fn = function(trainer) {
  trainer.step();
  __privateMethod(this, _Session_instances, look_fn).call(this, trainer);
};
/** @param {Trainer} trainer */
look_fn = function(trainer) {
  this.seen = trainer.steps;
  this.look = trainer.look();
};
function workOff(session, slice, soon) {
  let busy = false;
  const turn = () => {
    const end = performance.now() + slice;
    while (session.work()) if (performance.now() >= end) return soon(turn);
    busy = false;
  };
  return (message) => {
    session.receive(message);
    if (!busy) soon(turn);
    busy = true;
  };
}

// widgets/playground/trained.js
var SLICE_MS = 12;
function training(say) {
  const sent = [];
  let answered = false, stopped = false, send = inPage;
  let worker = null;
  const hear = (snapshot) => {
    answered = true;
    sent.length = 0;
    if (!stopped) say(snapshot);
  };
  function inPage(message) {
    send = workOff(new Session(hear), SLICE_MS, (task) => void setTimeout(() => stopped || task()));
    send(message);
  }
  const fallBack = () => {
    worker?.terminate();
    worker = null;
    send = inPage;
    sent.splice(0).forEach((message) => send(message));
  };
  try {
    const address = URL.createObjectURL(new Blob(['"use strict";(()=>{var G=i=>{throw TypeError(i)};var ct=(i,t,e)=>t.has(i)||G("Cannot "+e);var M=(i,t,e)=>t.has(i)?G("Cannot add the same private member more than once"):t instanceof WeakSet?t.add(i):t.set(i,e);var g=(i,t,e)=>(ct(i,t,"access private method"),e);var ft=i=>[["fc1",64,196],["fc2_mean",i,64],["fc2_logvar",i,64],["fc3",64,i],["fc4",196,64]],K=(i,t,e,r)=>({weight:i.subarray(t,t+e*r),bias:i.subarray(t+e*r,t+e*(r+1))}),m=new Int32Array(Math.max(196,64));function j(i){let t=0;for(let e=0;e<i.length;e++)i[e]!==0&&(m[t++]=e);return t}function L({rows:i,value:{weight:t,bias:e}},r,o){o.set(e);let s=j(r),n=0;for(;n+4<=s;n+=4){let a=r[m[n]],h=r[m[n+1]],f=r[m[n+2]],c=r[m[n+3]],p=m[n]*i,S=m[n+1]*i,N=m[n+2]*i,b=m[n+3]*i;for(let y=0;y<i;y++)o[y]+=a*t[p++]+h*t[S++]+f*t[N++]+c*t[b++]}for(;n<s;n++)for(let a=0,h=m[n]*i;a<i;a++)o[a]+=r[m[n]]*t[h++]}function H({rows:i,gradient:{weight:t,bias:e}},r,o){for(let s=0;s<i;s++)e[s]+=o[s];for(let s=0,n=j(r);s<n;s++){let a=r[m[s]];for(let h=0,f=m[s]*i;h<i;h++)t[f++]+=a*o[h]}}function _({rows:i,value:{weight:t}},e,r){for(let o=0,s=0;o<r.length;o++){let n=0;for(let a=0;a<i;a++)n+=t[s++]*e[a];r[o]+=n}}function V(i){for(let t=0;t<i.length;t++)i[t]<0&&(i[t]=0)}function W(i,t){for(let e=0;e<t.length;e++)t[e]===0&&(i[e]=0)}var C,O,x=class{constructor(t){M(this,C);let e=ft(t),r=e.reduce((n,[,a,h])=>n+a*(h+1),0);this.latent=t,this.parameters=new Float32Array(r),this.gradients=new Float32Array(r),this.first=new Float32Array(r),this.second=new Float32Array(r),this.updates=0;let o=0;this.layers=e.map(([,n,a])=>{let h={rows:n,columns:a,value:K(this.parameters,o,n,a),gradient:K(this.gradients,o,n,a)};return o+=n*(a+1),h});let s=n=>new Float32Array(n);this.h=s(64),this.mean=s(t),this.logvar=s(t),this.z=s(t),this.g=s(64),this.logits=s(196),this.dHidden=s(64),this.dMean=s(t),this.dLogvar=s(t),this.dZ=s(t)}start(t){for(let{columns:e,value:r}of this.layers){let o=1/Math.sqrt(e);for(let s of[r.weight,r.bias])for(let n=0;n<s.length;n++)s[n]=o*(2*t()-1)}}encode(t){let[e,r,o]=this.layers;L(e,t,this.h),V(this.h),L(r,this.h,this.mean),L(o,this.h,this.logvar)}decode(t){let[,,,e,r]=this.layers;L(e,t,this.g),V(this.g),L(r,this.g,this.logits)}forward(t,e,r){this.encode(t);let{mean:o,logvar:s,z:n,logits:a}=this,h=0,f=0;for(let c=0;c<n.length;c++){let p=Math.exp(s[c]);n[c]=r?o[c]:o[c]+Math.sqrt(p)*e[c],h+=.5*(p+o[c]*o[c]-1-s[c])}this.decode(n);for(let c=0;c<196;c++){let p=a[c];f+=Math.max(p,0)-t[c]*p+Math.log1p(Math.exp(-Math.abs(p)))}return{reconstruction:f,kl:h}}backward(t,e,{beta:r,plain:o}){let[s,n,a,h,f]=this.layers,{h:c,g:p,mean:S,logvar:N,z:b,logits:y,dHidden:l,dMean:A,dLogvar:z,dZ:v}=this,T=y;for(let u=0;u<196;u++)T[u]=1/(1+Math.exp(-y[u]))-t[u];H(f,p,T),l.fill(0),_(f,T,l),W(l,p),H(h,b,l),v.fill(0),_(h,l,v);for(let u=0;u<v.length;u++){let Z=Math.exp(N[u]);A[u]=v[u]+(o?0:r*S[u]),z[u]=o?0:.5*(v[u]*Math.sqrt(Z)*e[u]+r*(Z-1))}H(n,c,A),H(a,c,z),l.fill(0),_(n,A,l),_(a,z,l),W(l,c),H(s,t,l)}differentiate(t,e,r){let o=0,s=0;this.gradients.fill(0),t.forEach((n,a)=>{let h=e.subarray(a*this.latent,(a+1)*this.latent),f=this.forward(n,h,r.plain);this.backward(n,h,r),o+=f.reconstruction,s+=f.kl});for(let n=0;n<this.gradients.length;n++)this.gradients[n]/=t.length;return{reconstruction:o/t.length,kl:s/t.length}}update(t){let{parameters:e,gradients:r,first:o,second:s}=this;this.updates++;let n=1-.9**this.updates,a=Math.sqrt(1-.999**this.updates);for(let h=0;h<e.length;h++){let f=r[h];o[h]=.9*o[h]+(1-.9)*f,s[h]=.999*s[h]+(1-.999)*f*f,e[h]-=t/n*o[h]/(Math.sqrt(s[h])/a+1e-8)}}get weights(){return g(this,C,O).call(this,this.parameters)}set weights(t){let e=0;for(let{rows:r,columns:o,value:s}of this.layers){for(let n=0;n<r;n++)for(let a=0;a<o;a++)s.weight[a*r+n]=t[e++];for(let n=0;n<r;n++)s.bias[n]=t[e++]}}get slopes(){return g(this,C,O).call(this,this.gradients)}};C=new WeakSet,O=function(t){let e=new Float32Array(t.length),r=0;for(let{rows:o,columns:s}of this.layers){for(let n=0;n<o;n++)for(let a=0;a<s;a++)e[r+n*s+a]=t[r+a*o+n];e.set(t.subarray(r+o*s,r+o*(s+1)),r+o*s),r+=o*(s+1)}return e};function U(i){let t=i>>>0;return()=>{t=t+1831565813>>>0;let e=Math.imul(t^t>>>15,t|1);return e^=e+Math.imul(e^e>>>7,e|61),((e^e>>>14)>>>0)/2**32}}function Y(i,t){for(let e=0;e<i.length;e+=2){let r=Math.sqrt(-2*Math.log(1-t())),o=2*Math.PI*t();i[e]=r*Math.cos(o),e+1<i.length&&(i[e+1]=r*Math.sin(o))}return i}function J(i,t){for(let e=i.length-1;e>0;e--){let r=Math.floor(t()*(e+1)),o=i[e];i[e]=i[r],i[r]=o}return i}var k=2e3,w=500,q=50,$=k/q,F=10,D=12,tt=50,Q=[3,4,5,6,8,10,12,16,20,25,30,40,50,60,80,100],ut=.98;function et(i){let t=k+w,e=new Float32Array(t*196);for(let o=0;o<e.length;o++)e[o]=i[o]/255;let r=Array.from({length:t},(o,s)=>e.subarray(s*196,(s+1)*196));return{train:r.slice(0,k),test:r.slice(k),labels:i.slice(t*196+k)}}function B(i,t,e){for(let r=0;r<196;r++)t[e*196+r]=Math.round(255/(1+Math.exp(-i[r])))}var I,st,rt,X=class{constructor(t,e,r,o){M(this,I);this.digits=t,this.settings=o,this.random=U(r),this.network=new x(e),this.network.start(this.random),this.order=Uint16Array.from({length:k},(s,n)=>n),this.noise=new Float32Array(q*e),this.testNoise=Y(new Float32Array(w*e),U(0)),this.steps=0}get epoch(){return this.steps/$}step(){let t=this.steps%$;t===0&&J(this.order,this.random);let e=[...this.order.subarray(t*q,(t+1)*q)].map(o=>this.digits.train[o]),r=this.network.differentiate(e,Y(this.noise,this.random),this.settings);return this.network.update(this.settings.rate),this.steps++,r}*look(){let{network:t,digits:e,settings:r,testNoise:o}=this,{latent:s}=t,n=new Float32Array(w*s),a=new Uint8Array(F*196),h=0,f=0;for(let l=0;l<w;l++){let A=t.forward(e.test[l],o.subarray(l*s,(l+1)*s),r.plain);h+=A.reconstruction/w,f+=A.kl/w,n.set(t.mean,l*s),l%tt===tt-1&&(yield)}let c=gt(n,s),p=dt(n,s,c);for(let l=0;l<F;l++)t.decode(n.subarray(l*s,(l+1)*s)),B(t.logits,a,l);let S=Uint8Array.from(e.test.slice(0,F).flatMap(l=>[...l]),l=>Math.round(l*255));yield;let N=g(this,I,st).call(this,c,p),b=g(this,I,rt).call(this),y=Number.isFinite(h+f);return{steps:this.steps,epoch:this.epoch,reconstruction:h,kl:f,finite:y,settings:r,latent:s,means:n,axes:c,reach:p,manifold:N,originals:S,rebuilt:a,samples:b,weights:t.weights}}};I=new WeakSet,st=function(t,e){let{network:r}=this,o=t.length===1?1:D,s=new Uint8Array(o*D*196),n=h=>e*((2*h+1)/D-1),a=new Float32Array(r.latent);for(let h=0;h<o*D;h++)a[t[0]]=n(h%D),t.length>1&&(a[t[1]]=-n(Math.floor(h/D))),r.decode(a),B(r.logits,s,h);return s},rt=function(){let{network:t}=this,e=new Uint8Array(F*196),r=U(1),o=new Float32Array(t.latent);for(let s=0;s<F;s++)t.decode(Y(o,r)),B(t.logits,e,s);return e};function gt(i,t){let e=Array.from({length:t},(o,s)=>s);if(t<3)return e;let r=e.map(o=>{let s=0,n=0;for(let a=o;a<i.length;a+=t)s+=i[a],n+=i[a]*i[a];return n/w-(s/w)**2});return e.sort((o,s)=>r[s]-r[o]).slice(0,2).sort((o,s)=>o-s)}function dt(i,t,e){let o=Float32Array.from({length:w},(s,n)=>Math.max(...e.map(a=>Math.abs(i[n*t+a])))).sort()[Math.floor(ut*w)];return Q.find(s=>s>=o)??Q[Q.length-1]}var pt=20,d,it,nt,ot,at,P,R=class{constructor(t){M(this,d);this.say=t,this.running=!1,this.settings={beta:1,plain:!1,rate:.003},this.digits=null,this.trainer=null,this.look=null,this.seen=-1}receive(t){"digits"in t?this.digits=et(t.digits):"settings"in t?g(this,d,it).call(this,t.settings):"reset"in t?g(this,d,nt).call(this,t.reset.latent,t.reset.seed):"run"in t?g(this,d,ot).call(this,t.run):this.trainer&&g(this,d,at).call(this,this.trainer)}work(){if(this.look){let{done:t,value:e}=this.look.next();return t&&(this.look=null,this.say(e),e.finite||(this.running=!1)),!0}return!this.running||!this.trainer?!1:(this.trainer.step(),this.trainer.steps%pt===0&&g(this,d,P).call(this,this.trainer),!0)}};d=new WeakSet,it=function(t){this.settings=t,this.trainer&&(this.trainer.settings=t)},nt=function(t,e){if(!this.digits)throw new Error("the digits have not come");this.running=!1,this.trainer=new X(this.digits,t,e,this.settings),g(this,d,P).call(this,this.trainer)},ot=function(t){this.running=t,!t&&this.trainer&&this.seen!==this.trainer.steps&&g(this,d,P).call(this,this.trainer)},at=function(t){t.step(),g(this,d,P).call(this,t)},P=function(t){this.seen=t.steps,this.look=t.look()};function ht(i,t,e){let r=!1,o=()=>{let s=performance.now()+t;for(;i.work();)if(performance.now()>=s)return e(o);r=!1};return s=>{i.receive(s),r||e(o),r=!0}}var mt=30,{port1:wt,port2:Et}=new MessageChannel,lt;wt.onmessage=()=>lt();var yt=ht(new R(i=>postMessage(i)),mt,i=>{lt=i,Et.postMessage(0)});onmessage=({data:i})=>yt(i);})();\n'], { type: "text/javascript" })), mine = new Worker(address);
    worker = mine;
    mine.onmessage = ({ data }) => hear(data);
    mine.onerror = (event) => {
      if (answered) return;
      event.preventDefault();
      fallBack();
    };
    send = (message) => mine.postMessage(message);
  } catch {
    worker = null;
  }
  return {
    send(message) {
      if (worker && !answered) sent.push(message);
      send(message);
    },
    stop() {
      stopped = true;
      worker?.terminate();
    }
  };
}

// widgets/colors.js
var COLORS = ["#ff8a80", "#ffd54f", "#4fc3f7", "#aed581", "#ce93d8", "#ffab40", "#4db6ac", "#f48fb1", "#b0bec5", "#dce775"];

// widgets/playground/views.js
var SIDE = 14;
var MAP = 420;
var WIDTH = 300;
var HEIGHT = 190;
var LEFT = 26;
var RIGHT = 6;
var TOP = 6;
var BOTTOM = 20;
var LEAST = 30;
var MOST = 80;
var RATES = [4, 8, 16, 32, 64];
function s(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}
var canvas = (width, height, label) => h("canvas", { class: "picture", width, height, role: "img", "aria-label": label });
var brush = (picture) => (
  /** @type {CanvasRenderingContext2D} */
  picture.getContext("2d")
);
function tiles(picture, greys, columns) {
  const rows = greys.length / (columns * SIDE * SIDE), width = columns * SIDE, image = new ImageData(width, rows * SIDE);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < greys.length; i++) {
    const tile = Math.floor(i / (SIDE * SIDE)), y = Math.floor(i / SIDE) % SIDE, x = i % SIDE;
    words[(Math.floor(tile / columns) * SIDE + y) * width + tile % columns * SIDE + x] = 4278190080 + 65793 * greys[i];
  }
  if (picture.height !== rows * SIDE) picture.height = rows * SIDE;
  brush(picture).putImageData(image, 0, 0);
}
function map(words) {
  const picture = canvas(MAP, MAP, words.map), caption = h("figcaption", {}, words.map), where = h("figcaption", { class: "where" });
  return {
    element: h("figure", { class: "map" }, picture, caption, where),
    update({ means, latent, axes, reach }, _, labels) {
      const pen = brush(picture), at = (z) => MAP / 2 * (1 + z / reach), line = axes.length === 1;
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, MAP, MAP);
      pen.strokeStyle = "#8a8a8a";
      for (const sigmas of [1, 2]) {
        pen.beginPath();
        if (line) for (const z of [-sigmas, sigmas]) pen.moveTo(at(z), 0), pen.lineTo(at(z), MAP);
        else pen.arc(at(0), at(0), sigmas * MAP / 2 / reach, 0, 2 * Math.PI);
        pen.stroke();
      }
      Object.assign(pen, { font: "bold 13px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
      labels.forEach((label, i) => {
        pen.fillStyle = COLORS[label];
        const y = line ? MAP * (label + 0.5) / 10 : at(-means[i * latent + axes[1]]);
        pen.fillText(String(label), at(means[i * latent + axes[0]]), y);
      });
      caption.textContent = line ? words.lineMap : words.map;
      where.textContent = words.plane(axes, reach);
    }
  };
}
function manifold(words) {
  const picture = canvas(TILES * SIDE, TILES * SIDE, words.manifold), caption = h("figcaption", {}, words.manifold);
  return {
    element: h("figure", { class: "manifold" }, picture, caption),
    update({ manifold: greys, axes, latent }) {
      tiles(picture, greys, TILES);
      caption.textContent = (axes.length === 1 ? words.lineManifold : words.manifold) + (latent > 2 ? ` (${words.others})` : "");
    }
  };
}
function images(words) {
  const names = ["originals", "rebuilt", "samples"];
  const rows = names.map((name) => ({ name, picture: canvas(SHOWN * SIDE, SIDE, words[name]) }));
  return {
    element: h("div", { class: "images" }, ...rows.map(({ name, picture }) => h("figure", {}, h("figcaption", {}, words[name]), picture))),
    update(snapshot) {
      for (const { name, picture } of rows) tiles(picture, snapshot[name], SHOWN);
    }
  };
}
var grid = (xs, ys, toX, toY2) => [
  ...ys.flatMap((y) => [
    s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: toY2(y), y2: toY2(y) }),
    s("text", { x: LEFT - 4, y: toY2(y) + 4, "text-anchor": "end" }, String(y))
  ]),
  ...xs.map((x) => s("text", { x: toX(x), y: HEIGHT - 5, "text-anchor": "middle" }, String(x)))
];
var toY = (y) => TOP + (HEIGHT - TOP - BOTTOM) * (MOST - Math.max(LEAST, Math.min(MOST, y))) / (MOST - LEAST);
var NATS = [30, 40, 50, 60, 70, 80];
function ticks(longest) {
  const rough = longest / 5, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= rough) ?? 10 * power;
  return Array.from({ length: Math.floor(longest / step + 1e-9) + 1 }, (_, i) => i * step);
}
function curve(words) {
  const axes = s("g", { class: "axes" }), band = s("path", { class: "band" }), line = s("path", { class: "line" });
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words.curve }, axes, band, line);
  const [below, above] = words.curveKeys;
  const keys = [h("span", { class: "key line" }, below), h("span", { class: "key band" }, above)];
  return {
    element: h("figure", { class: "curve" }, picture, h("figcaption", {}, words.curve, ...keys)),
    update(snapshot, trail) {
      const longest = Math.max(5, snapshot.epoch), toX = (x) => LEFT + (WIDTH - LEFT - RIGHT - 8) * x / longest;
      const along = (points, name) => points.map((point) => `${toX(point.epoch).toFixed(1)},${toY(point[name]).toFixed(1)}`).join("L");
      axes.replaceChildren(...grid(ticks(longest), NATS, toX, toY));
      line.setAttribute("d", trail.length ? `M${along(trail, "reconstruction")}` : "");
      band.setAttribute("d", trail.length ? `M${along(trail, "reconstruction")}L${along([...trail].reverse(), "loss")}Z` : "");
    }
  };
}
function tradeoff(words) {
  const axes = s("g", { class: "axes" }), line = s("path", { class: "line" }), dots = s("path", { class: "dots" }), now = s("circle", { r: 5 });
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words.tradeoff }, axes, line, dots, now);
  const note = h("span", {});
  return {
    element: h("figure", { class: "tradeoff" }, picture, h("figcaption", {}, words.tradeoff, " ", note)),
    update(snapshot, trail) {
      const points = trail.filter(({ plain }) => !plain), most = Math.max(0, ...points.slice(-200).map(({ kl }) => kl));
      const far = RATES.find((rate) => rate >= most) ?? RATES[RATES.length - 1];
      const toX = (x) => LEFT + (WIDTH - LEFT - RIGHT - 8) * Math.min(1, x / far);
      axes.replaceChildren(...grid(ticks(far), NATS, toX, toY));
      let d = "", marks = "";
      trail.forEach((point, i) => {
        if (point.plain) return;
        const place = `${toX(point.kl).toFixed(1)},${toY(point.reconstruction).toFixed(1)}`;
        d += (i && !trail[i - 1].plain ? "L" : "M") + place;
        marks += `M${place}h0`;
      });
      line.setAttribute("d", d);
      dots.setAttribute("d", marks);
      now.toggleAttribute("hidden", snapshot.settings.plain);
      now.setAttribute("cx", String(toX(snapshot.kl)));
      now.setAttribute("cy", String(toY(snapshot.reconstruction)));
      note.textContent = snapshot.settings.plain ? words.noRate : "";
    }
  };
}

// widgets/playground/words.js
var nats = (x) => Math.abs(x) < 1e3 ? x.toFixed(1) : x.toExponential(1);
var count = (TRAIN + TEST).toLocaleString("en");
var EN = {
  playground: "Train a VAE in this page",
  train: "Train",
  pause: "Pause",
  step: "One step",
  reset: "Reset",
  controls: "What is trained, and how",
  beta: "β, weight of the KL divergence",
  latent: "Latent dimensions",
  rate: "Learning rate",
  plain: "Reconstruction only (plain autoencoder)",
  seed: "Seed",
  another: "Another seed",
  ready: `Press Train. The ${count} digits, 0.7 MB, are loaded then; all computing is done on your machine.`,
  ahead: "Appears when you press Train",
  untrained: "Not trained yet: what you see is what random weights make.",
  loading: "The digits are loading.",
  training: "Training.",
  loss: (epoch, loss, reconstruction, beta, kl) => `Epoch ${epoch.toFixed(1)}: loss ${nats(loss)} = reconstruction ${nats(reconstruction)} + ${beta} × KL ${nats(kl)} nats`,
  plainLoss: (epoch, loss) => `Epoch ${epoch.toFixed(1)}: loss ${nats(loss)} nats, reconstruction alone`,
  curve: "Loss by epoch, in nats per image, on the test digits",
  curveKeys: ["reconstruction", "β × KL on top of it"],
  map: `Codes of the ${TEST} test digits: the mean of each. The circles are 1 and 2 standard deviations of the prior.`,
  lineMap: `Codes of the ${TEST} test digits: the mean of each, a row for each class. The bars are 1 and 2 standard deviations of the prior.`,
  plane: (axes, reach) => `${axes.map((axis) => `z${axis}`).join(", ")} from −${reach} to ${reach}`,
  manifold: "Decoded across the same plane",
  lineManifold: "Decoded along the same line",
  others: "the other latent variables are 0",
  originals: "Test digits",
  rebuilt: "Reconstructions",
  samples: "Samples from the prior",
  tradeoff: "Rate and distortion: KL to the right, reconstruction upwards, in nats. The trail is the way so far.",
  noRate: "A plain autoencoder has no rate, so it leaves no point.",
  diverged: "The loss is no longer a finite number: the learning rate is too high. Lower it and reset.",
  badDigits: "The digits did not arrive whole. Load the page again."
};
var ZH = {
  playground: "在网页里训练一个VAE",
  train: "训练",
  pause: "暂停",
  step: "走一步",
  reset: "重来",
  controls: "训练什么、怎样训练",
  beta: "β：KL散度的权重",
  latent: "潜变量的维数",
  rate: "学习率",
  plain: "只要重构（普通的自编码器）",
  seed: "随机种子",
  another: "换一个种子",
  ready: `按“训练”开始，届时载入${count}幅数字（0.7 MB）；计算全在你的机器上。`,
  ahead: "按“训练”后显示",
  untrained: "还没有训练，看到的都出自随机的权重。",
  loading: "正在载入数字。",
  training: "正在训练。",
  loss: (epoch, loss, reconstruction, beta, kl) => `第${epoch.toFixed(1)}轮：损失${nats(loss)}=重构${nats(reconstruction)}+${beta}×KL${nats(kl)}奈特`,
  plainLoss: (epoch, loss) => `第${epoch.toFixed(1)}轮：损失${nats(loss)}奈特，只有重构`,
  curve: "损失随轮数的变化（单位：每幅测试图像的奈特）",
  curveKeys: ["重构", "叠在上面的β×KL"],
  map: `${TEST}幅测试数字的编码（均值）。两圈是先验的1倍与2倍标准差。`,
  lineMap: `${TEST}幅测试数字的编码（均值），每类一行。竖线是先验的1倍与2倍标准差。`,
  plane: (axes, reach) => `${axes.map((axis) => `z${axis}`).join("、")}从−${reach}到${reach}`,
  manifold: "同一平面各处解码出的图像",
  lineManifold: "同一直线各处解码出的图像",
  others: "其余潜变量为0",
  originals: "测试数字",
  rebuilt: "重构",
  samples: "先验的样本",
  tradeoff: "率失真：向右是KL，向上是重构，单位奈特。拖出的线是走过的路。",
  noRate: "普通的自编码器没有率，所以不画点。",
  diverged: "损失已不是有限的数：学习率太大。请调小，再重来。",
  badDigits: "数字没有完整收到，请重新载入网页。"
};
var WORDS = inLanguages(ZH, EN);

// widgets/playground.js
var BETAS = [0, 0.01, 0.03, 0.1, 0.3, 1, 2, 3, 5, 10, 30, 100];
var RATES2 = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1];
var LATENTS = [1, 2, 3, 8];
var START = { beta: 1, plain: false, rate: 3e-3 };
var SPOKEN = 10;
var SAVED_MS = 1e3;
var LONGEST = 600;
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
function labelled(label, input, ...more) {
  input.id = `vae-${Math.random().toString(36).slice(2)}`;
  return h("div", { class: "control short" }, h("label", { for: input.id }, label), input, ...more);
}
function playground(root, model, words, signal) {
  const settings = { ...START };
  let latent = 2, seed = 1, on2 = false, visible = true, frame = 0, saved = 0;
  let trained = null;
  let wanted = null;
  let labels = new Uint8Array(TEST);
  let latest = null;
  let trail = [];
  let history = [];
  const spoken = h("p", { class: "unseen", role: "status" }), problem = h("p", { class: "problem", role: "alert", hidden: "" });
  const readout = h("p", { class: "readout" }, words.ready);
  const panels = [curve(words), map(words), manifold(words), images(words), tradeoff(words)];
  const [curvePanel, mapPanel, manifoldPanel, imagesPanel, tradeoffPanel] = panels.map((panel) => panel.element);
  const views = h("div", { class: "views ahead", style: `--hint: "${words.ahead}"` }, curvePanel, tradeoffPanel, mapPanel, manifoldPanel, imagesPanel);
  const complain = (message) => {
    problem.textContent = message;
    problem.hidden = !message;
  };
  const inWords = ({ epoch, reconstruction, kl, settings: { beta: beta2, plain: plain2 } }) => {
    const loss = plain2 ? words.plainLoss(epoch, reconstruction) : words.loss(epoch, reconstruction + beta2 * kl, reconstruction, beta2, kl);
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
  const hear = (snapshot) => {
    const { epoch, steps, reconstruction, kl, finite, settings: { beta: beta2, plain: plain2, rate: rate2 } } = snapshot;
    latest = snapshot;
    const loss = reconstruction + (plain2 ? 0 : beta2 * kl);
    root.dataset.playgroundLoss = String(loss);
    root.dataset.playgroundEpoch = String(epoch);
    if (finite) trail.push({ epoch, loss, reconstruction, kl, plain: plain2 });
    if (trail.length > LONGEST) trail = trail.filter((_, i) => i % 2 === 0 || i > LONGEST / 2);
    if (steps && steps % STEPS === 0) {
      history.push({ epoch, reconstruction, kl, beta: beta2, plain: plain2, learning_rate: rate2, latent_dim: snapshot.latent });
      if (epoch % SPOKEN === 0) spoken.textContent = inWords(snapshot);
      if (performance.now() > saved + SAVED_MS) save();
    }
    if (!finite) complain(words.diverged), pause();
    if (!on2) spoken.textContent = inWords(snapshot), save();
    frame || (frame = requestAnimationFrame(draw));
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
    trained.send({ run: on2 && visible });
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
  const once = (act) => {
    if (trained) return act();
    wanted = act;
    readout.textContent = spoken.textContent = words.loading;
    if (digits().length) begin();
    else model.send({ load: "digits" });
  };
  const train = button(words.train, () => on2 ? pause() : once(run));
  train.setAttribute("data-playground-train", "");
  train.className = "main";
  const label = () => {
    train.textContent = on2 ? words.pause : words.train;
    root.dataset.playgroundState = on2 ? "training" : "paused";
  };
  function run() {
    on2 = true;
    label();
    spoken.textContent = words.training;
    trained?.send({ run: visible });
  }
  function pause() {
    on2 = false;
    label();
    trained?.send({ run: false });
    if (latest) spoken.textContent = inWords(latest), save();
  }
  const step = button(words.step, () => once(() => {
    if (on2) pause();
    trained?.send({ step: true });
  }));
  const reset = button(words.reset, () => {
    if (on2) pause();
    renew();
  });
  const change = (some) => {
    Object.assign(settings, some);
    trained?.send({ settings: { ...settings } });
  };
  const beta = scale(words.beta, BETAS, settings.beta, (value) => change({ beta: value }));
  const rate = scale(words.rate, RATES2, settings.rate, (value) => change({ rate: value }));
  const plain = h("input", { type: "checkbox" }), latents = h("select"), seeds = h("input", { type: "number", min: 0, max: 999999, step: 1, value: seed });
  plain.addEventListener("change", () => {
    beta.input.disabled = plain.checked;
    change({ plain: plain.checked });
  });
  for (const count2 of LATENTS) latents.append(h("option", { value: count2, ...count2 === latent ? { selected: "" } : {} }, String(count2)));
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
    if (on2) trained?.send({ run: visible });
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
    h("div", { class: "bar" }, h("div", { class: "buttons" }, train, step, reset), readout),
    spoken,
    problem,
    h("div", { class: "controls", role: "group", "aria-label": words.controls }, ...controls),
    views
  ];
}
function render({ model, el, signal }) {
  const language = languageOf(el), words = WORDS[language];
  const root = h("div", { class: "vae-playground", lang: TAGS[language], role: "group", "aria-label": words.playground });
  const stop = new AbortController();
  root.append(h("style", {}, playground_default), ...playground(root, model, words, stop.signal));
  el.append(root);
  const clean = () => {
    stop.abort();
    root.remove();
  };
  signal?.addEventListener("abort", clean);
  return clean;
}
var playground_default2 = { render };
export {
  playground_default2 as default
};

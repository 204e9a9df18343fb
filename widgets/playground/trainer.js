/** One run: digits in an order of its own, step by step, and what can be seen of the network in between. */
/** @import {Objective} from "./network.js" */
import { Network, PIXELS } from "./network.js";
import { fillNormal, shuffle, uniform } from "./random.js";

/**
 * @typedef {{train: Float32Array[], test: Float32Array[], labels: Uint8Array}} Digits the labels are those of `test`
 * @typedef {Objective & {rate: number}} Settings
 * @typedef {{steps: number, epoch: number, reconstruction: number, kl: number, finite: boolean, settings: Settings, latent: number,
 *   means: Float32Array, axes: number[], reach: number, manifold: Uint8Array, originals: Uint8Array, rebuilt: Uint8Array,
 *   samples: Uint8Array, weights: Float32Array}} Snapshot
 */

export const TRAIN = 2000, TEST = 500, BATCH = 50, STEPS = TRAIN / BATCH, SHOWN = 10, TILES = 12;
const CHUNK = 50, REACHES = [3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100], INSIDE = 0.98;

/** Digits from bytes: the pixels of the training and of the test digits, then the label of each. @param {Uint8Array} bytes @returns {Digits} */
export function unpackDigits(bytes) {
  const count = TRAIN + TEST, all = new Float32Array(count * PIXELS);
  for (let i = 0; i < all.length; i++) all[i] = bytes[i] / 255;
  const images = Array.from({ length: count }, (_, i) => all.subarray(i * PIXELS, (i + 1) * PIXELS));
  return { train: images.slice(0, TRAIN), test: images.slice(TRAIN), labels: bytes.slice(count * PIXELS + TRAIN) };
}

/** @param {Float32Array} logits @param {Uint8Array} out @param {number} at */
function toGreys(logits, out, at) {
  for (let i = 0; i < PIXELS; i++) out[at * PIXELS + i] = Math.round(255 / (1 + Math.exp(-logits[i])));
}

export class Trainer {
  /** @param {Digits} digits @param {number} latent @param {number} seed @param {Settings} settings */
  constructor(digits, latent, seed, settings) {
    this.digits = digits;
    this.settings = settings;
    this.random = uniform(seed);
    this.network = new Network(latent);
    this.network.start(this.random);
    this.order = Uint16Array.from({ length: TRAIN }, (_, i) => i);
    this.noise = new Float32Array(BATCH * latent);
    this.testNoise = fillNormal(new Float32Array(TEST * latent), uniform(0)); // always the same, so that losses can be compared
    this.steps = 0;
  }

  get epoch() {
    return this.steps / STEPS;
  }

  /** Trains on one batch. */
  step() {
    const at = this.steps % STEPS;
    if (at === 0) shuffle(this.order, this.random);
    const images = [...this.order.subarray(at * BATCH, (at + 1) * BATCH)].map((i) => this.digits.train[i]);
    const loss = this.network.differentiate(images, fillNormal(this.noise, this.random), this.settings);
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
    const manifold = this.#manifold(axes, reach), samples = this.#samples();
    const finite = Number.isFinite(reconstruction + kl);
    return { steps: this.steps, epoch: this.epoch, reconstruction, kl, finite, settings, latent, means, axes, reach, manifold, originals,
      rebuilt, samples, weights: network.weights };
  }

  /** Images decoded across the plane that the map shows, the other latent variables being 0. @param {number[]} axes @param {number} reach */
  #manifold(axes, reach) {
    const { network } = this, rows = axes.length === 1 ? 1 : TILES, out = new Uint8Array(rows * TILES * PIXELS);
    const at = (/** @type {number} */ i) => reach * ((2 * i + 1) / TILES - 1), z = new Float32Array(network.latent);
    for (let i = 0; i < rows * TILES; i++) {
      z[axes[0]] = at(i % TILES);
      if (axes.length > 1) z[axes[1]] = -at(Math.floor(i / TILES));
      network.decode(z);
      toGreys(network.logits, out, i);
    }
    return out;
  }

  /** Images decoded from draws of the prior, always the same draws. */
  #samples() {
    const { network } = this, out = new Uint8Array(SHOWN * PIXELS), random = uniform(1), z = new Float32Array(network.latent);
    for (let i = 0; i < SHOWN; i++) {
      network.decode(fillNormal(z, random));
      toGreys(network.logits, out, i);
    }
    return out;
  }
}

/** The two latent variables in which the means differ most; all, if there are no more. @param {Float32Array} means @param {number} latent */
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

/** How far the map has to reach for nearly all means to lie on it. @param {Float32Array} means @param {number} latent @param {number[]} axes */
function reachOf(means, latent, axes) {
  const far = Float32Array.from({ length: TEST }, (_, i) => Math.max(...axes.map((axis) => Math.abs(means[i * latent + axis])))).sort();
  const needed = far[Math.floor(INSIDE * TEST)];
  return REACHES.find((reach) => reach >= needed) ?? REACHES[REACHES.length - 1];
}

/** @import {Layer, Shape, Sizes} from "./types.js" */
import { ACTIVE_KL } from "./limits.js";
import { Problem } from "./strings.js";

/** A decoder that is told a class has a layer more, as that of ClassVAE. @param {Sizes} sizes @returns {Shape[]} */
export const decoderShapes = ({ image_size, hidden_dim, latent_dim, classes = 0 }) =>
  [[hidden_dim, latent_dim + classes], ...(classes ? [/** @type {Shape} */ ([hidden_dim, hidden_dim])] : []), [image_size, hidden_dim]];

/** @param {Sizes} sizes @returns {Shape[]} */
export const encoderShapes = ({ image_size, hidden_dim, latent_dim }) =>
  [[hidden_dim, image_size], [latent_dim, hidden_dim], [latent_dim, hidden_dim]];

/** @param {any} sizes @returns {Sizes} */
export function checkSizes(sizes) {
  const { image_size, image_shape = [], hidden_dim, latent_dim, dtype, classes = 1 } = sizes ?? {}, [channels, height, width] = image_shape;
  const whole = [hidden_dim, latent_dim, height, width, classes].every((size) => Number.isSafeInteger(size) && size > 0);
  if (!whole || !["int8", "float32"].includes(dtype) || channels !== 1 || height * width !== image_size) {
    throw new Problem((text) => text.badSizes);
  }
  return sizes;
}

/** @param {any} numbers @param {number} count @returns {boolean} */
export const isVector = (numbers, count) => Array.isArray(numbers) && numbers.length === count && numbers.every(Number.isFinite);

/** @param {any} z @param {number} count @returns {number[]} a copy */
export function checkZ(z, count) {
  if (!isVector(z, count)) throw new Problem((text) => text.badZ(count));
  return [...z];
}

/** The columns of units that are off are skipped; four at a time take half as long. @param {Layer} layer @param {ArrayLike<number>} x */
function linear({ weight, bias }, x) {
  const out = new Float64Array(bias), rows = out.length, on = [];
  for (let column = 0; column < x.length; column++) if (x[column] !== 0) on.push(column);
  let i = 0;
  for (; i + 4 <= on.length; i += 4) {
    const a = x[on[i]], b = x[on[i + 1]], c = x[on[i + 2]], d = x[on[i + 3]];
    let atA = on[i] * rows, atB = on[i + 1] * rows, atC = on[i + 2] * rows, atD = on[i + 3] * rows;
    for (let row = 0; row < rows; row++) out[row] += a * weight[atA++] + b * weight[atB++] + c * weight[atC++] + d * weight[atD++];
  }
  for (; i < on.length; i++) {
    for (let row = 0, at = on[i] * rows; row < rows; row++) out[row] += x[on[i]] * weight[at++];
  }
  return out;
}

/** @param {Float64Array} x @returns {Float64Array} the same array */
function relu(x) {
  for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
  return x;
}

/** @param {Layer[]} decoder @param {ArrayLike<number>} z @returns {Float32Array} the probability of each pixel being on */
export function decode(decoder, z) {
  const logits = decoder.slice(1).reduce((x, layer) => linear(layer, relu(x)), linear(decoder[0], z));
  return new Float32Array(logits.map((x) => 1 / (1 + Math.exp(-x))));
}

/**
 * The decoder for each class. A class is told as a 1 after z, which adds a column of the first layer to its bias.
 * @param {Layer[]} decoder @param {Sizes} sizes @returns {Layer[][]} just the decoder where there are no classes
 */
export function decodersOf([first, ...rest], { hidden_dim, latent_dim, classes }) {
  if (!classes) return [[first, ...rest]];
  return Array.from({ length: classes }, (_, kind) => {
    const told = (latent_dim + kind) * hidden_dim;
    return [{ weight: first.weight, bias: first.bias.map((b, i) => b + first.weight[told + i]) }, ...rest];
  });
}

/** @param {Layer[]} encoder @param {ArrayLike<number>} x pixels in [0, 1] @returns {{mean: number[], logvar: number[]}} */
export function encode([fc1, fc2Mean, fc2Logvar], x) {
  const h = relu(linear(fc1, x));
  return { mean: [...linear(fc2Mean, h)], logvar: [...linear(fc2Logvar, h)] };
}

/**
 * Dimensions by falling KL; those that tell next to nothing apart.
 * @param {readonly number[]} kl empty if unknown @param {number} count @returns {{active: number[], inactive: number[]}}
 */
export function ordering(kl, count) {
  const all = Array.from({ length: count }, (_, i) => i);
  if (!kl.length) return { active: all, inactive: [] };
  all.sort((a, b) => kl[b] - kl[a]);
  return { active: all.filter((i) => kl[i] >= ACTIVE_KL), inactive: all.filter((i) => kl[i] < ACTIVE_KL) };
}

/** A draw from N(0, I) by Box and Muller. @param {number} count @param {() => number} random @returns {number[]} */
export const normal = (count, random = Math.random) =>
  Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));

/** @param {readonly number[]} a @param {readonly number[]} b @param {number} t @returns {number[]} */
export const interpolate = (a, b, t) => a.map((x, i) => x + (b[i] - x) * t);

/** @param {number} x @param {number} limit @returns {number} */
export const clamp = (x, limit) => Math.max(-limit, Math.min(limit, x));

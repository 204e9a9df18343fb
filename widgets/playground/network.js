/**
 * A VAE small enough to be trained in a page, with its gradients and Adam written out: a linear layer and ReLU on each side of z, a sigmoid
 * for each pixel. The layers have the names of `vae_nb.VAE`.
 */

/**
 * @typedef {{weight: Float32Array, bias: Float32Array}} Arrays the weight column by column
 * @typedef {{rows: number, columns: number, value: Arrays, gradient: Arrays}} Layer
 * @typedef {{reconstruction: number, kl: number}} Loss nats per image
 * @typedef {{beta: number, plain: boolean}} Objective `plain`: a plain autoencoder, without noise and without the KL divergence
 */

export const PIXELS = 196, HIDDEN = 64;
const DECAY = 0.9, SQUARE_DECAY = 0.999, EPSILON = 1e-8;

/** Name, rows and columns of each layer, in the order of `vae_nb.VAE`. @param {number} latent @returns {[string, number, number][]} */
export const shapes = (latent) => [
  ["fc1", HIDDEN, PIXELS], ["fc2_mean", latent, HIDDEN], ["fc2_logvar", latent, HIDDEN], ["fc3", HIDDEN, latent], ["fc4", PIXELS, HIDDEN],
];

/** @param {Float32Array} all @param {number} at @param {number} rows @param {number} columns @returns {Arrays} */
const cut = (all, at, rows, columns) => ({
  weight: all.subarray(at, at + rows * columns), bias: all.subarray(at + rows * columns, at + rows * (columns + 1)),
});

const on = new Int32Array(Math.max(PIXELS, HIDDEN));

/** The columns whose input is not zero, into `on`. @param {Float32Array} x @returns {number} how many */
function gather(x) {
  let count = 0;
  for (let i = 0; i < x.length; i++) if (x[i] !== 0) on[count++] = i;
  return count;
}

/** out = W x + b; columns of inputs that are zero are skipped. @param {Layer} layer @param {Float32Array} x @param {Float32Array} out */
function linear({ rows, value: { weight, bias } }, x, out) {
  out.set(bias);
  const count = gather(x);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const a = x[on[i]], b = x[on[i + 1]], c = x[on[i + 2]], d = x[on[i + 3]];
    let atA = on[i] * rows, atB = on[i + 1] * rows, atC = on[i + 2] * rows, atD = on[i + 3] * rows;
    for (let row = 0; row < rows; row++) out[row] += a * weight[atA++] + b * weight[atB++] + c * weight[atC++] + d * weight[atD++];
  }
  for (; i < count; i++) for (let row = 0, at = on[i] * rows; row < rows; row++) out[row] += x[on[i]] * weight[at++];
}

/** Adds the gradients of W and b, given those of the layer's output. @param {Layer} layer @param {Float32Array} x @param {Float32Array} dOut */
function collect({ rows, gradient: { weight, bias } }, x, dOut) {
  for (let row = 0; row < rows; row++) bias[row] += dOut[row];
  for (let i = 0, count = gather(x); i < count; i++) {
    const value = x[on[i]];
    for (let row = 0, at = on[i] * rows; row < rows; row++) weight[at++] += value * dOut[row];
  }
}

/** dx += Wᵀ dOut. @param {Layer} layer @param {Float32Array} dOut @param {Float32Array} dx */
function back({ rows, value: { weight } }, dOut, dx) {
  for (let column = 0, at = 0; column < dx.length; column++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += weight[at++] * dOut[row];
    dx[column] += sum;
  }
}

/** @param {Float32Array} h */
function relu(h) {
  for (let i = 0; i < h.length; i++) if (h[i] < 0) h[i] = 0;
}

/** The derivative of ReLU, onto a gradient. @param {Float32Array} dh @param {Float32Array} h after ReLU */
function gate(dh, h) {
  for (let i = 0; i < h.length; i++) if (h[i] === 0) dh[i] = 0;
}

export class Network {
  /** @param {number} latent how many latent dimensions */
  constructor(latent) {
    const sizes = shapes(latent), count = sizes.reduce((sum, [, rows, columns]) => sum + rows * (columns + 1), 0);
    this.latent = latent;
    this.parameters = new Float32Array(count);
    this.gradients = new Float32Array(count);
    this.first = new Float32Array(count); // Adam's moments
    this.second = new Float32Array(count);
    this.updates = 0;
    let at = 0;
    /** @type {Layer[]} */
    this.layers = sizes.map(([, rows, columns]) => {
      const layer = { rows, columns, value: cut(this.parameters, at, rows, columns), gradient: cut(this.gradients, at, rows, columns) };
      at += rows * (columns + 1);
      return layer;
    });
    const vector = (/** @type {number} */ size) => new Float32Array(size);
    this.h = vector(HIDDEN), this.mean = vector(latent), this.logvar = vector(latent); // of the last image
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
    const [fc1, fc2Mean, fc2Logvar, fc3, fc4] = this.layers, { h, g, mean, logvar, z, logits, dHidden, dMean, dLogvar, dZ } = this;
    const dLogits = logits; // d(loss)/d(logit) is the probability minus the pixel
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
    collect(fc2Mean, h, dMean);
    collect(fc2Logvar, h, dLogvar);
    dHidden.fill(0);
    back(fc2Mean, dMean, dHidden);
    back(fc2Logvar, dLogvar, dHidden);
    gate(dHidden, h);
    collect(fc1, x, dHidden);
  }

  /**
   * The mean loss of a batch, and its gradients into `gradients`.
   * @param {Float32Array[]} images @param {Float32Array} noise `latent` numbers for each image @param {Objective} objective @returns {Loss}
   */
  differentiate(images, noise, objective) {
    let reconstruction = 0, kl = 0;
    this.gradients.fill(0);
    images.forEach((x, i) => {
      const mine = noise.subarray(i * this.latent, (i + 1) * this.latent), loss = this.forward(x, mine, objective.plain);
      this.backward(x, mine, objective);
      reconstruction += loss.reconstruction;
      kl += loss.kl;
    });
    for (let i = 0; i < this.gradients.length; i++) this.gradients[i] /= images.length;
    return { reconstruction: reconstruction / images.length, kl: kl / images.length };
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
      parameters[i] -= (rate / correction) * first[i] / (Math.sqrt(second[i]) / squareCorrection + EPSILON);
    }
  }

  /** Weight (row by row) and bias of each layer, one after another, as PyTorch has them. @returns {Float32Array} */
  get weights() {
    return this.#turned(this.parameters);
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
    return this.#turned(this.gradients);
  }

  /** @param {Float32Array} all @returns {Float32Array} */
  #turned(all) {
    const out = new Float32Array(all.length);
    let at = 0;
    for (const { rows, columns } of this.layers) {
      for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) out[at + row * columns + column] = all[at + column * rows + row];
      out.set(all.subarray(at + rows * columns, at + rows * (columns + 1)), at + rows * columns);
      at += rows * (columns + 1);
    }
    return out;
  }
}

/** @import {Dtype, Layer, Shape} from "./types.js" */
import { Problem } from "./strings.js";

/** @param {any} buffer @returns {Uint8Array} */
export function asBytes(buffer) {
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array();
}

/**
 * Layers from their packed bytes, as float32 whatever they were packed in.
 * @param {any} buffer a DataView, an ArrayBuffer or a Uint8Array at any offset
 * @param {Shape[]} shapes @param {Dtype} dtype @param {"decoder" | "encoder"} name @returns {Layer[]}
 */
export function unpack(buffer, shapes, dtype, name = "decoder") {
  const bytes = asBytes(buffer), size = dtype === "int8" ? 1 : 4;
  const vectors = dtype === "int8" ? 2 : 1;
  const needed = shapes.reduce((sum, [rows, columns]) => sum + rows * (columns * size + vectors * 4), 0);
  if (bytes.length !== needed) throw new Problem((text) => text.badBytes(text[name], bytes.length, needed));
  const layers = (dtype === "int8" ? fromInt8 : fromFloat32)(bytes.slice().buffer, shapes);
  if (!layers.every(({ weight, bias }) => weight.every(Number.isFinite) && bias.every(Number.isFinite))) {
    throw new Problem((text) => text.badNumbers(text[name]));
  }
  return layers;
}

/** @param {ArrayBuffer} buffer @param {Shape[]} shapes @returns {Layer[]} */
function fromFloat32(buffer, shapes) {
  let at = 0;
  return shapes.map(([rows, columns]) => {
    const weight = new Float32Array(buffer, at, rows * columns), bias = new Float32Array(buffer, at + weight.byteLength, rows);
    at += weight.byteLength + bias.byteLength;
    return { weight: byColumn(weight, rows, columns), bias };
  });
}

/** @param {ArrayBuffer} buffer @param {Shape[]} shapes @returns {Layer[]} */
function fromInt8(buffer, shapes) {
  let at = 0;
  const take = (/** @type {number} */ count) => new Float32Array(buffer, (at += count * 4) - count * 4, count);
  const vectors = shapes.map(([rows]) => ({ scale: take(rows), bias: take(rows) }));
  return shapes.map(([rows, columns], i) => {
    const weight = byColumn(new Int8Array(buffer, at, rows * columns), rows, columns, vectors[i].scale);
    at += rows * columns;
    return { weight, bias: vectors[i].bias };
  });
}

/**
 * Columns one after another, so that `linear` skips the whole column of a unit that is off.
 * @param {Float32Array | Int8Array} weight row by row @param {number} rows @param {number} columns
 * @param {Float32Array} [scale] of each row @returns {Float32Array}
 */
function byColumn(weight, rows, columns, scale) {
  const turned = new Float32Array(rows * columns);
  for (let row = 0, from = 0; row < rows; row++) {
    const factor = scale ? scale[row] : 1;
    for (let to = row; to < turned.length; to += rows) turned[to] = weight[from++] * factor;
  }
  return turned;
}

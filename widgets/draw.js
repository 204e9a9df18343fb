/** @import {Size} from "./types.js" */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string | number>} attributes @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @param {string} label @param {() => void} act */
export function button(label, act) {
  const element = h("button", { type: "button" }, label);
  element.addEventListener("click", act);
  return element;
}

/** @param {Size} size @param {Record<string, string>} attributes */
export const picture = (size, attributes) =>
  h("canvas", { class: "picture", ...size, style: `--ratio: ${size.width / size.height}`, ...attributes });

/** @param {HTMLCanvasElement} canvas @returns {CanvasRenderingContext2D} */
export const brush = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));

/** @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} image @param {Size} size @param {number} x @param {number} y */
export function paint(canvas, image, { width, height }, x = 0, y = 0) {
  const grey = new ImageData(width, height), words = new Uint32Array(grey.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = 0xff000000 + 0x010101 * Math.round(image[i] * 255);
  brush(canvas).putImageData(grey, x, y);
}

/** @param {PointerEvent} event @param {HTMLElement} element @returns {[number, number]} from 0 to 1, rightwards and downwards */
export function place(event, element) {
  const box = element.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

/** By mouse, pen or finger. @param {HTMLElement} element @param {(event: PointerEvent, first: boolean) => void} act */
export function dragged(element, act) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    act(event, true);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) act(event, false);
  });
}

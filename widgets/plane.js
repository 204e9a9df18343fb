/** @import {Part, View} from "./types.js" */
import { inChunks } from "./chunks.js";
import { dragged, h, paint, picture, place } from "./draw.js";
import { LIMIT } from "./limits.js";
import { clamp, decode } from "./network.js";
import { near, scatter } from "./points.js";

const PAD_STEP = 0.1, TILES = 17;

/** @param {PointerEvent} event @param {HTMLElement} plane @returns {[number, number]} z */
function under(event, plane) {
  const [x, y] = place(event, plane);
  return [LIMIT * (2 * x - 1), LIMIT * (1 - 2 * y)];
}

/** @param {HTMLElement} element @param {number} x @param {number} y in z */
function put(element, x, y) {
  const [left, bottom] = [x, y].map((z) => 50 * (1 + clamp(z, LIMIT) / LIMIT));
  element.style.left = `${left}%`;
  element.style.bottom = `${bottom}%`;
}

/**
 * The plane of two latent variables. Linear in z, as the sliders are: equal ways are equal steps, which Gaussian quantiles would bend.
 * @param {View} view @returns {Part}
 */
export function pad(view) {
  const { text, size, points } = view, marker = h("span", { class: "marker" }), id = `vae-${Math.random().toString(36).slice(2)}`;
  const map = picture({ width: TILES * size.width, height: TILES * size.height }, {});
  const caption = h("figcaption", { id, class: "note" }, text.map);
  const attributes = { class: "plane", tabindex: 0, role: "application", "aria-label": text.pad, "aria-describedby": id };
  const plane = h("div", { ...attributes, style: `max-width: ${Math.min(26, 26 * size.width / size.height)}rem` }, map, marker);
  const figure = h("figure", { class: "pad" }, plane, caption);
  const shown = points.length ? pointed(view, plane, figure) : () => false;
  const go = (/** @type {number[]} */ z) => {
    const [x, y] = z.map((each) => Math.round(clamp(each, LIMIT) * 100) / 100), point = shown() ? near(points, x, y) : null;
    view.move([x, y], (text) => (point ? text.nearDigit(point.label) : text.byHand));
  };
  dragged(plane, (event) => go(under(event, plane)));
  plane.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    go(view.z.map((x, i) => x + way[i] * PAD_STEP));
  });
  tile(view, map);
  return { element: figure, update: () => put(marker, view.z[0], view.z[1]) };
}

/**
 * The test digits as points over the plane, which a mouse can ask for their names.
 * @param {View} view @param {HTMLElement} plane @param {HTMLElement} figure @returns {() => boolean} whether they are shown
 */
function pointed(view, plane, figure) {
  const { text, points } = view, tip = h("span", { class: "tip", "aria-hidden": "true", hidden: "" });
  const box = h("input", { type: "checkbox", checked: "" }), says = h("p", { class: "note" }, text.points);
  const show = () => {
    figure.classList.toggle("pointed", box.checked);
    says.hidden = !box.checked;
    tip.hidden = true;
  };
  plane.firstElementChild?.after(scatter(view), tip);
  figure.prepend(h("label", { class: "choice" }, box, text.showPoints(points.length.toLocaleString("en"))));
  figure.append(says);
  box.addEventListener("change", show);
  plane.addEventListener("pointermove", (event) => {
    const [x, y] = under(event, plane), point = box.checked && event.pointerType === "mouse" ? near(points, x, y) : null;
    tip.hidden = !point;
    if (!point) return;
    tip.textContent = text.testDigit(point.label);
    tip.style.translate = `${-50 * (1 + point.x / LIMIT)}% ${point.y > 0.8 * LIMIT ? "calc(100% + 0.7rem)" : "-0.7rem"}`;
    put(tip, point.x, point.y);
  });
  plane.addEventListener("pointerleave", () => void (tip.hidden = true));
  show();
  return () => box.checked;
}

/** @param {View} view @param {HTMLCanvasElement} map */
function tile(view, map) {
  const at = (/** @type {number} */ i) => (LIMIT * (2 * i + 1)) / TILES - LIMIT;
  inChunks(view, TILES * TILES, (step) => {
    const x = step % TILES, y = Math.floor(step / TILES), { size } = view;
    paint(map, decode(view.decoder, [at(x), -at(y)]), size, x * size.width, y * size.height);
  });
}

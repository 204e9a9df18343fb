/** @import {Part, View} from "./types.js" */
import { inChunks } from "./chunks.js";
import { dragged, h, paint, picture, place } from "./draw.js";
import { PAD_LIMIT } from "./limits.js";
import { clamp, decode } from "./network.js";

const PAD_STEP = 0.1, TILES = 15;

/**
 * The plane of two latent variables. Linear in z, as the sliders are: equal ways are equal steps, which Gaussian quantiles would bend.
 * @param {View} view @returns {Part}
 */
export function pad(view) {
  const { text, size } = view, marker = h("span", { class: "marker" }), id = `vae-${Math.random().toString(36).slice(2)}`;
  const map = picture({ width: TILES * size.width, height: TILES * size.height }, {});
  const caption = h("figcaption", { id, class: "note" }, text.map);
  const attributes = { class: "plane", tabindex: 0, role: "application", "aria-label": text.pad, "aria-describedby": id };
  const plane = h("div", { ...attributes, style: `max-width: ${Math.min(26, 26 * size.width / size.height)}rem` }, map, marker);
  const go = (/** @type {number[]} */ z) => view.move(z.map((x) => Math.round(clamp(x, PAD_LIMIT) * 100) / 100), (text) => text.byHand);
  dragged(plane, (event) => {
    const [x, y] = place(event, plane);
    go([PAD_LIMIT * (2 * x - 1), PAD_LIMIT * (1 - 2 * y)]);
  });
  plane.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    go(view.z.map((x, i) => x + way[i] * PAD_STEP));
  });
  tile(view, map);
  return {
    element: h("figure", { class: "pad" }, plane, caption),
    update() {
      const [x, y] = view.z.map((z) => 50 * (1 + clamp(z, PAD_LIMIT) / PAD_LIMIT));
      marker.style.left = `${x}%`;
      marker.style.bottom = `${y}%`;
    },
  };
}

/** @param {View} view @param {HTMLCanvasElement} map */
function tile(view, map) {
  const at = (/** @type {number} */ i) => (PAD_LIMIT * (2 * i + 1)) / TILES - PAD_LIMIT;
  inChunks(view, TILES * TILES, (step) => {
    const x = step % TILES, y = Math.floor(step / TILES), { size } = view;
    paint(map, decode(view.decoder, [at(x), -at(y)]), size, x * size.width, y * size.height);
  });
}

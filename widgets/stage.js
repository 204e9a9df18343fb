/** @import {Part, View} from "./types.js" */
import { button, h, paint, picture } from "./draw.js";
import { decode, interpolate, normal, pair } from "./network.js";
import { number } from "./strings.js";

const WALK_MS = 3000, SETTLE_MS = 500;

/** The picture, what it shows in words, and what moves z by itself. @param {View} view @returns {Part} */
export function stage(view) {
  const { text } = view, status = h("p", { class: "status", role: "status" });
  const image = picture(view.size, { "data-latent-image": "", role: "img" });
  const buttons = h("div", { class: "buttons" },
    button(text.sample, () => view.move(normal(view.z.length), (text) => text.byPrior)),
    button(text.zero, () => view.move(view.z.map(() => 0), (text) => text.byZero)));
  if (view.digits.length > 1) buttons.append(...walkButton(view, status));
  const settle = () => {
    const words = describe(view);
    if (status.textContent === words) return;
    status.textContent = words;
    image.setAttribute("aria-label", text.image(words));
  };
  let timer = 0;
  view.signal.addEventListener("abort", () => clearTimeout(timer));
  settle();
  return {
    element: h("div", { class: "stage" }, image, h("div", { class: "beside" }, buttons, status)),
    update() {
      paint(image, decode(view.decoder, view.z), view.size);
      clearTimeout(timer);
      timer = setTimeout(settle, SETTLE_MS);
    },
  };
}

/** Few coordinates are told one by one, of many the length. @param {View} view @returns {string} */
function describe({ text, source, z }) {
  if (z.length <= 3) return text.point(source(text), z.map(number));
  return text.length(source(text), number(Math.hypot(...z)), number(Math.sqrt(z.length)));
}

/** @param {View} view @param {HTMLElement} status @returns {HTMLElement[]} */
function walkButton(view, status) {
  const { text, signal } = view, less = matchMedia("(prefers-reduced-motion: reduce)");
  const note = h("p", { class: "note" }, text.still);
  const start = button(text.walk, () => (view.walk ? view.walk.stop() : walk(view, start, status)));
  const allow = () => {
    start.disabled = less.matches;
    note.hidden = !less.matches;
    if (less.matches) view.walk?.stop();
  };
  allow();
  less.addEventListener("change", allow, { signal });
  document.addEventListener("keydown", (event) => event.key === "Escape" && view.walk?.stop(), { signal });
  return [start, note];
}

/** To and fro between two digits' means. @param {View} view @param {HTMLElement} start @param {HTMLElement} status */
function walk(view, start, status) {
  const [a, b] = pair(view.digits.length).map((i) => view.digits[i]);
  let began = 0;
  /** @param {number} now */
  const step = (now) => {
    if (view.walk !== mine) return;
    began ||= now;
    view.set(interpolate(a.mean, b.mean, (1 - Math.cos(((now - began) / WALK_MS) * Math.PI)) / 2), (text) => text.walked(a.label, b.label));
    view.soon(step);
  };
  const mine = {
    stop() {
      view.walk = null;
      start.textContent = view.text.walk;
    },
  };
  view.walk = mine;
  start.textContent = view.text.stop;
  status.textContent = view.text.walking(a.label, b.label);
  view.soon(step);
}

/** @import {Part, Text, View} from "./types.js" */
import { button, h, paint, picture } from "./draw.js";
import { interpolate } from "./network.js";
import { followed } from "./sliders.js";

const WALK_MS = 3000;

/** From one digit's mean to another's, by hand or as a walk to and fro. @param {View} view @returns {Part} */
export function path(view) {
  const { text, digits } = view, first = Math.floor(digits.length / 3);
  const second = (first + Math.floor(digits.length / 2)) % digits.length;
  const ends = [end(view, text.from, first, changed), end(view, text.to, second, changed)];
  const position = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": text.position });
  let share = 0;
  const show = () => {
    position.value = String(share);
    position.setAttribute("aria-valuetext", `${Math.round(100 * share)}%`);
  };
  const point = () => interpolate(ends[0].digit().mean, ends[1].digit().mean, share);
  const walked = () => {
    const [a, b] = ends.map((end) => end.digit().label);
    return (/** @type {Text} */ text) => text.walked(a, b);
  };
  const go = (/** @type {number} */ to) => {
    share = to;
    show();
    view.move(point(), walked());
  };
  function changed() {
    if (!view.walk) go(share);
  }
  const start = button(text.walk, () => (view.walk ? view.walk.stop() : walk()));
  const said = h("p", { class: "note", role: "status" });
  const walk = () => {
    let began = 0;
    const step = (/** @type {number} */ now) => {
      if (view.walk !== mine) return;
      began ||= now - (WALK_MS * Math.acos(1 - 2 * share)) / Math.PI;
      share = (1 - Math.cos(((now - began) / WALK_MS) * Math.PI)) / 2;
      show();
      view.set(point(), walked());
      view.soon(step);
    };
    const mine = {
      stop() {
        view.walk = null;
        start.textContent = text.walk;
        said.textContent = "";
      },
    };
    view.walk = mine;
    start.textContent = text.stop;
    said.textContent = text.walking(ends[0].digit().label, ends[1].digit().label);
    view.soon(step);
  };
  followed(position, go, show);
  show();
  const row = h("div", { class: "way" }, ends[0].element, h("span", { class: "track" }, position), ends[1].element);
  const below = h("div", { class: "buttons" }, start, said, stillness(view, start));
  return { element: h("div", { class: "path", role: "group", "aria-label": text.path }, h("p", { class: "note" }, text.path), row, below) };
}

/** One of the digits, with its picture. @param {View} view @param {string} label @param {number} chosen @param {() => void} changed */
function end(view, label, chosen, changed) {
  const image = picture(view.size, { "aria-hidden": "true" });
  const options = view.digits.map((digit, i) => h("option", { value: i, ...(i === chosen ? { selected: "" } : {}) }, digit.label));
  const choice = h("select", { "aria-label": label }, ...options);
  const digit = () => view.digits[choice.selectedIndex], show = () => paint(image, digit().image, view.size);
  choice.addEventListener("change", () => {
    show();
    changed();
  });
  show();
  return { element: h("div", { class: "end" }, image, choice), digit };
}

/** No walk where the system asks for less motion. @param {View} view @param {HTMLButtonElement} start @returns {HTMLElement} says so */
function stillness(view, start) {
  const less = matchMedia("(prefers-reduced-motion: reduce)"), note = h("p", { class: "note" }, view.text.still);
  const allow = () => {
    start.disabled = less.matches;
    note.hidden = !less.matches;
    if (less.matches) view.walk?.stop();
  };
  allow();
  less.addEventListener("change", allow, { signal: view.signal });
  document.addEventListener("keydown", (event) => event.key === "Escape" && view.walk?.stop(), { signal: view.signal });
  return note;
}

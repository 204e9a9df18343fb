/** @import {View} from "./types.js" */
import { button, h } from "./draw.js";
import { digitAt } from "./gallery.js";
import { interpolate } from "./network.js";

const LEG_MS = 4000;

/**
 * How a front page opens: a slow walk from the digit that is shown to the next one and on, until the reader does anything here.
 * @param {View} view @param {HTMLElement} root of the explorer
 * @returns {{element: HTMLElement, begin(): void}} what stops it, and its beginning
 */
export function tour(view, root) {
  const { digits, text, signal } = view, halt = button("", () => view.walk?.stop());
  halt.append(h("span", { "aria-hidden": "true" }, "■"), h("span", { class: "word" }, ` ${text.stop}`));
  halt.className = "halt";
  halt.hidden = true;
  const begin = () => {
    const start = digitAt(digits, view.z), first = start ? digits.indexOf(start) : -1;
    if (!start || digits.length < 2 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    let began = 0;
    const step = (/** @type {number} */ now) => {
      if (view.walk !== mine) return;
      began ||= now;
      const way = (now - began) / LEG_MS, leg = Math.floor(way), share = (1 - Math.cos((way - leg) * Math.PI)) / 2;
      const [a, b] = [leg, leg + 1].map((i) => digits[(first + i) % digits.length]);
      view.set(interpolate(a.mean, b.mean, share), (text) => text.walked(a.label, b.label));
      view.soon(step);
    };
    const mine = {
      says: (/** @type {import("./types.js").Text} */ text) => text.touring,
      stop() {
        const focused = document.activeElement === halt;
        view.walk = null;
        halt.hidden = true;
        if (focused) root.querySelector("button")?.focus();
        view.renew();
      },
    };
    view.walk = mine;
    halt.hidden = false;
    const touch = (/** @type {Event} */ { target }) => halt.contains(/** @type {Node} */ (target)) || view.walk !== mine || mine.stop();
    for (const name of ["pointerdown", "keydown"]) root.addEventListener(name, touch, { signal });
    view.soon(step);
  };
  return { element: halt, begin };
}

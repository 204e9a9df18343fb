/** @import {Part, View} from "./types.js" */
import { h } from "./draw.js";
import { LIMIT, STEP } from "./limits.js";
import { clamp, ordering } from "./network.js";
import { number } from "./strings.js";

/** @param {View} view @returns {Part} */
export function sliders(view) {
  const { text, kl } = view, { active, inactive } = ordering(kl, view.z.length);
  const rows = [...active, ...inactive].map((dimension) => slider(view, dimension, Math.max(...kl)));
  const list = h("div", { class: "sliders", role: "group", "aria-label": text.sliders });
  list.append(h("p", { class: "note" }, (kl.length ? text.ordered + text.space : "") + text.bands));
  list.append(...rows.slice(0, active.length).map((row) => row.element));
  if (inactive.length) {
    const folded = h("details", active.length ? {} : { open: "" }, h("summary", {}, text.inactive(inactive.length)));
    folded.append(...rows.slice(active.length).map((row) => row.element));
    list.append(folded);
  }
  return { element: list, update: () => rows.forEach((row) => row.update()) };
}

/** @param {View} view @param {number} dimension @param {number} most the largest KL */
function slider(view, dimension, most) {
  const { text } = view, id = `vae-${Math.random().toString(36).slice(2)}`, kl = view.kl[dimension];
  const input = h("input", { id, type: "range", min: -LIMIT, max: LIMIT, step: STEP });
  const band = h("span", { class: "band" }), output = h("output", { for: id, "aria-live": "off" });
  const element = h("div", { class: "slider" }, h("label", { for: id }, "z", h("sub", {}, String(dimension))));
  if (kl !== undefined) {
    input.setAttribute("aria-describedby", `${id}-kl`);
    const unseen = (/** @type {string} */ words) => h("span", { class: "unseen" }, words);
    const attributes = { class: "kl", id: `${id}-kl`, style: `--part: ${kl / (most || 1)}` };
    element.append(h("span", attributes, unseen("KL "), kl.toFixed(2), unseen(` ${text.nats}`)));
  }
  element.append(h("span", { class: "track" }, h("span", { class: "scale" }, band), input), output);
  input.addEventListener("input", () => view.move(view.z.with(dimension, input.valueAsNumber), (text) => text.byHand, view.band));
  let z = NaN, spread = view.band;
  return {
    element,
    update() {
      if (z === view.z[dimension] && spread === view.band) return;
      [z, spread] = [view.z[dimension], view.band];
      const shown = number(z), outside = Math.abs(z) > LIMIT;
      input.value = String(z);
      input.setAttribute("aria-valuetext", outside ? `${shown} (${text.beyond})` : shown);
      output.value = shown;
      element.classList.toggle("beyond", outside);
      band.hidden = !spread;
      if (spread) placeBand(band, spread.mean[dimension], spread.sigma[dimension]);
    },
  };
}

/** @param {HTMLElement} band @param {number} mean @param {number} sigma */
function placeBand(band, mean, sigma) {
  const share = (/** @type {number} */ z) => (50 * (clamp(z, LIMIT) + LIMIT)) / LIMIT;
  band.style.left = `${share(mean - 2 * sigma)}%`;
  band.style.right = `${100 - share(mean + 2 * sigma)}%`;
}

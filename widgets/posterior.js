/** @import {Part, Posterior, View} from "./types.js" */
import { button, h, paint, picture } from "./draw.js";
import { clamp, decode, normal, ordering } from "./network.js";
import { number } from "./strings.js";

const WIDE = 60, HIGH = 32, REACH = 3, STEPS = 60; // a curve in CSS pixels, how far it goes in z, and its points

/** The density of a Gaussian. @param {number} z @param {number} mean @param {number} sigma */
const density = (z, mean, sigma) => Math.exp(-(((z - mean) / sigma) ** 2) / 2) / (sigma * Math.sqrt(2 * Math.PI));

/** @param {number} z */
const across = (z) => (WIDE * (clamp(z, REACH) + REACH)) / (2 * REACH);

/** A Gaussian, as the path of an SVG. @param {number} mean @param {number} sigma @param {number} highest density @returns {string} */
export function curve(mean, sigma, highest) {
  const points = Array.from({ length: STEPS + 1 }, (_, i) => (2 * REACH * i) / STEPS - REACH);
  points.push(clamp(mean, REACH));
  const down = (/** @type {number} */ z) => HIGH * (1 - density(z, mean, sigma) / highest);
  return `M${points.sort((a, b) => a - b).map((z) => `${across(z).toFixed(1)} ${down(z).toFixed(1)}`).join("L")}`;
}

/** An image beside its reconstruction, and the Gaussian that the encoder makes of it. @param {View} view @returns {Part} */
export function posterior(view) {
  const { text, size } = view, { active, inactive } = ordering(view.kl, view.z.length);
  const [before, after] = [text.original, text.output].map((words) => picture(size, { role: "img", "aria-label": words }));
  const small = [...active, ...inactive].map(gaussian);
  const curves = h("div", { class: "curves", role: "img" }, ...small.map((each) => each.element));
  /** @type {Posterior | null} */
  let shown = null;
  const draw = button(text.again, () => {
    const { mean, sigma } = /** @type {Posterior} */ (shown), noise = normal(mean.length);
    view.move(mean.map((m, i) => m + sigma[i] * noise[i]), (text) => text.byDraw, shown);
  });
  const figure = (/** @type {HTMLElement} */ image, /** @type {string} */ words) =>
    h("figure", {}, image, h("figcaption", { class: "note" }, words));
  const pair = h("div", { class: "pair" }, figure(before, text.original), figure(after, text.output), draw);
  const seen = h("div", { class: "seen" }, h("p", { class: "note" }, text.curves), curves);
  const element = h("div", { class: "posterior", role: "group", "aria-label": text.posterior }, pair, seen);
  return {
    element,
    update() {
      if (view.band && view.band !== shown) {
        shown = view.band;
        paint(before, shown.image, size);
        paint(after, decode(view.decoder, shown.mean), size);
        const highest = density(0, 0, Math.min(1, ...shown.sigma));
        for (const { dimension, show } of small) show(shown.mean[dimension], shown.sigma[dimension], highest);
        curves.setAttribute("aria-label", text.spread(number(Math.min(...shown.sigma)), number(Math.max(...shown.sigma))));
      }
      element.hidden = !shown;
      for (const { dimension, put } of small) put(view.z[dimension]);
    },
  };
}

/** One dimension's Gaussian before the prior's, and a dot for z. @param {number} dimension */
function gaussian(dimension) {
  const [prior, own, dot] = ["path", "path", "circle"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 -2 ${WIDE} ${HIGH + 7}`);
  for (const [element, name] of /** @type {const} */ ([[prior, "prior"], [own, "own"], [dot, "dot"]])) element.setAttribute("class", name);
  for (const [name, value] of /** @type {const} */ ([["r", "3"], ["cy", `${HIGH}`]])) dot.setAttribute(name, value);
  svg.append(prior, own, dot);
  return {
    dimension, element: h("div", {}, svg, h("i", {}, "z", h("sub", {}, String(dimension)))),
    /** @param {number} mean @param {number} sigma @param {number} highest */
    show(mean, sigma, highest) {
      prior.setAttribute("d", curve(0, 1, highest));
      own.setAttribute("d", curve(mean, sigma, highest));
    },
    /** @param {number} z */
    put(z) {
      dot.style.transform = `translateX(${across(z).toFixed(1)}px)`;
    },
  };
}

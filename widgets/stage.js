/** @import {Part, Text, View} from "./types.js" */
import { button, h, paint, picture } from "./draw.js";
import { link } from "./link.js";
import { decode, normal } from "./network.js";
import { number, say } from "./strings.js";

const SETTLE_MS = 500;

/**
 * The picture, what it shows in words, and what moves z by itself.
 * @param {View} view @param {HTMLElement} halt stops what moves unasked @returns {Part}
 */
export function stage(view, halt) {
  const { text } = view, status = h("p", { class: "status", role: "status" });
  const image = picture(view.size, { "data-latent-image": "", role: "img" });
  const buttons = h("div", { class: "buttons" },
    button(text.sample, () => view.move(normal(view.z.length), (text) => text.byPrior)),
    button(text.zero, () => view.move(view.z.map(() => 0), (text) => text.byZero)));
  const [copy, ...copied] = link(view);
  if (copy) buttons.append(copy);
  const settle = () => {
    const words = say((text) => describe(view, text), text);
    if (status.textContent === words) return;
    status.textContent = words;
    image.setAttribute("aria-label", say((text) => text.image(describe(view, text)), text));
  };
  let timer = 0;
  view.signal.addEventListener("abort", () => clearTimeout(timer));
  settle();
  return {
    element: h("div", { class: "stage" },
      h("div", { class: "shown" }, image, halt), h("div", { class: "beside" }, buttons, ...copied, status)),
    update() {
      paint(image, decode(view.decoder, view.z), view.size);
      clearTimeout(timer);
      if (view.walk?.says) settle();
      else timer = setTimeout(settle, SETTLE_MS);
    },
  };
}

/** Few coordinates are told one by one, of many the length. @param {View} view @param {Text} text @returns {string} */
function describe({ source, walk, z, kind, sizes }, text) {
  if (walk?.says) return walk.says(text);
  const from = sizes.classes ? text.inClass(String(kind), source(text)) : source(text);
  if (z.length <= 3) return text.point(from, z.map(number));
  return text.length(from, number(Math.hypot(...z)), number(Math.sqrt(z.length)));
}

/** @import {Part, View} from "./types.js" */
import { button, h, paint, picture } from "./draw.js";

/** @param {View} view @returns {Part} */
export function gallery(view) {
  const buttons = view.digits.map((digit, i) => {
    const count = view.sizes.image_size, image = picture(view.size, {});
    paint(image, Float32Array.from(view.pixels.subarray(i * count, (i + 1) * count), (pixel) => pixel / 255), view.size);
    const element = button(digit.label, () => view.move([...digit.mean], (text) => text.byDigit(digit.label), digit));
    element.prepend(image);
    element.setAttribute("aria-label", view.text.digit(digit.label));
    return element;
  });
  return {
    element: h("div", { class: "gallery", role: "group", "aria-label": view.text.gallery }, ...buttons),
    update: () => buttons.forEach((element, i) => element.setAttribute("aria-pressed", String(view.band === view.digits[i]))),
  };
}

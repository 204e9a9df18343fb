/** @import {Digit, Part, View} from "./types.js" */
import { button, h, paint, picture } from "./draw.js";

/** The digit whose mean is z. @param {readonly Digit[]} digits @param {readonly number[]} z @returns {Digit | null} */
export const digitAt = (digits, z) => digits.find(({ mean }) => mean.every((x, i) => x === z[i])) ?? null;

/** @param {View} view @returns {Part} */
export function gallery(view) {
  const buttons = view.digits.map((digit) => {
    const image = picture(view.size, {});
    paint(image, digit.image, view.size);
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

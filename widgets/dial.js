/** @import {Part, View} from "./types.js" */
import { h, paint, picture } from "./draw.js";
import { decode } from "./network.js";

/** One z drawn as every class, of which the reader chooses one. @param {View} view @returns {Part} */
export function dial(view) {
  const { text, size } = view, id = `vae-${Math.random().toString(36).slice(2)}`;
  const faces = view.decoders.map((decoder, kind) => {
    const image = picture(size, { "aria-hidden": "true" }), label = String(kind);
    const input = h("input", { type: "radio", name: id, "aria-label": text.digit(label) });
    input.addEventListener("change", () => view.turn(kind));
    return { decoder, image, input, element: h("label", { class: "face" }, input, image, label) };
  });
  return {
    element: h("div", { class: "dial", role: "radiogroup", "aria-labelledby": id },
      h("p", { id, class: "note" }, text.faces), ...faces.map((face) => face.element)),
    update() {
      for (const { decoder, image } of faces) paint(image, decode(decoder, view.z), size);
      faces[view.kind].input.checked = true;
    },
  };
}

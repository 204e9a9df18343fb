/** @import {Layer, Part, View} from "./types.js" */
import { brush, button, dragged, h, paint, picture, place } from "./draw.js";
import { decode, encode, encoderShapes } from "./network.js";
import { prepare } from "./prepare.js";
import { asBytes, unpack } from "./quantize.js";
import { explain } from "./strings.js";

const SHEET = 280, PEN = 24;

/** @param {View} view @returns {Part} */
export function drawing(view) {
  const { text, size, model, signal } = view;
  const sheet = h("canvas", { class: "sheet", width: SHEET, height: SHEET, role: "img", "aria-label": text.sheet });
  const [input, output] = [text.input, text.output].map((words) => picture(size, { role: "img", "aria-label": words }));
  const status = h("p", { class: "note", role: "status" }), pen = brush(sheet);
  /** @type {Layer[] | null} */
  let encoder = null;
  const read = () => {
    const ink = new Float32Array(SHEET * SHEET), { data } = pen.getImageData(0, 0, SHEET, SHEET);
    for (let i = 0; i < ink.length; i++) ink[i] = data[4 * i + 3] / 255;
    const image = prepare(ink, SHEET, SHEET, size.width, size.height);
    paint(input, image, size);
    if (!encoder || !image.some(Boolean)) return paint(output, new Float32Array(image.length), size);
    const { mean, logvar } = encode(encoder, image), sigma = logvar.map((x) => Math.exp(x / 2));
    paint(output, decode(view.decoder, mean), size);
    view.move(mean, (text) => text.byDrawing, { mean, sigma, image });
  };
  const load = () => {
    if (encoder || !folded.open) return;
    if (!asBytes(model.get("encoder")).length) {
      status.textContent = text.loading;
      return model.send({ load: "encoder" });
    }
    try {
      encoder = unpack(model.get("encoder"), encoderShapes(view.sizes), view.sizes.dtype, "encoder");
      status.textContent = "";
      view.soon(read);
    } catch (error) {
      status.textContent = explain(error, text);
    }
  };
  const clear = () => {
    pen.clearRect(0, 0, SHEET, SHEET);
    read();
  };
  const caption = (/** @type {string} */ words) => h("figcaption", { class: "note" }, words);
  const shown = [h("figure", {}, input, caption(text.input)), h("figure", {}, output, caption(text.output))];
  const how = h("p", { class: "note" }, text.how + (view.digits.length ? text.space + text.keys : ""));
  const left = h("div", {}, sheet, button(text.clear, clear)), right = h("div", { class: "both" }, ...shown, status);
  const folded = h("details", { class: "drawing" }, h("summary", {}, text.draw), how, h("div", { class: "sheets" }, left, right));
  strokes(sheet, pen, () => view.soon(read));
  folded.addEventListener("toggle", load);
  model.on("change:encoder", load);
  signal.addEventListener("abort", () => model.off("change:encoder", load));
  return { element: folded };
}

/** @param {HTMLCanvasElement} sheet @param {CanvasRenderingContext2D} pen @param {() => void} drawn */
function strokes(sheet, pen, drawn) {
  Object.assign(pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  /** @type {[number, number]} */
  let last;
  dragged(sheet, (event, first) => {
    const events = event.getCoalescedEvents?.() ?? []; // absent where a page is not secure
    for (const each of events.length ? events : [event]) {
      const [x, y] = place(each, sheet);
      if (first) last = [x, y];
      pen.beginPath();
      pen.moveTo(last[0] * SHEET, last[1] * SHEET);
      pen.lineTo(x * SHEET + 0.01, y * SHEET); // a line without length would leave no dot
      pen.stroke();
      last = [x, y];
    }
    drawn();
  });
}

/** @import {Part, View} from "./types.js" */
import { inChunks } from "./chunks.js";
import { h, paint, picture } from "./draw.js";
import { LIMIT, STEP } from "./limits.js";
import { clamp, decode, ordering } from "./network.js";
import { number } from "./strings.js";

const ENDS_MS = 150;
const SLOP = 6; // CSS pixels that a finger goes sideways before it moves a slider

/** @param {View} view @returns {Part} */
export function sliders(view) {
  const { text, kl, names } = view, { active, inactive } = ordering(kl, view.z.length), most = Math.max(...kl);
  const named = active.filter((dimension) => dimension in names), rest = active.filter((dimension) => !named.includes(dimension));
  const rows = [...named, ...rest, ...inactive].map((dimension) => slider(view, dimension, most));
  const list = h("div", { class: "sliders", role: "group", "aria-label": text.sliders });
  const notes = [...(kl.length ? [text.ordered] : []), ...(named.length ? [text.names] : []), ...(view.sizes.classes ? [] : [text.bands])];
  const add = (/** @type {number} */ from, /** @type {number[]} */ dimensions, /** @type {string} */ summary, open = false) => {
    const elements = rows.slice(from, from + dimensions.length).map((row) => row.element);
    if (!elements.length) return;
    list.append(...(summary ? [h("details", open ? { open: "" } : {}, h("summary", {}, summary), ...elements)] : elements));
  };
  list.append(h("p", { class: "note" }, notes.join(text.space)));
  add(0, named, "");
  add(named.length, rest, named.length ? text.unnamed(rest.length) : "");
  add(active.length, inactive, text.inactive(inactive.length), !active.length);
  const redraw = ends(view, rows);
  return {
    element: list,
    update() {
      rows.forEach((row) => row.update());
      redraw();
    },
  };
}

/**
 * What each slider leads to, drawn beside its ends once z has settled.
 * @param {View} view @param {{dimension: number, low: HTMLCanvasElement, high: HTMLCanvasElement}[]} rows
 * @returns {() => void} to call when z has changed
 */
function ends(view, rows) {
  let timer = 0, stop = () => {}, begun = false;
  const draw = () => {
    stop = inChunks(view, 2 * rows.length, (step) => {
      const { dimension, low, high } = rows[Math.floor(step / 2)], [canvas, z] = step % 2 ? [high, LIMIT] : [low, -LIMIT];
      paint(canvas, decode(view.decoder, view.z.with(dimension, z)), view.size);
    });
  };
  view.signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    stop();
    clearTimeout(timer);
    if (begun) timer = setTimeout(draw, ENDS_MS);
    else draw(); // at once, since z may not settle for long where a walk is on
    begun = true;
  };
}

/** @param {View} view @param {number} dimension @param {number} most the largest KL */
function slider(view, dimension, most) {
  const { text } = view, kl = view.kl[dimension], name = view.names[dimension] && text.named(view.names[dimension]);
  const id = `vae-${Math.random().toString(36).slice(2)}`;
  const input = h("input", { id, type: "range", min: -LIMIT, max: LIMIT, step: STEP });
  const band = h("span", { class: "band" }), output = h("output", { for: id, "aria-live": "off" });
  const label = h("label", { for: id }, name ? `${name} ` : "", h("i", {}, "z", h("sub", {}, String(dimension))));
  const what = h("div", { class: "what" }, label);
  if (kl !== undefined) {
    input.setAttribute("aria-describedby", `${id}-kl`);
    const unseen = (/** @type {string} */ words) => h("span", { class: "unseen" }, words);
    const attributes = { class: "kl", id: `${id}-kl`, style: `--part: ${kl / (most || 1)}` };
    what.append(h("span", attributes, unseen("KL "), kl.toFixed(2), unseen(` ${text.nats}`)));
  }
  const [low, high] = [-1, 1].map(() => picture(view.size, { "aria-hidden": "true" }));
  const track = h("span", { class: "track" }, h("span", { class: "scale" }, band), input);
  const element = h("div", { class: "slider" }, what, low, track, high, output);
  const set = (/** @type {number} */ z) => view.move(view.z.with(dimension, z), (text) => text.byHand, view.band);
  const show = () => void (input.value = String(view.z[dimension]));
  followed(input, set, show);
  let z = NaN, spread = view.band;
  return {
    element, dimension, low, high,
    update() {
      if (z === view.z[dimension] && spread === view.band) return;
      [z, spread] = [view.z[dimension], view.band];
      const shown = number(z), outside = Math.abs(z) > LIMIT;
      show();
      input.setAttribute("aria-valuetext", outside ? `${shown} (${text.beyond})` : shown);
      output.value = shown;
      element.classList.toggle("beyond", outside);
      band.hidden = !spread;
      if (spread) placeBand(band, spread.mean[dimension], spread.sigma[dimension]);
    },
  };
}

/**
 * Tell of a range's new values. A browser moves it as soon as a finger touches it, also when the finger only wants to scroll the page; so
 * until the finger goes sideways or is lifted, what it seems to set is taken back.
 * @param {HTMLInputElement} input @param {(value: number) => void} set @param {() => void} show sets the input to what holds
 */
export function followed(input, set, show) {
  /** @type {number | null} where a finger came down that has not gone sideways yet */
  let down = null;
  let wanted = NaN;
  const end = (/** @type {boolean} */ taken) => {
    if (down !== null && taken && !Number.isNaN(wanted)) set(wanted);
    down = null;
  };
  input.addEventListener("pointerdown", (event) => {
    down = event.pointerType === "touch" ? event.clientX : null;
    wanted = NaN;
  });
  input.addEventListener("pointermove", (event) => {
    if (down !== null && Math.abs(event.clientX - down) > SLOP) end(true);
  });
  input.addEventListener("pointerup", () => end(true));
  input.addEventListener("pointercancel", () => {
    end(false);
    show();
  });
  input.addEventListener("input", () => {
    wanted = input.valueAsNumber;
    if (down === null) set(wanted);
    else show();
  });
}

/** @param {HTMLElement} band @param {number} mean @param {number} sigma */
function placeBand(band, mean, sigma) {
  const share = (/** @type {number} */ z) => (50 * (clamp(z, LIMIT) + LIMIT)) / LIMIT;
  band.style.left = `${share(mean - 2 * sigma)}%`;
  band.style.right = `${100 - share(mean + 2 * sigma)}%`;
}

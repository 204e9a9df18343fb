/** @import {Digit, View} from "./types.js" */
import { button, h } from "./draw.js";
import { digitAt } from "./gallery.js";

const FARTHEST = 20; // from 0, for a number in a link

/** What a link says of z: which digit's mean it is, or its numbers to two decimals. @param {number[]} z @param {readonly Digit[]} digits */
export function written(z, digits) {
  const digit = digitAt(digits, z);
  return digit ? `digit:${digits.indexOf(digit)}` : `z:${z.map((x) => Math.round(100 * x) / 100).join(",")}`;
}

/** A class stands before them, where there are classes. @param {View} view */
const said = ({ z, digits, kind, sizes }) => (sizes.classes ? `${kind}/` : "") + written(z, digits);

/**
 * The class of a link's words, and the others, none if that is no class.
 * @param {string} words @param {number} classes how many there are @returns {{kind: number, rest: string}}
 */
export function apart(words, classes) {
  if (!classes) return { kind: 0, rest: words };
  const [, kind, rest] = /^(\d{1,3})\/(.*)$/.exec(words) ?? [];
  return Number(kind) < classes ? { kind: Number(kind), rest } : { kind: 0, rest: "" };
}

/**
 * The z of a link's words, which may be anybody's.
 * @param {string} words @param {number} count of numbers in z @param {readonly Digit[]} digits
 * @returns {number[] | null} null if they make no sense
 */
export function read(words, count, digits) {
  const digit = /^digit:(\d{1,3})$/.exec(words)?.[1];
  if (digit) return digits[Number(digit)] ? [...digits[Number(digit)].mean] : null;
  const numbers = words.startsWith("z:") ? words.slice(2).split(",") : [];
  const z = numbers.filter((each) => /^-?\d{1,2}(\.\d{1,6})?$/.test(each)).map(Number);
  return numbers.length === count && z.length === count && z.every((x) => Math.abs(x) <= FARTHEST) ? z : null;
}

/**
 * A button that copies a link to what is shown, and a note on what came of it. Only where the host keeps the value `shared` in the address.
 * @param {View} view @returns {HTMLElement[]}
 */
export function link(view) {
  const { model, text, signal } = view, note = h("p", { class: "note", role: "status" });
  if (typeof model.get("shared") !== "string") return [];
  const address = h("input", { class: "address", readonly: "", "aria-label": text.address });
  const open = () => {
    const words = model.get("shared");
    if (!words || words === said(view)) return;
    const { kind, rest } = apart(words, view.sizes.classes ?? 0);
    const z = read(rest, view.z.length, view.digits), digit = z && digitAt(view.digits, z);
    note.textContent = z ? "" : text.badLink;
    if (!z) return;
    view.turn(kind);
    view.move(z, (text) => (digit ? text.byDigit(digit.label) : text.byLink), digit);
  };
  const copy = async () => {
    model.set("shared", said(view));
    try {
      await navigator.clipboard.writeText(location.href);
      note.textContent = location.protocol === "file:" ? text.copiedFile : text.copied;
    } catch {
      address.value = location.href;
      note.replaceChildren(text.notCopied, address);
      address.select();
    }
  };
  model.on("change:shared", open);
  signal.addEventListener("abort", () => model.off("change:shared", open));
  open();
  return [button(text.copy, copy), note];
}

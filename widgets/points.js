/** @import {Digit, Point, View} from "./types.js" */
import { COLORS } from "./colors.js";
import { brush, h } from "./draw.js";
import { LIMIT } from "./limits.js";
import { asBytes } from "./quantize.js";

const WIDE = 900, DOT = 5; // across the map and a point's radius, in pixels
const NEAR = 0.15, AROUND = 0.4, APART = 0.55; // in z: a point that is meant, those around one, and from name to name
const FOREIGN = 0.3; // how much a point of another class counts against a place

/**
 * The points of a map: two bytes for z from end to end of the plane, and one for the digit in the gallery that it is like.
 * @param {any} buffer @param {readonly Digit[]} digits @returns {Point[] | null} null if they make no sense
 */
export function unpackPoints(buffer, digits) {
  const bytes = asBytes(buffer), points = [];
  if (bytes.length % 3) return null;
  for (let i = 0; i < bytes.length; i += 3) {
    const [x, y] = [bytes[i], bytes[i + 1]].map((byte) => LIMIT * (2 * byte / 255 - 1)), digit = digits[bytes[i + 2]];
    if (!digit) return null;
    points.push({ x, y, label: digit.label, kind: bytes[i + 2] });
  }
  return points;
}

/** @param {Point} a @param {Point} b */
const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/**
 * The nearest point to a place, if it is near at all.
 * @param {readonly Point[]} points @param {number} x @param {number} y @returns {Point | null}
 */
export function near(points, x, y) {
  let found = null, least = NEAR;
  for (const point of points) {
    const distance = Math.hypot(point.x - x, point.y - y);
    if (distance < least) [found, least] = [point, distance];
  }
  return found;
}

/**
 * For each class the point that stands most among its like and least among others, where its name is to be written, but not upon
 * another name.
 * @param {readonly Point[]} points @returns {Point[]}
 */
export function centers(points) {
  /** @type {Map<number, {point: Point, score: number}[]>} */
  const kinds = new Map();
  for (const point of points) {
    let score = 0;
    for (const other of points) if (apart(point, other) < AROUND) score += other.kind === point.kind ? 1 : -FOREIGN;
    kinds.set(point.kind, [...(kinds.get(point.kind) ?? []), { point, score }]);
  }
  /** @type {Point[]} */
  const found = [];
  const most = (/** @type {{score: number}[]} */ all) => Math.max(...all.map(({ score }) => score));
  for (const all of [...kinds.values()].sort((a, b) => most(b) - most(a))) {
    const free = all.filter(({ point }) => found.every((other) => apart(point, other) > APART));
    found.push((free.length ? free : all).reduce((best, each) => (each.score > best.score ? each : best)).point);
  }
  return found;
}

/** The points, and the names of their classes, on a canvas that is laid over the decoded plane. @param {View} view */
export function scatter({ points, size }) {
  const tall = Math.round(WIDE * size.height / size.width);
  const canvas = h("canvas", { class: "points", width: WIDE, height: tall, "aria-hidden": "true" });
  const pen = brush(canvas), place = (/** @type {Point} */ { x, y }) => [(1 + x / LIMIT) * WIDE / 2, (1 - y / LIMIT) * tall / 2];
  const color = (/** @type {Point} */ { kind }) => COLORS[kind % COLORS.length];
  for (const point of points) {
    const [x, y] = place(point);
    pen.fillStyle = color(point);
    pen.beginPath();
    pen.arc(x, y, DOT, 0, 2 * Math.PI);
    pen.fill();
  }
  Object.assign(pen, { font: "bold 56px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  Object.assign(pen, { lineWidth: 12, lineJoin: "round", strokeStyle: "#000" });
  for (const point of centers(points)) {
    const [x, y] = place(point);
    pen.fillStyle = color(point);
    pen.strokeText(point.label, x, y);
    pen.fillText(point.label, x, y);
  }
  return canvas;
}

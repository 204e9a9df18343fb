/** What is seen of the network while it is trained. */
/** @import {Snapshot} from "./trainer.js" */
/** @import {Words} from "./words.js" */
import { COLORS } from "../colors.js";
import { h } from "../draw.js";
import { SHOWN, TILES } from "./trainer.js";

/**
 * @typedef {{epoch: number, loss: number, reconstruction: number, kl: number, plain: boolean}} Point
 * @typedef {{element: HTMLElement, update(snapshot: Snapshot, trail: readonly Point[], labels: Uint8Array): void}} Panel
 */

const SIDE = 14, MAP = 420, WIDTH = 300, HEIGHT = 190, LEFT = 26, RIGHT = 6, TOP = 6, BOTTOM = 20;
// Below 30 nats no network of this size comes; above 80 it knows less than the mean image
const LEAST = 30, MOST = 80, RATES = [4, 8, 16, 32, 64];

/** @param {string} name @param {Record<string, string | number>} attributes @param {(Node | string)[]} children */
function s(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** @param {number} width @param {number} height @param {string} label */
const canvas = (width, height, label) => h("canvas", { class: "picture", width, height, role: "img", "aria-label": label });

/** @param {HTMLCanvasElement} picture @returns {CanvasRenderingContext2D} */
const brush = (picture) => /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));

/** Images side by side. @param {HTMLCanvasElement} picture @param {Uint8Array} greys @param {number} columns */
function tiles(picture, greys, columns) {
  const rows = greys.length / (columns * SIDE * SIDE), width = columns * SIDE, image = new ImageData(width, rows * SIDE);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < greys.length; i++) {
    const tile = Math.floor(i / (SIDE * SIDE)), y = Math.floor(i / SIDE) % SIDE, x = i % SIDE;
    words[(Math.floor(tile / columns) * SIDE + y) * width + (tile % columns) * SIDE + x] = 0xff000000 + 0x010101 * greys[i];
  }
  if (picture.height !== rows * SIDE) picture.height = rows * SIDE;
  brush(picture).putImageData(image, 0, 0);
}

/** @param {Words} words @returns {Panel} */
export function map(words) {
  const picture = canvas(MAP, MAP, words.map), caption = h("figcaption", {}, words.map), where = h("figcaption", { class: "where" });
  return {
    element: h("figure", { class: "map" }, picture, caption, where),
    update({ means, latent, axes, reach }, _, labels) {
      const pen = brush(picture), at = (/** @type {number} */ z) => MAP / 2 * (1 + z / reach), line = axes.length === 1;
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, MAP, MAP);
      pen.strokeStyle = "#8a8a8a";
      for (const sigmas of [1, 2]) {
        pen.beginPath();
        if (line) for (const z of [-sigmas, sigmas]) pen.moveTo(at(z), 0), pen.lineTo(at(z), MAP);
        else pen.arc(at(0), at(0), sigmas * MAP / 2 / reach, 0, 2 * Math.PI);
        pen.stroke();
      }
      Object.assign(pen, { font: "bold 13px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
      labels.forEach((label, i) => {
        pen.fillStyle = COLORS[label];
        const y = line ? MAP * (label + 0.5) / 10 : at(-means[i * latent + axes[1]]);
        pen.fillText(String(label), at(means[i * latent + axes[0]]), y);
      });
      caption.textContent = line ? words.lineMap : words.map;
      where.textContent = words.plane(axes, reach);
    },
  };
}

/** @param {Words} words @returns {Panel} */
export function manifold(words) {
  const picture = canvas(TILES * SIDE, TILES * SIDE, words.manifold), caption = h("figcaption", {}, words.manifold);
  return {
    element: h("figure", { class: "manifold" }, picture, caption),
    update({ manifold: greys, axes, latent }) {
      tiles(picture, greys, TILES);
      caption.textContent = (axes.length === 1 ? words.lineManifold : words.manifold) + (latent > 2 ? ` (${words.others})` : "");
    },
  };
}

/** @param {Words} words @returns {Panel} */
export function images(words) {
  /** @type {("originals" | "rebuilt" | "samples")[]} */
  const names = ["originals", "rebuilt", "samples"];
  const rows = names.map((name) => ({ name, picture: canvas(SHOWN * SIDE, SIDE, words[name]) }));
  return {
    element: h("div", { class: "images" }, ...rows.map(({ name, picture }) => h("figure", {}, h("figcaption", {}, words[name]), picture))),
    update(snapshot) {
      for (const { name, picture } of rows) tiles(picture, snapshot[name], SHOWN);
    },
  };
}

/** A grid with numbers at its lines, for SVG. @param {number[]} xs @param {number[]} ys @param {(x: number) => number} toX @param {(y: number) => number} toY */
const grid = (xs, ys, toX, toY) => [
  ...ys.flatMap((y) => [s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: toY(y), y2: toY(y) }),
    s("text", { x: LEFT - 4, y: toY(y) + 4, "text-anchor": "end" }, String(y))]),
  ...xs.map((x) => s("text", { x: toX(x), y: HEIGHT - 5, "text-anchor": "middle" }, String(x))),
];

/** @param {number} y nats */
const toY = (y) => TOP + (HEIGHT - TOP - BOTTOM) * (MOST - Math.max(LEAST, Math.min(MOST, y))) / (MOST - LEAST);
const NATS = [30, 40, 50, 60, 70, 80];

/** @param {number} longest @returns {number[]} round numbers from 0 to `longest`, four to six of them */
function ticks(longest) {
  const rough = longest / 5, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= rough) ?? 10 * power;
  return Array.from({ length: Math.floor(longest / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** @param {Words} words @returns {Panel} */
export function curve(words) {
  const axes = s("g", { class: "axes" }), band = s("path", { class: "band" }), line = s("path", { class: "line" });
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words.curve }, axes, band, line);
  const [below, above] = words.curveKeys;
  const keys = [h("span", { class: "key line" }, below), h("span", { class: "key band" }, above)];
  return {
    element: h("figure", { class: "curve" }, picture, h("figcaption", {}, words.curve, ...keys)),
    update(snapshot, trail) {
      const longest = Math.max(5, snapshot.epoch), toX = (/** @type {number} */ x) => LEFT + (WIDTH - LEFT - RIGHT - 8) * x / longest;
      const along = (/** @type {readonly Point[]} */ points, /** @type {"loss" | "reconstruction"} */ name) =>
        points.map((point) => `${toX(point.epoch).toFixed(1)},${toY(point[name]).toFixed(1)}`).join("L");
      axes.replaceChildren(...grid(ticks(longest), NATS, toX, toY));
      line.setAttribute("d", trail.length ? `M${along(trail, "reconstruction")}` : "");
      band.setAttribute("d", trail.length ? `M${along(trail, "reconstruction")}L${along([...trail].reverse(), "loss")}Z` : "");
    },
  };
}

/** @param {Words} words @returns {Panel} */
export function tradeoff(words) {
  const axes = s("g", { class: "axes" }), line = s("path", { class: "line" }), dots = s("path", { class: "dots" }), now = s("circle", { r: 5 });
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words.tradeoff }, axes, line, dots, now);
  const note = h("span", {});
  return {
    element: h("figure", { class: "tradeoff" }, picture, h("figcaption", {}, words.tradeoff, " ", note)),
    update(snapshot, trail) {
      const points = trail.filter(({ plain }) => !plain), most = Math.max(0, ...points.slice(-200).map(({ kl }) => kl));
      const far = RATES.find((rate) => rate >= most) ?? RATES[RATES.length - 1];
      const toX = (/** @type {number} */ x) => LEFT + (WIDTH - LEFT - RIGHT - 8) * Math.min(1, x / far);
      axes.replaceChildren(...grid(ticks(far), NATS, toX, toY));
      let d = "", marks = "";
      trail.forEach((point, i) => {
        if (point.plain) return;
        const place = `${toX(point.kl).toFixed(1)},${toY(point.reconstruction).toFixed(1)}`;
        d += (i && !trail[i - 1].plain ? "L" : "M") + place;
        marks += `M${place}h0`;
      });
      line.setAttribute("d", d);
      dots.setAttribute("d", marks);
      now.toggleAttribute("hidden", snapshot.settings.plain);
      now.setAttribute("cx", String(toX(snapshot.kl)));
      now.setAttribute("cy", String(toY(snapshot.reconstruction)));
      note.textContent = snapshot.settings.plain ? words.noRate : "";
    },
  };
}

/** @import {Phrase} from "./types.js" */
import { inLanguages } from "./language.js";
import { ACTIVE_KL, LIMIT } from "./limits.js";

const EN = {
  space: " ", named: (/** @type {import("./types.js").Name} */ { en }) => en,
  explorer: "Latent-space explorer", sample: "Prior sample", zero: "Zero", walk: "Walk", stop: "Stop",
  path: "From one digit to another", from: "From digit", to: "To digit", position: "How far along the way",
  still: "The walk is off, because your system asks for reduced motion.",
  gallery: "Ten test digits", digit: (/** @type {string} */ label) => `Digit ${label}`, sliders: "Latent variables",
  ordered: "Dimensions ordered by their KL in nats.", bands: "Bands show a posterior’s mean ± 2σ.", nats: "nats",
  names: "A name says what a dimension goes with most, as chapter 5 measures it.",
  unnamed: (/** @type {number} */ count) => `${count} more dimension${count > 1 ? "s" : ""}, without a simple name`,
  inactive: (/** @type {number} */ count) => `${count} inactive dimension${count > 1 ? "s" : ""}, with a KL below ${ACTIVE_KL} nats`,
  beyond: "beyond the slider", pad: "Plane of the two latent variables: the arrow keys move z",
  map: `Images decoded across the plane: z0 to the right, z1 upwards, from −${LIMIT} to ${LIMIT}. Click, drag, or use arrow keys.`,
  copy: "Copy link", copied: "The link to this z is copied.",
  copiedFile: "The link is copied. It leads to this file, so it works on this computer alone.",
  notCopied: "The browser does not let this page copy. Copy the link from here:", address: "Link to this z",
  badLink: "What the link says does not fit this model and is left out.", byLink: "Set by the link",
  draw: "Draw your own digit", sheet: "Drawing area", clear: "Clear", input: "What the encoder sees", output: "Reconstruction",
  posterior: "What the encoder makes of it", original: "Original", again: "Draw z again", byDraw: "A draw from the posterior",
  curves: "The encoder’s Gaussian in each dimension, before the prior’s in gray. The dot is z = μ + σε; “Draw z again” draws new noise ε.",
  spread: (/** @type {string} */ least, /** @type {string} */ most) =>
    `Gaussians with σ from ${least} to ${most}, each beside the prior’s with σ = 1`,
  how: "Write a large digit with a mouse, a pen or a finger. It is centred and scaled as MNIST’s digits are.",
  keys: "By keyboard, choose one of the test digits instead.",
  loading: "The encoder is loading.",
  showPoints: (/** @type {string} */ count) => `Show ${count} test digits`,
  points: "Each point is a test digit at its posterior mean. A large figure names their color, and stands among its kind.",
  testDigit: (/** @type {string} */ label) => `Test digit ${label}`, nearDigit: (/** @type {string} */ label) => `Near a test digit ${label}`,
  touring: "On a walk from digit to digit, until you touch anything here.",
  dial: "Digit dial", faces: "Every digit in the same style. Choose one with a click or the arrow keys.",
  inClass: (/** @type {string} */ kind, /** @type {string} */ source) => `Digit ${kind}. ${source}`,
  byZero: "z = 0", byPrior: "A sample from the prior", byHand: "Set by hand", byHost: "Set by the program",
  byDrawing: "The posterior mean of your drawing",
  byDigit: (/** @type {string} */ label) => `The posterior mean of digit ${label}`,
  walking: (/** @type {string} */ a, /** @type {string} */ b) => `On the way between ${a} and ${b}. Escape stops the walk.`,
  walked: (/** @type {string} */ a, /** @type {string} */ b) => `Between ${a} and ${b}`,
  point: (/** @type {string} */ source, /** @type {string[]} */ z) => `${source}; z = (${z.join(", ")}).`,
  length: (/** @type {string} */ source, /** @type {string} */ norm, /** @type {string} */ usual) =>
    `${source}; ‖z‖ = ${norm}, under the prior about ${usual}.`,
  image: (/** @type {string} */ state) => `Decoded image. ${state}`,
  badSizes: "The explorer cannot start: the sizes of the model are missing or make no sense.",
  badBytes: (/** @type {string} */ name, /** @type {number} */ got, /** @type {number} */ needed) =>
    `The weights of the ${name} are incomplete: ${got} bytes arrived, ${needed} are needed. Reload them.`,
  badNumbers: (/** @type {string} */ name) => `The weights of the ${name} are not all finite numbers. Did its training diverge?`,
  badZ: (/** @type {number} */ count) => `z must be a list of ${count} finite numbers. The last good one is shown.`,
  badGallery: "The test digits are left out: they do not fit the model.",
  badPoints: "The points of the map are left out: they do not fit the model.",
  badKl: "The KL is left out: it does not have one number for each dimension.",
  broken: (/** @type {string} */ message) => `The explorer cannot start: ${message}`,
  decoder: "decoder", encoder: "encoder",
};
/** @typedef {typeof EN} Text */

/** @type {Text} */
const ZH = {
  space: "", named: ({ zh }) => zh,
  explorer: "潜空间探索器", sample: "从先验采样", zero: "归零", walk: "漫步", stop: "停止",
  path: "从一个数字到另一个", from: "起点数字", to: "终点数字", position: "走了多远",
  still: "系统已设为减弱动态效果，漫步停用。",
  gallery: "十个测试数字", digit: (label) => `数字${label}`, sliders: "潜变量",
  ordered: "各维按KL（单位：奈特）从大到小排列。", bands: "色带表示近似后验的均值±2σ。", nats: "奈特",
  names: "名称是与这一维最相关的量，由第5章测得。",
  unnamed: (count) => `其余${count}维，没有简单的名称`,
  inactive: (count) => `${count}个不活跃的维（KL小于${ACTIVE_KL}奈特）`,
  beyond: "超出滑块范围", pad: "两个潜变量张成的平面：用方向键移动z",
  map: `潜变量平面各处解码出的图像：z0向右，z1向上，范围都是−${LIMIT}到${LIMIT}。可点按、拖动，也可用方向键。`,
  copy: "复制链接", copied: "已复制指向当前z的链接。", copiedFile: "已复制链接。它指向这个文件，只在这台电脑上有效。",
  notCopied: "浏览器不允许本页复制，请从这里复制：", address: "指向当前z的链接",
  badLink: "链接里的内容与模型不符，未予采用。", byLink: "由链接设定",
  draw: "自己写一个数字", sheet: "手写区", clear: "清除", input: "编码器看到的图像", output: "重构",
  posterior: "编码器怎样看它", original: "原图", again: "重新采样z", byDraw: "近似后验的一个样本",
  curves: "编码器在每一维给出的高斯分布，灰线是先验。圆点是z=μ+σε，点“重新采样z”，就重新抽取噪声ε。",
  spread: (least, most) => `σ从${least}到${most}的高斯分布，背后各有σ=1的先验`,
  how: "用鼠标、触控笔或手指写一个大大的数字，它会像MNIST的数字一样居中、缩放。",
  keys: "用键盘时，可改选一个测试数字。",
  loading: "正在载入编码器。",
  showPoints: (count) => `显示${count}幅测试数字`,
  points: "每个点是一幅测试数字的近似后验均值。大字说明颜色代表哪一类，写在同类之中。",
  testDigit: (label) => `测试数字${label}`, nearDigit: (label) => `附近是测试数字${label}`,
  touring: "正在数字之间漫步，碰一下这里的任何地方就停。",
  dial: "数字转盘", faces: "同一种风格的各个数字：点按选择，也可用方向键。",
  inClass: (kind, source) => `数字${kind}。${source}`,
  byZero: "z=0", byPrior: "先验的一个样本", byHand: "手动设定", byHost: "由程序设定", byDrawing: "手写数字的近似后验均值",
  byDigit: (label) => `数字${label}的近似后验均值`,
  walking: (a, b) => `正在${a}与${b}之间漫步，按Esc键停止。`,
  walked: (a, b) => `${a}与${b}之间`,
  point: (source, z) => `${source}；z=(${z.join(",")})。`,
  length: (source, norm, usual) => `${source}；‖z‖=${norm}，先验下约为${usual}。`,
  image: (state) => `解码得到的图像。${state}`,
  badSizes: "探索器无法启动：缺少模型的尺寸，或尺寸不合理。",
  badBytes: (name, got, needed) => `${name}的权重不完整：应有${needed}字节，只收到${got}字节。请重新载入。`,
  badNumbers: (name) => `${name}的权重含有NaN或无穷。训练是否发散了？`,
  badZ: (count) => `z应是${count}个有限的数。图中仍是上一个有效的z。`,
  badGallery: "测试数字与模型不符，未予显示。",
  badPoints: "地图上的点与模型不符，未予显示。",
  badKl: "KL的个数与潜变量的维数不符，未予显示。",
  broken: (message) => `探索器无法启动：${message}`,
  decoder: "解码器", encoder: "编码器",
};

export const TEXTS = inLanguages(ZH, EN);

/** What is wrong with the data, said in the reader's language. */
export class Problem extends Error {
  /** @param {Phrase} phrase */
  constructor(phrase) {
    super(phrase(EN));
    this.phrase = phrase;
  }
}

/** @param {number} x @returns {string} */
export const number = (x) => x.toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", "−");

/**
 * A whole sentence, and in an edition with both languages two: a part of one may be a sentence's too, which would then stand there twice.
 * @param {Phrase} phrase @param {Text} text @returns {string}
 */
export const say = (phrase, text) => (text === TEXTS.both ? `${phrase(ZH)} ${phrase(EN)}` : phrase(text));

/** @param {unknown} error @param {Text} text @returns {string} */
export const explain = (error, text) => (error instanceof Problem ? say(error.phrase, text) : text.broken(String(error)));

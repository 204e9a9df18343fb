// Made from widgets/ by `make widgets`; change it there.

// widgets/draw.js
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
function button(label, act) {
  const element = h("button", { type: "button" }, label);
  element.addEventListener("click", act);
  return element;
}
var picture = (size, attributes) => h("canvas", { class: "picture", ...size, style: `--ratio: ${size.width / size.height}`, ...attributes });
var brush = (canvas) => (
  /** @type {CanvasRenderingContext2D} */
  canvas.getContext("2d", { willReadFrequently: true })
);
function paint(canvas, image, { width, height }, x = 0, y = 0) {
  const grey = new ImageData(width, height), words = new Uint32Array(grey.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = 4278190080 + 65793 * Math.round(image[i] * 255);
  brush(canvas).putImageData(grey, x, y);
}
function place(event, element) {
  const box = element.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}
function dragged(element, act) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    act(event, true);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) act(event, false);
  });
}

// widgets/limits.js
var LIMIT = 4;
var STEP = 0.05;
var ACTIVE_KL = 0.1;

// widgets/language.js
var TAGS = { zh: "zh-Hans", en: "en", both: "zh-Hans" };
function languageFor(lang, both, notebook, browser) {
  if (both) return "both";
  return /^zh\b/i.test(notebook || !lang ? browser : lang) ? "zh" : "en";
}
function languageOf(element) {
  const lang = element.closest("[lang]")?.getAttribute("lang") ?? "", both = document.documentElement.classList.contains("both");
  return languageFor(lang, both, document.body.hasAttribute("data-jp-theme-light"), navigator.language);
}
var pair = (zh, en) => {
  if (typeof zh === "function") return (...given) => pair(zh(...given), en(...given));
  if (Array.isArray(zh)) return zh.map((each, i) => pair(each, en[i]));
  return zh ? `${zh} ${en}` : en;
};
var inLanguages = (zh, en) => {
  const both = Object.fromEntries(Object.entries(zh).map(([key, words]) => [key, pair(words, en[key])]));
  return { zh, en, both: (
    /** @type {W} */
    both
  ) };
};

// widgets/strings.js
var EN = {
  space: " ",
  named: ({ en }) => en,
  explorer: "Latent-space explorer",
  sample: "Prior sample",
  zero: "Zero",
  walk: "Walk",
  stop: "Stop",
  path: "From one digit to another",
  from: "From digit",
  to: "To digit",
  position: "How far along the way",
  still: "The walk is off, because your system asks for reduced motion.",
  gallery: "Ten test digits",
  digit: (label) => `Digit ${label}`,
  sliders: "Latent variables",
  ordered: "Dimensions ordered by their KL in nats.",
  bands: "Bands show a posterior’s mean ± 2σ.",
  nats: "nats",
  names: "A name says what a dimension goes with most, as chapter 5 measures it.",
  unnamed: (count) => `${count} more dimension${count > 1 ? "s" : ""}, without a simple name`,
  inactive: (count) => `${count} inactive dimension${count > 1 ? "s" : ""}, with a KL below ${ACTIVE_KL} nats`,
  beyond: "beyond the slider",
  pad: "Plane of the two latent variables: the arrow keys move z",
  map: `Images decoded across the plane: z0 to the right, z1 upwards, from −${LIMIT} to ${LIMIT}. Click, drag, or use arrow keys.`,
  copy: "Copy link",
  copied: "The link to this z is copied.",
  copiedFile: "The link is copied. It leads to this file, so it works on this computer alone.",
  notCopied: "The browser does not let this page copy. Copy the link from here:",
  address: "Link to this z",
  badLink: "What the link says does not fit this model and is left out.",
  byLink: "Set by the link",
  draw: "Draw your own digit",
  sheet: "Drawing area",
  clear: "Clear",
  input: "What the encoder sees",
  output: "Reconstruction",
  posterior: "What the encoder makes of it",
  original: "Original",
  again: "Draw z again",
  byDraw: "A draw from the posterior",
  curves: "The encoder’s Gaussian in each dimension, before the prior’s in gray. The dot is z = μ + σε; “Draw z again” draws new noise ε.",
  spread: (least, most) => `Gaussians with σ from ${least} to ${most}, each beside the prior’s with σ = 1`,
  how: "Write a large digit with a mouse, a pen or a finger. It is centred and scaled as MNIST’s digits are.",
  keys: "By keyboard, choose one of the test digits instead.",
  loading: "The encoder is loading.",
  showPoints: (count) => `Show ${count} test digits`,
  points: "Each point is a test digit at its posterior mean. A large figure names their color, and stands among its kind.",
  testDigit: (label) => `Test digit ${label}`,
  nearDigit: (label) => `Near a test digit ${label}`,
  touring: "On a walk from digit to digit, until you touch anything here.",
  dial: "Digit dial",
  faces: "Every digit in the same style. Choose one with a click or the arrow keys.",
  inClass: (kind, source) => `Digit ${kind}. ${source}`,
  byZero: "z = 0",
  byPrior: "A sample from the prior",
  byHand: "Set by hand",
  byHost: "Set by the program",
  byDrawing: "The posterior mean of your drawing",
  byDigit: (label) => `The posterior mean of digit ${label}`,
  walking: (a, b) => `On the way between ${a} and ${b}. Escape stops the walk.`,
  walked: (a, b) => `Between ${a} and ${b}`,
  point: (source, z) => `${source}; z = (${z.join(", ")}).`,
  length: (source, norm, usual) => `${source}; ‖z‖ = ${norm}, under the prior about ${usual}.`,
  image: (state) => `Decoded image. ${state}`,
  badSizes: "The explorer cannot start: the sizes of the model are missing or make no sense.",
  badBytes: (name, got, needed) => `The weights of the ${name} are incomplete: ${got} bytes arrived, ${needed} are needed. Reload them.`,
  badNumbers: (name) => `The weights of the ${name} are not all finite numbers. Did its training diverge?`,
  badZ: (count) => `z must be a list of ${count} finite numbers. The last good one is shown.`,
  badGallery: "The test digits are left out: they do not fit the model.",
  badPoints: "The points of the map are left out: they do not fit the model.",
  badKl: "The KL is left out: it does not have one number for each dimension.",
  broken: (message) => `The explorer cannot start: ${message}`,
  decoder: "decoder",
  encoder: "encoder"
};
var ZH = {
  space: "",
  named: ({ zh }) => zh,
  explorer: "潜空间探索器",
  sample: "从先验采样",
  zero: "归零",
  walk: "漫步",
  stop: "停止",
  path: "从一个数字到另一个",
  from: "起点数字",
  to: "终点数字",
  position: "走了多远",
  still: "系统已设为减弱动态效果，漫步停用。",
  gallery: "十个测试数字",
  digit: (label) => `数字${label}`,
  sliders: "潜变量",
  ordered: "各维按KL（单位：奈特）从大到小排列。",
  bands: "色带表示近似后验的均值±2σ。",
  nats: "奈特",
  names: "名称是与这一维最相关的量，由第5章测得。",
  unnamed: (count) => `其余${count}维，没有简单的名称`,
  inactive: (count) => `${count}个不活跃的维（KL小于${ACTIVE_KL}奈特）`,
  beyond: "超出滑块范围",
  pad: "两个潜变量张成的平面：用方向键移动z",
  map: `潜变量平面各处解码出的图像：z0向右，z1向上，范围都是−${LIMIT}到${LIMIT}。可点按、拖动，也可用方向键。`,
  copy: "复制链接",
  copied: "已复制指向当前z的链接。",
  copiedFile: "已复制链接。它指向这个文件，只在这台电脑上有效。",
  notCopied: "浏览器不允许本页复制，请从这里复制：",
  address: "指向当前z的链接",
  badLink: "链接里的内容与模型不符，未予采用。",
  byLink: "由链接设定",
  draw: "自己写一个数字",
  sheet: "手写区",
  clear: "清除",
  input: "编码器看到的图像",
  output: "重构",
  posterior: "编码器怎样看它",
  original: "原图",
  again: "重新采样z",
  byDraw: "近似后验的一个样本",
  curves: "编码器在每一维给出的高斯分布，灰线是先验。圆点是z=μ+σε，点“重新采样z”，就重新抽取噪声ε。",
  spread: (least, most) => `σ从${least}到${most}的高斯分布，背后各有σ=1的先验`,
  how: "用鼠标、触控笔或手指写一个大大的数字，它会像MNIST的数字一样居中、缩放。",
  keys: "用键盘时，可改选一个测试数字。",
  loading: "正在载入编码器。",
  showPoints: (count) => `显示${count}幅测试数字`,
  points: "每个点是一幅测试数字的近似后验均值。大字说明颜色代表哪一类，写在同类之中。",
  testDigit: (label) => `测试数字${label}`,
  nearDigit: (label) => `附近是测试数字${label}`,
  touring: "正在数字之间漫步，碰一下这里的任何地方就停。",
  dial: "数字转盘",
  faces: "同一种风格的各个数字：点按选择，也可用方向键。",
  inClass: (kind, source) => `数字${kind}。${source}`,
  byZero: "z=0",
  byPrior: "先验的一个样本",
  byHand: "手动设定",
  byHost: "由程序设定",
  byDrawing: "手写数字的近似后验均值",
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
  decoder: "解码器",
  encoder: "编码器"
};
var TEXTS = inLanguages(ZH, EN);
var Problem = class extends Error {
  /** @param {Phrase} phrase */
  constructor(phrase) {
    super(phrase(EN));
    this.phrase = phrase;
  }
};
var number = (x) => x.toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", "−");
var say = (phrase, text) => text === TEXTS.both ? `${phrase(ZH)} ${phrase(EN)}` : phrase(text);
var explain = (error, text) => error instanceof Problem ? say(error.phrase, text) : text.broken(String(error));

// widgets/network.js
var decoderShapes = ({ image_size, hidden_dim, latent_dim, classes = 0 }) => [[hidden_dim, latent_dim + classes], ...classes ? [
  /** @type {Shape} */
  [hidden_dim, hidden_dim]
] : [], [image_size, hidden_dim]];
var encoderShapes = ({ image_size, hidden_dim, latent_dim }) => [[hidden_dim, image_size], [latent_dim, hidden_dim], [latent_dim, hidden_dim]];
function checkSizes(sizes) {
  const { image_size, image_shape = [], hidden_dim, latent_dim, dtype, classes = 1 } = sizes ?? {}, [channels, height, width] = image_shape;
  const whole = [hidden_dim, latent_dim, height, width, classes].every((size) => Number.isSafeInteger(size) && size > 0);
  if (!whole || !["int8", "float32"].includes(dtype) || channels !== 1 || height * width !== image_size) {
    throw new Problem((text) => text.badSizes);
  }
  return sizes;
}
var isVector = (numbers, count) => Array.isArray(numbers) && numbers.length === count && numbers.every(Number.isFinite);
function checkZ(z, count) {
  if (!isVector(z, count)) throw new Problem((text) => text.badZ(count));
  return [...z];
}
function linear({ weight, bias }, x) {
  const out = new Float64Array(bias), rows = out.length, on = [];
  for (let column = 0; column < x.length; column++) if (x[column] !== 0) on.push(column);
  let i = 0;
  for (; i + 4 <= on.length; i += 4) {
    const a = x[on[i]], b = x[on[i + 1]], c = x[on[i + 2]], d = x[on[i + 3]];
    let atA = on[i] * rows, atB = on[i + 1] * rows, atC = on[i + 2] * rows, atD = on[i + 3] * rows;
    for (let row = 0; row < rows; row++) out[row] += a * weight[atA++] + b * weight[atB++] + c * weight[atC++] + d * weight[atD++];
  }
  for (; i < on.length; i++) {
    for (let row = 0, at = on[i] * rows; row < rows; row++) out[row] += x[on[i]] * weight[at++];
  }
  return out;
}
function relu(x) {
  for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
  return x;
}
function decode(decoder, z) {
  const logits = decoder.slice(1).reduce((x, layer) => linear(layer, relu(x)), linear(decoder[0], z));
  return new Float32Array(logits.map((x) => 1 / (1 + Math.exp(-x))));
}
function decodersOf([first, ...rest], { hidden_dim, latent_dim, classes }) {
  if (!classes) return [[first, ...rest]];
  return Array.from({ length: classes }, (_, kind) => {
    const told = (latent_dim + kind) * hidden_dim;
    return [{ weight: first.weight, bias: first.bias.map((b, i) => b + first.weight[told + i]) }, ...rest];
  });
}
function encode([fc1, fc2Mean, fc2Logvar], x) {
  const h2 = relu(linear(fc1, x));
  return { mean: [...linear(fc2Mean, h2)], logvar: [...linear(fc2Logvar, h2)] };
}
function ordering(kl, count) {
  const all = Array.from({ length: count }, (_, i) => i);
  if (!kl.length) return { active: all, inactive: [] };
  all.sort((a, b) => kl[b] - kl[a]);
  return { active: all.filter((i) => kl[i] >= ACTIVE_KL), inactive: all.filter((i) => kl[i] < ACTIVE_KL) };
}
var normal = (count, random = Math.random) => Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
var interpolate = (a, b, t) => a.map((x, i) => x + (b[i] - x) * t);
var clamp = (x, limit) => Math.max(-limit, Math.min(limit, x));

// widgets/dial.js
function dial(view) {
  const { text, size } = view, id = `vae-${Math.random().toString(36).slice(2)}`;
  const faces = view.decoders.map((decoder, kind) => {
    const image = picture(size, { "aria-hidden": "true" }), label = String(kind);
    const input = h("input", { type: "radio", name: id, "aria-label": text.digit(label) });
    input.addEventListener("change", () => view.turn(kind));
    return { decoder, image, input, element: h("label", { class: "face" }, input, image, label) };
  });
  return {
    element: h(
      "div",
      { class: "dial", role: "radiogroup", "aria-labelledby": id },
      h("p", { id, class: "note" }, text.faces),
      ...faces.map((face) => face.element)
    ),
    update() {
      for (const { decoder, image } of faces) paint(image, decode(decoder, view.z), size);
      faces[view.kind].input.checked = true;
    }
  };
}

// widgets/prepare.js
function prepare(pixels, width, height, across2 = 28, down = across2) {
  const out = new Float32Array(across2 * down), box = inkBox(pixels, width, height);
  if (!box) return out;
  const [wide, tall] = [box.right - box.left, box.bottom - box.top];
  const scale = Math.max(wide / Math.round(across2 * 20 / 28), tall / Math.round(down * 20 / 28));
  const columns = Math.ceil(wide / scale - 1e-9), rows = Math.ceil(tall / scale - 1e-9);
  const small = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const top = box.top + y * scale;
    for (let x = 0; x < columns; x++) small[y * columns + x] = area(pixels, width, height, box.left + x * scale, top, scale);
  }
  const mass = centre(small, columns), dx = Math.floor(across2 / 2) - Math.floor(mass.x), dy = Math.floor(down / 2) - Math.floor(mass.y);
  small.forEach((ink, i) => {
    const x = i % columns + dx, y = Math.floor(i / columns) + dy;
    if (x >= 0 && x < across2 && y >= 0 && y < down) out[y * across2 + x] = ink;
  });
  return out;
}
function inkBox(pixels, width, height) {
  let left = width, right = 0, top = height, bottom = 0;
  for (let i = 0; i < width * height; i++) {
    if (!(pixels[i] > 0)) continue;
    const x = i % width, y = (i - x) / width;
    left = Math.min(left, x), right = Math.max(right, x + 1), top = Math.min(top, y), bottom = y + 1;
  }
  return right && { left, right, top, bottom };
}
function area(pixels, width, height, left, top, size) {
  let sum = 0;
  for (let y = Math.floor(top); y < Math.min(height, top + size); y++) {
    const tall = Math.min(y + 1, top + size) - Math.max(y, top);
    for (let x = Math.floor(left); x < Math.min(width, left + size); x++) {
      sum += pixels[y * width + x] * tall * (Math.min(x + 1, left + size) - Math.max(x, left));
    }
  }
  return Math.min(1, sum / (size * size));
}
function centre(image, columns) {
  let mass = 0, x = 0, y = 0;
  image.forEach((ink, i) => {
    mass += ink;
    x += ink * (i % columns + 0.5);
    y += ink * (Math.floor(i / columns) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}

// widgets/quantize.js
function asBytes(buffer) {
  if (ArrayBuffer.isView(buffer)) return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array();
}
function unpack(buffer, shapes, dtype, name = "decoder") {
  const bytes = asBytes(buffer), size = dtype === "int8" ? 1 : 4;
  const vectors = dtype === "int8" ? 2 : 1;
  const needed = shapes.reduce((sum, [rows, columns]) => sum + rows * (columns * size + vectors * 4), 0);
  if (bytes.length !== needed) throw new Problem((text) => text.badBytes(text[name], bytes.length, needed));
  const layers = (dtype === "int8" ? fromInt8 : fromFloat32)(bytes.slice().buffer, shapes);
  if (!layers.every(({ weight, bias }) => weight.every(Number.isFinite) && bias.every(Number.isFinite))) {
    throw new Problem((text) => text.badNumbers(text[name]));
  }
  return layers;
}
function fromFloat32(buffer, shapes) {
  let at = 0;
  return shapes.map(([rows, columns]) => {
    const weight = new Float32Array(buffer, at, rows * columns), bias = new Float32Array(buffer, at + weight.byteLength, rows);
    at += weight.byteLength + bias.byteLength;
    return { weight: byColumn(weight, rows, columns), bias };
  });
}
function fromInt8(buffer, shapes) {
  let at = 0;
  const take = (count) => new Float32Array(buffer, (at += count * 4) - count * 4, count);
  const vectors = shapes.map(([rows]) => ({ scale: take(rows), bias: take(rows) }));
  return shapes.map(([rows, columns], i) => {
    const weight = byColumn(new Int8Array(buffer, at, rows * columns), rows, columns, vectors[i].scale);
    at += rows * columns;
    return { weight, bias: vectors[i].bias };
  });
}
function byColumn(weight, rows, columns, scale) {
  const turned = new Float32Array(rows * columns);
  for (let row = 0, from = 0; row < rows; row++) {
    const factor = scale ? scale[row] : 1;
    for (let to = row; to < turned.length; to += rows) turned[to] = weight[from++] * factor;
  }
  return turned;
}

// widgets/drawing.js
var SHEET = 280;
var PEN = 24;
function drawing(view) {
  const { text, size, model, signal } = view;
  const sheet = h("canvas", { class: "sheet", width: SHEET, height: SHEET, role: "img", "aria-label": text.sheet });
  const [input, output] = [text.input, text.output].map((words) => picture(size, { role: "img", "aria-label": words }));
  const status = h("p", { class: "note", role: "status" }), pen = brush(sheet);
  let encoder = null;
  const read2 = () => {
    const ink = new Float32Array(SHEET * SHEET), { data } = pen.getImageData(0, 0, SHEET, SHEET);
    for (let i = 0; i < ink.length; i++) ink[i] = data[4 * i + 3] / 255;
    const image = prepare(ink, SHEET, SHEET, size.width, size.height);
    paint(input, image, size);
    if (!encoder || !image.some(Boolean)) return paint(output, new Float32Array(image.length), size);
    const { mean, logvar } = encode(encoder, image), sigma = logvar.map((x) => Math.exp(x / 2));
    paint(output, decode(view.decoder, mean), size);
    view.move(mean, (text2) => text2.byDrawing, { mean, sigma, image });
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
      view.soon(read2);
    } catch (error) {
      status.textContent = explain(error, text);
    }
  };
  const clear = () => {
    pen.clearRect(0, 0, SHEET, SHEET);
    read2();
  };
  const caption = (words) => h("figcaption", { class: "note" }, words);
  const shown = [h("figure", {}, input, caption(text.input)), h("figure", {}, output, caption(text.output))];
  const how = h("p", { class: "note" }, text.how + (view.digits.length ? text.space + text.keys : ""));
  const left = h("div", {}, sheet, button(text.clear, clear)), right = h("div", { class: "both" }, ...shown, status);
  const folded = h("details", { class: "drawing" }, h("summary", {}, text.draw), how, h("div", { class: "sheets" }, left, right));
  strokes(sheet, pen, () => view.soon(read2));
  folded.addEventListener("toggle", load);
  model.on("change:encoder", load);
  signal.addEventListener("abort", () => model.off("change:encoder", load));
  return { element: folded };
}
function strokes(sheet, pen, drawn) {
  Object.assign(pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  let last;
  dragged(sheet, (event, first) => {
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const [x, y] = place(each, sheet);
      if (first) last = [x, y];
      pen.beginPath();
      pen.moveTo(last[0] * SHEET, last[1] * SHEET);
      pen.lineTo(x * SHEET + 0.01, y * SHEET);
      pen.stroke();
      last = [x, y];
    }
    drawn();
  });
}

// widgets/explore.css
var explore_default = '.vae-explorer {\n  --x-paper: var(--paper, light-dark(#fefefd, #16191d)); --x-raised: var(--raised, light-dark(#f4f5f7, #1c2025));\n  --x-ink: var(--ink, light-dark(#1e2227, #dde2e7)); --x-soft: var(--soft, light-dark(#56606a, #a0a9b3));\n  --x-line: var(--line, light-dark(#d8dce1, #343b43)); --x-link: var(--link, light-dark(#0b57a4, #82b6f2));\n  --x-tint: color-mix(in srgb, var(--x-link) 20%, var(--x-paper)); --x-edge: light-dark(#7d8791, #77818b);\n  container-type: inline-size; box-sizing: border-box; margin: 1rem 0; padding: 0.9rem; text-align: start;\n  color: var(--x-ink); background: var(--x-paper); border: 1px solid var(--x-line); border-radius: 8px; font-size: 0.92rem;\n  *, ::before, ::after { box-sizing: border-box; }\n  p, figure { margin: 0; }\n  figcaption { padding: 0; }\n  [hidden] { display: none !important; }\n  .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }\n  .note, .status { color: var(--x-soft); font-size: 0.85rem; line-height: 1.5; }\n  .problem { padding: 0.5rem 0.8rem; border-left: 4px solid light-dark(#b3261e, #f2938c); background: var(--x-raised); }\n  .problem:not(:last-child) { margin-bottom: 0.9rem; }\n  .body { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.9rem; }\n  .controls, .sliders { display: grid; gap: 0.9rem; min-width: 0; }\n  .sliders { gap: 0; }\n  .picture {\n    display: block; width: 100%; height: auto; max-height: 26rem; object-fit: contain; background: #000; border-radius: 4px;\n    image-rendering: pixelated;\n  }\n  .stage {\n    position: sticky; top: var(--widget-top, 0px); z-index: 2; display: grid; gap: 0.9rem; align-items: start;\n    grid-template-columns: clamp(6rem, 38cqi, 14rem) minmax(0, 1fr); margin: -0.9rem -0.9rem 0; padding: 0.9rem;\n    background: var(--x-paper); border-bottom: 1px solid var(--x-line); border-radius: 8px 8px 0 0;\n  }\n  .shown { position: relative; }\n  .halt { position: absolute; right: 0.4rem; bottom: 0.4rem; }\n  .halt .word { position: absolute; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }\n  .status { min-height: 3lh; }\n  .beside { display: grid; gap: 0.5rem; min-width: 0; }\n  .buttons { display: flex; flex-wrap: wrap; gap: 0.4rem; }\n  button {\n    min-height: 2rem; min-width: 24px; margin: 0; padding: 0.2rem 0.7rem; font: inherit; font-size: 0.88rem; line-height: 1.4;\n    cursor: pointer; color: var(--x-ink); background: var(--x-raised); border: 1px solid var(--x-edge); border-radius: 6px;\n  }\n  button:hover { border-color: var(--x-link); color: var(--x-link); }\n  button:disabled { color: var(--x-soft); border-style: dashed; cursor: not-allowed; }\n  :focus-visible { outline: 3px solid var(--x-link); outline-offset: 2px; }\n  .gallery { display: grid; grid-template-columns: repeat(10, minmax(24px, 1fr)); gap: 3px; }\n  .gallery button { padding: 2px 2px 0; font-size: 0.8rem; font-variant-numeric: tabular-nums; border-color: var(--x-line); }\n  .gallery button[aria-pressed=true] { color: var(--x-link); background: var(--x-tint); border-color: var(--x-link); font-weight: 650; }\n  .dial { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 4px; }\n  .dial .note { grid-column: 1 / -1; }\n  .face {\n    position: relative; padding: 3px 3px 0; text-align: center; font-variant-numeric: tabular-nums; line-height: 1.5; cursor: pointer;\n    background: var(--x-raised); border: 1px solid var(--x-line); border-radius: 6px;\n  }\n  .face input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }\n  .face:hover { border-color: var(--x-link); color: var(--x-link); }\n  .face:has(:checked) { color: var(--x-link); background: var(--x-tint); border-color: var(--x-link); font-weight: 650; }\n  .face:has(:focus-visible) { outline: 3px solid var(--x-link); outline-offset: 2px; }\n  .what label { white-space: normal; }\n  .sliders > .note { margin-bottom: 0.3rem; }\n  .slider {\n    display: grid; grid-template-columns: 5.6rem 2rem minmax(0, 1fr) 2rem 2.7rem; gap: 0.35rem; align-items: center;\n    padding: 2px 0; line-height: 1.3;\n  }\n  .slider .picture, .end .picture { width: calc(2rem * min(1, var(--ratio))); border-radius: 3px; }\n  .slider .picture { justify-self: center; }\n  .what { display: grid; justify-items: start; }\n  label { margin: 0; font-size: 0.85rem; white-space: nowrap; }\n  label i { font: italic 1rem "STIX Two Text", Cambria, Georgia, "Times New Roman", serif; }\n  sub { font-size: 0.72em; line-height: 0; font-style: normal; vertical-align: -0.25em; bottom: auto; }\n  .kl, output { font-size: 0.8rem; font-variant-numeric: tabular-nums; }\n  .kl {\n    min-width: 3rem; padding: 0 0.3rem; border-radius: 3px;\n    background: linear-gradient(var(--x-tint) 0 0) 0 / calc(var(--part) * 100%) 100% no-repeat;\n  }\n  output { padding: 0; text-align: right; color: inherit; }\n  .beyond output { color: var(--x-link); font-weight: 700; }\n  .track { position: relative; display: block; height: 28px; }\n  .track::before { content: ""; position: absolute; inset: 12px 0; border-radius: 2px; background: var(--x-line); }\n  .track::after { content: ""; position: absolute; left: calc(50% - 0.5px); top: 8px; width: 1px; height: 12px; background: var(--x-soft); }\n  .scale { position: absolute; inset: 0 12px; }\n  .band { position: absolute; top: 6px; bottom: 6px; border-radius: 3px; background: var(--x-tint); border: 1px solid var(--x-link); }\n  input[type=range] {\n    appearance: none; position: absolute; z-index: 1; inset: 2px 0; width: 100%; height: 24px; margin: 0; padding: 0; background: none;\n    touch-action: pan-y;\n  }\n  input[type=range]::-webkit-slider-thumb {\n    appearance: none; width: 24px; height: 24px; border: 5px solid transparent; border-radius: 50%;\n    background: var(--x-link) padding-box; cursor: grab;\n  }\n  input[type=range]::-moz-range-thumb {\n    width: 24px; height: 24px; border: 5px solid transparent; border-radius: 50%;\n    background: var(--x-link) padding-box; cursor: grab;\n  }\n  details { margin: 0; border-top: 1px solid var(--x-line); padding-top: 0.3rem; }\n  summary { min-height: 28px; padding: 0.15rem 0; color: var(--x-link); cursor: pointer; }\n  .sliders details { margin-top: 0.3rem; }\n  .drawing { padding: 0.2rem 0.8rem; border: 1px solid var(--x-line); border-radius: 6px; }\n  .drawing[open] { padding-bottom: 0.8rem; }\n  .sheets { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 0.9rem; max-width: 27rem; margin-top: 0.5rem; }\n  .sheets > div { display: grid; gap: 0.5rem; align-content: start; justify-items: start; }\n  .sheet { display: block; width: 100%; aspect-ratio: 1; background: #000; border-radius: 6px; touch-action: none; cursor: crosshair; }\n  .both figure { width: 100%; }\n  .plane {\n    position: relative; width: calc(100% - 2rem); overflow: hidden; touch-action: none; cursor: crosshair;\n    background: #000; border-radius: 4px;\n  }\n  .marker {\n    position: absolute; width: 18px; height: 18px; margin: 0 0 -9px -9px; border: 3px solid #ffd34d; border-radius: 50%;\n    outline: 2px solid #000; box-shadow: inset 0 0 0 2px #000; pointer-events: none;\n  }\n  .way { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 0.5rem; align-items: center; margin: 0.2rem 0 0.4rem; }\n  .way .track::after { content: none; }\n  .end { display: flex; gap: 0.35rem; align-items: center; }\n  .end:last-child { flex-direction: row-reverse; }\n  select {\n    min-height: 2rem; margin: 0; padding: 0.1rem 0.3rem; font: inherit; font-size: 0.88rem; color: var(--x-ink); background: var(--x-raised);\n    border: 1px solid var(--x-edge); border-radius: 6px;\n  }\n  .buttons .note { align-self: center; }\n  .posterior { display: grid; gap: 0.4rem; }\n  .address {\n    width: 100%; min-height: 2rem; margin: 0.3rem 0; font: inherit; color: inherit; background: var(--x-raised);\n    border: 1px solid var(--x-edge); border-radius: 6px;\n  }\n  .pair { display: grid; grid-template-columns: minmax(0, 6rem) minmax(0, 6rem) auto; gap: 0.4rem 0.9rem; align-items: center; }\n  .pair figure { align-self: start; }\n  .pair figcaption { text-align: center; }\n  .seen { display: grid; gap: 0.4rem; }\n  .curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(3rem, 1fr)); gap: 0.3rem 0.5rem; }\n  .curves > div { display: grid; justify-items: center; line-height: 1.1; }\n  .curves svg { display: block; width: 100%; overflow: visible; }\n  .curves i { font: italic 0.85rem "STIX Two Text", Cambria, Georgia, "Times New Roman", serif; }\n  .prior { fill: none; stroke: var(--x-edge); }\n  .own { fill: var(--x-tint); stroke: var(--x-link); stroke-linejoin: round; }\n  .dot { fill: var(--x-ink); stroke: var(--x-paper); }\n  .pad figcaption { margin-top: 0.4rem; }\n  .pointed .plane .picture { opacity: 0.4; }\n  .points { display: none; position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }\n  .pointed .points { display: block; }\n  .tip {\n    position: absolute; z-index: 1; padding: 0.1rem 0.4rem; font-size: 0.8rem; line-height: 1.4; white-space: nowrap; pointer-events: none;\n    color: var(--x-ink); background: var(--x-paper); border: 1px solid var(--x-edge); border-radius: 4px;\n  }\n  .choice { display: flex; gap: 0.4rem; align-items: center; min-height: 28px; margin-bottom: 0.3rem; cursor: pointer; }\n  .choice input { width: 24px; height: 24px; margin: 0; accent-color: var(--x-link); }\n}\n@container (min-width: 36rem) {\n  .vae-explorer .halt .word { position: static; clip-path: none; }\n  .vae-explorer .posterior { grid-column: 1 / -1; grid-template-columns: max-content minmax(0, 1fr); gap: 1.4rem; }\n  .vae-explorer .pair { grid-template-columns: 6rem 6rem; align-content: start; }\n  .vae-explorer .pair button { grid-column: 1 / -1; justify-self: center; }\n  .vae-explorer .body { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 1.4rem; align-items: start; }\n  .vae-explorer .stage {\n    grid-template-columns: minmax(0, 1fr); top: calc(var(--widget-top, 0px) + 0.9rem); z-index: auto; margin: 0; padding: 0; border: 0;\n  }\n}\n@media (prefers-reduced-motion: no-preference) { .vae-explorer .dot { transition: transform 0.3s; } }\n@media (forced-colors: active) {\n  .vae-explorer input[type=range] { appearance: auto; }\n  .vae-explorer .face:has(:checked) { border-color: Highlight; }\n}\n:is([data-jp-theme-light=true], [theme=light]) .vae-explorer { color-scheme: light; }\n:is([data-jp-theme-light=false], [theme=dark]) .vae-explorer { color-scheme: dark; }\n';

// widgets/gallery.js
var digitAt = (digits, z) => digits.find(({ mean }) => mean.every((x, i) => x === z[i])) ?? null;
function gallery(view) {
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
    update: () => buttons.forEach((element, i) => element.setAttribute("aria-pressed", String(view.band === view.digits[i])))
  };
}

// widgets/chunks.js
var CHUNK_MS = 6;
function inChunks(view, count, act) {
  let next = 0;
  const work = () => {
    const end2 = performance.now() + CHUNK_MS;
    while (next < count && performance.now() < end2) act(next++);
    if (next < count) view.soon(work);
  };
  view.soon(work);
  return () => void (next = count);
}

// widgets/sliders.js
var ENDS_MS = 150;
var SLOP = 6;
function sliders(view) {
  const { text, kl, names } = view, { active, inactive } = ordering(kl, view.z.length), most = Math.max(...kl);
  const named = active.filter((dimension) => dimension in names), rest = active.filter((dimension) => !named.includes(dimension));
  const rows = [...named, ...rest, ...inactive].map((dimension) => slider(view, dimension, most));
  const list = h("div", { class: "sliders", role: "group", "aria-label": text.sliders });
  const notes = [...kl.length ? [text.ordered] : [], ...named.length ? [text.names] : [], ...view.sizes.classes ? [] : [text.bands]];
  const add = (from, dimensions, summary, open = false) => {
    const elements = rows.slice(from, from + dimensions.length).map((row) => row.element);
    if (!elements.length) return;
    list.append(...summary ? [h("details", open ? { open: "" } : {}, h("summary", {}, summary), ...elements)] : elements);
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
    }
  };
}
function ends(view, rows) {
  let timer = 0, stop = () => {
  }, begun = false;
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
    else draw();
    begun = true;
  };
}
function slider(view, dimension, most) {
  const { text } = view, kl = view.kl[dimension], name = view.names[dimension] && text.named(view.names[dimension]);
  const id = `vae-${Math.random().toString(36).slice(2)}`;
  const input = h("input", { id, type: "range", min: -LIMIT, max: LIMIT, step: STEP });
  const band = h("span", { class: "band" }), output = h("output", { for: id, "aria-live": "off" });
  const label = h("label", { for: id }, name ? `${name} ` : "", h("i", {}, "z", h("sub", {}, String(dimension))));
  const what = h("div", { class: "what" }, label);
  if (kl !== void 0) {
    input.setAttribute("aria-describedby", `${id}-kl`);
    const unseen = (words) => h("span", { class: "unseen" }, words);
    const attributes = { class: "kl", id: `${id}-kl`, style: `--part: ${kl / (most || 1)}` };
    what.append(h("span", attributes, unseen("KL "), kl.toFixed(2), unseen(` ${text.nats}`)));
  }
  const [low, high] = [-1, 1].map(() => picture(view.size, { "aria-hidden": "true" }));
  const track = h("span", { class: "track" }, h("span", { class: "scale" }, band), input);
  const element = h("div", { class: "slider" }, what, low, track, high, output);
  const set = (z2) => view.move(view.z.with(dimension, z2), (text2) => text2.byHand, view.band);
  const show = () => void (input.value = String(view.z[dimension]));
  followed(input, set, show);
  let z = NaN, spread = view.band;
  return {
    element,
    dimension,
    low,
    high,
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
    }
  };
}
function followed(input, set, show) {
  let down = null;
  let wanted = NaN;
  const end2 = (taken) => {
    if (down !== null && taken && !Number.isNaN(wanted)) set(wanted);
    down = null;
  };
  input.addEventListener("pointerdown", (event) => {
    down = event.pointerType === "touch" ? event.clientX : null;
    wanted = NaN;
  });
  input.addEventListener("pointermove", (event) => {
    if (down !== null && Math.abs(event.clientX - down) > SLOP) end2(true);
  });
  input.addEventListener("pointerup", () => end2(true));
  input.addEventListener("pointercancel", () => {
    end2(false);
    show();
  });
  input.addEventListener("input", () => {
    wanted = input.valueAsNumber;
    if (down === null) set(wanted);
    else show();
  });
}
function placeBand(band, mean, sigma) {
  const share = (z) => 50 * (clamp(z, LIMIT) + LIMIT) / LIMIT;
  band.style.left = `${share(mean - 2 * sigma)}%`;
  band.style.right = `${100 - share(mean + 2 * sigma)}%`;
}

// widgets/path.js
var WALK_MS = 3e3;
function path(view) {
  const { text, digits } = view, first = Math.floor(digits.length / 3);
  const second = (first + Math.floor(digits.length / 2)) % digits.length;
  const ends2 = [end(view, text.from, first, changed), end(view, text.to, second, changed)];
  const position = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": text.position });
  let share = 0;
  const show = () => {
    position.value = String(share);
    position.setAttribute("aria-valuetext", `${Math.round(100 * share)}%`);
  };
  const point = () => interpolate(ends2[0].digit().mean, ends2[1].digit().mean, share);
  const walked = () => {
    const [a, b] = ends2.map((end2) => end2.digit().label);
    return (text2) => text2.walked(a, b);
  };
  const go = (to) => {
    share = to;
    show();
    view.move(point(), walked());
  };
  function changed() {
    if (!view.walk) go(share);
  }
  const start = button(text.walk, () => view.walk ? view.walk.stop() : walk());
  const said2 = h("p", { class: "note", role: "status" });
  const walk = () => {
    let began = 0;
    const step = (now) => {
      if (view.walk !== mine) return;
      began || (began = now - WALK_MS * Math.acos(1 - 2 * share) / Math.PI);
      share = (1 - Math.cos((now - began) / WALK_MS * Math.PI)) / 2;
      show();
      view.set(point(), walked());
      view.soon(step);
    };
    const mine = {
      stop() {
        view.walk = null;
        start.textContent = text.walk;
        said2.textContent = "";
      }
    };
    view.walk = mine;
    start.textContent = text.stop;
    said2.textContent = text.walking(ends2[0].digit().label, ends2[1].digit().label);
    view.soon(step);
  };
  followed(position, go, show);
  show();
  const row = h("div", { class: "way" }, ends2[0].element, h("span", { class: "track" }, position), ends2[1].element);
  const below = h("div", { class: "buttons" }, start, said2, stillness(view, start));
  return { element: h("div", { class: "path", role: "group", "aria-label": text.path }, h("p", { class: "note" }, text.path), row, below) };
}
function end(view, label, chosen, changed) {
  const image = picture(view.size, { "aria-hidden": "true" });
  const options = view.digits.map((digit2, i) => h("option", { value: i, ...i === chosen ? { selected: "" } : {} }, digit2.label));
  const choice = h("select", { "aria-label": label }, ...options);
  const digit = () => view.digits[choice.selectedIndex], show = () => paint(image, digit().image, view.size);
  choice.addEventListener("change", () => {
    show();
    changed();
  });
  show();
  return { element: h("div", { class: "end" }, image, choice), digit };
}
function stillness(view, start) {
  const less = matchMedia("(prefers-reduced-motion: reduce)"), note = h("p", { class: "note" }, view.text.still);
  const allow = () => {
    start.disabled = less.matches;
    note.hidden = !less.matches;
    if (less.matches) view.walk?.stop();
  };
  allow();
  less.addEventListener("change", allow, { signal: view.signal });
  document.addEventListener("keydown", (event) => event.key === "Escape" && view.walk?.stop(), { signal: view.signal });
  return note;
}

// widgets/colors.js
var COLORS = ["#ff8a80", "#ffd54f", "#4fc3f7", "#aed581", "#ce93d8", "#ffab40", "#4db6ac", "#f48fb1", "#b0bec5", "#dce775"];

// widgets/points.js
var WIDE = 900;
var DOT = 5;
var NEAR = 0.15;
var AROUND = 0.4;
var APART = 0.55;
var FOREIGN = 0.3;
function unpackPoints(buffer, digits) {
  const bytes = asBytes(buffer), points = [];
  if (bytes.length % 3) return null;
  for (let i = 0; i < bytes.length; i += 3) {
    const [x, y] = [bytes[i], bytes[i + 1]].map((byte) => LIMIT * (2 * byte / 255 - 1)), digit = digits[bytes[i + 2]];
    if (!digit) return null;
    points.push({ x, y, label: digit.label, kind: bytes[i + 2] });
  }
  return points;
}
var apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
function near(points, x, y) {
  let found = null, least = NEAR;
  for (const point of points) {
    const distance = Math.hypot(point.x - x, point.y - y);
    if (distance < least) [found, least] = [point, distance];
  }
  return found;
}
function centers(points) {
  const kinds = /* @__PURE__ */ new Map();
  for (const point of points) {
    let score = 0;
    for (const other of points) if (apart(point, other) < AROUND) score += other.kind === point.kind ? 1 : -FOREIGN;
    kinds.set(point.kind, [...kinds.get(point.kind) ?? [], { point, score }]);
  }
  const found = [];
  const most = (all) => Math.max(...all.map(({ score }) => score));
  for (const all of [...kinds.values()].sort((a, b) => most(b) - most(a))) {
    const free = all.filter(({ point }) => found.every((other) => apart(point, other) > APART));
    found.push((free.length ? free : all).reduce((best, each) => each.score > best.score ? each : best).point);
  }
  return found;
}
function scatter({ points, size }) {
  const tall = Math.round(WIDE * size.height / size.width);
  const canvas = h("canvas", { class: "points", width: WIDE, height: tall, "aria-hidden": "true" });
  const pen = brush(canvas), place2 = ({ x, y }) => [(1 + x / LIMIT) * WIDE / 2, (1 - y / LIMIT) * tall / 2];
  const color = ({ kind }) => COLORS[kind % COLORS.length];
  for (const point of points) {
    const [x, y] = place2(point);
    pen.fillStyle = color(point);
    pen.beginPath();
    pen.arc(x, y, DOT, 0, 2 * Math.PI);
    pen.fill();
  }
  Object.assign(pen, { font: "bold 56px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  Object.assign(pen, { lineWidth: 12, lineJoin: "round", strokeStyle: "#000" });
  for (const point of centers(points)) {
    const [x, y] = place2(point);
    pen.fillStyle = color(point);
    pen.strokeText(point.label, x, y);
    pen.fillText(point.label, x, y);
  }
  return canvas;
}

// widgets/plane.js
var PAD_STEP = 0.1;
var TILES = 17;
function under(event, plane) {
  const [x, y] = place(event, plane);
  return [LIMIT * (2 * x - 1), LIMIT * (1 - 2 * y)];
}
function put(element, x, y) {
  const [left, bottom] = [x, y].map((z) => 50 * (1 + clamp(z, LIMIT) / LIMIT));
  element.style.left = `${left}%`;
  element.style.bottom = `${bottom}%`;
}
function pad(view) {
  const { text, size, points } = view, marker = h("span", { class: "marker" }), id = `vae-${Math.random().toString(36).slice(2)}`;
  const map = picture({ width: TILES * size.width, height: TILES * size.height }, {});
  const caption = h("figcaption", { id, class: "note" }, text.map);
  const attributes = { class: "plane", tabindex: 0, role: "application", "aria-label": text.pad, "aria-describedby": id };
  const plane = h("div", { ...attributes, style: `max-width: ${Math.min(26, 26 * size.width / size.height)}rem` }, map, marker);
  const figure = h("figure", { class: "pad" }, plane, caption);
  const shown = points.length ? pointed(view, plane, figure) : () => false;
  const go = (z) => {
    const [x, y] = z.map((each) => Math.round(clamp(each, LIMIT) * 100) / 100), point = shown() ? near(points, x, y) : null;
    view.move([x, y], (text2) => point ? text2.nearDigit(point.label) : text2.byHand);
  };
  dragged(plane, (event) => go(under(event, plane)));
  plane.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    go(view.z.map((x, i) => x + way[i] * PAD_STEP));
  });
  tile(view, map);
  return { element: figure, update: () => put(marker, view.z[0], view.z[1]) };
}
function pointed(view, plane, figure) {
  const { text, points } = view, tip = h("span", { class: "tip", "aria-hidden": "true", hidden: "" });
  const box = h("input", { type: "checkbox", checked: "" }), says = h("p", { class: "note" }, text.points);
  const show = () => {
    figure.classList.toggle("pointed", box.checked);
    says.hidden = !box.checked;
    tip.hidden = true;
  };
  plane.firstElementChild?.after(scatter(view), tip);
  figure.prepend(h("label", { class: "choice" }, box, text.showPoints(points.length.toLocaleString("en"))));
  figure.append(says);
  box.addEventListener("change", show);
  plane.addEventListener("pointermove", (event) => {
    const [x, y] = under(event, plane), point = box.checked && event.pointerType === "mouse" ? near(points, x, y) : null;
    tip.hidden = !point;
    if (!point) return;
    tip.textContent = text.testDigit(point.label);
    tip.style.translate = `${-50 * (1 + point.x / LIMIT)}% ${point.y > 0.8 * LIMIT ? "calc(100% + 0.7rem)" : "-0.7rem"}`;
    put(tip, point.x, point.y);
  });
  plane.addEventListener("pointerleave", () => void (tip.hidden = true));
  show();
  return () => box.checked;
}
function tile(view, map) {
  const at = (i) => LIMIT * (2 * i + 1) / TILES - LIMIT;
  inChunks(view, TILES * TILES, (step) => {
    const x = step % TILES, y = Math.floor(step / TILES), { size } = view;
    paint(map, decode(view.decoder, [at(x), -at(y)]), size, x * size.width, y * size.height);
  });
}

// widgets/posterior.js
var WIDE2 = 60;
var HIGH = 32;
var REACH = 3;
var STEPS = 60;
var density = (z, mean, sigma) => Math.exp(-(((z - mean) / sigma) ** 2) / 2) / (sigma * Math.sqrt(2 * Math.PI));
var across = (z) => WIDE2 * (clamp(z, REACH) + REACH) / (2 * REACH);
function curve(mean, sigma, highest) {
  const points = Array.from({ length: STEPS + 1 }, (_, i) => 2 * REACH * i / STEPS - REACH);
  points.push(clamp(mean, REACH));
  const down = (z) => HIGH * (1 - density(z, mean, sigma) / highest);
  return `M${points.sort((a, b) => a - b).map((z) => `${across(z).toFixed(1)} ${down(z).toFixed(1)}`).join("L")}`;
}
function posterior(view) {
  const { text, size } = view, { active, inactive } = ordering(view.kl, view.z.length);
  const [before, after] = [text.original, text.output].map((words) => picture(size, { role: "img", "aria-label": words }));
  const small = [...active, ...inactive].map(gaussian);
  const curves = h("div", { class: "curves", role: "img" }, ...small.map((each) => each.element));
  let shown = null;
  const draw = button(text.again, () => {
    const { mean, sigma } = (
      /** @type {Posterior} */
      shown
    ), noise = normal(mean.length);
    view.move(mean.map((m, i) => m + sigma[i] * noise[i]), (text2) => text2.byDraw, shown);
  });
  const figure = (image, words) => h("figure", {}, image, h("figcaption", { class: "note" }, words));
  const pair2 = h("div", { class: "pair" }, figure(before, text.original), figure(after, text.output), draw);
  const seen = h("div", { class: "seen" }, h("p", { class: "note" }, text.curves), curves);
  const element = h("div", { class: "posterior", role: "group", "aria-label": text.posterior }, pair2, seen);
  return {
    element,
    update() {
      if (view.band && view.band !== shown) {
        shown = view.band;
        paint(before, shown.image, size);
        paint(after, decode(view.decoder, shown.mean), size);
        const highest = density(0, 0, Math.min(1, ...shown.sigma));
        for (const { dimension, show } of small) show(shown.mean[dimension], shown.sigma[dimension], highest);
        curves.setAttribute("aria-label", text.spread(number(Math.min(...shown.sigma)), number(Math.max(...shown.sigma))));
      }
      element.hidden = !shown;
      for (const { dimension, put: put2 } of small) put2(view.z[dimension]);
    }
  };
}
function gaussian(dimension) {
  const [prior, own, dot] = ["path", "path", "circle"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 -2 ${WIDE2} ${HIGH + 7}`);
  for (
    const [element, name] of
    /** @type {const} */
    [[prior, "prior"], [own, "own"], [dot, "dot"]]
  ) element.setAttribute("class", name);
  for (
    const [name, value] of
    /** @type {const} */
    [["r", "3"], ["cy", `${HIGH}`]]
  ) dot.setAttribute(name, value);
  svg.append(prior, own, dot);
  return {
    dimension,
    element: h("div", {}, svg, h("i", {}, "z", h("sub", {}, String(dimension)))),
    /** @param {number} mean @param {number} sigma @param {number} highest */
    show(mean, sigma, highest) {
      prior.setAttribute("d", curve(0, 1, highest));
      own.setAttribute("d", curve(mean, sigma, highest));
    },
    /** @param {number} z */
    put(z) {
      dot.style.transform = `translateX(${across(z).toFixed(1)}px)`;
    }
  };
}

// widgets/link.js
var FARTHEST = 20;
function written(z, digits) {
  const digit = digitAt(digits, z);
  return digit ? `digit:${digits.indexOf(digit)}` : `z:${z.map((x) => Math.round(100 * x) / 100).join(",")}`;
}
var said = ({ z, digits, kind, sizes }) => (sizes.classes ? `${kind}/` : "") + written(z, digits);
function apart2(words, classes) {
  if (!classes) return { kind: 0, rest: words };
  const [, kind, rest] = /^(\d{1,3})\/(.*)$/.exec(words) ?? [];
  return Number(kind) < classes ? { kind: Number(kind), rest } : { kind: 0, rest: "" };
}
function read(words, count, digits) {
  const digit = /^digit:(\d{1,3})$/.exec(words)?.[1];
  if (digit) return digits[Number(digit)] ? [...digits[Number(digit)].mean] : null;
  const numbers = words.startsWith("z:") ? words.slice(2).split(",") : [];
  const z = numbers.filter((each) => /^-?\d{1,2}(\.\d{1,6})?$/.test(each)).map(Number);
  return numbers.length === count && z.length === count && z.every((x) => Math.abs(x) <= FARTHEST) ? z : null;
}
function link(view) {
  const { model, text, signal } = view, note = h("p", { class: "note", role: "status" });
  if (typeof model.get("shared") !== "string") return [];
  const address = h("input", { class: "address", readonly: "", "aria-label": text.address });
  const open = () => {
    const words = model.get("shared");
    if (!words || words === said(view)) return;
    const { kind, rest } = apart2(words, view.sizes.classes ?? 0);
    const z = read(rest, view.z.length, view.digits), digit = z && digitAt(view.digits, z);
    note.textContent = z ? "" : text.badLink;
    if (!z) return;
    view.turn(kind);
    view.move(z, (text2) => digit ? text2.byDigit(digit.label) : text2.byLink, digit);
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

// widgets/stage.js
var SETTLE_MS = 500;
function stage(view, halt) {
  const { text } = view, status = h("p", { class: "status", role: "status" });
  const image = picture(view.size, { "data-latent-image": "", role: "img" });
  const buttons = h(
    "div",
    { class: "buttons" },
    button(text.sample, () => view.move(normal(view.z.length), (text2) => text2.byPrior)),
    button(text.zero, () => view.move(view.z.map(() => 0), (text2) => text2.byZero))
  );
  const [copy, ...copied] = link(view);
  if (copy) buttons.append(copy);
  const settle = () => {
    const words = say((text2) => describe(view, text2), text);
    if (status.textContent === words) return;
    status.textContent = words;
    image.setAttribute("aria-label", say((text2) => text2.image(describe(view, text2)), text));
  };
  let timer = 0;
  view.signal.addEventListener("abort", () => clearTimeout(timer));
  settle();
  return {
    element: h(
      "div",
      { class: "stage" },
      h("div", { class: "shown" }, image, halt),
      h("div", { class: "beside" }, buttons, ...copied, status)
    ),
    update() {
      paint(image, decode(view.decoder, view.z), view.size);
      clearTimeout(timer);
      if (view.walk?.says) settle();
      else timer = setTimeout(settle, SETTLE_MS);
    }
  };
}
function describe({ source, walk, z, kind, sizes }, text) {
  if (walk?.says) return walk.says(text);
  const from = sizes.classes ? text.inClass(String(kind), source(text)) : source(text);
  if (z.length <= 3) return text.point(from, z.map(number));
  return text.length(from, number(Math.hypot(...z)), number(Math.sqrt(z.length)));
}

// widgets/tour.js
var LEG_MS = 4e3;
function tour(view, root) {
  const { digits, text, signal } = view, halt = button("", () => view.walk?.stop());
  halt.append(h("span", { "aria-hidden": "true" }, "■"), h("span", { class: "word" }, ` ${text.stop}`));
  halt.className = "halt";
  halt.hidden = true;
  const begin = () => {
    const start = digitAt(digits, view.z), first = start ? digits.indexOf(start) : -1;
    if (!start || digits.length < 2 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    let began = 0;
    const step = (now) => {
      if (view.walk !== mine) return;
      began || (began = now);
      const way = (now - began) / LEG_MS, leg = Math.floor(way), share = (1 - Math.cos((way - leg) * Math.PI)) / 2;
      const [a, b] = [leg, leg + 1].map((i) => digits[(first + i) % digits.length]);
      view.set(interpolate(a.mean, b.mean, share), (text2) => text2.walked(a.label, b.label));
      view.soon(step);
    };
    const mine = {
      says: (text2) => text2.touring,
      stop() {
        const focused = document.activeElement === halt;
        view.walk = null;
        halt.hidden = true;
        if (focused) root.querySelector("button")?.focus();
        view.renew();
      }
    };
    view.walk = mine;
    halt.hidden = false;
    const touch = ({ target }) => halt.contains(
      /** @type {Node} */
      target
    ) || view.walk !== mine || mine.stop();
    for (const name of ["pointerdown", "keydown"]) root.addEventListener(name, touch, { signal });
    view.soon(step);
  };
  return { element: halt, begin };
}

// widgets/explore.js
function extras(model, { image_size, latent_dim }) {
  const names = model.get("names") ?? {}, kl = model.get("kl") ?? [];
  const digits = model.get("gallery") ?? [], pixels = asBytes(model.get("digits"));
  const goodKl = !kl.length || isVector(kl, latent_dim);
  const goodDigits = Array.isArray(digits) && pixels.length === digits.length * image_size && digits.every(({ mean, sigma }) => isVector(mean, latent_dim) && isVector(sigma, latent_dim));
  const problems = [];
  if (!goodKl) problems.push((text) => text.badKl);
  if (!goodDigits) problems.push((text) => text.badGallery);
  const greys = Float32Array.from(pixels, (pixel) => pixel / 255);
  const shown = goodDigits ? digits.map((digit, i) => ({ ...digit, image: greys.subarray(i * image_size, (i + 1) * image_size) })) : [];
  const points = unpackPoints(model.get("points"), latent_dim === 2 ? shown : []);
  if (!points) problems.push((text) => text.badPoints);
  return { names, kl: goodKl ? kl : [], digits: shown, points: points ?? [], problems };
}
function explorer(root, model, text, signal) {
  const sizes = checkSizes(model.get("sizes"));
  const decoders = decodersOf(unpack(model.get("decoder"), decoderShapes(sizes), sizes.dtype), sizes);
  const { problems, ...given } = extras(model, sizes);
  const problem = h("p", { class: "problem", role: "alert" });
  let tasks = /* @__PURE__ */ new Set();
  let frame = 0, stale = true, unsaved = false;
  const save = () => {
    if (unsaved) model.save_changes();
    unsaved = false;
  };
  const run = (now) => {
    frame = 0;
    const due = tasks;
    tasks = /* @__PURE__ */ new Set();
    due.forEach((task) => task(now));
    if (stale) parts.forEach((part) => part.update?.());
    stale = false;
    save();
  };
  const request = () => void (frame || (frame = requestAnimationFrame(run)));
  const complain = (...more) => {
    problem.textContent = [...problems, ...more].map((phrase) => say(phrase, text)).join(text.space);
    problem.hidden = !problem.textContent;
  };
  const take = (z, source, band) => {
    Object.assign(view, { z, source, band });
    complain();
    view.renew();
  };
  const [, height, width] = sizes.image_shape, kind = Math.floor(decoders.length / 3);
  const view = {
    ...given,
    model,
    text,
    sizes,
    decoders,
    kind,
    decoder: decoders[kind],
    signal,
    size: { width, height },
    z: Array(sizes.latent_dim).fill(0),
    band: null,
    source: (text2) => text2.byZero,
    walk: null,
    soon(task) {
      tasks.add(task);
      request();
    },
    renew() {
      stale = true;
      request();
    },
    set(z, source, band = null) {
      take(z, source, band);
      unsaved = true;
      model.set("z", [...z]);
    },
    move(z, source, band) {
      view.walk?.stop();
      view.set(z, source, band);
    },
    turn(kind2) {
      Object.assign(view, { kind: kind2, decoder: decoders[kind2] });
      view.renew();
    }
  };
  const follow = () => {
    try {
      const z = checkZ(model.get("z"), view.z.length);
      complain();
      if (z.every((x, i) => x === view.z[i])) return;
      view.walk?.stop();
      const digit = digitAt(view.digits, z);
      take(z, (text2) => digit ? text2.byDigit(digit.label) : text2.byHost, digit);
    } catch (error) {
      complain((text2) => explain(error, text2));
    }
  };
  complain();
  follow();
  model.on("change:z", follow);
  const opening = tour(view, root);
  let fresh = model.get("opening") === "walk" && !model.get("shared");
  const seen = new IntersectionObserver((entries) => {
    if (!entries.at(-1)?.isIntersecting) return view.walk?.stop();
    if (fresh) opening.begin();
    fresh = false;
  });
  seen.observe(root);
  signal.addEventListener("abort", () => {
    model.off("change:z", follow);
    seen.disconnect();
    cancelAnimationFrame(frame);
    save();
  });
  const controls = [
    ...view.digits.length ? [gallery(view)] : [],
    sizes.classes ? dial(view) : drawing(view),
    ...sizes.latent_dim === 2 ? [pad(view)] : [],
    sliders(view),
    ...view.digits.length > 1 ? [path(view)] : []
  ];
  const picture2 = stage(view, opening.element), seenByEncoder = posterior(view), parts = [picture2, ...controls, seenByEncoder];
  const middle = h("div", { class: "controls" }, ...controls.map((part) => part.element));
  request();
  return [problem, h("div", { class: "body" }, picture2.element, middle, seenByEncoder.element)];
}
function mount(root, model, text) {
  const stop = new AbortController();
  try {
    root.replaceChildren(h("style", {}, explore_default), ...explorer(root, model, text, stop.signal));
  } catch (error) {
    stop.abort();
    root.replaceChildren(h("style", {}, explore_default), h("p", { class: "problem", role: "alert" }, explain(error, text)));
  }
  return () => stop.abort();
}
function render({ model, el, signal }) {
  const language = languageOf(el), text = TEXTS[language];
  const name = model.get("sizes")?.classes ? text.dial : text.explorer;
  const root = h("div", { class: "vae-explorer", lang: TAGS[language], role: "group", "aria-label": name });
  const events = ["sizes", "decoder", "kl", "gallery", "digits", "points"].map((name2) => `change:${name2}`);
  el.append(root);
  let unmount = mount(root, model, text);
  const again = () => {
    unmount();
    unmount = mount(root, model, text);
  };
  events.forEach((event) => model.on(event, again));
  const clean = () => {
    events.forEach((event) => model.off(event, again));
    unmount();
    root.remove();
  };
  signal?.addEventListener("abort", clean);
  return clean;
}
var explore_default2 = { render };
export {
  explore_default2 as default
};

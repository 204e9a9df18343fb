// The explorer's modules, and its script until it meets a page, under Node. GOLDEN names the file that tests/test_explore.py makes
// with PyTorch.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import explorer from "../vae_nb/explore.js";
import { languageFor } from "../widgets/language.js";
import { apart, read, written } from "../widgets/link.js";
import {
  checkSizes, checkZ, decode, decodersOf, decoderShapes, encode, encoderShapes, interpolate, normal, ordering,
} from "../widgets/network.js";
import { centers, near, unpackPoints } from "../widgets/points.js";
import { curve } from "../widgets/posterior.js";
import { prepare } from "../widgets/prepare.js";
import { WORDS } from "../widgets/playground/words.js";
import { asBytes, unpack } from "../widgets/quantize.js";
import { number, Problem, say, TEXTS } from "../widgets/strings.js";

const golden = process.env.GOLDEN ? JSON.parse(readFileSync(process.env.GOLDEN, "utf8")) : [];
const bytes = (base64) => new Uint8Array(Buffer.from(base64, "base64"));
const floats = (base64) => new Float32Array(bytes(base64).buffer);
const largest = (a, b) => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
const chunks = (all, size) => Array.from({ length: all.length / size }, (_, i) => all.subarray(i * size, (i + 1) * size));
const rows = (count, width, of) => Array.from({ length: count * width }, (_, i) => of(i % width, Math.floor(i / width)));

for (const { name, sizes, decoder, encoder, z, images, x, mean, logvar, bounds } of golden) {
  test(`${name}: decode is PyTorch's`, () => {
    const layers = unpack(bytes(decoder), decoderShapes(sizes), sizes.dtype), wanted = chunks(floats(images), sizes.image_size);
    const errors = chunks(floats(z), sizes.latent_dim).map((each, i) => largest(decode(layers, each), wanted[i]));
    console.log(`${name}: decode differs by at most ${Math.max(...errors)} in ${errors.length} draws`);
    assert.ok(errors.every((error) => error <= bounds.pixel), `${Math.max(...errors)} > ${bounds.pixel}`);
  });

  test(`${name}: encode is PyTorch's`, () => {
    const layers = unpack(bytes(encoder), encoderShapes(sizes), sizes.dtype, "encoder");
    const got = chunks(floats(x), sizes.image_size).map((each) => encode(layers, each)), count = sizes.latent_dim;
    const errors = {
      mean: largest(got.flatMap((each) => each.mean), floats(mean)), logvar: largest(got.flatMap((each) => each.logvar), floats(logvar)),
    };
    assert.ok(got.every((each) => each.mean.length === count && each.logvar.length === count));
    console.log(`${name}: encode differs by at most ${JSON.stringify(errors)} for ${got.length} images`);
    assert.ok(errors.mean <= bounds.mean && errors.logvar <= bounds.logvar, JSON.stringify({ errors, bounds }));
  });
}

test("bytes are read at any offset, from any kind of buffer", () => {
  const layer = Float32Array.of(1, 2, 3, 4, 5, 6, 0.5, -0.5), shifted = new Uint8Array(35);
  const wanted = [{ weight: Float32Array.of(1, 4, 2, 5, 3, 6), bias: Float32Array.of(0.5, -0.5) }];
  shifted.set(new Uint8Array(layer.buffer), 3);
  for (const buffer of [layer.buffer, layer, new Uint8Array(shifted.buffer, 3), new DataView(shifted.buffer, 3)]) {
    assert.deepEqual(unpack(buffer, [[2, 3]], "float32"), wanted);
  }
  assert.equal(asBytes(undefined).length, 0);
});

test("int8 rows are scaled one by one", () => {
  const vectors = new Uint8Array(Float32Array.of(0.5, 2, 10, 20).buffer), weights = new Uint8Array(Int8Array.of(1, -2, 127, -127).buffer);
  const packed = Uint8Array.of(...vectors, ...weights);
  assert.deepEqual(unpack(packed, [[2, 2]], "int8"), [{ weight: Float32Array.of(0.5, 254, -1, -254), bias: Float32Array.of(10, 20) }]);
});

test("a buffer that is cut short, too long or not finite is refused in both languages", () => {
  for (const length of [0, 31, 33]) {
    assert.throws(() => unpack(new Uint8Array(length), [[2, 3]], "float32", "encoder"), (error) => {
      assert.ok(error instanceof Problem && error.message.includes(`encoder`) && error.message.includes(`${length} bytes`));
      return error.phrase(TEXTS.zh).includes(`应有32字节，只收到${length}字节`);
    });
  }
  assert.throws(() => unpack(Float32Array.of(1, NaN, 0), [[1, 2]], "float32"), /not all finite/);
});

test("sizes and z that make no sense are refused", () => {
  const good = { image_size: 16, image_shape: [1, 2, 8], hidden_dim: 3, latent_dim: 2, dtype: "int8" };
  assert.equal(checkSizes(good), good);
  const shapes = [undefined, [2, 8], [2, 2, 4], [1, 2, 7], [1, -2, -8], [1, 0.5, 32], [1, "2", 8]].map((image_shape) => ({ image_shape }));
  for (const bad of [undefined, { image_size: "16" }, { latent_dim: 0 }, { hidden_dim: 2.5 }, { dtype: "float16" }, ...shapes]) {
    assert.throws(() => checkSizes(bad && { ...good, ...bad }), Problem);
  }
  const z = Object.freeze([1, 2]), copy = checkZ(z, 2);
  assert.ok(copy !== z && copy[1] === 2);
  for (const bad of [undefined, [1], [1, 2, 3], [1, NaN], [1, Infinity], [1, null], "12"]) assert.throws(() => checkZ(bad, 2), Problem);
});

test("a decoder that is told a class is one decoder for each class", () => {
  const sizes = checkSizes({ image_size: 2, image_shape: [1, 1, 2], hidden_dim: 2, latent_dim: 1, dtype: "float32", classes: 2 });
  assert.deepEqual(decoderShapes(sizes), [[2, 3], [2, 2], [2, 2]]);
  const layer = (...numbers) => Float32Array.of(...numbers); // rows, then the bias
  const packed = layer(1, 2, -3, 0.5, -1, 4, 0, 1, 1, -1, 2, 0, 0, 1, 1, 0, 0, 1, 0.5, 0);
  const [first, second] = decodersOf(unpack(packed, decoderShapes(sizes), "float32"), sizes), z = [2];
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  // class 0: h = relu(2 + 2, 1 - 1 + 1) = (4, 1), then relu(4 - 1, 8 + 1) = (3, 9); class 1: relu(2 - 3, 1 + 4 + 1) = (0, 6), relu(-6, 1)
  assert.ok(largest(decode(first, z), [sigmoid(3.5), sigmoid(9)]) < 1e-6 && largest(decode(second, z), [sigmoid(0.5), sigmoid(1)]) < 1e-6);
  assert.equal(first[0].weight, second[0].weight);
  const plain = { ...sizes, classes: undefined }, layers = unpack(packed.subarray(0, 10), decoderShapes(plain), "float32");
  assert.deepEqual(decodersOf(layers, plain), [layers]);
  for (const classes of [0, -1, 2.5, "2", null]) assert.throws(() => checkSizes({ ...sizes, classes }), Problem, `${classes}`);
});

test("dimensions come by falling KL, the inactive ones apart", () => {
  assert.deepEqual(ordering(Object.freeze([0.5, 0.05, 2, 0.1]), 4), { active: [2, 0, 3], inactive: [1] });
  assert.deepEqual(ordering([], 3), { active: [0, 1, 2], inactive: [] });
});

test("a prior sample is standard normal and finite where the generator gives 0", () => {
  assert.ok(normal(2, () => 0).every(Number.isFinite));
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647, draws = normal(20000, random);
  const mean = draws.reduce((a, b) => a + b) / draws.length, variance = draws.reduce((a, b) => a + b * b, 0) / draws.length - mean * mean;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05, `${mean} ${variance}`);
});

test("interpolation ends where it should", () => {
  assert.deepEqual([0, 0.5, 1].map((t) => interpolate([0, 2], [1, -2], t)), [[0, 2], [0.5, 0], [1, -2]]);
});

test("a link says where z is, and what is no z is not taken", () => {
  const digits = [[0.123456, 1], [2, 3]].map((mean) => ({ label: "a", mean, sigma: [1, 1], image: new Float32Array() }));
  assert.deepEqual([[0.5, -1.239], [1e-9, -19.999], [2, 3]].map((z) => written(z, digits)), ["z:0.5,-1.24", "z:0,-20", "digit:1"]);
  for (const z of [[0.5, -1.24], [-20, 20], [0.123456, 1]]) assert.deepEqual(read(written(z, digits), 2, digits), z);
  const bad = ["", "z:", "z:1", "z:1,2,3", "z:1,", "z:1,21", "z:1,NaN", "z:1,1e9", "z:1,0x1", "z:1, 2", "z:1,2<b>"];
  bad.push("digit:2", "digit:-1", "digit:", "1,2");
  for (const words of bad) assert.equal(read(words, 2, digits), null, words);
});

test("a link says which class, where there are classes, and none that there is not", () => {
  assert.deepEqual(apart("7/z:1,2", 10), { kind: 7, rest: "z:1,2" });
  assert.deepEqual(apart("z:1,2", 0), { kind: 0, rest: "z:1,2" });
  for (const words of ["10/z:1,2", "z:1,2", "/z:1,2", "-1/z:1,2", "a/z:1,2", "1.0/z:1,2", ""]) assert.equal(apart(words, 10).rest, "", words);
});

test("a Gaussian's curve is as wide and as high as it should be", () => {
  const points = curve(1.23, 0.5, 0.8).slice(1).split("L").map((point) => point.split(" ").map(Number));
  const [x, y] = points.reduce((best, point) => (point[1] < best[1] ? point : best));
  assert.ok(Math.abs(x - (60 * (1.23 + 3)) / 6) < 0.35 && Math.abs(y - 32 * (1 - 0.3989 / 0.5 / 0.8)) < 0.06, `${x} ${y}`);
  const area = points.slice(1).reduce((sum, [right, low], i) => sum + (right - points[i][0]) * (32 - (low + points[i][1]) / 2), 0);
  assert.ok(Math.abs(area - (60 / 6) * (32 / 0.8)) < 4, `${area}`);
});

test("numbers have two decimals, a minus sign, and no minus zero", () => {
  assert.deepEqual([-1.234, -0.001, 0, 12].map(number), ["−1.23", "0.00", "0.00", "12.00"]);
});

test("the language is the text's; in a notebook, which has none, the browser's", () => {
  assert.equal(languageFor("zh-Hans", false, false, "en"), "zh");
  assert.equal(languageFor("en", false, false, "zh-CN"), "en");
  assert.equal(languageFor("en", false, true, "zh-CN"), "zh");
  assert.equal(languageFor("", false, false, "ZH-TW"), "zh");
  assert.equal(languageFor("zha", false, false, "zh"), "en");
  assert.equal(languageFor("zh-Hans", true, false, "en"), "both");
});

test("an edition with both languages has all words in both, and whole sentences one after the other", () => {
  for (const { zh, en, both } of [TEXTS, WORDS]) {
    assert.deepEqual(Object.keys(zh), Object.keys(en));
    for (const [key, words] of Object.entries(both)) {
      if (typeof words !== "string" || key === "space") continue;
      assert.equal(words, `${zh[key]} ${en[key]}`);
    }
  }
  assert.equal(TEXTS.both.digit("7"), "数字7 Digit 7");
  assert.deepEqual(WORDS.both.curveKeys, ["重构 reconstruction", "叠在上面的β×KL β × KL on top of it"]);
  assert.equal(TEXTS.both.named({ zh: "宽度", en: "width" }), "宽度 width");
  const point = (text) => text.point(text.byPrior, ["1.00"]);
  assert.equal(say(point, TEXTS.both), "先验的一个样本；z=(1.00)。 A sample from the prior; z = (1.00).");
  assert.equal(say(point, TEXTS.en), "A sample from the prior; z = (1.00).");
});

test("points of a map are read, found, and named among their like, no name upon another", () => {
  const digits = ["3", "8"].map((label) => ({ label })), packed = (...triples) => Uint8Array.from(triples.flat());
  const points = unpackPoints(packed([0, 255, 0], [51, 204, 1], [54, 204, 1]), digits);
  assert.deepEqual(points.map(({ label, kind }) => [label, kind]), [["3", 0], ["8", 1], ["8", 1]]);
  assert.ok(Math.max(Math.abs(points[0].x + 4), Math.abs(points[0].y - 4), Math.abs(points[1].x + 2.4), Math.abs(points[1].y - 2.4)) < 1e-9);
  assert.equal(near(points, -2.32, 2.4), points[2]);
  assert.equal(near(points, -2.4, 2.2), null);
  assert.equal(near([], 0, 0), null);
  for (const bad of [packed([1, 2]), packed([1, 2, 2])]) assert.equal(unpackPoints(bad, digits), null);
  assert.deepEqual(unpackPoints(undefined, []), []);
  const cloud = (x, y, kind) => [0, 1, 2].map((i) => [x + i, y, kind]); // a byte is 0.03 of z
  const here = unpackPoints(packed(...cloud(0, 0, 1), ...cloud(0, 0, 0), ...cloud(200, 200, 1), [130, 130, 0]), digits);
  assert.deepEqual(centers(here).map(({ kind, x }) => [kind, x > 2, x < -3]).sort(), [[0, false, true], [1, true, false]]);
  const [one, other] = centers(unpackPoints(packed(...cloud(100, 100, 0), [101, 100, 0], ...cloud(103, 100, 1), [140, 100, 1]), digits));
  assert.deepEqual([one.kind, one.x < 0, other.kind, other.x > 0], [0, true, 1, true], "a name upon another");
});

test("a drawing is scaled into 20x20 and lies with its centre of mass where MNIST's digits have it", () => {
  for (const [left, top, wide, tall] of [[10, 20, 60, 200], [100, 5, 150, 40], [0, 0, 280, 280], [270, 3, 7, 9]]) {
    const image = prepare(rows(280, 280, (x, y) => +(x >= left && x < left + wide && y >= top && y < top + tall)), 280, 280);
    const mass = image.reduce((a, b) => a + b), at = (of) => image.reduce((sum, ink, i) => sum + ink * of(i), 0) / mass + 0.5;
    const x = at((i) => i % 28), y = at((i) => Math.floor(i / 28));
    assert.ok(x >= 14 && x < 15 && y >= 14 && y < 15, `${x} ${y}`);
    assert.ok(Math.abs(mass - (400 * Math.min(wide, tall)) / Math.max(wide, tall)) < 0.01, "the aspect ratio changed");
    assert.ok(image.every((ink) => ink >= 0 && ink <= 1));
    const ink = (of) => new Set([...image.keys()].filter((i) => image[i] > 0).map(of)).size;
    assert.equal(Math.max(ink((i) => i % 28), ink((i) => Math.floor(i / 28))), 20);
  }
});

test("an image that is as MNIST would have it comes back unchanged", () => {
  const ring = rows(28, 28, (x, y) => (x >= 4 && x < 24 && y >= 4 && y < 24 && Math.hypot(x - 13.5, y - 13.5) > 5 ? 0.75 : 0));
  assert.ok(largest(prepare(ring, 28, 28), Float32Array.from(ring)) < 1e-6);
});

test("edges are grey, other sizes work, and nothing gives nothing", () => {
  assert.ok(prepare(rows(45, 45, (x, y) => +(x + y < 40)), 45, 45).some((ink) => ink > 0.1 && ink < 0.9));
  assert.equal(prepare(rows(9, 5, () => 1), 5, 9, 4).length, 16);
  const oblong = prepare(rows(280, 280, (x, y) => +(x >= 40 && x < 90 && y >= 200 && y < 250)), 280, 280, 28, 56);
  const lit = [...oblong.keys()].filter((i) => oblong[i]);
  assert.deepEqual([oblong.length, lit.length, lit[0], lit.at(-1)], [28 * 56, 400, 18 * 28 + 4, 37 * 28 + 23]);
  assert.ok(prepare(new Float32Array(100), 10, 10).every((ink) => ink === 0));
});

test("the module needs no page until it renders", () => {
  assert.equal(typeof explorer.render, "function");
});

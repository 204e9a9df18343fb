// The playground's modules under Node. GOLDEN names the file that tests/test_playground.py makes with PyTorch.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { HIDDEN, Network, PIXELS, shapes } from "../widgets/playground/network.js";
import { fillNormal, shuffle, uniform } from "../widgets/playground/random.js";
import { Session, workOff } from "../widgets/playground/session.js";
import { BATCH, STEPS, TEST, Trainer, TRAIN, unpackDigits } from "../widgets/playground/trainer.js";
import { WORDS } from "../widgets/playground/words.js";

const { cases = [], runs = [], digits: shipped } = process.env.GOLDEN ? JSON.parse(readFileSync(process.env.GOLDEN, "utf8")) : {};
const bytes = (base64) => new Uint8Array(Buffer.from(base64, "base64"));
const floats = (base64) => new Float32Array(bytes(base64).buffer);
const rows = (all, width) => Array.from({ length: all.length / width }, (_, i) => all.subarray(i * width, (i + 1) * width));
const off = (got, wanted) => {
  const size = Math.sqrt(wanted.reduce((sum, x) => sum + x * x, 0) / wanted.length);
  assert.equal(got.length, wanted.length);
  return got.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]) / (Math.abs(wanted[i]) + size)), 0);
};
const settings = { beta: 1, plain: false, rate: 0.003 };
const digits = unpackDigits(shipped ? bytes(shipped) : new Uint8Array((TRAIN + TEST) * (PIXELS + 1)).fill(128));
const looked = (trainer) => {
  const look = trainer.look();
  for (let next = look.next(); ; next = look.next()) if (next.done) return next.value;
};

for (const { name, latent, objective, rate, weights, batches, noises, losses, slopes, after } of cases) {
  test(`${name}: gradients and Adam are PyTorch's`, () => {
    const network = new Network(latent);
    network.weights = floats(weights);
    assert.deepEqual(network.weights, floats(weights));
    batches.forEach((batch, i) => {
      const loss = network.differentiate(rows(floats(batch), PIXELS), floats(noises[i]), objective);
      const slope = off(network.slopes, floats(slopes[i])), apart = Math.abs(loss.reconstruction / losses[i].reconstruction - 1);
      network.update(rate);
      const weight = off(network.weights, floats(after[i]));
      console.log(`${name}, step ${i + 1}: gradients differ by ${slope}, weights by ${weight}, relatively`);
      assert.ok(slope < 1e-4 && weight < 1e-4 && apart < 1e-5 && Math.abs(loss.kl - losses[i].kl) < 1e-4 * (losses[i].kl + 0.01));
    });
  });
}

for (const { name, latent, objective, rate, weights, images, order, noise, losses } of runs) {
  test(`${name}: the losses of a run follow PyTorch's`, () => {
    const network = new Network(latent), all = rows(floats(images), PIXELS), draws = rows(floats(noise), BATCH * latent);
    network.weights = floats(weights);
    let most = 0;
    losses.forEach((wanted, step) => {
      const batch = order.slice(step * BATCH, (step + 1) * BATCH).map((i) => all[i]);
      const got = network.differentiate(batch, draws[step], objective);
      network.update(rate);
      most = Math.max(most, Math.abs(got.reconstruction + (objective.plain ? 0 : objective.beta * got.kl) - wanted) / wanted);
    });
    console.log(`${name}: in ${losses.length} steps losses differ by at most ${most}, relatively`);
    assert.ok(most < 1e-4 && losses.at(-1) < 0.6 * losses[0]);
  });
}

test("the layers are those of vae_nb.VAE, and start as PyTorch's do", () => {
  assert.deepEqual(shapes(3), [["fc1", 64, 196], ["fc2_mean", 3, 64], ["fc2_logvar", 3, 64], ["fc3", 64, 3], ["fc4", 196, 64]]);
  const network = new Network(3);
  network.start(uniform(1));
  for (const { columns, value } of network.layers) {
    const limit = 1 / Math.sqrt(columns), all = [...value.weight, ...value.bias];
    assert.ok(all.every((x) => Math.abs(x) <= limit) && new Set(all).size > 0.99 * all.length);
    assert.ok(all.length < 100 || (Math.max(...all) > 0.95 * limit && Math.min(...all) < -0.95 * limit));
  }
});

test("a seed gives the same draws again, and they are uniform or normal", () => {
  const first = uniform(7), second = uniform(7), other = uniform(8);
  const draws = Array.from({ length: 20000 }, first);
  assert.deepEqual(draws.slice(0, 5), Array.from({ length: 5 }, second));
  assert.notEqual(draws[0], other());
  assert.equal(uniform(1)(), 0.6270739405881613); // mulberry32's first number from seed 1, as everywhere
  assert.ok(draws.every((x) => x >= 0 && x < 1) && Math.abs(draws.reduce((a, b) => a + b) / 20000 - 0.5) < 0.01);
  const normal = fillNormal(new Float32Array(19999), first), mean = normal.reduce((a, b) => a + b) / 19999;
  const variance = normal.reduce((a, b) => a + b * b, 0) / 19999 - mean * mean, within = normal.filter((x) => Math.abs(x) < 1).length / 19999;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05 && Math.abs(within - 0.683) < 0.015, `${mean} ${variance} ${within}`);
  assert.ok(fillNormal(new Float32Array(2), () => 0).every(Number.isFinite));
});

test("a shuffled order has each image once", () => {
  const order = shuffle(Uint16Array.from({ length: 100 }, (_, i) => i), uniform(3));
  assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
  assert.ok([...order].filter((x, i) => x === i).length < 10);
});

test("a run is made anew from its seed, and another seed gives another", () => {
  const weights = [5, 5, 6].map((seed) => {
    const trainer = new Trainer(digits, 2, seed, settings);
    for (let i = 0; i < 3; i++) trainer.step();
    return trainer.network.weights;
  });
  assert.deepEqual(weights[0], weights[1]);
  assert.notDeepEqual(weights[0], weights[2]);
});

test("an epoch goes through every image once", () => {
  const trainer = new Trainer(digits, 1, 1, settings), seen = [];
  trainer.network.differentiate = (images) => (seen.push(...images), { reconstruction: 0, kl: 0 });
  for (let i = 0; i < STEPS; i++) trainer.step();
  assert.ok(seen.length === TRAIN && new Set(seen).size === TRAIN && trainer.epoch === 1);
});

test("looking changes nothing, and what is seen fits the network", () => {
  for (const latent of [1, 2, 8]) {
    const trainer = new Trainer(digits, latent, 1, settings), before = trainer.network.weights, seen = looked(trainer), again = looked(trainer);
    assert.deepEqual(before, trainer.network.weights);
    assert.deepEqual(seen, again);
    assert.equal(seen.means.length, TEST * latent);
    assert.equal(seen.axes.length, Math.min(latent, 2));
    assert.equal(seen.manifold.length, (latent === 1 ? 12 : 144) * PIXELS);
    assert.ok(seen.axes.every((axis, i) => axis < latent && axis > (seen.axes[i - 1] ?? -1)) && seen.reach >= 3 && seen.finite);
  }
});

test("the map takes the two latent variables in which the codes differ most, and reaches to where they are", () => {
  const trainer = new Trainer(digits, 8, 1, settings);
  let image = 0;
  trainer.network.encode = function () { // these depend on the image in dimensions 3 and 6 alone
    this.mean.set([1, 1, 1, 7 * Math.sin(image), 1, 1, 5 * Math.cos(image++), 1]);
  };
  const { axes, reach } = looked(trainer);
  assert.deepEqual(axes, [3, 6]);
  assert.equal(reach, 8);
});

test("a session trains when it is told to, looks at each half epoch, and stops", () => {
  const seen = [], session = new Session((snapshot) => seen.push(snapshot)), tasks = [];
  const send = workOff(session, 0, (task) => tasks.push(task)), all = (most) => { while (tasks.length && most-- > 0) tasks.shift()(); };
  send({ digits: new Uint8Array((TRAIN + TEST) * (PIXELS + 1)).fill(100) });
  send({ settings: { beta: 2, plain: false, rate: 0.001 } });
  send({ reset: { latent: 2, seed: 1 } });
  all(Infinity);
  assert.deepEqual(seen.map(({ steps }) => steps), [0]);
  send({ step: true });
  all(Infinity);
  send({ run: true });
  all(100);
  send({ run: false });
  all(Infinity);
  const steps = seen.map(({ steps }) => steps);
  assert.deepEqual(steps.slice(0, 5), [0, 1, 20, 40, 60]);
  assert.equal(steps.at(-1), session.trainer.steps);
  assert.equal(tasks.length, 0);
  assert.ok(seen.every((snapshot) => snapshot.settings.beta === 2));
  send({ run: true });
  all(5);
  send({ settings: { beta: 7, plain: true, rate: 0.001 } });
  send({ reset: { latent: 1, seed: 1 } });
  all(Infinity);
  assert.ok(seen.at(-1).steps === 0 && seen.at(-1).latent === 1 && seen.at(-1).settings.beta === 7 && !session.running);
});

test("a loss that is no longer finite ends the training and says so", () => {
  const seen = [], session = new Session((snapshot) => seen.push(snapshot));
  session.receive({ digits: new Uint8Array((TRAIN + TEST) * (PIXELS + 1)).fill(100) });
  session.receive({ reset: { latent: 2, seed: 1 } });
  for (let i = 0; i < 100; i++) session.work();
  session.trainer.network.parameters.fill(NaN);
  session.receive({ run: true });
  for (let i = 0; i < 100; i++) session.work();
  assert.ok(!seen.at(-1).finite && !session.running);
});

test("digits come whole, and the labels are those of the test digits", () => {
  const all = new Uint8Array((TRAIN + TEST) * (PIXELS + 1));
  all[TRAIN * PIXELS] = 255;
  all[(TRAIN + TEST) * PIXELS + TRAIN] = 9;
  const { train, test: held, labels } = unpackDigits(all);
  assert.ok(train.length === TRAIN && held.length === TEST && labels.length === TEST && held[0][0] === 1 && labels[0] === 9 && HIDDEN === 64);
});

test("words come in both languages, with their numbers", () => {
  assert.ok(Object.values(WORDS.zh).flat().every((zh) => typeof zh === "function" || /[\u4e00-\u9fff]|^$/.test(zh)));
  assert.equal(WORDS.both.plainLoss(2, 45.04), "第2.0轮：损失45.0奈特，只有重构 Epoch 2.0: loss 45.0 nats, reconstruction alone");
  assert.equal(WORDS.en.loss(2.5, 50.04, 46, 2, 2.02), "Epoch 2.5: loss 50.0 = reconstruction 46.0 + 2 × KL 2.0 nats");
});

/** What the playground says, in both languages, one by one or side by side. */
import { inLanguages } from "../language.js";
import { TEST, TRAIN } from "./trainer.js";

/** @param {number} x @returns {string} */
const nats = (x) => (Math.abs(x) < 1000 ? x.toFixed(1) : x.toExponential(1));
const count = (TRAIN + TEST).toLocaleString("en");

const EN = {
  playground: "Train a VAE in this page", train: "Train", pause: "Pause", step: "One step", reset: "Reset",
  controls: "What is trained, and how", beta: "β, weight of the KL divergence", latent: "Latent dimensions", rate: "Learning rate",
  plain: "Reconstruction only (plain autoencoder)", seed: "Seed", another: "Another seed",
  ready: `Press Train. The ${count} digits, 0.7 MB, are loaded then; all computing is done on your machine.`,
  ahead: "Appears when you press Train", untrained: "Not trained yet: what you see is what random weights make.",
  loading: "The digits are loading.", training: "Training.",
  loss: (/** @type {number} */ epoch, /** @type {number} */ loss, /** @type {number} */ reconstruction, /** @type {number} */ beta,
    /** @type {number} */ kl) => `Epoch ${epoch.toFixed(1)}: loss ${nats(loss)} = reconstruction ${nats(reconstruction)} + ${beta} × KL ${nats(kl)} nats`,
  plainLoss: (/** @type {number} */ epoch, /** @type {number} */ loss) =>
    `Epoch ${epoch.toFixed(1)}: loss ${nats(loss)} nats, reconstruction alone`,
  curve: "Loss by epoch, in nats per image, on the test digits", curveKeys: ["reconstruction", "β × KL on top of it"],
  map: `Codes of the ${TEST} test digits: the mean of each. The circles are 1 and 2 standard deviations of the prior.`,
  lineMap: `Codes of the ${TEST} test digits: the mean of each, a row for each class. The bars are 1 and 2 standard deviations of the prior.`,
  plane: (/** @type {number[]} */ axes, /** @type {number} */ reach) => `${axes.map((axis) => `z${axis}`).join(", ")} from −${reach} to ${reach}`,
  manifold: "Decoded across the same plane", lineManifold: "Decoded along the same line", others: "the other latent variables are 0",
  originals: "Test digits", rebuilt: "Reconstructions", samples: "Samples from the prior",
  tradeoff: "Rate and distortion: KL to the right, reconstruction upwards, in nats. The trail is the way so far.",
  noRate: "A plain autoencoder has no rate, so it leaves no point.",
  diverged: "The loss is no longer a finite number: the learning rate is too high. Lower it and reset.",
  badDigits: "The digits did not arrive whole. Load the page again.",
};
/** @typedef {typeof EN} Words */

/** @type {Words} */
const ZH = {
  playground: "在网页里训练一个VAE", train: "训练", pause: "暂停", step: "走一步", reset: "重来",
  controls: "训练什么、怎样训练", beta: "β：KL散度的权重", latent: "潜变量的维数", rate: "学习率",
  plain: "只要重构（普通的自编码器）", seed: "随机种子", another: "换一个种子",
  ready: `按“训练”开始，届时载入${count}幅数字（0.7 MB）；计算全在你的机器上。`,
  ahead: "按“训练”后显示", untrained: "还没有训练，看到的都出自随机的权重。",
  loading: "正在载入数字。", training: "正在训练。",
  loss: (epoch, loss, reconstruction, beta, kl) =>
    `第${epoch.toFixed(1)}轮：损失${nats(loss)}=重构${nats(reconstruction)}+${beta}×KL${nats(kl)}奈特`,
  plainLoss: (epoch, loss) => `第${epoch.toFixed(1)}轮：损失${nats(loss)}奈特，只有重构`,
  curve: "损失随轮数的变化（单位：每幅测试图像的奈特）", curveKeys: ["重构", "叠在上面的β×KL"],
  map: `${TEST}幅测试数字的编码（均值）。两圈是先验的1倍与2倍标准差。`,
  lineMap: `${TEST}幅测试数字的编码（均值），每类一行。竖线是先验的1倍与2倍标准差。`,
  plane: (axes, reach) => `${axes.map((axis) => `z${axis}`).join("、")}从−${reach}到${reach}`,
  manifold: "同一平面各处解码出的图像", lineManifold: "同一直线各处解码出的图像", others: "其余潜变量为0",
  originals: "测试数字", rebuilt: "重构", samples: "先验的样本",
  tradeoff: "率失真：向右是KL，向上是重构，单位奈特。拖出的线是走过的路。",
  noRate: "普通的自编码器没有率，所以不画点。",
  diverged: "损失已不是有限的数：学习率太大。请调小，再重来。",
  badDigits: "数字没有完整收到，请重新载入网页。",
};

export const WORDS = inLanguages(ZH, EN);

// What the widgets' modules share.
import { TEXTS } from "./strings.js";

export type Dtype = "int8" | "float32";
/** `classes`: of how many the decoder is told one beside z; none where it is told nothing. */
export type Sizes = {
  image_size: number; image_shape: number[]; hidden_dim: number; latent_dim: number; dtype: Dtype; classes?: number;
};
export type Size = { width: number; height: number };
export type Shape = [rows: number, columns: number];
/** The weight column by column. */
export type Layer = { weight: Float32Array; bias: Float32Array };
/** What the encoder makes of an image. */
export type Posterior = { mean: readonly number[]; sigma: readonly number[]; image: Float32Array };
export type Digit = Posterior & { label: string };

/** What anywidget gives of the Python side. */
export interface Model {
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(name: string, listener: () => void): void;
  off(name: string, listener: () => void): void;
}

export type Name = { zh: string; en: string };
/** What people call a dimension, by its number. */
export type Names = { readonly [dimension: string]: Name };
export type Text = (typeof TEXTS)["en"];
export type Phrase = (text: Text) => string;
export type Part = { element: HTMLElement; update?: () => void };
/** `says` tells of one that the reader did not begin. */
export type Walk = { stop(): void; says?: Phrase };
/** One of the test digits on the plane of two latent variables; `kind` is the number of its class. */
export type Point = { x: number; y: number; label: string; kind: number };

export interface View {
  model: Model;
  text: Text;
  sizes: Sizes;
  size: Size;
  /** That of the class which is drawn, where there are classes. */
  decoder: Layer[];
  decoders: readonly Layer[][];
  /** The number of that class. */
  kind: number;
  kl: readonly number[];
  names: Names;
  digits: readonly Digit[];
  points: readonly Point[];
  z: number[];
  band: Posterior | null;
  source: Phrase;
  signal: AbortSignal;
  walk: Walk | null;
  soon(task: FrameRequestCallback): void;
  /** Has all parts updated in the next frame. */
  renew(): void;
  set(z: number[], source: Phrase, band?: Posterior | null): void;
  /** As `set`, but by the reader, which ends a walk. */
  move(z: number[], source: Phrase, band?: Posterior | null): void;
  /** Draws another class. */
  turn(kind: number): void;
}

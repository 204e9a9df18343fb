/** The training that a page asks for by messages, done piece by piece, in a worker or between frames. */
/** @import {Settings, Snapshot} from "./trainer.js" */
import { Trainer, unpackDigits } from "./trainer.js";

/**
 * @typedef {{digits: Uint8Array}} Bring the digits, before anything else
 * @typedef {{reset: {latent: number, seed: number}}} Reset a network that has not been trained
 * @typedef {{settings: Settings}} Set
 * @typedef {{run: boolean}} Run train, or pause
 * @typedef {{step: true}} Step train on one batch
 * @typedef {Bring | Reset | Set | Run | Step} Message
 */

const EVERY = 20; // steps from one look to the next: half an epoch

export class Session {
  /** @param {(snapshot: Snapshot) => void} say */
  constructor(say) {
    this.say = say;
    this.running = false;
    /** @type {Settings} */
    this.settings = { beta: 1, plain: false, rate: 0.003 };
    /** @type {import("./trainer.js").Digits | null} */
    this.digits = null;
    /** @type {Trainer | null} */
    this.trainer = null;
    /** @type {Generator<void, Snapshot, void> | null} */
    this.look = null;
    this.seen = -1; // at how many steps it was last looked
  }

  /** @param {Message} message */
  receive(message) {
    if ("digits" in message) this.digits = unpackDigits(message.digits);
    else if ("settings" in message) this.#set(message.settings);
    else if ("reset" in message) this.#reset(message.reset.latent, message.reset.seed);
    else if ("run" in message) this.#run(message.run);
    else if (this.trainer) this.#step(this.trainer);
  }

  /** Does a piece of a few milliseconds. @returns {boolean} whether there was anything to do */
  work() {
    if (this.look) {
      const { done, value } = this.look.next();
      if (done) {
        this.look = null;
        this.say(value);
        if (!value.finite) this.running = false;
      }
      return true;
    }
    if (!this.running || !this.trainer) return false;
    this.trainer.step();
    if (this.trainer.steps % EVERY === 0) this.#look(this.trainer);
    return true;
  }

  /** @param {Settings} settings */
  #set(settings) {
    this.settings = settings;
    if (this.trainer) this.trainer.settings = settings;
  }

  /** @param {number} latent @param {number} seed */
  #reset(latent, seed) {
    if (!this.digits) throw new Error("the digits have not come");
    this.running = false;
    this.trainer = new Trainer(this.digits, latent, seed, this.settings);
    this.#look(this.trainer);
  }

  /** @param {boolean} on */
  #run(on) {
    this.running = on;
    if (!on && this.trainer && this.seen !== this.trainer.steps) this.#look(this.trainer);
  }

  /** @param {Trainer} trainer */
  #step(trainer) {
    trainer.step();
    this.#look(trainer);
  }

  /** @param {Trainer} trainer */
  #look(trainer) {
    this.seen = trainer.steps;
    this.look = trainer.look();
  }
}

/**
 * Does a session's work in slices, with room for others between them.
 * @param {Session} session @param {number} slice milliseconds @param {(task: () => void) => void} soon @returns {(message: Message) => void}
 */
export function workOff(session, slice, soon) {
  let busy = false;
  const turn = () => {
    const end = performance.now() + slice;
    while (session.work()) if (performance.now() >= end) return soon(turn);
    busy = false;
  };
  return (message) => {
    session.receive(message);
    if (!busy) soon(turn);
    busy = true;
  };
}

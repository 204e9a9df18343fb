/** Training beside the page: in a worker, or in slices between frames where a page may have none. */
/** @import {Message} from "./session.js" */
/** @import {Snapshot} from "./trainer.js" */
import { Session, workOff } from "./session.js";

const SLICE_MS = 12;

/** @param {(snapshot: Snapshot) => void} say @returns {{send(message: Message): void, stop(): void}} */
export function training(say) {
  /** @type {Message[]} */
  const sent = []; // until the worker has answered, since one that is refused says so only later
  let answered = false, stopped = false, send = inPage;
  /** @type {Worker | null} */
  let worker = null;
  /** @param {Snapshot} snapshot */
  const hear = (snapshot) => {
    answered = true;
    sent.length = 0;
    if (!stopped) say(snapshot);
  };
  /** @param {Message} message */
  function inPage(message) {
    send = workOff(new Session(hear), SLICE_MS, (task) => void setTimeout(() => stopped || task()));
    send(message);
  }
  const fallBack = () => {
    worker?.terminate();
    worker = null;
    send = inPage;
    sent.splice(0).forEach((message) => send(message));
  };
  try {
    const address = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" })), mine = new Worker(address);
    worker = mine;
    mine.onmessage = ({ data }) => hear(data);
    mine.onerror = (event) => {
      if (answered) return;
      event.preventDefault();
      fallBack();
    };
    send = (message) => mine.postMessage(message);
  } catch {
    worker = null;
  }
  return {
    send(message) {
      if (worker && !answered) sent.push(message);
      send(message);
    },
    stop() {
      stopped = true;
      worker?.terminate();
    },
  };
}

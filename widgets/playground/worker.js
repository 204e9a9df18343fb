// What the worker runs; the bundle of this module is a text in the widget's own, from which the page makes a worker, also from disk.
import { Session, workOff } from "./session.js";

const SLICE_MS = 30, { port1, port2 } = new MessageChannel(); // a timer would wait for 4 ms
/** @type {() => void} */
let next;
port1.onmessage = () => next();
const receive = workOff(new Session((snapshot) => postMessage(snapshot)), SLICE_MS, (task) => {
  next = task;
  port2.postMessage(0);
});
onmessage = ({ data }) => receive(data);

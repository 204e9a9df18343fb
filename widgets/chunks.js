/** @import {View} from "./types.js" */

const CHUNK_MS = 6;

/**
 * A few steps in each frame, so that the page stays quick.
 * @param {View} view @param {number} count of steps @param {(step: number) => void} act @returns {() => void} ends it before its end
 */
export function inChunks(view, count, act) {
  let next = 0;
  const work = () => {
    const end = performance.now() + CHUNK_MS;
    while (next < count && performance.now() < end) act(next++);
    if (next < count) view.soon(work);
  };
  view.soon(work);
  return () => void (next = count);
}

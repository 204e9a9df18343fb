/** Seeded random numbers: the same seed gives the same run in every browser. */

/** Uniform in [0, 1), by mulberry32. @param {number} seed @returns {() => number} */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fills with draws from N(0, 1), by Box and Muller. @param {Float32Array} values @param {() => number} random @returns {Float32Array} */
export function fillNormal(values, random) {
  for (let i = 0; i < values.length; i += 2) {
    const length = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
    values[i] = length * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = length * Math.sin(angle);
  }
  return values;
}

/** Shuffles in place, by Fisher and Yates. @param {Uint16Array} order @param {() => number} random @returns {Uint16Array} */
export function shuffle(order, random) {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1)), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}

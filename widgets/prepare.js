/**
 * A drawing as MNIST's digits are: scaled into 20x20 pixels, then moved by whole pixels until the centre of mass is in the middle of 28x28.
 * @param {ArrayLike<number>} pixels ink, 0 to 1 @param {number} width @param {number} height @param {number} across @param {number} down
 * @returns {Float32Array} zeros if there is no ink
 */
export function prepare(pixels, width, height, across = 28, down = across) {
  const out = new Float32Array(across * down), box = inkBox(pixels, width, height);
  if (!box) return out;
  const [wide, tall] = [box.right - box.left, box.bottom - box.top];
  const scale = Math.max(wide / Math.round((across * 20) / 28), tall / Math.round((down * 20) / 28));
  const columns = Math.ceil(wide / scale - 1e-9), rows = Math.ceil(tall / scale - 1e-9);
  const small = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    const top = box.top + y * scale;
    for (let x = 0; x < columns; x++) small[y * columns + x] = area(pixels, width, height, box.left + x * scale, top, scale);
  }
  const mass = centre(small, columns), dx = Math.floor(across / 2) - Math.floor(mass.x), dy = Math.floor(down / 2) - Math.floor(mass.y);
  small.forEach((ink, i) => {
    const x = (i % columns) + dx, y = Math.floor(i / columns) + dy;
    if (x >= 0 && x < across && y >= 0 && y < down) out[y * across + x] = ink;
  });
  return out;
}

/** @param {ArrayLike<number>} pixels @param {number} width @param {number} height */
function inkBox(pixels, width, height) {
  let left = width, right = 0, top = height, bottom = 0;
  for (let i = 0; i < width * height; i++) {
    if (!(pixels[i] > 0)) continue;
    const x = i % width, y = (i - x) / width;
    left = Math.min(left, x), right = Math.max(right, x + 1), top = Math.min(top, y), bottom = y + 1;
  }
  return right && { left, right, top, bottom };
}

/**
 * The mean ink in a square; outside the drawing there is none.
 * @param {ArrayLike<number>} pixels @param {number} width @param {number} height
 * @param {number} left @param {number} top @param {number} size of the square
 */
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

/** The centre of mass; the centre of the first pixel is at 0.5. @param {Float32Array} image @param {number} columns */
function centre(image, columns) {
  let mass = 0, x = 0, y = 0;
  image.forEach((ink, i) => {
    mass += ink;
    x += ink * ((i % columns) + 0.5);
    y += ink * (Math.floor(i / columns) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}

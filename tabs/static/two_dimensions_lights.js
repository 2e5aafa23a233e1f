// Points of light for "In two dimensions", added pixel by pixel: where many lie, it is bright. A thousand pictures
// of a dot drawn on a canvas would take a computer without a graphics card the whole of a frame; this takes a tenth.

const GROUND = [20, 17, 15];
const PARTS = 4; // a dot can stand at quarters of a pixel, so that slow ones do not jump

class Lights {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
    const [r, g, b] = GROUND;
    this.ground = new Uint32Array(Uint8Array.from([r, g, b, 255]).buffer)[0];
    this.kernels = new Map();
  }

  clear() { this.words.fill(this.ground); }

  // How bright a dot of a radius (pixels) is around its middle: per shift by quarters of a pixel, side x side of
  // [share of its colour, share of white].
  kernelsOf(radius) {
    const key = Math.round(8 * radius);
    if (this.kernels.has(key)) return this.kernels.get(key);
    const reach = Math.ceil(3 * radius), side = 2 * reach + 1, shifts = [];
    for (let shift = 0; shift < PARTS * PARTS; shift++) {
      const dx = (shift % PARTS) / PARTS, dy = Math.floor(shift / PARTS) / PARTS, kernel = new Float32Array(2 * side * side);
      for (let j = 0; j < side; j++) for (let i = 0; i < side; i++) {
        const r = Math.hypot(i - reach - dx, j - reach - dy) / (3 * radius);
        kernel[2 * (j * side + i)] = glow(r);
        kernel[2 * (j * side + i) + 1] = 0.45 * Math.max(0, 1 - r / 0.26) * glow(r);
      }
      shifts.push(kernel);
    }
    const made = { side, reach, shifts };
    this.kernels.set(key, made);
    return made;
  }

  // A dot at (x, y) of the picture for every `step`th of the points `at`: x, y, x, y, ..., within a rectangle.
  // to    { cx, cy, scale, left, top, right, bottom }, in pixels of the picture
  add(at, to, { colour: [r, g, b], radius, strength = 1, first = 0, step = 1 }) {
    const { side, reach, shifts } = this.kernelsOf(radius), { data } = this.image;
    for (let k = first; k < at.length / 2; k += step) {
      const x = to.cx + at[2 * k] * to.scale, y = to.cy - at[2 * k + 1] * to.scale;
      const px = Math.floor(x), py = Math.floor(y), left = px - reach, top = py - reach;
      const kernel = shifts[Math.floor((y - py) * PARTS) * PARTS + Math.floor((x - px) * PARTS)];
      const from = Math.max(0, to.left - left), until = Math.min(side, to.right - left);
      const last = Math.min(side, to.bottom - top);
      for (let j = Math.max(0, to.top - top); j < last; j++) {
        let pixel = 4 * ((top + j) * this.width + left + from), cell = 2 * (j * side + from);
        for (let i = from; i < until; i++, pixel += 4, cell += 2) {
          const own = strength * kernel[cell];
          if (own < 0.01) continue;
          const white = 255 * strength * kernel[cell + 1];
          data[pixel] += own * r + white; // clamped at 255
          data[pixel + 1] += own * g + white;
          data[pixel + 2] += own * b + white;
        }
      }
    }
  }
}

// From the middle (0) to the rim (1): a bright core, and a weak halo.
function glow(r) {
  if (r >= 1) return 0;
  if (r < 0.26) return 0.95 - (0.05 * r) / 0.26;
  if (r < 0.42) return 0.9 - (0.68 * (r - 0.26)) / 0.16;
  return (0.22 * (1 - r)) / 0.58;
}

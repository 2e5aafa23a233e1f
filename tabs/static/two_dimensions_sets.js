// The data sets of "In two dimensions": name -> (n) -> data { n, split, x, y }, see the maths; xy is x, y, x, y, ...
// All have a spread of about 1, like the noise, and lie within 2.3 of the middle.

// From points [x, y] of class 0, and of class 1 if there are two.
function dataOf(first, second = []) {
  const all = [...first, ...second];
  const x = Float64Array.from(all, (p) => p[0]), y = Float64Array.from(all, (p) => p[1]);
  return { n: all.length, split: first.length, x, y, xy: Float64Array.from(all.flat()) };
}

// n times `at(k, normals)`, with normal numbers of a seed of the set's own.
function drawnPoints(n, seed, at) {
  const normals = new Normals([seed]);
  return Array.from({ length: n }, (_, k) => at(k, normals));
}

// Two half circles, each reaching into the other.
function moons(n) {
  return dataOf(drawnPoints(n, 11, (k, normals) => {
    const angle = Math.PI * normals.uniform(0), upper = k % 2 === 0;
    normals.draw(0);
    return [
      1.35 * ((upper ? Math.cos(angle) : 1 - Math.cos(angle)) - 0.5) + 0.07 * normals.x,
      1.35 * ((upper ? Math.sin(angle) : 0.5 - Math.sin(angle)) - 0.25) + 0.07 * normals.y,
    ];
  }));
}

// r grows with the angle; the root spreads the points evenly along it.
function spiral(n) {
  return dataOf(drawnPoints(n, 12, (k, normals) => {
    const u = Math.sqrt((k + 0.5) / n), angle = 4.5 * Math.PI * u;
    normals.draw(0);
    return [
      0.15 + 2 * u * Math.cos(angle) + 0.025 * normals.x,
      2 * u * Math.sin(angle) + 0.025 * normals.y,
    ];
  }));
}

// Two rings that overlap: where they cross, a point may be of either class.
function classes(n) {
  const ring = (count, seed, middle) => drawnPoints(count, seed, (k, normals) => {
    const angle = (2 * Math.PI * (k + normals.uniform(0))) / count;
    normals.draw(0);
    return [middle + 1.05 * Math.cos(angle) + 0.09 * normals.x, 1.05 * Math.sin(angle) + 0.09 * normals.y];
  });
  const half = n >> 1;
  return dataOf(ring(half, 13, -0.6), ring(n - half, 14, 0.6));
}

// The outline of a word in the page's own letters. Of all pixels on an edge, those are kept that lie at least r
// from the ones before; r is chosen so that about n are kept.
function letters(n, word) {
  const high = 120, canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  const font = `700 ${high}px system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif`;
  context.font = font;
  const wide = (canvas.width = Math.ceil(context.measureText(word).width) + 20);
  const tall = (canvas.height = 2 * high);
  context.font = font; // a new size forgets it
  context.textBaseline = "middle";
  context.fillText(word, 10, tall / 2);
  const alpha = context.getImageData(0, 0, wide, tall).data;
  const full = (x, y) => alpha[4 * (y * wide + x) + 3] > 127;
  const edge = [];
  for (let y = 1; y < tall - 1; y++) for (let x = 1; x < wide - 1; x++)
    if (full(x, y) && !(full(x - 1, y) && full(x + 1, y) && full(x, y - 1) && full(x, y + 1))) edge.push([x, y]);
  if (!edge.length) return dataOf([]);
  let few = 1, many = 40, kept = edge;
  for (let turn = 0; turn < 12; turn++) {
    const r = (few + many) / 2;
    kept = spaced(edge, r);
    if (kept.length > n) few = r;
    else many = r;
  }
  kept = spaced(edge, many);
  const xs = kept.map((p) => p[0]), ys = kept.map((p) => p[1]);
  const left = Math.min(...xs), right = Math.max(...xs), top = Math.min(...ys), bottom = Math.max(...ys);
  const scale = Math.min(4.5 / Math.max(1, right - left), 3 / Math.max(1, bottom - top));
  return dataOf(kept.map(([x, y]) => [scale * (x - (left + right) / 2), scale * ((top + bottom) / 2 - y)]));
}

// Those of the points that are at least r from all that were kept before, by a grid with one point to a cell at most.
function spaced(points, r) {
  const side = r / Math.SQRT2, cells = new Map(), kept = [];
  for (const point of points) {
    const i = Math.floor(point[0] / side), j = Math.floor(point[1] / side);
    let free = true;
    for (let a = i - 2; free && a <= i + 2; a++) for (let b = j - 2; free && b <= j + 2; b++) {
      const other = cells.get(a * 65536 + b);
      if (other && Math.hypot(other[0] - point[0], other[1] - point[1]) < r) free = false;
    }
    if (!free) continue;
    cells.set(i * 65536 + j, point);
    kept.push(point);
  }
  return kept;
}

const SETS = { moons, spiral, letters, classes };
const SET_NAMES = { letters: "a word", moons: "two moons", spiral: "a spiral", classes: "two classes", own: "your dots" };

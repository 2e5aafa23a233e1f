// The maths of "In two dimensions": pure functions without a page. Equations, symbols and random numbers are
// those of diffusion_core (levels, sampling, exact.py), and a test holds every trajectory equal to Python's.
//
//   x_t = alpha x0 + sigma eps     a level is { t, alpha, sigma }; CLEAN has alpha 1, sigma 0
//   data { n, split, x, y }        n points; the first `split` are of class 0, the rest of class 1
//   sampler                        "ddpm", "ddim" (cosine schedule) or "flow" (straight path, alpha + sigma = 1)

const CLEAN = { t: -1, alpha: 1, sigma: 0 };

// Normal numbers: a mulberry32 generator per point, and Box and Muller's r cos, r sin of two uniform ones.
class Normals {
  constructor(seeds) {
    this.state = Uint32Array.from(seeds, (seed) => seed >>> 0);
    this.x = 0;
    this.y = 0;
  }

  uniform(k) { // in [0, 1)
    const a = (this.state[k] += 0x6d2b79f5, this.state[k]);
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  draw(k) { // the next two of point k, to .x and .y
    const r = Math.sqrt(-2 * Math.log1p(-this.uniform(k))), angle = 2 * Math.PI * this.uniform(k);
    this.x = r * Math.cos(angle);
    this.y = r * Math.sin(angle);
  }
}

// --- levels and paths -------------------------------------------------------------------------------------

// abar: a Float32Array, as Python's schedule has it. alpha = sqrt(abar), sigma = sqrt(1 - abar).
const levelsOf = (abar) =>
  Array.from(abar, (a, t) => ({ t, alpha: Math.sqrt(a), sigma: Math.sqrt(1 - a) }));

// n timesteps down from T - 1, the last T/n - 1 ("trailing").
const trailing = (T, n) => Array.from({ length: n }, (_, k) => T - 1 - Math.floor((k * T) / n));

// The levels that a sampler walks, noisiest first.
function pathOf(sampler, steps, levels) {
  const path = sampler === "flow"
    ? Array.from({ length: steps }, (_, k) => ({ t: k / steps, alpha: k / steps, sigma: 1 - k / steps }))
    : trailing(levels.length, steps).map((t) => levels[t]);
  return [...path, CLEAN];
}

// The level on the way out, share 0 (data) .. 1 (noise).
function forwardLevel(sampler, share, levels) {
  if (share <= 0) return CLEAN;
  if (sampler === "flow") return { t: 1 - share, alpha: 1 - share, sigma: share };
  return levels[Math.max(0, Math.min(levels.length, Math.round(share * levels.length)) - 1)];
}

// --- the exact denoiser -----------------------------------------------------------------------------------

let away = new Float64Array(1024); // squared distances, room for one question

// The mean of x_i, i in [from, to), weighed by exp(-|x_t - alpha x_i|^2 / (2 sigma^2)): to out[at], out[at + 1].
// out[6 + c], out[8 + c]: the nearest squared distance, and the sum of the weights relative to the nearest's.
function classMean(data, from, to, x, y, alpha, scale, out, at, c) {
  const X = data.x, Y = data.y;
  let nearest = Infinity;
  for (let i = from; i < to; i++) {
    const a = x - alpha * X[i], b = y - alpha * Y[i], d = a * a + b * b;
    away[i] = d;
    if (d < nearest) nearest = d;
  }
  let sum = 0, sumX = 0, sumY = 0;
  for (let i = from; i < to; i++) {
    const logit = (away[i] - nearest) * scale;
    if (logit < -42) continue; // below double precision
    const w = Math.exp(logit);
    sum += w;
    sumX += w * X[i];
    sumY += w * Y[i];
  }
  out[at] = sumX / sum;
  out[at + 1] = sumY / sum;
  out[6 + c] = nearest;
  out[8 + c] = sum;
}

// out = Float64Array(10): x0_hat told nothing (0, 1), told class 0 (2, 3), told class 1 (4, 5).
function posteriorMean(data, x, y, { alpha, sigma }, out) {
  if (away.length < data.n) away = new Float64Array(data.n);
  const scale = -1 / (2 * sigma * sigma);
  classMean(data, 0, data.split, x, y, alpha, scale, out, 2, 0);
  if (data.split === data.n) {
    out[0] = out[2];
    out[1] = out[3];
    return;
  }
  classMean(data, data.split, data.n, x, y, alpha, scale, out, 4, 1);
  const nearest = Math.min(out[6], out[7]); // of both: their sums of weights, on one scale
  const w0 = out[8] * Math.exp((out[6] - nearest) * scale), w1 = out[9] * Math.exp((out[7] - nearest) * scale);
  out[0] = (w0 * out[2] + w1 * out[4]) / (w0 + w1);
  out[1] = (w0 * out[3] + w1 * out[5]) / (w0 + w1);
}

// Guidance: x0_hat = (1 - gamma) x0_hat(x_t) + gamma x0_hat(x_t, class), to out[0], out[1].
function x0Hat(data, x, y, level, gamma, label, out) {
  posteriorMean(data, x, y, level, out);
  if (data.split === data.n) return;
  const at = 2 + 2 * label;
  out[0] += gamma * (out[at] - out[0]);
  out[1] += gamma * (out[at + 1] - out[1]);
}

// --- samplers ---------------------------------------------------------------------------------------------

// Every step is x_t' = ofX x_t + ofX0 x0_hat + ofZ z, with z from N(0, I). With eps_hat = (x_t - alpha x0_hat) / sigma:
//   ddim   x_t' = alpha' x0_hat + sigma' eps_hat
//   flow   x_t' = x_t + (alpha' - alpha) (x0_hat - eps_hat)
//   ddpm   a draw from q(x_t' | x_t, x0_hat), r = snr / snr':
//          mean alpha' (1 - r) x0_hat + (alpha / alpha') (sigma' / sigma)^2 x_t, variance sigma'^2 (1 - r)
function stepOf(sampler, here, there) {
  const { alpha, sigma } = here;
  if (sampler === "flow") {
    const d = there.alpha - alpha;
    return { ofX: 1 - d / sigma, ofX0: d * (1 + alpha / sigma), ofZ: 0 };
  }
  if (sampler === "ddim") {
    const direction = there.sigma / sigma;
    return { ofX: direction, ofX0: there.alpha - direction * alpha, ofZ: 0 };
  }
  if (there.sigma === 0) return { ofX: 0, ofX0: there.alpha, ofZ: 0 };
  const keep = ((alpha / there.alpha) * there.sigma * there.sigma) / (sigma * sigma), r = (alpha / there.alpha) * keep;
  return { ofX: keep, ofX0: there.alpha * (1 - r), ofZ: Math.sqrt(there.sigma * there.sigma * (1 - r)) };
}

// `count` points out of noise. states[k] is x before step k, answers[k] its x0_hat, each x, y, x, y, ...
// Point k is asked for class k % 2 where there are two. seed s gives point k the generator 1000003 s + k.
class Run {
  constructor(data, { sampler, steps, gamma = 1, seed = 0, count = 1000 }, levels) {
    Object.assign(this, { data, sampler, steps, gamma, seed, count });
    this.path = pathOf(sampler, steps, levels);
    this.normals = new Normals(Array.from({ length: count }, (_, k) => 1000003 * seed + k));
    const noise = new Float64Array(2 * count);
    for (let k = 0; k < count; k++) {
      this.normals.draw(k);
      noise[2 * k] = this.normals.x;
      noise[2 * k + 1] = this.normals.y;
    }
    this.states = [noise];
    this.answers = [];
    this.at = 0; // the point whose turn it is
    this.out = new Float64Array(10);
  }

  get noise() { return this.states[0]; } // the eps of the way out, too
  get ready() { return this.states.length - 1; } // steps that are done
  get finished() { return this.ready === this.steps; }

  // Walk on until the clock says `until`; true when the walk is over.
  advance(until = Infinity) {
    while (!this.finished) {
      const k = this.ready, here = this.path[k], x = this.states[k];
      const { ofX, ofX0, ofZ } = stepOf(this.sampler, here, this.path[k + 1]);
      if (this.at === 0) {
        this.next = new Float64Array(2 * this.count);
        this.answers[k] = new Float64Array(2 * this.count);
      }
      const answers = this.answers[k], next = this.next;
      for (const end = Math.min(this.count, this.at + 25); this.at < end; this.at++) {
        const i = 2 * this.at;
        x0Hat(this.data, x[i], x[i + 1], here, this.gamma, this.at % 2, this.out);
        answers[i] = this.out[0];
        answers[i + 1] = this.out[1];
        next[i] = ofX * x[i] + ofX0 * answers[i];
        next[i + 1] = ofX * x[i + 1] + ofX0 * answers[i + 1];
        if (ofZ === 0) continue;
        this.normals.draw(this.at);
        next[i] += ofZ * this.normals.x;
        next[i + 1] += ofZ * this.normals.y;
      }
      if (this.at === this.count) {
        this.states.push(next);
        this.at = 0;
      }
      if (until !== Infinity && performance.now() >= until) break;
    }
    return this.finished;
  }
}

// Which data point `count` points begin at: in order, of the class that each is asked for.
function origin(data, k) {
  if (data.split === data.n) return k % data.n;
  const half = k >> 1;
  return k % 2 ? data.split + (half % (data.n - data.split)) : half % data.split;
}

// --- what came of it --------------------------------------------------------------------------------------

// off: the mean distance of a point to the nearest data point; found: the share of the data that is somebody's
// nearest; right: the share of points whose nearest is of the class that was asked for; detour: the length of
// all paths over their straight distance.
function measures(run) {
  const { data, count } = run, end = run.states[run.steps], found = new Set();
  let off = 0, right = 0, length = 0, straight = 0;
  for (let k = 0; k < count; k++) {
    let best = Infinity, which = 0;
    for (let i = 0; i < data.n; i++) {
      const d = (end[2 * k] - data.x[i]) ** 2 + (end[2 * k + 1] - data.y[i]) ** 2;
      if (d < best) [best, which] = [d, i];
    }
    off += Math.sqrt(best);
    found.add(which);
    right += (which >= data.split ? 1 : 0) === k % 2 ? 1 : 0;
    for (let s = 0; s < run.steps; s++) {
      const a = run.states[s], b = run.states[s + 1];
      length += Math.hypot(b[2 * k] - a[2 * k], b[2 * k + 1] - a[2 * k + 1]);
    }
    straight += Math.hypot(end[2 * k] - run.noise[2 * k], end[2 * k + 1] - run.noise[2 * k + 1]);
  }
  return { off: off / count, found: found.size / data.n, right: right / count, detour: length / straight };
}

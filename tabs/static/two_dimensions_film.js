// The film of "In two dimensions": where every point is at a moment u, from 0 (the data) over 1 (noise only) to
// 2 (the end of the way back). What it needs is computed bit by bit, in the time a frame has left.

const SHARES = 40; // how many moments of the way out have their answers at once computed; between them, a line

const between = (a, b, f) => a + f * (b - a);
const smooth = (f) => f * f * (3 - 2 * f);

class Film {
  // settings { sampler, steps, gamma, seed, atOnce, count }
  constructor(data, settings, levels) {
    this.data = data;
    this.settings = settings;
    this.levels = levels;
    this.run = new Run(data, settings, levels);
    this.early = []; // early[s]: x0_hat of every point at share s / SHARES of the way out
    this.out = new Float64Array(10);
  }

  get count() { return this.run.count; }

  // How far the film can be shown by now.
  get reach() { return 1 + this.run.ready / this.run.steps; }

  // Is u on the way out? The level there, and on the way back which step it is in and how far.
  where(u) {
    if (u < 1) return { out: true, level: forwardLevel(this.run.sampler, u, this.levels) };
    const { steps, path } = this.run, at = Math.min(u - 1, this.reach - 1) * steps;
    const k = Math.min(steps - 1, Math.floor(at + 1e-9)), f = Math.min(1, Math.max(0, at - k));
    return { out: false, k, f, level: f === 1 ? path[k + 1] : path[k], here: path[k], there: path[k + 1] };
  }

  // How much picture and noise a point at u is, also on its way from one level to the next.
  mixture(u) {
    const { out, level, here, there, f } = this.where(u);
    if (out) return level;
    return { alpha: between(here.alpha, there.alpha, f), sigma: between(here.sigma, there.sigma, f) };
  }

  // x_t of every point at u, to `into`: on the way out x_t = alpha x0 + sigma eps.
  positions(u, into) {
    const { run, data } = this, place = this.where(u);
    if (place.out) {
      const { alpha, sigma } = place.level, eps = run.noise;
      for (let k = 0; k < run.count; k++) {
        const i = origin(data, k);
        into[2 * k] = alpha * data.x[i] + sigma * eps[2 * k];
        into[2 * k + 1] = alpha * data.y[i] + sigma * eps[2 * k + 1];
      }
      return into;
    }
    const a = run.states[place.k], b = run.states[place.k + 1] ?? a;
    const f = run.steps > 20 ? place.f : smooth(place.f);
    for (let i = 0; i < a.length; i++) into[i] = between(a[i], b[i], f);
    return into;
  }

  // x0_hat of every point at u, to `into`; false where it is not computed yet.
  answers(u, into) {
    const { run } = this, place = this.where(u);
    const at = place.out ? u * SHARES : place.k + place.f;
    const k = Math.floor(at), list = place.out ? this.early : run.answers;
    const last = place.out ? SHARES : run.ready - 1;
    if (!place.out && last < 0) return false;
    const a = list[Math.min(k, last)], b = list[Math.min(k + 1, last)] ?? a;
    if (!a) return false;
    for (let i = 0; i < a.length; i++) into[i] = between(a[i], b[i], Math.min(1, at - k));
    return true;
  }

  // Compute until the clock says `until`: first what is shown at u, then what comes. True when all is there.
  prepare(until, u) {
    if (!this.data.n) return true;
    if (this.settings.atOnce && u < 1) {
      const first = Math.floor(u * SHARES);
      for (let s = first; s <= SHARES; s++) if (!this.early[s]) {
        this.answerAt(s);
        if (performance.now() >= until) return false;
      }
    }
    return this.run.advance(until);
  }

  answerAt(s) {
    const { run, data } = this, level = forwardLevel(run.sampler, s / SHARES, this.levels);
    const x = this.positions(Math.min(s / SHARES, 1 - 1e-9), new Float64Array(2 * run.count));
    if (level.sigma > 0) for (let k = 0; k < run.count; k++) {
      x0Hat(data, x[2 * k], x[2 * k + 1], level, run.gamma, k % 2, this.out);
      x[2 * k] = this.out[0];
      x[2 * k + 1] = this.out[1];
    }
    this.early[s] = x;
  }

  // The whole way of point k as far as it is known: [[x, y], ...] out of the data, and back in steps.
  ways(k) {
    const { run, data } = this, i = origin(data, k), out = [], eps = run.noise;
    for (let s = 0; s <= 24; s++) {
      const { alpha, sigma } = forwardLevel(run.sampler, s / 24, this.levels);
      out.push([alpha * data.x[i] + sigma * eps[2 * k], alpha * data.y[i] + sigma * eps[2 * k + 1]]);
    }
    return { out, back: run.states.map((each) => [each[2 * k], each[2 * k + 1]]) };
  }

  // What the network says at (x, y): the direction in which noise is taken away, -eps_hat, or for flow the
  // velocity x0_hat - eps_hat; eps_hat = (x_t - alpha x0_hat) / sigma. To out[0], out[1].
  field(x, y, level, label) {
    x0Hat(this.data, x, y, level, this.run.gamma, label, this.out);
    const own = this.run.sampler === "flow" ? 1 : 0, { alpha, sigma } = level;
    return [0, 1].map((c) => own * this.out[c] - ((c ? y : x) - alpha * this.out[c]) / sigma);
  }
}

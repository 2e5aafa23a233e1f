// The tab "In two dimensions": its state, its clock, and what hands and keys do. `element` is given by Gradio.
// Nothing here asks the server. The scripts before this one: maths, sets, film, lights, canvas, words, examples.

const COUNT = 1000, DATA = 500; // points that move; points of a data set
const OUT = 4.2, BACK = 5.2, REST = [2, 0.8]; // seconds out, back, and of rest at the data and in noise
const ALONE = 120; // seconds after which a film that nobody touches rests at the data
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const PLAY = "M4 2l10 6-10 6z", PAUSE = "M3 2h4v12H3zM9 2h4v12H9z";
const START = { set: "letters", word: "noise", sampler: "ddim", steps: 50, gamma: 1, arrows: false, atOnce: false };

class Plane {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.levels = levelsOf(new Float32Array(Uint8Array.from(atob(root.dataset.abar), (c) => c.charCodeAt(0)).buffer));
    this.canvas = this.find(".stage canvas");
    this.stage = new Stage(this.canvas);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.settings = { ...START };
    this.pinned = null;
    this.seed = 0;
    this.dots = [];
    this.marks = new Set();
    this.cursor = null; // where the keys are on the plane
    this.preset = 0;
    this.u = this.calm ? 0.3 : 0;
    this.playing = !this.calm;
    this.rest = this.calm ? 0 : 0.7; // seconds to stand still before it goes on
    this.touched = performance.now();
    this.ticks = [];
    this.listen();
    this.rebuild(true);
    makeExamples(this.find(".presets"), this.levels, (k) => this.choose(k));
    new ResizeObserver(() => { this.stage.fit(); this.draw(); this.ask(); }).observe(this.canvas);
    new IntersectionObserver(([seen]) => { this.seen = seen.isIntersecting; this.ask(); }).observe(this.canvas);
  }

  // --- what is shown ----------------------------------------------------------------------------------------

  // New films of the present settings; and of new data, if they changed.
  rebuild(fresh = false) {
    const { set, word } = this.settings;
    if (fresh) this.data = set === "own" ? dataOf(this.dots) : SETS[set](DATA, word || "?");
    const all = this.pinned ? [{ ...this.settings, ...this.pinned }, this.settings] : [this.settings];
    this.films = all.map((each) => new Film(this.data, { ...each, seed: this.seed, count: COUNT }, this.levels));
    this.show();
  }

  // A change by hand: films anew, from the data or, where only the way back changes, from the noise.
  change(values, from = 1) {
    const fresh = "set" in values || "word" in values;
    Object.assign(this.settings, values);
    this.rebuild(fresh);
    if (this.playing || fresh) [this.u, this.rest] = [fresh ? 0 : from, 0.5];
    this.touch();
  }

  // Controls, captions and words follow the state.
  show() {
    const { settings, root } = this;
    for (const each of root.querySelectorAll("[data-set]")) each.value = settings[each.dataset.set];
    this.find("output").value = settings.gamma;
    for (const each of root.querySelectorAll("[data-toggle]"))
      each.setAttribute("aria-pressed", String(settings[each.dataset.toggle]));
    for (const each of root.querySelectorAll("[data-only]")) each.hidden = each.dataset.only !== settings.set;
    this.find(".pin").setAttribute("aria-pressed", String(!!this.pinned));
    this.find(".hint").hidden = this.data.n > 0;
    this.find(".stage").classList.toggle("two", this.films.length > 1);
    root.classList.toggle("drawing", settings.set === "own");
    this.find(".play path").setAttribute("d", this.playing ? PAUSE : PLAY);
    this.find(".play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
    const preset = PRESETS[this.preset];
    for (const [k, each] of [...root.querySelectorAll(".presets button")].entries())
      each.setAttribute("aria-pressed", String(k === this.preset));
    this.find(".says").textContent = preset ? preset.says : sayState(this);
    this.ask();
  }

  // What changes while the film runs.
  follow() {
    const captions = this.root.querySelectorAll(".caption"), film = this.films[this.films.length - 1];
    for (const [k, each] of captions.entries()) {
      const said = this.films[k] ? captionOf(this.films[k], this.u) : { title: "", result: "" };
      each.hidden = !this.films[k];
      put(each.children[0], said.title);
      put(each.children[1], said.result);
    }
    const scrub = this.find(".scrub"), where = film.where(this.u), way = where.out ? "noise is added · " : "and back · ";
    const level = levelText(where.level, film.run.sampler);
    scrub.value = this.u;
    scrub.setAttribute("aria-valuetext", `${where.out ? "out" : "back"}, ${level}`);
    put(this.find(".level i"), way);
    put(this.find(".level span"), level);
    if (this.find("details").open) this.unfold(film);
  }

  unfold(film) {
    const rows = numbersOf(film.where(this.u).level, film.run.sampler);
    for (const k of [...this.marks].slice(0, 1)) {
      const x = film.positions(this.u, new Float64Array(2 * COUNT)), at = (a) => `(${fixed(a[2 * k])}, ${fixed(a[2 * k + 1])})`;
      rows.push(["the point followed, xₜ", at(x)]);
      if (film.answers(this.u, x)) rows.push(["its x̂₀", at(x)]);
    }
    html(this.find("dl"), rows.map(([dt, dd]) => `<dt>${dt}</dt><dd>${dd}</dd>`).join(""));
    html(this.find(".equations"), equationOf(film, this.u).map((line) => `<div>${line}</div>`).join(""));
  }

  // --- the clock ----------------------------------------------------------------------------------------------

  // Somebody is here: the film goes on for a while.
  touch() {
    this.touched = performance.now();
    this.ask();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => {
      this.asked = false;
      this.frame(now);
    });
  }

  frame(now) {
    if (!this.root.isConnected || this.seen === false) return (this.before = undefined);
    const passed = Math.min(0.1, (now - (this.before ?? now)) / 1000);
    if (this.playing && this.data.n) this.move(passed);
    this.before = now;
    const budget = (this.playing ? 6 : 10) / this.films.length; // milliseconds
    const done = this.films.map((film) => film.prepare(performance.now() + budget, this.u)).every(Boolean);
    this.draw();
    this.follow();
    this.ticks = [...this.ticks.slice(-119), now];
    if ((this.playing && this.data.n) || !done) this.ask();
    else this.before = undefined;
  }

  // The film goes on by so many seconds.
  move(seconds) {
    if ((this.rest -= seconds) > 0) return;
    const reach = Math.min(...this.films.map((film) => film.reach));
    if (this.u >= 2) {
      if (performance.now() - this.touched > 1000 * ALONE) return this.pause();
      [this.u, this.rest] = [0, 0.4];
    } else if (this.u < 1) {
      this.u = Math.min(1, this.u + seconds / OUT);
      if (this.u === 1) this.rest = REST[1];
    } else {
      this.u = Math.max(this.u, Math.min(reach, this.u + seconds / BACK));
      if (this.u >= 2) [this.u, this.rest] = [2, REST[0]];
    }
  }

  // For whom nothing should move, it goes in jumps: eighths of the way out, and at most ten of the way back.
  get shown() {
    if (!this.calm || !this.playing || this.u >= 2) return this.u;
    const jumps = this.u < 1 ? 8 : Math.min(10, this.settings.steps);
    return Math.floor(this.u * jumps) / jumps;
  }

  draw() {
    const { films, marks, cursor } = this, moves = this.playing && !this.calm && this.rest <= 0;
    this.stage.draw({ films, u: this.shown, marks, cursor, moves, arrows: this.settings.arrows });
  }

  pause(playing = false) {
    this.playing = playing;
    this.show();
  }

  // --- hands and keys -----------------------------------------------------------------------------------------

  listen() {
    const on = (selector, event, act) => this.find(selector).addEventListener(event, act);
    for (const each of this.root.querySelectorAll("[data-set]")) {
      const number = each.dataset.set === "steps" || each.dataset.set === "gamma";
      each.addEventListener(each.matches("select") ? "change" : "input", () => {
        this.preset = undefined;
        this.change({ [each.dataset.set]: number ? Number(each.value) : each.value });
      });
    }
    for (const each of this.root.querySelectorAll("[data-toggle]")) each.addEventListener("click", () => {
      this.preset = undefined;
      this.change({ [each.dataset.toggle]: !this.settings[each.dataset.toggle] }, this.u);
    });
    on(".play", "click", () => {
      if (!this.playing && this.u >= 2) this.u = 0;
      this.rest = 0;
      this.touch();
      this.pause(!this.playing);
    });
    on(".scrub", "input", (event) => {
      this.u = Number(event.target.value);
      this.touch();
      if (this.playing) this.pause();
    });
    on(".scrub", "change", () => this.show());
    on(".again", "click", () => {
      this.seed += 1;
      this.change({});
    });
    on(".pin", "click", () => {
      this.preset = undefined;
      const { sampler, steps, gamma, atOnce } = this.settings;
      this.pinned = this.pinned ? null : { sampler, steps, gamma, atOnce };
      this.change({}, this.u);
    });
    on(".follow", "click", () => this.mark([...Array(COUNT).keys()].find((k) => !this.marks.has(k))));
    on(".clear", "click", () => this.draws([]));
    on("details", "toggle", () => this.ask());
    on(".stage canvas", "pointerdown", (event) => this.press(event));
    on(".stage canvas", "pointermove", (event) => {
      if (this.settings.set !== "own" || !event.buttons) return;
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const each of passed.length ? passed : [event]) this.press(each, true);
    });
    on(".stage canvas", "keydown", (event) => this.key(event));
    on(".stage canvas", "blur", () => { this.cursor = null; this.ask(); });
  }

  press(event, moving = false) {
    const box = this.canvas.getBoundingClientRect();
    const zoom = box.width / this.stage.width || 1; // presenter mode enlarges the page
    const at = this.stage.toPlane((event.clientX - box.left) / zoom, (event.clientY - box.top) / zoom, this.films.length);
    this.act(at.x, at.y, at.which, moving);
    if (this.settings.set === "own") event.preventDefault();
  }

  // At (x, y) of a film: a dot, or the point there is followed, or no more.
  act(x, y, which, moving = false) {
    if (this.settings.set === "own") {
      const last = this.dots[this.dots.length - 1];
      if (this.dots.length < DATA && !(moving && last && Math.hypot(last[0] - x, last[1] - y) < 0.06))
        this.draws([...this.dots, [x, y]]);
      return;
    }
    const film = this.films[which], all = film.positions(this.u, new Float64Array(2 * COUNT));
    let best = Infinity, nearest = 0;
    for (let k = 0; k < COUNT; k++) {
      const d = Math.hypot(all[2 * k] - x, all[2 * k + 1] - y);
      if (d < best) [best, nearest] = [d, k];
    }
    if (best < 0.5) this.mark(nearest);
  }

  // The visitor's dots, which stand still while they come.
  draws(dots) {
    this.dots = dots;
    this.change({ set: "own" });
    this.rest = 0.9;
  }

  mark(k) {
    if (!this.marks.delete(k)) this.marks.add(k);
    if (this.marks.size > 12) this.marks.delete(this.marks.values().next().value);
    this.touch();
    this.show();
  }

  key(event) {
    const by = KEYS[event.key], enter = event.key === "Enter" || event.key === " ";
    if ((!by && !enter) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const far = event.shiftKey ? 0.5 : 0.1;
    this.cursor ??= [0, 0];
    if (by) this.cursor = this.cursor.map((v, c) => Math.max(-REACH, Math.min(REACH, v + far * by[c])));
    else this.act(...this.cursor, this.films.length - 1);
    this.touch();
  }

  choose(k) {
    const { set, sampler, steps, gamma = 1, arrows = false, atOnce = false, pinned = null, marks } = PRESETS[k];
    this.preset = k;
    this.marks = new Set(marks);
    this.pinned = pinned;
    this.seed = 0;
    this.playing = true;
    this.change({ set, sampler, steps, gamma, arrows, atOnce });
  }

  // --- for tests and benchmarks ---------------------------------------------------------------------------------

  // Frames a second, over the last two seconds of them.
  fps() {
    const span = this.ticks[this.ticks.length - 1] - this.ticks[0];
    return this.ticks.length > 1 ? (1000 * (this.ticks.length - 1)) / span : 0;
  }

  state() {
    const { u, playing, settings, pinned, films, data, marks, seed, preset } = this;
    return { u, playing, settings: { ...settings }, pinned, n: data.n, marks: [...marks], seed, preset,
      ready: films.map((film) => film.run.ready) };
  }
}

// Only what is new is written: the page would else be laid out anew at every frame.
const put = (node, text) => node.textContent === text || (node.textContent = text);
const html = (node, text) => node.dataset.shown === text || (node.innerHTML = node.dataset.shown = text);

const plane = new Plane(element.querySelector(".two-dimensions"));
window.darkroomTwoDimensions = { fps: () => plane.fps(), state: () => plane.state(), plane, measures, Film };

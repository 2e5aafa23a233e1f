// Drawing for "In two dimensions": a scene of one film, or of two side by side, on a 2D canvas. The plane is
// seen from -2.4 to 2.4 at least, x to the right and y upwards.

const REACH = 2.4;
const PALE = "245, 240, 234";
// [r, g, b]: a picture, and one of the second class; the dusk between picture and noise; noise.
const AMBER = [255, 166, 77], ROSE = [242, 112, 158], DUSK = [176, 120, 214], NOISE = [63, 193, 214];

const mixed = (a, b, f) => a.map((v, c) => Math.round(between(v, b[c], f)));
const rgb = (colour, alpha = 1) => `rgba(${colour.join(",")},${alpha})`;

// The colour of a point at a level: that of its class as far as it is picture, else that of noise. Classes keep
// some of their own, to be told apart.
function colourOf(label, { alpha, sigma }) {
  const noise = Math.round((32 * sigma * sigma) / (alpha * alpha + sigma * sigma)) / 32;
  if (label !== null) return mixed(label ? ROSE : AMBER, NOISE, 0.7 * noise);
  return noise < 0.5 ? mixed(AMBER, DUSK, 2 * noise) : mixed(DUSK, NOISE, 2 * noise - 1);
}

class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.held = []; // of each film: where its points are, where they came from, their answers at once
    this.fields = [];
    this.fit();
  }

  // As many pixels as the element has on the screen.
  fit() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.width = this.canvas.clientWidth || this.canvas.width;
    this.height = this.canvas.clientHeight || this.canvas.height;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ratio = ratio;
    this.fields = [];
    this.lights = new Lights(this.canvas.width, this.canvas.height);
  }

  // The rectangles of `count` films, along the longer side.
  panes(count) {
    const across = this.width >= this.height;
    return Array.from({ length: count }, (_, k) => {
      const width = across ? this.width / count : this.width, height = across ? this.height : this.height / count;
      const left = across ? k * width : 0, top = across ? 0 : k * height;
      const scale = Math.min(width, height) / (2 * REACH);
      return { left, top, width, height, scale, cx: left + width / 2, cy: top + height / 2 };
    });
  }

  // From the screen (pixels of the element) to the plane: [x, y], and in which pane.
  toPlane(px, py, count) {
    const panes = this.panes(count);
    const which = Math.max(0, panes.findIndex((p) => px < p.left + p.width && py < p.top + p.height));
    const pane = panes[which];
    return { x: (px - pane.cx) / pane.scale, y: (pane.cy - py) / pane.scale, which, scale: pane.scale };
  }

  // scene { films, u, marks: Set of points, arrows, moves, cursor: [x, y] or null, small }
  draw(scene) {
    const { context } = this, panes = this.panes(scene.films.length);
    this.lights.clear();
    panes.forEach((pane, k) => this.light(scene.films[k], pane, scene, k));
    context.putImageData(this.lights.image, 0, 0);
    panes.forEach((pane, k) => {
      context.save();
      context.beginPath();
      context.rect(pane.left, pane.top, pane.width, pane.height);
      context.clip();
      if (k > 0) this.line([[pane.left, pane.top], pane.top ? [this.width, pane.top] : [pane.left, this.height]], 0.25);
      this.lines(scene.films[k], pane, scene, k);
      context.restore();
    });
  }

  // The data as a faint trace, and all points; or their answers at once, bright, before the points.
  light(film, pane, { u, small, moves }, which) {
    const { data } = film, { ratio } = this, n = 2 * film.count, two = data.split < data.n;
    const radius = ratio * (small ? 0.9 : Math.max(1.3, pane.scale / 55));
    const to = { cx: pane.cx * ratio, cy: pane.cy * ratio, scale: pane.scale * ratio };
    [to.left, to.top] = [Math.ceil(pane.left * ratio), Math.ceil(pane.top * ratio)];
    to.right = Math.floor((pane.left + pane.width) * ratio);
    to.bottom = Math.floor((pane.top + pane.height) * ratio);
    this.lights.add(data.xy, to, { colour: [245, 240, 234], radius: 0.4 * ratio, strength: 0.35 });
    if (!data.n) return;
    if (this.held[which]?.x.length !== n)
      this.held[which] = { x: new Float64Array(n), tail: new Float64Array(n), hats: new Float64Array(n) };
    const held = this.held[which], level = film.mixture(u);
    film.positions(u, held.x);
    held.thrown = film.settings.atOnce && film.answers(u, held.hats);
    held.moves = moves && !held.thrown;
    if (held.moves) film.positions(u < 1 ? Math.max(0, u - 0.03) : Math.max(1, u - 0.03), held.tail);
    for (const label of two ? [0, 1] : [null]) {
      const part = { first: label ?? 0, step: two ? 2 : 1 }, colour = colourOf(label, level);
      if (held.thrown) {
        this.lights.add(held.x, to, { ...part, colour, radius: 0.6 * radius, strength: 0.5 });
        this.lights.add(held.hats, to, { ...part, colour: label ? ROSE : AMBER, radius });
      } else {
        this.lights.add(held.x, to, { ...part, colour, radius, strength: 0.9 });
      }
    }
  }

  // What is drawn over the lights: arrows, tails or threads to the answers, ways, and the cross of the keys.
  lines(film, pane, scene, which) {
    const { data } = film, size = Math.max(1.3, pane.scale / 55), two = data.split < data.n, place = film.where(scene.u);
    if (data.n) {
      const { x, tail, hats, thrown, moves } = this.held[which];
      if (scene.arrows && place.level.sigma > 0) this.arrows(film, pane, place.level, which, two);
      if (thrown || moves) for (const label of two ? [0, 1] : [null])
        this.threads(x, thrown ? hats : tail, pane, rgb(colourOf(label, film.mixture(scene.u)), thrown ? 0.12 : 0.3), label ?? 0, two ? 2 : 1);
      for (const k of scene.marks) this.way(film, k, x, pane, scene, place, two, size);
    }
    if (!scene.cursor) return;
    const x = pane.cx + scene.cursor[0] * pane.scale, y = pane.cy - scene.cursor[1] * pane.scale;
    this.line([[x - 12, y], [x + 12, y]], 0.9);
    this.line([[x, y - 12], [x, y + 12]], 0.9);
  }

  threads(a, b, { cx, cy, scale }, colour, first, step) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    for (let i = 2 * first; i < a.length; i += 2 * step) {
      context.moveTo(cx + a[i] * scale, cy - a[i + 1] * scale);
      context.lineTo(cx + b[i] * scale, cy - b[i + 1] * scale);
    }
    context.stroke();
  }

  // A chosen point with its way: on the way out as far as it went; on the way back every step as a dot.
  way(film, k, x, pane, { u, small }, place, two, size) {
    const { context } = this, on = ([x, y]) => [pane.cx + x * pane.scale, pane.cy - y * pane.scale];
    const colour = two && k % 2 ? ROSE : AMBER, { out, back } = film.ways(k);
    const passed = place.out ? out.slice(0, Math.ceil(u * (out.length - 1)) + 1) : back.slice(0, place.k + 1);
    if (place.out || film.run.sampler === "flow") this.line(out.map(on), 0.25); // straight, for flow
    const now = on([x[2 * k], x[2 * k + 1]]);
    const way = [...(place.out ? passed.slice(0, -1) : passed).map(on), now];
    this.line(way, 0.95, rgb(mixed(colour, [255, 255, 255], 0.35), 0.95), small ? 0.9 : 1.6);
    if (!place.out && film.run.steps <= 20) {
      context.fillStyle = "#fff";
      for (const point of way.slice(0, -1)) context.fillRect(point[0] - 1.5, point[1] - 1.5, 3, 3);
    }
    if (small) return;
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(...now, 3.2 * size, 0, 2 * Math.PI);
    context.stroke();
  }

  // The field on a grid; where there are two classes, every other arrow is told each.
  arrows(film, pane, level, which, two) {
    const { context } = this, gap = Math.max(26, pane.scale * 0.42);
    const key = `${level.t}/${film.run.gamma}/${film.run.sampler}/${pane.width}x${pane.height}`;
    if (this.fields[which]?.key !== key || this.fields[which].data !== film.data)
      this.fields[which] = { key, data: film.data, arrows: this.grid(film, pane, level, gap) };
    for (const label of two ? [0, 1] : [0]) {
      context.strokeStyle = two ? rgb(label ? ROSE : AMBER, 0.6) : `rgba(${PALE}, 0.5)`;
      context.lineWidth = 1.1;
      context.beginPath();
      for (const [x, y, dx, dy, told] of this.fields[which].arrows) {
        if (two && told !== label) continue;
        context.moveTo(x - dx / 2, y - dy / 2);
        context.lineTo(x + dx / 2, y + dy / 2);
        context.moveTo(x + dx / 2 - 0.3 * dx + 0.2 * dy, y + dy / 2 - 0.3 * dy - 0.2 * dx);
        context.lineTo(x + dx / 2, y + dy / 2);
        context.lineTo(x + dx / 2 - 0.3 * dx - 0.2 * dy, y + dy / 2 - 0.3 * dy + 0.2 * dx);
      }
      context.stroke();
    }
  }

  // [x, y, dx, dy, class] of each arrow on the screen; an arrow of length 3 and more fills its cell.
  grid(film, { left, top, width, height, cx, cy, scale }, level, gap) {
    const arrows = [], columns = Math.floor(width / gap), rows = Math.floor(height / gap);
    for (let i = 0; i < columns; i++) for (let j = 0; j < rows; j++) {
      const x = left + (width - (columns - 1) * gap) / 2 + i * gap, y = top + (height - (rows - 1) * gap) / 2 + j * gap;
      const told = (i + j) % 2, [fx, fy] = film.field((x - cx) / scale, (cy - y) / scale, level, told);
      const size = Math.hypot(fx, fy), length = (0.85 * gap * Math.min(1, size / 3)) / (size || 1);
      arrows.push([x, y, fx * length, -fy * length, told]);
    }
    return arrows;
  }

  line(points, alpha, colour = `rgba(${PALE}, ${alpha})`, width = 1) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.beginPath();
    points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  }
}

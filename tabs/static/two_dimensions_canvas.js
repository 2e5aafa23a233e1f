// Drawing for "In two dimensions": a scene of one film, or of two side by side, on a 2D canvas. The plane is
// seen from -2.4 to 2.4 at least, x to the right and y upwards.

const REACH = 2.4;
const GROUND = "#14110f", PALE = "245, 240, 234";
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
    this.sprites = new Map();
    this.x = new Float64Array(0);
    this.tail = new Float64Array(0);
    this.hats = new Float64Array(0);
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

  // A soft dot of a colour, as a picture to be drawn many times.
  dot(colour, radius) {
    const key = `${colour}/${radius}`;
    if (this.sprites.has(key)) return this.sprites.get(key);
    const side = Math.ceil(6 * radius * this.ratio), middle = side / 2, sprite = document.createElement("canvas");
    sprite.width = sprite.height = side;
    const context = sprite.getContext("2d"), light = context.createRadialGradient(middle, middle, 0, middle, middle, middle);
    light.addColorStop(0, rgb(mixed(colour, [255, 255, 255], 0.45), 0.95));
    light.addColorStop(0.26, rgb(colour, 0.9));
    light.addColorStop(0.42, rgb(colour, 0.22));
    light.addColorStop(1, rgb(colour, 0));
    context.fillStyle = light;
    context.fillRect(0, 0, side, side);
    if (this.sprites.size > 200) this.sprites.clear();
    this.sprites.set(key, sprite);
    return sprite;
  }

  // scene { films, u, marks: Set of points, arrows, moves, cursor: [x, y] or null, small }
  draw(scene) {
    const { context } = this;
    context.globalCompositeOperation = "source-over";
    context.fillStyle = GROUND;
    context.fillRect(0, 0, this.width, this.height);
    this.panes(scene.films.length).forEach((pane, k) => {
      context.save();
      context.beginPath();
      context.rect(pane.left, pane.top, pane.width, pane.height);
      context.clip();
      if (k > 0) this.line([[pane.left, pane.top], pane.top ? [this.width, pane.top] : [pane.left, this.height]], 0.25);
      this.film(scene.films[k], pane, scene, k);
      context.restore();
    });
  }

  film(film, pane, scene, which) {
    const { context } = this, { data } = film, size = scene.small ? 0.9 : Math.max(1.3, pane.scale / 55);
    const two = data.split < data.n, place = film.where(scene.u), at = [pane.cx, pane.cy, pane.scale];
    context.fillStyle = `rgba(${PALE}, 0.28)`;
    for (let i = 0; i < data.n; i++) {
      const [x, y] = [at[0] + data.x[i] * at[2], at[1] - data.y[i] * at[2]];
      context.fillRect(x - 0.6, y - 0.6, 1.2, 1.2);
    }
    if (data.n) {
      if (scene.arrows && place.level.sigma > 0) this.arrows(film, pane, place.level, which, two);
      this.points(film, pane, scene, place, two, size);
      for (const k of scene.marks) this.way(film, k, pane, scene, place, two, size);
    }
    if (scene.cursor) {
      const x = at[0] + scene.cursor[0] * at[2], y = at[1] - scene.cursor[1] * at[2];
      this.line([[x - 12, y], [x + 12, y]], 0.9);
      this.line([[x, y - 12], [x, y + 12]], 0.9);
    }
  }

  // All points, each with a short tail while it moves; or their answers at once, and a thread from x_t to each.
  points(film, pane, { u, small, moves }, place, two, size) {
    const { context } = this, n = 2 * film.count;
    if (this.x.length !== n) [this.x, this.tail, this.hats] = [0, 1, 2].map(() => new Float64Array(n));
    const x = film.positions(u, this.x);
    const hats = film.settings.atOnce && film.answers(u, this.hats) ? this.hats : null;
    const tail = hats ?? (moves ? film.positions(u < 1 ? Math.max(0, u - 0.03) : Math.max(1, u - 0.03), this.tail) : x);
    for (const label of two ? [0, 1] : [null]) {
      const colour = colourOf(label, place.level), first = label ?? 0, step = two ? 2 : 1;
      context.globalCompositeOperation = "source-over";
      context.strokeStyle = rgb(colour, hats ? 0.1 : 0.3);
      context.lineWidth = small ? 0.5 : 1;
      context.beginPath();
      for (let k = first; k < film.count; k += step) {
        context.moveTo(pane.cx + x[2 * k] * pane.scale, pane.cy - x[2 * k + 1] * pane.scale);
        context.lineTo(pane.cx + tail[2 * k] * pane.scale, pane.cy - tail[2 * k + 1] * pane.scale);
      }
      context.stroke();
      context.globalCompositeOperation = "lighter";
      if (hats) {
        this.dots(x, this.dot(colour, size * 0.55), pane, first, step, 0.5);
        this.dots(hats, this.dot(label ? ROSE : AMBER, size), pane, first, step, 1);
      } else {
        this.dots(x, this.dot(colour, size), pane, first, step, 0.9);
      }
    }
    context.globalCompositeOperation = "source-over";
  }

  dots(x, sprite, { cx, cy, scale }, first, step, alpha) {
    const { context } = this, side = sprite.width / this.ratio, half = side / 2;
    context.globalAlpha = alpha;
    for (let k = first; k < x.length / 2; k += step)
      context.drawImage(sprite, cx + x[2 * k] * scale - half, cy - x[2 * k + 1] * scale - half, side, side);
    context.globalAlpha = 1;
  }

  // A chosen point with its way: on the way out as far as it went; on the way back every step as a dot.
  way(film, k, pane, { u, small }, place, two, size) {
    const { context } = this, on = ([x, y]) => [pane.cx + x * pane.scale, pane.cy - y * pane.scale];
    const colour = two && k % 2 ? ROSE : AMBER, { out, back } = film.ways(k);
    const passed = place.out ? out.slice(0, Math.ceil(u * (out.length - 1)) + 1) : back.slice(0, place.k + 1);
    if (place.out || film.run.sampler === "flow") this.line(out.map(on), 0.25); // straight, for flow
    const now = on([this.x[2 * k], this.x[2 * k + 1]]);
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

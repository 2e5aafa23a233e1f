// A picture that goes from reading to reading under a slider: it turns, flips, or comes apart.
// The plan is made by tabs/components/viewers.py from diffusion_core/views/pieces.py, which says what each number means; the
// pixels are moved here. `element` and `watch` are given by Gradio: the component's
// own element, and a way to hear of its next value.

const SIZE = 512, APART = 0.12, GROUND = "#1c1917";

const loaded = (source) => new Promise((done) => {
  const image = new Image();
  image.onload = () => done(image);
  image.src = source;
});

const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

const pixelsOf = (image) => {
  const context = canvasOf(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
};

function ownersOf(way) {
  const owner = new Uint16Array(way.side * way.side);
  if (way.slides) return owner.map((_, at) => at % way.side);
  for (let k = 0, at = 0; k < way.runs.length; k += 2) {
    owner.fill(way.runs[k], at, at + way.runs[k + 1]);
    at += way.runs[k + 1];
  }
  return owner;
}

// Every piece on a canvas of its own, see-through where other pieces are; and as a negative, if it is needed.
function spritesOf(way, pixels) {
  const owner = ownersOf(way), fine = pixels.width / way.side, wide = pixels.width;
  const boxes = way.moves.map(() => [Infinity, Infinity, -1, -1]);
  owner.forEach((piece, at) => {
    const x = at % way.side, y = (at - x) / way.side, box = boxes[piece];
    box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
  });
  const cut = (piece, negative) => {
    const [left, top, right, bottom] = boxes[piece];
    const canvas = canvasOf((right - left + 1) * fine, (bottom - top + 1) * fine);
    const context = canvas.getContext("2d"), data = context.createImageData(canvas.width, canvas.height);
    for (let y = 0; y < canvas.height; y++) for (let x = 0; x < canvas.width; x++) {
      const fromX = left * fine + x, fromY = top * fine + y;
      if (owner[Math.floor(fromY / fine) * way.side + Math.floor(fromX / fine)] !== piece) continue;
      const from = 4 * (fromY * wide + fromX), to = 4 * (y * canvas.width + x);
      for (let c = 0; c < 3; c++) {
        data.data[to + c] = negative ? 255 - pixels.data[from + c] : pixels.data[from + c];
      }
      data.data[to + 3] = 255;
    }
    context.putImageData(data, 0, 0);
    return canvas;
  };
  return way.moves.map((move, piece) => ({
    move, box: boxes[piece], picture: cut(piece, false), negative: way.negates ? cut(piece, true) : null,
  }));
}

function scaleOf(way, move, s) {
  const stays = ([x, y, toX, toY, ...turned]) => x === toX && y === toY && !turned.some(Boolean);
  if (way.slides || stays(move)) return 1;
  if (way.moves.length > 1) return way.apart ? 1 - APART * Math.sin(Math.PI * s) : 1;
  const angle = move[4] * s * Math.PI / 2;
  return 1 / (Math.abs(Math.cos(angle)) + Math.abs(Math.sin(angle)));
}

function drawPieces(context, way, s) {
  const zoom = SIZE / way.side;
  for (const { move, box, picture, negative } of way.sprites) {
    const [x, y, toX, toY, turns, mirrorX, mirrorY] = move;
    const size = scaleOf(way, move, s), flip = Math.cos(Math.PI * s);
    const put = (down) => {
      context.setTransform(zoom, 0, 0, zoom, 0, 0);
      context.translate(x + s * (toX - x), y + s * (toY - y) + down);
      context.rotate(turns * s * Math.PI / 2);
      context.scale(size * (mirrorX ? flip : 1), size * (mirrorY ? flip : 1));
      const place = [box[0] - x, box[1] - y, box[2] - box[0] + 1, box[3] - box[1] + 1];
      context.drawImage(picture, ...place);
      if (negative) {
        context.globalAlpha = s;
        context.drawImage(negative, ...place);
        context.globalAlpha = 1;
      }
    };
    put(0);
    if (way.slides) for (const around of [-way.side, -2 * way.side]) put(around);
  }
}

// Each pixel flies alone: `to` says where the pixels of the first picture are seen in the second.
function drawPixels(context, way, s, pixels) {
  const zoom = SIZE / way.side, fine = pixels.width / way.side;
  const source = new Uint32Array(pixels.data.buffer), frame = context.getImageData(0, 0, SIZE, SIZE);
  const target = new Uint32Array(frame.data.buffer);
  for (let from = 0; from < way.to.length; from++) {
    const x = from % way.side, y = (from - x) / way.side;
    const toX = way.to[from] % way.side, toY = (way.to[from] - toX) / way.side;
    const left = Math.round(zoom * (x + s * (toX - x))), top = Math.round(zoom * (y + s * (toY - y)));
    for (let down = 0; down < zoom; down++) for (let right = 0; right < zoom; right++) {
      const row = y * fine + Math.floor(down * fine / zoom), column = x * fine + Math.floor(right * fine / zoom);
      target[(top + down) * SIZE + left + right] = source[row * pixels.width + column];
    }
  }
  context.putImageData(frame, 0, 0);
}

async function start(root) {
  const plan = JSON.parse(root.querySelector(".plan").textContent);
  const canvas = root.querySelector("canvas"), context = canvas.getContext("2d");
  const slider = root.querySelector("input[type=range]"), play = root.querySelector(".play");
  const stops = [...root.querySelectorAll("[data-stop]")];
  const images = await Promise.all(stops.map((button) => loaded(button.querySelector("img").src)));
  const last = images.length - 1, pixelsAt = [];

  const draw = (at) => {
    const k = Math.min(Math.floor(at), last - 1), s = at - k;
    const stop = s < 0.005 ? k : s > 0.995 ? k + 1 : null;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.imageSmoothingEnabled = false;
    context.fillStyle = GROUND;
    context.fillRect(0, 0, SIZE, SIZE);
    if (stop !== null) context.drawImage(images[stop], 0, 0, SIZE, SIZE);
    else {
      const way = plan.ways[k], pixels = (pixelsAt[k] ??= pixelsOf(images[k]));
      if (!way.to) way.sprites ??= spritesOf(way, pixels);
      (way.to ? drawPixels : drawPieces)(context, way, s, pixels);
    }
    const said = (each) => `${each.prompt}, ${each.says}`;
    const words = stop === null
      ? `on the way from ${said(plan.stops[k])}, to ${said(plan.stops[k + 1])}` : said(plan.stops[stop]);
    canvas.setAttribute("aria-label", words);
    slider.setAttribute("aria-valuetext", words);
    stops.forEach((button, each) => button.setAttribute("aria-pressed", String(each === stop)));
    canvas.dataset.at = at.toFixed(3);
  };

  let walk = 0; // the number of the animation that may go on; another takes over by counting up
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const move = (value) => { slider.value = value; draw(Number(slider.value)); };
  const walkTo = (goal) => new Promise((done) => {
    const mine = ++walk, from = Number(slider.value), began = performance.now();
    const lasts = calm.matches ? 1 : 1100 * Math.max(0.3, Math.abs(goal - from));
    const frame = (now) => {
      if (mine !== walk || !canvas.isConnected) return done(false);
      const u = Math.min(1, Math.max(0, (now - began) / lasts)), eased = u * u * (3 - 2 * u);
      move(u < 1 ? from + eased * (goal - from) : goal);
      if (u < 1) requestAnimationFrame(frame); else done(true);
    };
    requestAnimationFrame(frame);
  });
  const rest = () => {
    walk++;
    play.setAttribute("aria-pressed", "false");
    play.textContent = "Play";
  };

  slider.addEventListener("input", () => { rest(); draw(Number(slider.value)); });
  slider.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 0.05, ArrowUp: 0.05, ArrowLeft: -0.05, ArrowDown: -0.05, PageUp: 1, PageDown: -1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    rest();
    move(Math.min(last, Math.max(0, Number(slider.value) + steps[event.key])).toFixed(2));
  });
  stops.forEach((button, k) => button.addEventListener("click", () => { rest(); walkTo(k); }));
  play.addEventListener("click", async () => {
    if (play.getAttribute("aria-pressed") === "true") return rest();
    play.setAttribute("aria-pressed", "true");
    play.textContent = "Pause";
    for (let going = true; going;) {
      const at = Math.round(Number(slider.value));
      going = await walkTo(at >= last ? 0 : at + 1);
      const mine = walk;
      await new Promise((done) => setTimeout(done, 1100));
      going = going && mine === walk && canvas.isConnected;
    }
  });
  draw(Number(slider.value));
}

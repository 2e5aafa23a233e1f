// A hybrid as an eye gets it: from far, in the dusk, or as it rushes by. Made in the browser, pixel by pixel.
// The plan is made by tabs/components/viewers.py. `element` and `watch` are given by Gradio: the component's
// own element, and a way to hear of its next value.
//
// Pictures are three Float32Arrays of side x side, 0..255. Widths are meant at 64 pixels, as in filters.py.

const BASE = 64, ACUITY = 1 / 60; // degrees: the standard deviation of the blur of a good eye
const SHOWN = 384, FAR = 384; // pixels of the canvases

const loaded = (source) => new Promise((done) => {
  const image = new Image();
  image.onload = () => done(image);
  image.src = source;
});

function pictureOf(image, side) {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, side, side);
  const data = context.getImageData(0, 0, side, side).data;
  return [0, 1, 2].map((c) => Float32Array.from({ length: side * side }, (_, k) => data[4 * k + c]));
}

const each = (a, b, f) => a.map((plane, c) => plane.map((v, k) => f(v, b[c][k])));
const minus = (a, b) => each(a, b, (v, w) => v - w);

// Taps along x or y, reflected at the ends like the filters of diffusion_core.
function convolved(planes, side, taps, alongX) {
  const reach = taps.length >> 1, edge = side - 1;
  const at = (k) => { const r = Math.abs(k) % (2 * edge); return r > edge ? 2 * edge - r : r; };
  const index = Int32Array.from({ length: side + 2 * reach }, (_, k) => at(k - reach));
  return planes.map((plane) => {
    const out = new Float32Array(plane.length);
    for (let line = 0; line < side; line++) for (let k = 0; k < side; k++) {
      let sum = 0;
      for (let t = 0; t < taps.length; t++) {
        const from = index[k + t];
        sum += taps[t] * (alongX ? plane[line * side + from] : plane[from * side + line]);
      }
      out[alongX ? line * side + k : k * side + line] = sum;
    }
    return out;
  });
}

function gaussian(planes, side, sigma) { // sigma in pixels at 64
  const wide = sigma * side / BASE;
  if (wide < 0.15) return planes;
  const reach = Math.min(side - 1, Math.ceil(3 * wide));
  const raw = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / wide) ** 2));
  const whole = raw.reduce((a, b) => a + b), taps = Float32Array.from(raw, (v) => v / whole);
  return convolved(convolved(planes, side, taps, true), side, taps, false);
}

function moving(planes, side, length) { // the mean of `length` neighbours in a row, a fraction at both ends
  const wide = length * side / BASE;
  if (wide <= 1) return planes;
  const reach = Math.ceil((wide - 1) / 2), end = (wide - (2 * reach - 1)) / 2;
  const taps = Float32Array.from({ length: 2 * reach + 1 }, (_, k) => (k % (2 * reach) ? 1 : end) / wide);
  return convolved(planes, side, taps, true);
}

function greyed(planes, colour) { // 0 is the mean of the channels, 1 all the colour
  const grey = planes[0].map((v, k) => (v + planes[1][k] + planes[2][k]) / 3);
  return planes.map((plane) => plane.map((v, k) => grey[k] + colour * (v - grey[k])));
}

// What each prompt was to write, out of the finished picture: the banks of filters.py.
const BANKS = {
  "low/high": (x, sigma) => {
    const low = gaussian(x, BASE, sigma);
    return [low, minus(x, low)];
  },
  "low/medium/high": (x, sigma) => {
    const fine = gaussian(x, BASE, sigma / 2), low = gaussian(fine, BASE, sigma);
    return [low, minus(fine, low), minus(x, fine)];
  },
  "grey/colour": (x) => [greyed(x, 0), minus(x, greyed(x, 0))],
  "moving/still": (x) => { const moved = moving(x, BASE, 15); return [moved, minus(x, moved)]; },
};

// The contrast of a picture: the root of the mean square, about the mean of each channel.
const contrast = (planes) => Math.sqrt(planes.reduce((sum, plane) => {
  const mean = plane.reduce((a, b) => a + b) / plane.length;
  return sum + plane.reduce((a, v) => a + (v - mean) ** 2, 0) / plane.length;
}, 0));

// What the slider means. at: 0..1; see: what reaches the eye; says: a sentence for people.
const round = (value) => value < 10 ? value.toFixed(1) : Math.round(value).toString();
const widths = (at) => 3 * 70 ** at; // distance, in widths of the picture: 3 .. 210
const angle = (at) => 2 * Math.atan(1 / (2 * widths(at))) * 180 / Math.PI; // degrees
const blur = (at) => BASE * ACUITY / angle(at); // of the eye, in pixels at 64
const WAYS = {
  distance: {
    see: (x, side, at) => gaussian(x, side, blur(at)),
    says: (at) => `${round(widths(at))} picture widths away: 20 cm of picture, seen from ` +
      `${round(0.2 * widths(at))} m. It spans ${angle(at).toFixed(1)}°, and the eye blurs it by ` +
      `σ = ${blur(at).toFixed(2)} of its 64 pixels.`,
  },
  dusk: {
    see: (x, side, at) => greyed(x, 1 - at),
    says: (at) => `${Math.round(100 * (1 - at))} % of the colour is left.`,
  },
  motion: {
    see: (x, side, at) => moving(x, side, 1 + 20 * at),
    says: (at) => at < 0.005 ? "It holds still." :
      `It moves by ${round(1 + 20 * at)} of its 64 pixels while the eye looks.`,
  },
};

async function start(root) {
  const plan = JSON.parse(root.querySelector(".plan").textContent), way = WAYS[plan.way];
  const slider = root.querySelector("input[type=range]"), said = root.querySelector(".said");
  const eye = root.querySelector(".eye"), far = root.querySelector(".far");
  const bars = [...root.querySelectorAll("[data-band]")];
  const image = await loaded(plan.source), side = image.width;
  const whole = pictureOf(image, side), small = side === BASE ? whole : pictureOf(image, BASE);
  const bands = BANKS[plan.bank](small, plan.sigma), full = bands.map(contrast);

  const put = (planes, wide) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: wide, height: wide });
    const context = canvas.getContext("2d"), data = context.createImageData(wide, wide);
    for (let k = 0; k < wide * wide; k++) {
      for (let c = 0; c < 3; c++) data.data[4 * k + c] = planes[c][k];
      data.data[4 * k + 3] = 255;
    }
    context.putImageData(data, 0, 0);
    return canvas;
  };

  const draw = () => {
    const at = Number(slider.value), soft = plan.way === "distance" && blur(at) > 1;
    const seen = soft ? put(way.see(small, BASE, at), BASE) : put(way.see(whole, side, at), side);
    const context = eye.getContext("2d");
    context.imageSmoothingEnabled = soft; // blurred pixels are no squares
    context.drawImage(seen, 0, 0, SHOWN, SHOWN);
    if (far) {
      const wide = Math.max(2, FAR * widths(0) / widths(at)), room = (FAR - wide) / 2;
      const context = far.getContext("2d");
      context.clearRect(0, 0, FAR, FAR);
      context.imageSmoothingEnabled = wide < image.width;
      context.imageSmoothingQuality = "high";
      context.drawImage(image, room, room, wide, wide);
    }
    const shares = bands.map((band, k) => full[k] ? contrast(way.see(band, BASE, at)) / full[k] : 0);
    const most = shares.indexOf(Math.max(...shares));
    bars.forEach((bar, k) => {
      bar.querySelector(".share").style.width = `${Math.round(100 * shares[k])}%`;
      bar.querySelector(".number").textContent = `${Math.round(100 * shares[k])} %`;
    });
    said.textContent = way.says(at);
    slider.setAttribute("aria-valuetext", way.says(at));
    eye.setAttribute("aria-label", `What reaches the eye. ${way.says(at)} Most of ${plan.prompts[most]}.`);
    eye.dataset.at = at.toFixed(3);
  };

  let asked = false; // no more than one drawing per frame of the screen
  slider.addEventListener("input", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; if (eye.isConnected) draw(); });
  });
  slider.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 0.02, ArrowUp: 0.02, ArrowLeft: -0.02, ArrowDown: -0.02, PageUp: 0.2, PageDown: -0.2 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    slider.value = Math.min(1, Math.max(0, Number(slider.value) + steps[event.key]));
    draw();
  });
  for (const button of root.querySelectorAll("[data-to]")) button.addEventListener("click", () => {
    const from = Number(slider.value), goal = Number(button.dataset.to), began = performance.now();
    const lasts = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 1500 * Math.abs(goal - from);
    const frame = (now) => {
      const u = Math.min(1, Math.max(0, (now - began) / Math.max(1, lasts)));
      slider.value = u < 1 ? from + u * (goal - from) : goal;
      if (eye.isConnected) draw();
      if (u < 1 && eye.isConnected) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  draw();
}

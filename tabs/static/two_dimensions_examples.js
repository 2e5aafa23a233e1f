// The six examples of "In two dimensions": what each shows and says, and its small picture.

// Each changes what is named; `pinned` stands on the left. `still` is the moment its small picture shows.
const PRESETS = [
  {
    title: "There and back", still: 0.42, set: "letters", sampler: "ddim", steps: 50, marks: [],
    says: "Noise is added until nothing is left of the word. On the way back the denoiser says at every step where " +
      "the data may be, and the points follow. None has to end where it began: any place in the word will do.",
  },
  {
    title: "Two steps blur, fifty land", still: 2, set: "spiral", sampler: "ddim", steps: 50, marks: [],
    pinned: { sampler: "ddim", steps: 2 },
    says: "A step goes to the mean of all that is still possible. Two steps end between the arms of the spiral; " +
      "in fifty each has little left to decide, and they end on it.",
  },
  {
    title: "DDPM wanders, DDIM glides", still: 2, set: "moons", sampler: "ddim", steps: 50,
    marks: [20, 25, 47], pinned: { sampler: "ddpm", steps: 50 },
    says: "Both begin in the same noise and ask the same denoiser. DDPM draws new noise at every step, DDIM none: " +
      "one way is ten times as long as the other, and both end on the data.",
  },
  {
    title: "At once: only the mean", still: 0.62, set: "spiral", sampler: "ddim", steps: 50, atOnce: true, marks: [],
    says: "Bright: what the denoiser answers for each point if it has to answer at once. The more noise, the more " +
      "it hedges, until all answers are one: the mean of the data, where there is no data at all.",
  },
  {
    title: "Straight out, bent back", still: 2, set: "moons", sampler: "flow", steps: 50, arrows: true,
    marks: [47, 91, 102, 142, 145, 171, 182, 195, 198],
    says: "Flow mixes data and noise along straight lines. On the way back a point follows the mean velocity of all " +
      "lines that pass there, and that bends: few steps along it cut the corner.",
  },
  {
    title: "Guidance pulls classes apart", still: 2, set: "classes", sampler: "ddim", steps: 50, gamma: 4,
    marks: [], pinned: { sampler: "ddim", steps: 50, gamma: 1 },
    says: "Half of the points are told one ring, half the other. At γ = 1 they fill their rings; at γ = 4 they " +
      "keep away from what the rings share. Guidance buys certainty with variety.",
  },
];

// A button for each, with a small picture that comes when there is time; `choose(k)` is what a click does.
function makeExamples(list, levels, choose) {
  const stills = PRESETS.map((preset, k) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const canvas = document.createElement("canvas"), title = document.createElement("span");
    title.textContent = preset.title;
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(canvas, title);
    button.addEventListener("click", () => choose(k));
    item.append(button);
    list.append(item);
    return canvas;
  });
  const next = (k) => k < stills.length && list.isConnected && setTimeout(() => {
    drawStill(stills[k], PRESETS[k], levels);
    next(k + 1);
  }, 120);
  next(0);
}

// The same films at one moment, with fewer points.
function drawStill(canvas, { set, still, pinned, marks, says, title, ...more }, levels) {
  const stage = new Stage(canvas), data = SETS[set](200, "noise"), settings = { gamma: 1, seed: 0, count: 260, ...more };
  const films = (pinned ? [{ ...settings, ...pinned }, settings] : [settings]).map((each) => new Film(data, each, levels));
  for (const film of films) {
    if (still > 1) film.run.advance();
    else if (film.settings.atOnce) [0, 1].forEach((s) => film.answerAt(Math.floor(still * SHARES) + s));
  }
  stage.draw({ films, u: still, marks: new Set(marks), cursor: null, arrows: false, small: true });
}

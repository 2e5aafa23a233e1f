// What "In two dimensions" says: what is shown, and the equation of the step with its numbers.

const SAMPLER_NAMES = { ddpm: "DDPM", ddim: "DDIM", flow: "flow, Euler" };

const fixed = (v, digits = 2) => (Object.is(v, -0) || Math.abs(v) < 0.5 * 10 ** -digits ? 0 : v)
  .toFixed(digits).replace("-", "−");
const signed = (v) => (v < 0 ? `− ${fixed(-v)}` : `+ ${fixed(v)}`);
const percent = (v) => `${Math.round(100 * v)}\u00a0%`;

// The level in a few words: t, alpha, sigma.
const levelText = ({ t, alpha, sigma }, sampler) =>
  `${sigma === 0 ? "clean" : `t = ${sampler === "flow" ? fixed(t) : t}`} · α ${fixed(alpha)} · σ ${fixed(sigma)}`;

// Above a film: which sampler, how many steps; at its end, what came of it.
function captionOf(film, u) {
  const { sampler, steps, gamma, atOnce } = film.settings, two = film.data.split < film.data.n;
  const parts = [SAMPLER_NAMES[sampler], `${steps} step${steps === 1 ? "" : "s"}`];
  if (two) parts.push(`γ = ${fixed(gamma, gamma % 1 ? 1 : 0)}`);
  if (atOnce) parts.push("answers at once");
  let result = "";
  if (u > 1.999 && film.run.finished && film.data.n) {
    film.measured ??= measures(film.run);
    const { off, found, right, detour } = film.measured;
    result = `${fixed(off)} off the data · ${percent(found)} found · ways ${fixed(detour, 1)}× straight`;
    if (two) result += ` · ${percent(right)} in class`;
  }
  return { title: parts.join(" · "), result };
}

// The level as numbers, for the list below.
function numbersOf({ t, alpha, sigma }, sampler) {
  const snr = sigma === 0 ? "∞" : alpha < 1e-9 ? "−∞ dB" : `${fixed(20 * Math.log10(alpha / sigma), 1)} dB`;
  return [
    ["t", sigma === 0 ? "–" : sampler === "flow" ? fixed(t) : String(t)],
    ["α", fixed(alpha, 3)], ["σ", fixed(sigma, 3)], ["signal to noise", snr],
  ];
}

const X = (of) => `<var>x</var><sub>${of}</sub>`, HAT = "<var>x̂</var><sub>0</sub>", EPS = "<var>ε̂</var>";

// The equation of the step at u, in symbols and with its numbers: HTML lines.
function equationOf(film, u) {
  const { sampler, gamma } = film.run, place = film.where(u);
  if (place.out) return [
    `${X("t")} = α <var>x</var><sub>0</sub> + σ <var>ε</var>, &nbsp; <var>ε</var> ~ N(0, I)`,
    `${X("t")} = ${fixed(place.level.alpha)} <var>x</var><sub>0</sub> + ${fixed(place.level.sigma)} <var>ε</var>`,
  ];
  const { here, there } = place, { ofX, ofX0, ofZ } = stepOf(sampler, here, there);
  const symbols = {
    ddim: `${X("t′")} = α′ ${HAT} + σ′ ${EPS}, &nbsp; ${EPS} = (${X("t")} − α ${HAT}) / σ`,
    flow: `${X("t′")} = ${X("t")} + (t′ − t) <var>v</var>, &nbsp; <var>v</var> = ${HAT} − ${EPS}`,
    ddpm: `${X("t′")} ~ q(${X("t′")} | ${X("t")}, ${HAT}) = α′ (1 − r) ${HAT} + (α/α′) (σ′/σ)² ${X("t")} + σ′ √(1 − r) <var>z</var>`,
  };
  const filled = {
    ddim: `${X("t′")} = ${fixed(there.alpha)} ${HAT} ${signed(there.sigma)} ${EPS}`,
    flow: `${X("t′")} = ${X("t")} ${signed(there.alpha - here.alpha)} <var>v</var>`,
    ddpm: `${X("t′")} = ${fixed(ofX0)} ${HAT} ${signed(ofX)} ${X("t")}${ofZ ? ` ${signed(ofZ)} <var>z</var>` : ""}`,
  };
  const weights = `softmax<sub>i</sub>( −|${X("t")} − α <var>x</var><sub>i</sub>|² / 2σ² )`;
  const lines = [symbols[sampler], filled[sampler], `${HAT} = Σ<sub>i</sub> ${weights} <var>x</var><sub>i</sub>`];
  if (film.data.split < film.data.n)
    lines.push(`${HAT} ← (1 − γ) ${HAT}(${X("t")}) + γ ${HAT}(${X("t")}, class), &nbsp; γ = ${fixed(gamma, 1)}`);
  return lines;
}

// What a reader who does not see the canvas is told, after every change.
function sayState({ settings, films, u, marks, playing }) {
  const film = films[films.length - 1], { sampler, steps } = settings;
  const beside = films.length > 1 ? ` Beside it: ${captionOf(films[0], 0).title}.` : "";
  const chosen = marks.size ? ` ${marks.size} point${marks.size > 1 ? "s are" : " is"} followed.` : "";
  if (!film.data.n) return "Nothing is drawn yet. Press into the dark field: every dot is a picture of the data set.";
  const way = `${SAMPLER_NAMES[sampler]} in ${steps} step${steps === 1 ? "" : "s"}`;
  const still = playing ? "" : ` Standing still on the way ${u < 1 ? "out" : "back"}, ${levelText(film.where(u).level, sampler)}.`;
  return `1,000 points of ${SET_NAMES[settings.set]} go out to noise, and back by ${way}.${still}${beside}${chosen}`;
}

"""How the page looks and what its keys do. No font, script or style is fetched from anywhere."""

import gradio as gr

SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace"]

AMBER = gr.themes.Color(
    name="safelight",
    c50="#fff7ed",
    c100="#ffead5",
    c200="#fdd0a5",
    c300="#fbb06a",
    c400="#f58b33",
    c500="#d96a12",
    c600="#b4500a",
    c700="#91400c",
    c800="#743510",
    c900="#5f2d10",
    c950="#341505",
)


def theme() -> gr.themes.Base:
    """Calm greys and the amber of a darkroom's safelight, in light and dark."""
    return gr.themes.Base(
        primary_hue=AMBER,
        secondary_hue="stone",
        neutral_hue="stone",
        font=SANS,
        font_mono=MONO,
        text_size="lg",
        radius_size="sm",
    ).set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )


CSS = """
.gradio-container { max-width: 1360px !important; width: 100%; margin: auto; }
.gradio-container > .main.fillable { padding-inline: clamp(10px, 2.5vw, 32px) !important; }
.masthead { align-items: center; flex-wrap: wrap; }
.masthead > :first-child { flex: 1 1 320px; }
.crisp img { image-rendering: pixelated; object-fit: contain; }
.pane .image-container, .pane img { background: #1c1917; }
.masthead h1 { margin: 0; font-size: 1.9rem; letter-spacing: -0.02em; }
.masthead p { margin: 0; color: var(--body-text-color-subdued); }
.lead { max-width: 62ch; }
.lead h2 { margin: 0 0 .2em; }
.tab-head > .column { justify-content: center; }
.equation { overflow-x: auto; overflow-y: hidden; }
.cost p { margin: 0; color: var(--body-text-color-subdued); font-size: .95em; }
.status { min-height: 3.1em; font-variant-numeric: tabular-nums; }
.status .bar { height: 6px; border-radius: 3px; overflow: hidden; margin-top: .4em; }
.status .bar { background: var(--neutral-200); }
.dark .status .bar { background: var(--neutral-700); }
.status .bar > div { height: 100%; background: var(--primary-600); }
.wrong { color: #b91c1c; font-weight: 600; }
.dark .wrong { color: #fca5a5; }
.strip img { width: 100%; object-fit: contain; }
.html-container { padding: 0 !important; }
.upload .wrap { font-size: 1rem !important; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; }
.figures figure { flex: 1 1 0; min-width: min(240px, 100%); max-width: 440px; margin: 0; }
.figures.large figure { max-width: none; }
.figures.whole figure { max-width: 620px; flex-basis: 100%; }
.figures.strip figure { min-width: min(130px, 30%); max-width: 300px; }
.figures img { display: block; width: 100%; height: auto; border-radius: 4px; }
.figures img, .pictures img, .chooser img { image-rendering: pixelated; background: #1c1917; }
.waiting {
  aspect-ratio: 1; display: grid; place-items: center; color: var(--body-text-color-subdued);
  border: 2px dashed var(--border-color-primary); border-radius: 4px;
}
.chooser { display: grid; grid-template-columns: repeat(var(--columns), 1fr); gap: 6px; }
.chooser p { grid-column: 1 / -1; margin: 0; font-size: .95rem; color: var(--body-text-color-subdued); }
.chooser button { padding: 0; margin: 0 !important; border: 3px solid transparent; border-radius: 6px; }
.chooser button:hover { border-color: var(--primary-300); }
.chooser button[aria-pressed="true"] { border-color: var(--primary-600); }
.chooser img { display: block; width: 100%; border-radius: 3px; }
.figures figcaption { font-size: 1.15rem; margin-top: .3em; font-variant-numeric: tabular-nums; }
.figures figcaption small { display: block; color: var(--body-text-color-subdued); font-size: .95rem; }
.pictures {
  display: grid; gap: 6px; align-items: center; grid-auto-flow: column; margin-top: 12px;
  grid-template-rows: auto repeat(var(--rows), auto); grid-template-columns: auto; grid-auto-columns: 1fr;
}
.pictures img { display: block; width: 100%; border-radius: 3px; }
.pictures .head { font-size: 1.15rem; text-align: center; }
:root { --picture: #b4500a; --noise: #0b7285; }
.dark { --picture: #f58b33; --noise: #3fc1d6; }
.curves, .histogram { display: block; width: 100%; height: auto; }
.curves .grid { stroke: var(--border-color-primary); }
.curves polyline { fill: none; stroke-width: 3; }
.curves .mark { stroke: var(--body-text-color); stroke-dasharray: 4 4; }
.curves polyline.picture { stroke: var(--picture); }
.curves polyline.noise { stroke: var(--noise); }
.curves circle { stroke: var(--body-background-fill); stroke-width: 2; }
.curves circle.picture { fill: var(--picture); }
.curves circle.noise { fill: var(--noise); }
svg .tick { fill: var(--body-text-color-subdued); font-size: 14px; }
.histogram .bars { fill: var(--body-text-color-subdued); }
.histogram .shown { fill: var(--primary-500); opacity: .18; }
.numbers { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: .4em 0; }
.numbers dt { font-size: .9rem; color: var(--body-text-color-subdued); }
.numbers dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.numbers div { flex: 1 1 40%; }
.numbers .picture dd { color: var(--picture); }
.numbers .noise dd { color: var(--noise); }
.why { margin: .5em 0; max-width: 62ch; }
@media (max-width: 640px) {
  .masthead h1 { font-size: 1.4rem; }
  .first-on-phone { order: -1; }
  button.md { padding-inline: 4px !important; }
  svg .tick { font-size: 18px; }
  .figures figure { min-width: min(150px, 45%); }
  .figures.large figure { min-width: 100%; }
  .pictures {
    grid-auto-flow: row; grid-auto-columns: auto; grid-template-rows: none;
    grid-template-columns: auto repeat(var(--rows), 1fr);
  }
}
"""

# Ctrl+Enter runs and Esc stops on the tab in view; a blank sketchpad gets its brush (Gradio selects none).
HEAD = """
<script>
document.addEventListener("keydown", (event) => {
  const press = (kind) => {
    const all = [...document.querySelectorAll("button." + kind)];
    const seen = all.find((button) => button.offsetParent && !button.disabled);
    if (seen) { seen.click(); event.preventDefault(); }
  };
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) press("run-button");
  if (event.key === "Escape") press("stop-button");
});
new MutationObserver(() => {
  for (const brush of document.querySelectorAll('.autobrush button[aria-label="Brush"]')) {
    if (brush.dataset.taken) continue;
    brush.dataset.taken = "yes";
    setTimeout(() => brush.click(), 400);
  }
}).observe(document.documentElement, { childList: true, subtree: true });
</script>
"""

"""How the page looks, and the scripts in it. No font, script or style is fetched from anywhere. In static/:

look.css        all that the theme does not say: pictures first, nothing jumps, phones, presenter mode
keys.js         Ctrl+Enter and Esc, a PNG dropped anywhere, the brush, browsers that cannot draw
presenter.js    presenter mode, light and dark, pictures as large as the screen
connection.js   what happens when the server is out of reach, and when it is back
"""

import gradio as gr

from tabs import static

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


STYLES = (
    "look.css",
    "model_picker.css",
    "text_page.css",
    "editors.css",
    "before_after.css",
    "viewers.css",
    "contact_sheet.css",
)
CSS = "\n".join(map(static.text, STYLES))
SCRIPTS = ("connection.js", "keys.js", "presenter.js")
HEAD = "".join(f"<script>\n{static.text(name)}</script>\n" for name in SCRIPTS)

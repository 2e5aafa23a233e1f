"""Pictures with captions as plain HTML: they wrap on a phone, read well from the last row, and speak to
screen readers. A picture travels inside the page, so a live one needs one answer of the server, not two."""

import html
from collections.abc import Mapping, Sequence

from PIL import Image

from diffusion_core.images.export import source


def figure(picture: Image.Image, caption: str, alt: str = "", note: str = "", lossy: bool = False) -> str:
    """One picture above its caption; the note stands below it, smaller."""
    alt = html.escape(alt or caption)
    small = f"<small>{html.escape(note)}</small>" if note else ""
    return (
        f'<figure><img src="{source(picture, lossy)}" alt="{alt}" width="{picture.width}"'
        f' height="{picture.height}"><figcaption>{html.escape(caption)}{small}</figcaption></figure>'
    )


def side_by_side(figures: Sequence[str], kind: str = "") -> str:
    """Figures in a row, which wraps where there is no room. kind: further CSS classes."""
    return f'<div class="figures {kind}">{"".join(figures)}</div>'


def buttons(pictures: Mapping[str, Image.Image], chosen: int | None, label: str, columns: int) -> str:
    """Pictures by name, to click, each a button that says its index; the chosen one is marked."""
    made = [
        f'<button type="button" data-index="{k}" aria-pressed="{"true" if k == chosen else "false"}"'
        f' title="{html.escape(name)}"><img src="{source(picture, True)}" alt="{html.escape(name)}"></button>'
        for k, (name, picture) in enumerate(pictures.items())
    ]
    return (
        f'<div class="chooser" role="group" aria-label="{html.escape(label)}" style="--columns: {columns}">'
        f"<p>{html.escape(label)}</p>{''.join(made)}</div>"
    )


def empty(captions: Sequence[str], hint: str = "Press Run.", kind: str = "") -> str:
    """Frames that wait for their pictures, of the size that these will have. kind: further CSS classes."""
    waiting = [
        f'<figure><div class="waiting">{html.escape(hint)}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption in captions
    ]
    return side_by_side(waiting, kind)


def table(
    columns: Sequence[Sequence[Image.Image | None]],
    above: Sequence[str],
    beside: Sequence[str],
    notes: Sequence[Sequence[str]] = (),
) -> str:
    """Pictures in columns, with a caption above each column and beside each row; None waits for its
    picture. On a phone columns and rows change places where columns are more, so that pictures stay large.

    notes   a text under each picture, in columns too, as HTML
    """
    cells = [f"<div></div>{''.join(map(_head, beside))}"]
    for k, (title, pictures) in enumerate(zip(above, columns)):
        cells.append(_head(title))
        for r, (name, picture) in enumerate(zip(beside, pictures)):
            alt = html.escape(f"{name}, {title}" if name else title)
            image = f'<img src="{source(picture)}" alt="{alt}">' if picture else '<div class="waiting"></div>'
            cells.append(f"<div>{image}<small>{notes[k][r]}</small></div>" if notes else image)
    kind = " upright" if len(beside) > len(above) else ""
    return f'<div class="pictures{kind}" style="--rows: {len(beside)}">{"".join(cells)}</div>'


def _head(text: str) -> str:
    return f'<div class="head">{html.escape(text)}</div>'

"""Controls from the fields of a recipe, with their bounds, defaults, labels and help."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import gradio as gr

from diffusion_core.recipes.schema import Choice, Field, Number, Numbers, Picture, Seed, Text


def control(field: Field, names: dict[str, str] | None = None, **options) -> gr.components.Component:
    """The widget for a field, with its bounds, default, label and help. names: what choices are called."""
    label = f"{field.label} ({field.unit})" if field.unit else field.label
    common = {"label": label, "info": field.help or None} | options
    if isinstance(field, Number):
        return gr.Slider(field.low, field.high, field.default, step=field.step, **common)
    if isinstance(field, Choice):
        choices = [((names or {}).get(each, each), each) for each in field.choices]
        return gr.Radio(choices, value=field.default, **common)
    if isinstance(field, Seed):
        return gr.Number(field.default, precision=0, minimum=0, maximum=2**31 - 1, **common)
    if isinstance(field, Numbers):
        return gr.Textbox(", ".join(f"{each:g}" for each in field.default), **common)
    if isinstance(field, Text):
        return gr.Textbox(field.default, max_length=field.most, **common)
    raise TypeError(f"no widget for {type(field).__name__}")


def shown_value(field: Field, value):
    """A recipe's value as its widget takes it."""
    return ", ".join(f"{each:g}" for each in value) if isinstance(field, Numbers) else value


class Own(NamedTuple):
    """A control that a tab makes itself; read, also and show as in Bench."""

    component: gr.components.Component
    read: Callable | None = None
    also: Sequence[gr.components.Component] = ()
    show: Callable | None = None


def counts(field: Field) -> bool:
    """May it change the cost? Neither do pictures and seeds, nor what a prompt says."""
    words = isinstance(field, Text) and field.parse is None and field.name != "model"
    return not (words or isinstance(field, (Picture, Seed)))


def control_of(field: Field, own: dict, names: dict, options: dict) -> Own:
    if field.name in own:
        made = own[field.name](field)
        return made if isinstance(made, Own) else Own(made)
    more = dict(options.get(field.name, {}))
    if getattr(field, "lines", 1) > 1:
        more.setdefault("lines", field.lines)
    if isinstance(field, (Text, Seed)):
        more.setdefault("min_width", 120)
    return Own(control(field, names.get(field.name), **more))

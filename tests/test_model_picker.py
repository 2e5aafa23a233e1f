"""The line that says which model runs, for whatever a library offers."""

from types import SimpleNamespace

from diffusion_core.models import faults
from diffusion_core.models.loading import Library, Offer
from tabs.components import model_picker

TERMS = "for research only, outputs too"
OFFERS = {
    "built-in": Offer("built-in", "Built-in", True, "Runs on the CPU."),
    "large": Offer("large", "Large", True, "Fits the GPU whole.", TERMS),
    "huge": Offer("huge", "Huge", False, "It needs 20 GB, and 8 GB are free.", TERMS),
    "gated": Offer("gated", "Gated", True, f"Fits. {faults.no_token('x/gated')}", TERMS),
    "<b>": Offer("<b>", "<b>", False, "There is no model '<b>'."),
}


class Shelf:
    def offer(self, where: str) -> Offer:
        return OFFERS[where]


def line(name: str, library=None) -> str:
    studio = SimpleNamespace(library=library or Shelf(), fallback="built-in")
    return model_picker.model_line(studio, name)


def test_the_built_in_model_has_no_terms():
    assert "In use: <b>Built-in</b>. Runs on the CPU." in line("built-in")
    assert "licence" not in line("built-in")
    assert line("") == line("built-in")


def test_a_licensed_model_says_its_terms():
    assert "In use: <b>Large</b>" in line("large") and TERMS in line("large")


def test_what_cannot_run_says_why_and_what_runs_instead():
    for name, why in (("huge", "needs 20 GB"), ("gated", "Log in with")):
        assert "In use: <b>Built-in</b>" in line(name) and why in line(name) and TERMS in line(name)
    assert [model_picker._offered(OFFERS[name]) for name in ("built-in", "large", "huge", "gated")] == [
        "Built-in",
        "Large",
        "Huge (does not fit here)",
        "Gated (needs a login)",
    ]


def test_a_name_is_text_not_markup():
    assert "<b>&lt;b&gt;</b>" not in line("<b>") and "&lt;b&gt; cannot run" in line("<b>")


def test_a_missing_built_in_model_is_said(tmp_path):
    said = line("built-in", Library(checkpoints=tmp_path))
    assert "wrong" in said and "is not here" in said and "In use" not in said

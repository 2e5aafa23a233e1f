"""DeepFloyd's filter and watermark, its licence notice, and previews that show no more than they may.

Its weights come with a condition: pictures pass the safety filter, and carry the mark. diffusers does both
inside its pipelines, and skips both for tensors; a loop of one's own must call them itself. So every
picture that leaves the studio and was made with a guarded network goes through `Guard.check` first, and
what is shown on the way goes through `Guard.preview`. Nothing of it applies to the built-in models.

The filter is a CLIP image encoder with two heads, "not safe for work" and "third-party watermark"; a
picture above .5 on either is withheld, that is, black.

Source: the DeepFloyd IF licence, sections 2a and 2c, and deepfloyd_if/modules in its repository.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from diffusion_core.images import convert
from diffusion_core.models import faults, hub
from diffusion_core.recipes import RecipeError

NOTICE = (
    "DeepFloyd is licensed under the DeepFloyd License, Copyright (c) Stability AI Ltd. All Rights Reserved."
)
RESEARCH_ONLY = (
    "DeepFloyd IF is for personal, non-commercial research only, and so is every picture made with it."
)
WITHHELD = "withheld by DeepFloyd's filter; try another prompt or seed"
PREVIEW_SIDE = 16  # pixels: enough to watch a picture form, too few to make out what it shows


class Parts(NamedTuple):
    """What lies beside the UNet in DeepFloyd's repositories; marker may be missing.

    checker    diffusers' IFSafetyChecker
    extractor  transformers' CLIPImageProcessor
    marker     diffusers' IFWatermarker
    """

    checker: Callable
    extractor: Callable
    marker: object | None = None


class Checked(NamedTuple):
    """pictures [B,3,H,W] in [-1, 1], the withheld ones black; withheld: which."""

    pictures: Tensor
    withheld: tuple[bool, ...]


def is_public(environment: Mapping[str, str] = os.environ) -> bool:
    """Do others than the person at this machine use it? DARKROOM_PUBLIC=1 or 0 says so; else it is public
    on a Hugging Face Space, with a Gradio link, or when Gradio listens to other machines."""
    if said := environment.get("DARKROOM_PUBLIC"):
        return said.lower() not in ("0", "no", "false")
    shared = environment.get("GRADIO_SHARE", "").lower() in ("1", "true")
    listens = environment.get("GRADIO_SERVER_NAME", "localhost") not in ("localhost", "127.0.0.1", "::1")
    return shared or listens or "SPACE_ID" in environment


class Previews:
    """How much is shown of DeepFloyd's pictures before they are checked: the setting of one house.

    shown   "low": runs under way in 16 x 16 pixels; "open": as they are
    public  a server that others use: it stays at "low"
    """

    def __init__(self, shown: str = "low", public: bool = False):
        self.public, self._shown = public, "low"
        if shown != "low":
            self.choose(shown)

    @property
    def shown(self) -> str:
        return "low" if self.public else self._shown

    def choose(self, shown: str) -> None:
        """A local user's wish. RecipeError on a public server."""
        if shown not in ("low", "open"):
            raise ValueError(f'previews are "low" or "open", not {shown!r}')
        if self.public and shown == "open":
            raise RecipeError(
                "This server is public: DeepFloyd's pictures stay blurred until its filter has seen them."
            )
        self._shown = shown

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Previews":
        """As the environment says: DARKROOM_PREVIEWS=open opens them, unless the server is public."""
        public = is_public(environment)
        wish = environment.get("DARKROOM_PREVIEWS", "low")
        return cls("low" if public or wish not in ("low", "open") else wish, public)


class Guard:
    """Filter and mark of one model.

    load      () -> Parts; called before its first picture
    previews  "low" or "open", or the Previews of a house, where this may change
    """

    notices = (RESEARCH_ONLY, NOTICE)  # told wherever the model is chosen

    def __init__(self, load: Callable[[], Parts], previews: Previews | str = "low"):
        self.load = load
        self._setting = Previews(previews) if isinstance(previews, str) else previews
        self._parts: Parts | None = None
        self._lock = threading.Lock()

    @property
    def previews(self) -> str:
        return self._setting.shown

    def ready(self) -> None:
        """Load filter and mark, so that a run is not made in vain. Raises what `load` raises."""
        with self._lock:
            self._parts = self._parts or self.load()

    @torch.inference_mode()
    def check(self, pictures: Tensor) -> Checked:
        """Finished pictures [B,3,H,W] in [-1, 1], filtered and then marked. Raises what `load` raises: a
        picture that cannot be checked is not shown."""
        self.ready()
        with self._lock:
            shown = [convert.to_picture(picture) for picture in pictures]
            withheld = self._withheld(shown)
            black = Image.new("RGB", shown[0].size)
            marked = self._marked([black if bad else each for bad, each in zip(withheld, shown)])
        return Checked(torch.stack([convert.to_tensor(each) for each in marked]), tuple(withheld))

    def preview(self, x: Tensor | None) -> Tensor | None:
        """What may be shown of an unfinished picture [B,3,H,W]: the same size, in 16 x 16 flat squares."""
        if x is None or self.previews == "open" or x.shape[-1] <= PREVIEW_SIDE:
            return x
        return F.interpolate(F.adaptive_avg_pool2d(x.float(), PREVIEW_SIDE), x.shape[-2:], mode="nearest")

    def _withheld(self, pictures: Sequence[Image.Image]) -> list[bool]:
        extracted = self._parts.extractor(list(pictures), return_tensors="pt").pixel_values
        weight = next(self._parts.checker.parameters())
        blank = [torch.zeros(1).numpy() for _ in pictures]  # the checker blackens these; we do it ourselves
        _, unsafe, foreign = self._parts.checker(clip_input=extracted.to(weight), images=blank)
        return [a or b for a, b in zip(unsafe, foreign)]

    def _marked(self, pictures: list[Image.Image]) -> list[Image.Image]:
        marker = self._parts.marker
        return pictures if marker is None else marker.apply_watermark(pictures, pictures[0].width)


def with_captions(captions: Sequence[str], withheld: Sequence[bool]) -> tuple[str, ...]:
    """The captions of pictures, with a word where one was withheld."""
    if not any(withheld):
        return tuple(captions)
    captions = [*captions, *[""] * (len(withheld) - len(captions))]
    return tuple(WITHHELD if bad else caption for bad, caption in zip(withheld, captions))


def loader(source: str, device: torch.device | str = "cpu") -> Callable[[], Parts]:
    """Reads filter and mark from a folder or repository of DeepFloyd's format; loading raises ModelError."""

    def load() -> Parts:
        from diffusers.pipelines.deepfloyd_if import IFSafetyChecker, IFWatermarker
        from transformers import CLIPImageProcessor

        class Checker(IFSafetyChecker):
            """diffusers 0.42 leaves out the last line, without which transformers 5 cannot load it."""

            def __init__(self, config):
                super().__init__(config)
                self.post_init()

        with faults.explained(f"the safety filter of {source}"):
            folder = hub.folder_of(source, "safety_checker", "feature_extractor", "watermarker")
            with hub.reading():
                checker = Checker.from_pretrained(
                    folder,
                    subfolder="safety_checker",
                    dtype=torch.float32 if torch.device(device).type == "cpu" else torch.float16,
                    use_safetensors=True,
                    output_loading_info=True,
                    **hub.variant(folder / "safety_checker"),
                )
                extractor = CLIPImageProcessor.from_pretrained(folder, subfolder="feature_extractor")
            mark = hub.fill(IFWatermarker().to("meta"), folder / "watermarker", source, "cpu", torch.float32)
            return Parts(hub.whole(checker, source).eval().to(device), extractor, mark)

    return load

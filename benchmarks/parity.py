"""Are our pictures those of diffusers' DeepFloyd IF pipelines? On the same weights, to the fifth digit.

    python -m benchmarks.parity          a table of all cases
    python -m benchmarks.parity --json   {"max_abs_diff": {"IFPipeline": 2.1e-06, ...}}, the worst of each

A tiny cascade with random weights is saved in IF's format. diffusers opens it with its own classes; we
open it with our own loader, and make the same pictures from recipes, through the studio and the engine.
Both get the same seed. Everything is float32 on the CPU; pictures lie in [-1, 1].

One caveat: DeepFloyd's own lists begin at t = 999, where alpha is 5e-5. There x0^ = (x - sigma eps) / alpha
blows rounding up 20,000 times, and in a pixel where eps happens to meet x it decides what x0^ is: for some
seeds, two ways of adding up the same numbers differ by 1e-4 after fast27. With SEED no pixel is so placed.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers.pipelines.deepfloyd_if import timesteps as published
from PIL import Image
from torch import Tensor

from diffusion_core.images import convert
from diffusion_core.models.catalog import found
from diffusion_core.models.loading import Library
from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques import text
from diffusion_core.techniques.timesteps import COURSE
from tests import tiny_if

SEED = 3
PROMPT, NEGATIVE = "a photo of a dog", "ugly, blurred, low quality"
UNUSED = dict.fromkeys(("safety_checker", "feature_extractor", "watermarker"))
PIPELINES = (
    "IFPipeline",
    "IFImg2ImgPipeline",
    "IFInpaintingPipeline",
    "IFSuperResolutionPipeline",
    "IFImg2ImgSuperResolutionPipeline",
)


class Both:
    """One cascade, opened twice: by diffusers and by us. where: tiny_if.build's folder, or a model's name."""

    def __init__(self, where: Path | str):
        for each in (diffusers.utils.logging, transformers.utils.logging):
            each.set_verbosity_error()
            each.disable_progress_bar()
        text.install()
        self.model = found(str(where))
        self.studio = Studio()
        Library(device="cpu", dtype=torch.float32).register(self.studio, self.model)
        self._pipelines: dict[str, diffusers.DiffusionPipeline] = {}

    def close(self) -> None:
        self.studio.engine.close()

    def pipeline(self, name: str) -> diffusers.DiffusionPipeline:
        """A pipeline of diffusers on the same files."""
        if name not in self._pipelines:
            stage, exact = self.model.stages["SuperResolution" in name], {"torch_dtype": torch.float32}
            self._pipelines[name] = getattr(diffusers, name).from_pretrained(stage, **exact, **UNUSED)
            self._pipelines[name].set_progress_bar_config(disable=True)
        return self._pipelines[name]

    def theirs(self, name: str, generator: torch.Generator | None = None, **call) -> Tensor:
        """The picture [1,3,H,W] of a pipeline of diffusers, float32 in [-1, 1]."""
        call = {"prompt": PROMPT, "clean_caption": False, "generator": generator or seeded()} | call
        return self.pipeline(name)(**call, output_type="pt").images

    def ours(self, technique: str, **values) -> Tensor:
        """The picture [1,3,H,W] of a recipe."""
        values = {"model": self.model.name, "prompt": PROMPT, "seed": SEED} | values
        *_, result = self.studio.run(Recipe.of(technique, **values))
        return result.pictures


@dataclass(frozen=True)
class Case:
    """pipeline: whose pictures; name: under which circumstances; both: -> (theirs, ours)."""

    pipeline: str
    name: str
    both: Callable[[Both], tuple[Tensor, Tensor]]

    def difference(self, cascade: Both) -> float:
        """max |theirs - ours|; ValueError if these are no pictures to compare."""
        theirs, ours = self.both(cascade)
        if theirs.shape != ours.shape or not theirs.isfinite().all() or theirs.std() < 0.05:
            raise ValueError(f"{self.pipeline}, {self.name}: there is nothing to compare")
        return float((theirs - ours).abs().max())


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def photo() -> Image.Image:
    """A colourful picture with edges, 32 x 32 pixels."""
    y, x = np.mgrid[0:32, 0:32] / 31
    channels = [x, y, (np.hypot(x - 0.6, y - 0.4) < 0.3).astype(float)]
    return Image.fromarray((255 * np.stack(channels, axis=-1)).round().astype(np.uint8))


def mask() -> Image.Image:
    """The right half and a corner of the left are new."""
    new = np.zeros((32, 32), dtype=np.uint8)
    new[:, 16:] = new[:8, :8] = 255
    return Image.fromarray(new)


def at(side: int, picture: Image.Image) -> Tensor:
    """A picture as diffusers takes it: [1,C,side,side] in [-1, 1]."""
    return convert.to_tensor(convert.squared(picture, side))[None]


# --- the cases ------------------------------------------------------------------------------------------


def from_noise(name: str, steps: str, theirs: dict, gamma: float = 7.0, negative: str = "") -> Case:
    def both(cascade: Both) -> tuple[Tensor, Tensor]:
        call = {"guidance_scale": gamma, "negative_prompt": negative or None} | theirs
        return cascade.theirs("IFPipeline", **call), cascade.ours(
            "text-sample", steps=steps, gamma=gamma, negative=negative
        )

    return Case("IFPipeline", name, both)


def from_photo(name: str, steps: int, strength: float, gamma: float) -> Case:
    def both(cascade: Both) -> tuple[Tensor, Tensor]:
        theirs = cascade.theirs(
            "IFImg2ImgPipeline",
            image=at(16, photo()),
            num_inference_steps=steps,
            strength=strength,
            guidance_scale=gamma,
        )
        start = steps - int(steps * strength)
        picture = convert.to_uri(photo())
        return theirs, cascade.ours(
            "text-iterative", picture=picture, start=start, steps=str(steps), gamma=gamma
        )

    return Case("IFImg2ImgPipeline", name, both)


def inpainted(name: str, steps: int, gamma: float) -> Case:
    def both(cascade: Both) -> tuple[Tensor, Tensor]:
        theirs = cascade.theirs(
            "IFInpaintingPipeline",
            image=at(16, photo()),
            mask_image=(at(16, mask()) + 1) / 2,
            num_inference_steps=steps,
            guidance_scale=gamma,
        )
        painted = {"picture": convert.to_uri(photo()), "mask": convert.to_uri(mask())}
        return theirs, cascade.ours(
            "text-inpaint", way="kept clean", steps=str(steps), gamma=gamma, **painted
        )

    return Case("IFInpaintingPipeline", name, both)


def enlarged(name: str, steps: int, gamma: float, noise_level: int) -> Case:
    def both(cascade: Both) -> tuple[Tensor, Tensor]:
        theirs = cascade.theirs(
            "IFSuperResolutionPipeline",
            image=at(16, photo()),
            num_inference_steps=steps,
            guidance_scale=gamma,
            noise_level=noise_level,
        )
        stage_2 = {"steps_2": str(steps), "gamma_2": gamma, "noise_level": noise_level}
        return theirs, cascade.ours("text-enlarge", picture=convert.to_uri(photo()), **stage_2)

    return Case("IFSuperResolutionPipeline", name, both)


def both_stages(name: str, steps: int, gamma: float, noise_level: int) -> Case:
    """Both stages, one stream of noise: IFPipeline, then IFSuperResolutionPipeline."""

    def both(cascade: Both) -> tuple[Tensor, Tensor]:
        generator = seeded()
        small = cascade.theirs("IFPipeline", generator, num_inference_steps=10, guidance_scale=3.0)
        theirs = cascade.theirs(
            "IFSuperResolutionPipeline",
            generator,
            image=small,
            num_inference_steps=steps,
            guidance_scale=gamma,
            noise_level=noise_level,
        )
        stage_2 = {"enlarge": "yes", "steps_2": str(steps), "gamma_2": gamma, "noise_level": noise_level}
        return theirs, cascade.ours("text-sample", steps="10", gamma=3.0, **stage_2)

    return Case("IFSuperResolutionPipeline", name, both)


def photo_enlarged(name: str, steps: int, strength: float, gamma: float, noise_level: int) -> Case:
    """IFImg2ImgPipeline, then IFImg2ImgSuperResolutionPipeline: both stages begin from the photo."""

    def both(cascade: Both) -> tuple[Tensor, Tensor]:
        generator = seeded()
        small = cascade.theirs(
            "IFImg2ImgPipeline",
            generator,
            image=at(16, photo()),
            num_inference_steps=10,
            strength=0.7,
            guidance_scale=3.0,
        )
        theirs = cascade.theirs(
            "IFImg2ImgSuperResolutionPipeline",
            generator,
            image=small,
            original_image=at(32, photo()),
            num_inference_steps=steps,
            strength=strength,
            guidance_scale=gamma,
            noise_level=noise_level,
        )
        ours = cascade.ours(
            "text-iterative",
            picture=convert.to_uri(photo()),
            start=3,
            steps="10",
            gamma=3.0,
            enlarge="yes",
            start_2=steps - int(steps * strength),
            steps_2=str(steps),
            gamma_2=gamma,
            noise_level=noise_level,
        )
        return theirs, ours

    return Case("IFImg2ImgSuperResolutionPipeline", name, both)


CASES = (
    from_noise("10 steps, gamma 7", "10", {"num_inference_steps": 10}),
    from_noise("33 steps, gamma 7", "33", {"num_inference_steps": 33}),
    from_noise("100 steps, gamma 7", "100", {"num_inference_steps": 100}),
    from_noise("20 steps, gamma 1", "20", {"num_inference_steps": 20}, gamma=1.0),
    from_noise("the course's list, gamma 7", "course", {"timesteps": COURSE}),
    from_noise("fast27, gamma 7", "fast27", {"timesteps": published.fast27_timesteps}),
    from_noise(
        "a list of one's own",
        "900, 700, 500, 300, 100, 50, 0",
        {"timesteps": [900, 700, 500, 300, 100, 50, 0]},
    ),
    from_noise("negative prompt", "10", {"num_inference_steps": 10}, negative=NEGATIVE),
    from_photo("80 steps, strength .7, gamma 10", 80, 0.7, 10.0),
    from_photo("10 steps, strength .5, gamma 1", 10, 0.5, 1.0),
    inpainted("50 steps, gamma 7", 50, 7.0),
    inpainted("10 steps, gamma 1", 10, 1.0),
    enlarged("20 steps, gamma 4, noise level 250", 20, 4.0, 250),
    enlarged("50 steps, gamma 4, noise level 250", 50, 4.0, 250),
    enlarged("10 steps, gamma 1, noise level 0", 10, 1.0, 0),
    both_stages("after IFPipeline, 10 steps, gamma 2", 10, 2.0, 250),
    photo_enlarged("20 steps, strength .8, gamma 4, noise level 250", 20, 0.8, 4.0, 250),
    photo_enlarged("10 steps, strength .5, gamma 1, noise level 50", 10, 0.5, 1.0, 50),
)


def worst(differences: dict[Case, float]) -> dict[str, float]:
    """The largest difference per pipeline."""
    return {p: max(d for case, d in differences.items() if case.pipeline == p) for p in PIPELINES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny_if.build(Path(folder))
        cascade = Both(Path(folder))
        differences = {case: case.difference(cascade) for case in CASES}
        cascade.close()
    if args.json:
        print(json.dumps({"max_abs_diff": worst(differences)}))
    else:
        for case, difference in differences.items():
            print(f"{difference:8.1e}  {case.pipeline:33} {case.name}")


if __name__ == "__main__":
    main()

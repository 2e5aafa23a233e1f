"""The catalogue of text-to-image models, and how one is opened: from a folder or from the Hugging Face Hub.

A model is a cascade in DeepFloyd IF's format, as diffusers saves it:

    stage I    text_encoder/  tokenizer/  unet/ (3 -> 6 channels)  scheduler/
    stage II   unet/ (6 -> 6 channels)  scheduler/  image_noising_scheduler/

Weights are read as safetensors only. A model behind DeepFloyd's gate is opened with the token of whoever
runs the app. Whatever goes wrong on the way becomes a ModelError, whose text says what to do about it.

Sizes: numbers of parameters and users' reports of peak memory for DeepFloyd IF, gathered in README.md.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from diffusion_core import faults
from diffusion_core.estimates import Card
from diffusion_core.faults import ModelError
from diffusion_core.if_network import IFNetwork
from diffusion_core.networks import best_dtype
from diffusion_core.prompts import Prompts, TextModel, fingerprint
from diffusion_core.safety import Guard, loader
from diffusion_core.studio import Studio

STAGES = ("I", "II")
T5_XXL = "t5-v1_1-xxl"  # every DeepFloyd model reads prompts with this encoder, so they share embeddings


@dataclass(frozen=True)
class Model:
    """A cascade that can be chosen.

    name       in recipes: "deepfloyd-l"; the cards of its networks are "deepfloyd-l/I" and "deepfloyd-l/II"
    title      for people
    stages     where each stage lies: a folder, or an id on the Hub
    gigabytes  what the weights of each stage take in half precision
    licensed   True for DeepFloyd's own weights: research only, filter and watermark on, see safety.py
    """

    name: str
    title: str
    stages: tuple[str, ...]
    gigabytes: tuple[float, ...] = (0.0, 0.0)
    licensed: bool = False

    def card_name(self, stage: str) -> str:
        return f"{self.name}/{stage}"


def _deepfloyd(first: str, second: str, gigabytes: tuple[float, float]) -> Model:
    return Model(
        f"deepfloyd-{first.lower()}",
        f"DeepFloyd IF {first} + {second}",
        (f"DeepFloyd/IF-I-{first}-v1.0", f"DeepFloyd/IF-II-{second}-v1.0"),
        gigabytes,
        licensed=True,
    )


CATALOGUE: dict[str, Model] = {
    model.name: model
    for model in (
        _deepfloyd("M", "M", (0.8, 0.9)),
        _deepfloyd("L", "M", (1.8, 0.9)),
        _deepfloyd("XL", "L", (8.6, 2.4)),
    )
}

FITS: tuple[tuple[int, str], ...] = (
    (6, "DeepFloyd IF M + M, one stage at a time; prompts embedded on the CPU or found on disk"),
    (9, "DeepFloyd IF L + M, both stages warm"),
    (14, "DeepFloyd IF XL, one stage at a time; T5 in 8 bits (8 GB) before the UNet is loaded"),
    (16, "DeepFloyd IF XL + L, both stages warm; T5 in half precision (11 GB) before them"),
    (24, "DeepFloyd IF XL + L with room for many visitors; T5 may stay"),
)
"""Gigabytes of GPU memory, and what runs in them, +- 1 GB."""


def what_fits(gigabytes: float) -> str:
    """The line of FITS for this much GPU memory, as a sentence."""
    lines = [line for least, line in FITS if gigabytes >= least]
    return f"{lines[-1]}." if lines else "The built-in model; DeepFloyd needs 6 GB of GPU memory or more."


def found(where: str) -> Model:
    """A model by its name in the catalogue, or by a folder that holds stage-1/ and perhaps stage-2/, or
    that is itself stage I. ModelError, naming what is missing, if it is none of these."""
    if where in CATALOGUE:
        return CATALOGUE[where]
    folder = Path(where).expanduser()
    if not folder.is_dir():
        raise ModelError(f"There is no model {where!r}: neither a folder, nor one of {', '.join(CATALOGUE)}.")
    stages = [folder / name for name in ("stage-1", "stage-2") if (folder / name).is_dir()] or [folder]
    for stage in stages:
        for part in ("unet/config.json", "scheduler/scheduler_config.json"):
            if not (stage / part).is_file():
                raise ModelError(f"{stage} is no model of DeepFloyd IF's format: {part} is missing.")
    return Model(folder.name, folder.name, tuple(map(str, stages)))


class Library:
    """Opens models and remembers what they share.

    cache   folder for embeddings; None keeps them in memory only
    device, dtype  where the UNets compute, and in which precision; "auto" chooses the best at hand
    previews  of licensed models: "low" or "open", see safety.Guard
    """

    def __init__(
        self,
        cache: Path | None = None,
        device: torch.device | str = "auto",
        dtype: torch.dtype | str = "auto",
        previews: str = "low",
    ):
        self.cache, self.previews = cache, previews
        self.device = torch.device(
            ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        )
        self.dtype = best_dtype(self.device) if dtype == "auto" else dtype
        self._prompts: dict[str, Prompts] = {}

    def register(self, studio: Studio, model: Model) -> None:
        """Tell a studio of every stage; weights are read when first needed. ModelError.

        What a licensed model makes goes through its filter and gets its mark before anyone sees it.
        """
        guard = Guard(loader(model.stages[0], self.device), self.previews) if model.licensed else None
        for stage in STAGES[: len(model.stages)]:
            studio.register(self.card(model, stage), partial(self.network, model, stage))
            if guard:
                studio.guard(model.card_name(stage), guard)

    def card(self, model: Model, stage: str) -> Card:
        """The card of a stage, from its configuration files: a few kB, no weights. ModelError."""
        source = self._source(model, stage)
        with faults.explained(source):
            unet, scheduler = (
                _json(source, "unet/config.json"),
                _json(source, "scheduler/scheduler_config.json"),
            )
        side = unet.get("sample_size") or 64
        return Card(
            name=model.card_name(stage),
            predicts="eps",
            shape=(3, side, side),
            schedule=_schedule(scheduler, source),
            spread=True,
            title=f"{model.title}, stage {stage}",
            threshold=_threshold(scheduler),
        )

    def network(self, model: Model, stage: str) -> IFNetwork:
        """The network of a stage, its weights in memory, ready to answer. ModelError."""
        source, card = self._source(model, stage), self.card(model, stage)
        self._ask_for_memory(model, stage)
        with faults.explained(source):
            unet = UNet2DConditionModel.from_pretrained(
                source, subfolder="unet", torch_dtype=self.dtype, use_safetensors=True, **_variant(source)
            )
            return IFNetwork(unet, card, self.prompts(model), device=self.device, dtype=self.dtype)

    def prompts(self, model: Model) -> Prompts:
        """Who reads prompts for this model; models with one encoder share one. ModelError when loading."""
        source = model.stages[0]
        local = Path(source).is_dir()
        identity = fingerprint(Path(source)) if local else T5_XXL
        if identity not in self._prompts:
            self._prompts[identity] = Prompts(
                _loader(source, self.device, local), identity, self.cache, keep=local
            )
        return self._prompts[identity]

    def _source(self, model: Model, stage: str) -> str:
        place = STAGES.index(stage)
        if place >= len(model.stages):
            raise ModelError(
                f"{model.title} has no stage {stage}; its pictures stay as large as stage I makes them."
            )
        return model.stages[place]

    def _ask_for_memory(self, model: Model, stage: str) -> None:
        """ModelError before a gigabyte is read, if the weights cannot fit into the GPU's free memory."""
        if self.device.type != "cuda":
            return
        free = torch.cuda.mem_get_info(self.device)[0] / 1e9
        needed = 1.25 * model.gigabytes[STAGES.index(stage)]
        if needed > free:
            raise ModelError(faults.too_little_memory(model.title, needed, free, what_fits(free)))


def _loader(source: str, device: torch.device, local: bool) -> Callable[[], TextModel]:
    """Loads tokenizer and T5: a local one in float32 on the CPU, T5-XXL in half precision where it fits."""

    def load() -> TextModel:
        from transformers import AutoTokenizer, T5EncoderModel

        with faults.explained(source):
            tokenizer = AutoTokenizer.from_pretrained(source, subfolder="tokenizer")
            options = {} if local else {"dtype": torch.float16, "device_map": "auto", **_variant(source)}
            encoder = T5EncoderModel.from_pretrained(
                source, subfolder="text_encoder", use_safetensors=True, **options
            )
            return TextModel(tokenizer, encoder.eval())

    return load


def _variant(source: str) -> dict[str, str]:
    """DeepFloyd's repositories hold the weights twice; the files in half precision are named so."""
    return {} if Path(source).is_dir() else {"variant": "fp16"}


def _json(source: str, file: str) -> dict:
    """A configuration file of a folder or a repository on the Hub."""
    if Path(source).is_dir():
        path = Path(source) / file
    else:
        from huggingface_hub import hf_hub_download

        path = Path(hf_hub_download(source, file))
    return json.loads(path.read_text(encoding="utf-8"))


def _schedule(scheduler: dict, source: str) -> str:
    """The name of the levels in levels.py. ModelError if the scheduler is of a kind we do not have."""
    wanted = {"prediction_type": "epsilon", "variance_type": "learned_range", "num_train_timesteps": 1000}
    names = {"squaredcos_cap_v2": "if-cosine", "linear": "ddpm-linear"}
    for key, value in wanted.items():
        if scheduler.get(key) != value:
            raise ModelError(
                f"The scheduler of {source} has {key} = {scheduler.get(key)!r}; IF has {value!r}."
            )
    if scheduler.get("beta_schedule") not in names:
        raise ModelError(
            f"The scheduler of {source} has betas {scheduler.get('beta_schedule')!r}, unknown here."
        )
    return names[scheduler["beta_schedule"]]


def _threshold(scheduler: dict) -> tuple[float, float] | None:
    """(ratio, largest) of the dynamic threshold that the model was published with."""
    if not scheduler.get("thresholding"):
        return None
    return scheduler["dynamic_thresholding_ratio"], scheduler["sample_max_value"]

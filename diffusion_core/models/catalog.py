"""The catalogue of text-to-image models: which there are, where they lie, what their networks look like.

A model is a cascade in DeepFloyd IF's format, as diffusers saves it:

    stage I    text_encoder/  tokenizer/  unet/ (3 -> 6 channels)  scheduler/
    stage II   unet/ (6 -> 6 channels)  scheduler/  image_noising_scheduler/

A recipe names one by its name here ("built-in", "deepfloyd-l"), by a folder, by an id on the Hugging Face
Hub, or by two of these with a plus between, stage I + stage II. Only a few kB are read here; loading.py
opens what was found.

Sizes: numbers of parameters of DeepFloyd IF as published, in half precision.
"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from diffusion_core.estimates import Card
from diffusion_core.models import faults
from diffusion_core.models.faults import ModelError
from diffusion_core.models.hub import is_id, parts_of

STAGES = ("I", "II")
BUILT_IN = "built-in"
CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
BUILT_IN_FOLDERS = ("emoji-64", "emoji-256")  # stage I, stage II, in CHECKPOINTS
PARTS = ("unet/config.json", "scheduler/scheduler_config.json")  # what tells a network's card

OWNER = "DeepFloyd"
TEXT_HOME = f"{OWNER}/IF-I-XL-v1.0"  # all its models read prompts with the T5-XXL that lies here too
TEXT_WIDTH = 4096  # of T5-XXL: a UNet of IF's format that listens to it is DeepFloyd's, or made from it
SIZES = {"I-M": 0.8, "I-L": 1.8, "I-XL": 8.6, "II-M": 0.9, "II-L": 2.4}  # gigabytes of a UNet


@dataclass(frozen=True)
class Model:
    """A cascade that can be chosen.

    name       in recipes: "deepfloyd-l"; the cards of its networks are "deepfloyd-l/I" and "deepfloyd-l/II"
    title      for people
    stages     where each stage lies: a folder, or an id on the Hub
    gigabytes  what the weights of each stage take in half precision, 0 if that is not known yet
    licensed   True for DeepFloyd's own weights: research only, filter and watermark on, see safety.py
    """

    name: str
    title: str
    stages: tuple[str, ...]
    gigabytes: tuple[float, ...] = (0.0, 0.0)
    licensed: bool = False

    def card_name(self, stage: str) -> str:
        return f"{self.name}/{stage}"

    def source(self, stage: str) -> str:
        """Where a stage lies. ModelError if the model has no such stage."""
        place = STAGES.index(stage)
        if place >= len(self.stages):
            raise ModelError(
                f"{self.title} has no stage {stage}; its pictures stay as large as stage I makes them."
            )
        return self.stages[place]

    @property
    def text_source(self) -> str:
        """Where tokenizer, text encoder and filter lie. All of DeepFloyd's share one copy: 11 GB."""
        return TEXT_HOME if self.stages[0].startswith(f"{OWNER}/") else self.stages[0]


def _deepfloyd(first: str, second: str, usual: str) -> Model:
    names = f"I-{first}", f"II-{second}"
    return Model(
        f"deepfloyd-{first}{'' if second == usual else f'-{second}'}".lower(),
        f"DeepFloyd IF {first} + {second}",
        tuple(f"{OWNER}/IF-{name}-v1.0" for name in names),
        tuple(SIZES[name] for name in names),
        licensed=True,
    )


def catalogue(checkpoints: Path = CHECKPOINTS) -> dict[str, Model]:
    """All models with a name of their own, the built-in one first. Weights need not be there yet."""
    built_in = Model(BUILT_IN, "Built-in", tuple(str(checkpoints / name) for name in BUILT_IN_FOLDERS))
    pairs = [("M", "M", "M"), ("L", "M", "M"), ("XL", "L", "L")]  # first the usual ones
    pairs += [("M", "L", "M"), ("L", "L", "M"), ("XL", "M", "L")]
    return {model.name: model for model in (built_in, *(_deepfloyd(*pair) for pair in pairs))}


CATALOGUE = catalogue()


def found(where: str, known: dict[str, Model] = CATALOGUE) -> Model:
    """A model by its name in the catalogue; by a folder that holds stage-1/ and perhaps stage-2/, or that is
    itself stage I; by an id on the Hub; or by two of these, "stage I + stage II".

    ModelError, naming what is missing, if it is none of these. The Hub is not asked yet.
    """
    if where in known:
        return _present(known[where], known)
    stages: list[str] = []
    places = [place.strip() for place in where.split(" + ")]
    for place in places if len(places) <= len(STAGES) else [where]:
        if folder := _folder(place):
            halves = [folder / name for name in ("stage-1", "stage-2") if (folder / name).is_dir()] or [
                folder
            ]
            stages += map(str, halves if len(places) == 1 else halves[len(stages) :][:1] or [folder])
        elif is_id(place):
            stages.append(place)
        else:
            raise ModelError(
                f"There is no model {where!r}: neither a folder, nor an id on the Hugging Face Hub, "
                f"nor one of {', '.join(known)}."
            )
    for stage in filter(_is_folder, stages):
        _check_parts(stage)
    name = where if len(places) > 1 else Path(where).name
    licensed = any(is_licensed(stage) for stage in stages)
    return Model(name, name, tuple(stages), tuple(map(_gigabytes, stages)), licensed)


def _present(model: Model, known: dict[str, Model]) -> Model:
    """The built-in model with the stages that are there; ModelError if it is not there at all."""
    if model.name != BUILT_IN:
        return model
    there = [stage for stage in model.stages if (Path(stage) / PARTS[0]).is_file()]
    if model.stages[0] not in there:
        others = ", ".join(name for name in known if name != BUILT_IN)
        raise ModelError(
            f"The built-in text model is not here: {model.stages[0]} is missing. It comes with Darkroom's "
            f"repository; fetch that again, or choose another model: {others}, a folder, or an id on the Hub."
        )
    for stage in there:
        _check_parts(stage)
    return replace(model, stages=tuple(there), gigabytes=tuple(map(_gigabytes, there)))


def is_licensed(source: str) -> bool:
    """Are these DeepFloyd's own weights, or made from them? By owner, by what lies beside the UNet, by the
    text encoder that it listens to. A repository on the Hub of another owner: see `is_licensed_config`."""
    if not _is_folder(source):
        return source.lower().startswith(f"{OWNER.lower()}/")
    folder = Path(source)
    copied = re.search(r"models--DeepFloyd--|(^|[/\\])IF-I{1,2}-(M|L|XL)-v1\.0", source)
    if copied or (folder / "safety_checker").is_dir() or (folder / "watermarker").is_dir():
        return True
    return is_licensed_config(parts_of(source, PARTS[0])[0])


def is_licensed_config(unet: dict) -> bool:
    """Does the configuration of a UNet say that it is DeepFloyd's, or made from DeepFloyd's?"""
    return unet.get("encoder_hid_dim") == TEXT_WIDTH or f"{OWNER}/" in str(unet.get("_name_or_path", ""))


# --- cards ----------------------------------------------------------------------------------------------


def card_of(model: Model, stage: str) -> Card:
    """The card of a stage. DeepFloyd's are known, so that its cost is told before anything is fetched;
    others are read from their configuration. ModelError."""
    source = model.source(stage)
    if source.startswith(f"{OWNER}/"):
        side, largest = {"I": (64, 1.5), "II": (256, 1.0)}[stage]
        return _card(model, stage, side, "if-cosine", (0.95, largest))
    return card_read(model, stage)


def card_read(model: Model, stage: str) -> Card:
    """The card of a stage, from its configuration files: a few kB, no weights. ModelError."""
    source = model.source(stage)
    with faults.explained(source):
        unet, scheduler = parts_of(source, *PARTS)
    channels = {"I": 3, "II": 6}[stage]
    if unet.get("in_channels") != channels:
        raise ModelError(
            f"{source} is no stage {stage} of DeepFloyd IF's format: its UNet sees "
            f"{unet.get('in_channels')} channels, not {channels}."
        )
    side = unet.get("sample_size") or 64
    return _card(model, stage, side, _schedule(scheduler, source), _threshold(scheduler))


def _card(model: Model, stage: str, side: int, levels: str, threshold: tuple[float, float] | None) -> Card:
    return Card(
        name=model.card_name(stage),
        predicts="eps",
        shape=(3, side, side),
        schedule=levels,
        spread=True,
        title=f"{model.title}, stage {stage}",
        threshold=threshold,
        beside=stage == "II",
    )


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


# --- folders --------------------------------------------------------------------------------------------


def _folder(place: str) -> Path | None:
    """The folder that a person wrote, if there is one."""
    try:
        folder = Path(place).expanduser()
        return folder if place and folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long a name, nobody's home, a zero byte
        return None


def _is_folder(source: str) -> bool:
    return Path(source).is_dir()


def _check_parts(stage: str) -> None:
    """ModelError, naming what is missing, unless a folder is of IF's format."""
    for part in PARTS:
        if not (Path(stage) / part).is_file():
            raise ModelError(f"{stage} is no model of DeepFloyd IF's format: {part} is missing.")
        try:
            json.loads((Path(stage) / part).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(faults.sentence(error, stage)) from error


def _gigabytes(source: str) -> float:
    """What the UNet in a folder takes in half precision, at most: the size of its files. 0 for the Hub."""
    if not _is_folder(source):
        return 0.0
    return sum(path.stat().st_size for path in (Path(source) / "unet").glob("*.safetensors")) / 1e9

"""Opening the models of the catalogue: their cards at once, their weights when they are first needed.

Weights are read as safetensors only, through diffusers, in half precision where the machine computes in it.
Memory is asked before anything is fetched; what does not fit the GPU is kept in the machine's own memory and
visits it layer by layer. Whatever goes wrong becomes a ModelError, whose text says what to do about it; the
studio then goes on with the built-in model.

    Library().serve(studio)      every recipe may now name a model, see catalogue.found
    library.offers()             for a page: each model, whether it fits now, and its licence
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import nn

from diffusion_core.estimates import Card
from diffusion_core.models import catalog, faults, hub, memory
from diffusion_core.models.catalog import BUILT_IN, STAGES, Model, found
from diffusion_core.models.deepfloyd import safety, t5
from diffusion_core.models.deepfloyd.prompts import Prompts
from diffusion_core.models.deepfloyd.safety import Guard, Previews
from diffusion_core.models.faults import ModelError
from diffusion_core.models.memory import Memory, Way
from diffusion_core.models.network import Network, best_dtype

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

    from diffusion_core.models.deepfloyd.unet import IFNetwork  # loads diffusers: seconds


class Offer(NamedTuple):
    """A model as a page may offer it.

    name, title  for recipes, for people
    fits         is there memory for it on this machine now? (and the built-in one: is it there?)
    word         how it runs here, and what else it needs; or why it does not fit, and what to do
    licence      what must be shown where it is chosen; "" for a model without such terms
    """

    name: str
    title: str
    fits: bool
    word: str
    licence: str = ""


class Pool(Protocol):
    """Who keeps networks warm, as the library sees it: see serving/pool.py."""

    library: Any
    fallback: str

    def register(self, card: Card, load: Callable[[], Network], **more: Any) -> None: ...
    def guard(self, name: str, guard: Guard) -> None: ...


class Library:
    """Opens models and remembers what they share.

    cache     folder for embeddings; None keeps them in memory only
    device, dtype  where the UNets compute, and in which precision; "auto" chooses the best at hand
    previews  of licensed models, see safety.Previews; on a public server recipes name models of the
              catalogue only, not folders of the server, nor whatever is on the Hub
    checkpoints  where the built-in model lies
    """

    def __init__(
        self,
        cache: Path | None = None,
        device: torch.device | str = "auto",
        dtype: torch.dtype | str = "auto",
        previews: Previews | str = "low",
        checkpoints: Path = catalog.CHECKPOINTS,
    ):
        self.cache, self.known = cache, catalog.catalogue(checkpoints)
        self.previews = Previews(previews) if isinstance(previews, str) else previews
        self.device = torch.device(
            ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        )
        self.dtype = best_dtype(self.device) if dtype == "auto" else dtype
        self._prompts: dict[str, Prompts] = {}
        self._guards: dict[str, Guard] = {}
        self._made: WeakKeyDictionary[IFNetwork, tuple[Way, float]] = WeakKeyDictionary()
        self._introducing = threading.Lock()

    # to a studio

    def serve(self, pool: Pool) -> None:
        """Let a studio find every model, and go on with the built-in one when another cannot be opened."""
        pool.library, pool.fallback = self, BUILT_IN

    def introduce(self, pool: Pool, name: str) -> None:
        """Register the model of a card "MODEL/STAGE" with a studio. ModelError if it cannot be."""
        where, _, stage = name.rpartition("/")
        if not where or stage not in STAGES:
            return
        with self._introducing:
            model = replace(self._found(where), name=where)
            model.source(stage)
            self.register(pool, model)

    def _found(self, where: str) -> Model:
        """What a recipe or a visitor names. ModelError; on a public server for whatever has no name here."""
        if self.previews.public and where not in self.known:
            raise ModelError(
                f"This server is public: it opens the models of its catalogue only, {', '.join(self.known)}."
            )
        return found(where, self.known)

    def register(self, pool: Pool, model: Model) -> None:
        """Tell a studio of every stage; weights are read when first needed. ModelError.

        What a licensed model makes goes through its filter and gets its mark before anyone sees it. The
        built-in model stays beside any other: everybody falls back on it, and it is small.
        """
        model = self._completed(model)
        cards = {stage: catalog.card_of(model, stage) for stage in STAGES[: len(model.stages)]}
        prompts = self.prompts(model)
        for stage, card in cards.items():
            pool.register(
                card,
                partial(self.network, model, stage),
                check=partial(catalog.card_read, model, stage),
                reader=prompts,
                seat="" if model.name == BUILT_IN else model.name,
            )
            if model.licensed:
                pool.guard(card.name, self.guard(model))

    def _completed(self, model: Model) -> Model:
        """The model, licensed if the configuration of a repository that nobody knows says so."""
        strangers = [stage for stage in model.stages if hub.is_id(stage) and not Path(stage).is_dir()]
        for stage in strangers if not model.licensed else ():
            with faults.explained(stage):
                (unet,) = hub.parts_of(stage, catalog.PARTS[0])
            model = replace(model, licensed=model.licensed or catalog.is_licensed_config(unet))
        return model

    # what a model consists of

    def card(self, model: Model, stage: str) -> Card:
        """The card of a stage. ModelError."""
        return catalog.card_of(model, stage)

    def prompts(self, model: Model) -> Prompts:
        """Who reads prompts for this model; models with one encoder share one."""
        identity = t5.identity_of(model)
        if identity not in self._prompts:
            self._prompts[identity] = t5.prompts_of(model, self.device, self.cache)
        return self._prompts[identity]

    def guard(self, model: Model) -> Guard:
        """Filter and mark of a licensed model; models that have them from one place share them."""
        source = model.text_source
        if source not in self._guards:
            self._guards[source] = Guard(safety.loader(source, self.device), self.previews)
        return self._guards[source]

    def network(self, model: Model, stage: str) -> "IFNetwork":
        """The network of a stage, its weights in memory, ready to answer. ModelError."""
        from diffusion_core.models.deepfloyd.unet import IFNetwork, NotIF, check_format
        from diffusion_core.models.offload import offloaded

        source, card = model.source(stage), catalog.card_read(model, stage)
        with faults.explained(source):
            (config,) = hub.parts_of(source, catalog.PARTS[0])
            blank = blank_unet(config)
            try:
                check_format(blank)
            except NotIF as error:
                raise ModelError(f"{source}: {error}") from error
            weights = gigabytes_of(blank, self.dtype)
            way = self._way(model, stage, weights)
            home = torch.device("cpu") if way == "offloaded" else self.device
            folder = hub.folder_of(source, "unet", "scheduler")
            unet = hub.fill(blank, folder / "unet", source, str(home), self.dtype)
            network = IFNetwork(unet, card, self.prompts(model), device=home, dtype=self.dtype)
            if model.name != BUILT_IN:
                self._made[network] = way, weights
            return offloaded(network, self.device) if way == "offloaded" else network

    def _way(self, model: Model, stage: str, weights: float) -> Way:
        """How a UNet of so many gigabytes can be held now. ModelError before one of them is read."""
        free = memory.measured(self.device)
        if (way := memory.way_of(weights, stage, free)) is None:
            raise ModelError(too_little(f"{model.title}, stage {stage},", weights, stage, free))
        return way

    # for a page

    def offers(self) -> list[Offer]:
        """Every model of the catalogue, the built-in one first, as this machine is now."""
        free = self._after_switching()
        return [self.offer(name, free) for name in self.known]

    def offer(self, where: str, free: Memory | None = None) -> Offer:
        """A model of the catalogue, or one that a person names, as this machine is now."""
        free = free or self._after_switching()
        licence = " ".join(Guard.notices)
        known = self.known.get(where)
        try:
            model = self._found(where)
            word = self._running(model, free)
        except ModelError as error:
            title, licensed = (known.title, known.licensed) if known else (where, False)
            return Offer(where, title, False, str(error), licence if licensed else "")
        return Offer(where, model.title, True, word, licence if model.licensed else "")

    def _after_switching(self) -> Memory:
        """What is free, with what is warm now gone: it goes when another model comes."""
        gpu, ram = memory.measured(self.device)
        for way, weights in list(self._made.values()):
            if way == "whole":
                gpu += weights
            else:
                ram += weights
        return Memory(gpu, ram)

    def _running(self, model: Model, free: Memory) -> str:
        """How a model runs here, as a sentence. ModelError if it does not."""
        if not all(model.gigabytes):
            return "It is fetched from the Hugging Face Hub, and weighed, when it is first used."
        size = self.dtype.itemsize / 2  # the catalogue counts half precision
        left, ways = free, []
        for stage, half in zip(STAGES, model.gigabytes):
            weights = half * (size if model.licensed else 1)
            way = memory.way_of(weights, stage, left)
            if way is None:
                raise ModelError(too_little(f"{model.title}, stage {stage},", weights, stage, left))
            ways.append(way)
            if way == "whole":
                left = left._replace(gpu=left.gpu - weights)
            else:
                left = left._replace(ram=left.ram - weights)
        if model.text_source == catalog.TEXT_HOME:
            t5.options_for(model.text_source, memory.T5_XXL, free, self.device)
        words = _in_words(ways, model)
        gated = [stage for stage in model.stages if stage.startswith(f"{catalog.OWNER}/")]
        missing = [stage for stage in gated if not hub.is_kept(stage, catalog.PARTS[0])]
        return f"{words} {faults.no_token(missing[0])}" if missing and not hub.has_token() else words


def _in_words(ways: list[Way], model: Model) -> str:
    if "cpu" in ways:
        slow = ": minutes for a picture, with a GPU seconds" if model.licensed else ""
        return f"Runs on the CPU{slow}."
    if "offloaded" in ways:
        slow = " and ".join(stage for stage, way in zip(STAGES, ways) if way == "offloaded")
        return f"Fits; stage {slow} visits the GPU layer by layer, which is slower."
    return "Fits the GPU whole."


def too_little(what: str, weights: float, stage: str, free: Memory) -> str:
    """What is missing, and what would fit, for a person."""
    needed = memory.needed(weights, stage)
    if free.gpu is None:
        return (
            f"{what} needs about {needed:.1f} GB of memory, and {free}. "
            "Choose a smaller model, or close what else uses the memory."
        )
    return (
        f"{what} needs about {needed:.1f} GB of GPU memory, and {free}. Choose a smaller model, or close "
        f"what else uses the memory. What fits: {memory.what_fits(free.gpu)}"
    )


def blank_unet(config: dict) -> "UNet2DConditionModel":
    """A UNet as its configuration says, without memory for its weights."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        return UNet2DConditionModel.from_config(config).eval()


def gigabytes_of(unet: nn.Module, dtype: torch.dtype) -> float:
    """What the weights of a network take."""
    return sum(weight.numel() for weight in unet.parameters()) * dtype.itemsize / 1e9

"""Networks kept warm: who there is, how each is loaded, who reads its prompts, who checks its pictures.

A network is loaded when it is first needed and stays. Models that are too large to stay side by side have a
seat each, and only one of them is seated: when another comes, the networks of the first are let go, as soon
as no run asks them any more.
"""

import contextlib
import gc
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

import torch

from diffusion_core.estimates import Card
from diffusion_core.models.deepfloyd.safety import Guard
from diffusion_core.models.network import Network
from diffusion_core.recipes import RecipeError

Told = Mapping[str, Iterable[Hashable]]
"""What a run will ask: the name of a network -> the labels that it is told."""


class Reader(Protocol):
    """Who reads the prompts of a network ahead of its runs, see prompts.Prompts."""

    def read_all(self, prompts: list[str]) -> None: ...
    def warning(self, prompt: str) -> str: ...
    def let_go(self) -> None: ...


class Finder(Protocol):
    """Who knows models that are not registered yet, see models.Library."""

    def introduce(self, keeper: "Keeper", name: str) -> None:
        """Register the network `name`, if it is one of these; ModelError if it cannot be opened."""


class Entry(NamedTuple):
    """What is known of a network. check: raises ModelError if it cannot be had, before others make room."""

    load: Callable[[], Network]
    check: Callable[[], object] | None
    reader: Reader | None
    seat: str
    loading: threading.Lock


class Keeper:
    """Cards, loaders, warm networks.

    library   who is asked for a network that nobody has registered
    fallback  the model that recipes go on with when theirs cannot be opened; "" for none
    advisers  network -> what to say of a prompt to it, "" for nothing: words it has never met, say
    """

    def __init__(self):
        self.library: Finder | None = None
        self.fallback = ""
        self.advisers: dict[str, Callable[[str], str]] = {}
        self._cards: dict[str, Card] = {}
        self._entries: dict[str, Entry] = {}
        self._guards: dict[str, Guard] = {}
        self._warm: dict[str, Network] = {}
        self._asked: Counter[str] = Counter()  # by how many runs under way
        self._seated = ""
        self._changing = threading.RLock()

    def register(
        self,
        card: Card,
        load: Callable[[], Network],
        *,
        check: Callable[[], object] | None = None,
        reader: Reader | None = None,
        seat: str = "",
    ) -> None:
        """Tell of a network; `load` is called once, when it is first needed. seat: of which model it is,
        if that has to go when another comes."""
        self._cards[card.name] = card
        self._entries[card.name] = Entry(load, check, reader, seat, threading.Lock())

    def guard(self, name: str, guard: Guard) -> None:
        """Show nothing that this network made unless it has passed the guard, see safety.py."""
        self._guards[name] = guard

    def card(self, name: str) -> Card:
        """RecipeError if no such network is there; ModelError if it should be, but cannot be opened."""
        if name not in self._cards and self.library:
            self.library.introduce(self, name)
        if name not in self._cards:
            raise RecipeError(f"The model {name} is not here. Its weights may be missing from checkpoints/.")
        return self._cards[name]

    def network(self, name: str) -> Network:
        """The network, loaded by whoever comes first; others wait. Raises what the loader raises."""
        network = self._warm.get(name)
        if network is None:
            with self._entries[self.card(name).name].loading:
                network = self._warm.get(name)
                if network is None:
                    self._make_room(name)
                    network = self._entries[name].load()
                    with self._changing:
                        self._warm[name] = network
                        self._cards[name] = network.card  # what the weights' own configuration says
        return network

    def prepare(self, told: Told) -> None:
        """All that takes long, ahead of a run and on the visitor's thread: read its prompts while the
        memory is free, then load its networks. ModelError before anything else is let go, if possible."""
        for name in told:
            entry = self._entries[self.card(name).name]
            if name not in self._warm and entry.check:
                entry.check()
        for name, labels in told.items():
            self._make_room(name)
            if reader := self._entries[name].reader:
                reader.read_all(sorted({label or "" for label in labels}))
        for guard in self.guards_of(told):
            guard.ready()
        for name, labels in told.items():
            network = self.network(name)
            if not self._entries[name].reader:
                network.prepare(labels)

    @contextlib.contextmanager
    def holding(self, names: Iterable[str]) -> Iterator[None]:
        """While this lasts, these networks stay, whoever else comes."""
        names = list(names)
        with self._changing:
            self._asked.update(names)
        try:
            yield
        finally:
            with self._changing:
                self._asked.subtract(names)
            self._let_go()

    def guards_of(self, names: Iterable[str]) -> list[Guard]:
        """The guards of these networks, each once."""
        return list(dict.fromkeys(self._guards[name] for name in names if name in self._guards))

    def words_on(self, told: Told) -> tuple[str, ...]:
        """What a person should know of a run: the licence of its model, what was cut off its prompts (as
        far as they were read already), words in them that the model has never met."""
        words = [line for guard in self.guards_of(told) for line in guard.notices]
        for name, labels in told.items():
            if reader := self._entries[name].reader if name in self._entries else None:
                words += [reader.warning(label or "") for label in labels]
            if advise := self.advisers.get(name):
                words += [advise(label) for label in sorted(filter(None, labels))]
        return tuple(dict.fromkeys(filter(None, words)))

    def _make_room(self, name: str) -> None:
        """Seat this network's model; the others go, unless a run still asks them."""
        if seat := self._entries[name].seat:
            self._seated = seat
            self._let_go()

    def _let_go(self) -> None:
        """Let the networks go that have no seat any more and are asked by nobody."""
        with self._changing:
            leaving = [name for name in self._warm if self._entries[name].seat not in ("", self._seated)]
            leaving = [name for name in leaving if not self._asked[name]]
            for name in leaving:
                del self._warm[name]
            readers = [self._entries[name].reader for name in leaving]
            staying = [self._entries[name].reader for name in self._warm]
        for reader in readers:
            if reader and not any(reader is other for other in staying):
                reader.let_go()
        if leaving:
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

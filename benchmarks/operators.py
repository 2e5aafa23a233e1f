"""How many operators torch dispatches: the work of the host, whatever the device then makes of it."""

from collections import Counter
from collections.abc import Callable
from unittest import mock

from torch.utils._python_dispatch import TorchDispatchMode


class Operators(TorchDispatchMode):
    """Counts operators by name while it is on, composite ones taken apart (quantile is about twenty)."""

    def __init__(self):
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.looking = True

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if self.looking:
            with self:
                parts = function.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
            self.counts[str(function)] += 1
        return function(*args, **(kwargs or {}))

    def aside(self, function: Callable) -> Callable:
        """The function, not looked at."""

        def unseen(*args, **kwargs):
            self.looking = False
            try:
                return function(*args, **kwargs)
            finally:
                self.looking = True

        return unseen


def per_step(run: Callable[[int], object], unet: object, *calls: str) -> float:
    """Operators per step of run(steps), but for those within these methods of the UNet.

    Counted as the difference of a long and a short run, so that their beginnings and ends cancel; after a
    first run, since what can be kept between runs is kept.
    """
    few, many = 4, 8

    def counted(steps: int) -> int:
        operators = Operators()
        unseen = {name: operators.aside(getattr(unet, name)) for name in calls}
        with mock.patch.multiple(unet, **unseen), operators:
            run(steps)
        return operators.counts.total()

    for steps in (few, many):
        run(steps)
    return (counted(many) - counted(few)) / (many - few)

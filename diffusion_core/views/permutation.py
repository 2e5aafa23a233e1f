"""A signed permutation of pixels: seen[k] = s x[index[k]], and turned back to the last bit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


class Order(NamedTuple):
    """seen[k] = x[index[k]] and x[k] = seen[back[k]], pixels counted row by row; both [H W] int64.

    still: no pixel moves (identity, negate), so none needs to be copied
    """

    index: Tensor
    back: Tensor
    still: bool


@dataclass(frozen=True)
class View:
    """One signed rearrangement, at every size that it fits.

    name       as in VIEWS
    says       what happens to the picture, for people: "turned upside down"
    rearrange  index picture [H,W] -> the same numbers in other places [H,W]
    sign       -1 where the view also negates, else +1

    All methods take and give pictures [..., H, W] with any number of channels (the second stage of a
    cascade has six, and all of them turn). They raise ValueError where the view does not fit H x W.
    """

    name: str
    says: str
    rearrange: Callable[[Tensor], Tensor]
    sign: int = 1
    _orders: dict = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, x: Tensor) -> Tensor:
        """The picture as seen: s x[index]."""
        order = self.order(x)
        return self._signed(x if order.still else _take(x, order.index))

    def inverse(self, seen: Tensor) -> Tensor:
        """The picture from what is seen of it: view.inverse(view(x)) = x, to the last bit."""
        return self._signed(self.inverse_unsigned(seen))

    def inverse_unsigned(self, seen: Tensor) -> Tensor:
        """Turned back in place but not in sign: for the learned variance, which has none to turn."""
        order = self.order(seen)
        return seen if order.still else _take(seen, order.back)

    def order(self, x: Tensor) -> Order:
        """index and argsort(index) for pictures of x's height and width, on x's device; made once."""
        height, width = x.shape[-2:]
        key = (height, width, x.device)
        if key not in self._orders:
            picture = torch.arange(height * width).reshape(height, width)
            index = self.rearrange(picture).flatten()
            still = torch.equal(index, picture.flatten())
            self._orders[key] = Order(index.to(x.device), index.argsort().to(x.device), still)
        return self._orders[key]

    def _signed(self, x: Tensor) -> Tensor:
        return -x if self.sign < 0 else x


def _take(x: Tensor, index: Tensor) -> Tensor:
    flat = x.flatten(-2)  # gather is ten times as fast as index_select along the last dimension
    return flat.gather(-1, index.expand_as(flat)).unflatten(-1, x.shape[-2:])

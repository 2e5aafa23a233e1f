"""The pictures that the built-in model learns from, as they are published: artists' emoji and clip art,
people's doodles, photographs. `python -m emoji_model.data` says how to get them."""

from emoji_model.data.doodles import Doodles
from emoji_model.data.folders import DataError, Folders
from emoji_model.data.pictures import Picture, Pictures, enlarged_noto

__all__ = ["DataError", "Doodles", "Folders", "Picture", "Pictures", "enlarged_noto"]

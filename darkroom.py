"""The studio of this repository, with every model and example in it, and without the page.

    from darkroom import studio
    *frames, result = studio().run(recipe)

app.py puts a page in front of it; `python -m diffusion_core` runs recipes in it.

Its text models (studio().library) follow the environment: DARKROOM_CACHE is the folder for embeddings,
~/.cache/darkroom unless said; DARKROOM_PREVIEWS and DARKROOM_PUBLIC are explained in safety.py.
"""

import os
from pathlib import Path

from diffusion_core.images.edit_examples import EDIT_EXAMPLES
from diffusion_core.images.examples import EXAMPLES
from diffusion_core.models.catalog import BUILT_IN_FOLDERS
from diffusion_core.models.deepfloyd.safety import Previews
from diffusion_core.models.loading import Library
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques import contact_sheet
from emoji_model.words import Words
from mnist_models import examples as digits
from mnist_models import network as mnist
from mnist_models import zoo


def studio(checkpoints: Path = zoo.FOLDER, library: Library | None = None) -> Studio:
    """A studio that knows every model and example of this repository; weights are read when needed.

    checkpoints  the folder of the MNIST models; the built-in text model lies beside it
    library      who opens text models; by default one that follows the environment
    """
    contact_sheet.install()
    made = Studio()
    made.examples |= EXAMPLES | EDIT_EXAMPLES
    digits.register(made, checkpoints)
    mnist.register(made, checkpoints)
    (library or models_beside(checkpoints)).serve(made)
    if known := words(checkpoints.parent):
        made.advisers["built-in/I"] = known.notice
    return made


def models_beside(checkpoints: Path) -> Library:
    """The text models of the catalogue, the built-in one in the folder that holds `checkpoints`."""
    cache = Path(os.environ.get("DARKROOM_CACHE") or "~/.cache/darkroom").expanduser()
    return Library(cache / "prompts", previews=Previews.of(), checkpoints=checkpoints.parent)


def words(checkpoints: Path = zoo.FOLDER.parent) -> Words | None:
    """What the built-in text model knows, None if it is not there."""
    return Words.read(checkpoints / BUILT_IN_FOLDERS[0])

"""The studio of this repository, with every model and example in it, and without the page.

    from house import studio
    *frames, result = studio().run(recipe)

app.py hangs a page before it; `python -m diffusion_core` runs recipes in it.
"""

from pathlib import Path

from diffusion_core.examples import EXAMPLES
from diffusion_core.studio import Studio
from mnist_models import examples as digits
from mnist_models import network as mnist
from mnist_models import zoo


def studio(checkpoints: Path = zoo.FOLDER) -> Studio:
    """A studio that knows every model and example of this repository; weights are read when needed."""
    made = Studio()
    made.examples |= EXAMPLES
    digits.register(made, checkpoints)
    mnist.register(made, checkpoints)
    return made

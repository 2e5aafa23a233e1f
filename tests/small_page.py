"""The page with some of its tabs, on networks that are plain functions and take their time: quick to open,
and slow enough to be left, stopped and killed in mid-run.

    python tests/small_page.py [SECONDS a forward]      listens on $GRADIO_SERVER_PORT
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch  # noqa: E402
from fakes import FakeNetwork, FakeStudio, drawing  # noqa: E402

import app  # noqa: E402
from diffusion_core.images.examples import EXAMPLES  # noqa: E402
from mnist_models import network  # noqa: E402
from tabs import forward_noise, mnist_denoiser, mnist_sampler, theme, training  # noqa: E402

PAUSE = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0


class Slow(FakeNetwork):
    def forward(self, rows):
        time.sleep(PAUSE)
        return super().forward(rows)


class SlowStudio(FakeStudio):
    def register(self, card, load, **more):
        super(FakeStudio, self).register(card, lambda: Slow(card), **more)


def main() -> None:
    torch.set_num_threads(1)
    studio = SlowStudio()
    studio.examples |= EXAMPLES | {f"Digit {k}": drawing for k in range(10)}
    network.register(studio)
    app.TABS = {
        "forward-noise": forward_noise,
        "mnist-denoiser": mnist_denoiser,
        "mnist-sampler": mnist_sampler,
        "training": training,
    }
    demo = app.build(studio)
    demo.queue(max_size=200, default_concurrency_limit=None).launch(
        theme=theme.theme(), css=theme.CSS, head=theme.HEAD, ssr_mode=False, run_history=False
    )


if __name__ == "__main__":
    main()

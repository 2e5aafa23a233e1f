"""The space in which a drawn emoji is looked up among all references, and a classifier of styles.

    f(x) = [ x at 16 x 16, its mean colour taken off | 2 |grad luma| at 16 x 16 ],   |f| = 1

Where colour lies, and where edges lie, both coarse: a picture that a person would call the same emoji
is near, one in other colours or another pose is far. tests/test_emoji_evaluate.py checks on the
references themselves, moved, noised, blurred and made lighter, that they find themselves. Likeness is
the cosine.
"""

from dataclasses import replace
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emoji_model.captions import Cast, Mix, Scene
from emoji_model.scenes import Painter
from emoji_model.styles import grey
from emoji_model.vocabulary import STYLES

CELLS = 16
EDGES = 2.0  # the weight of edges against colours


def features(x: Tensor) -> Tensor:
    """[B,3,S,S] in [-1,1], S at least 32 -> [B,1024] of length 1."""
    colour = F.adaptive_avg_pool2d(x, CELLS)
    colour = colour - colour.mean((2, 3), keepdim=True)
    tone = F.pad(grey(F.adaptive_avg_pool2d(x, 32)), (0, 1, 0, 1), mode="replicate")
    across, down = tone[..., :-1, 1:] - tone[..., :-1, :-1], tone[..., 1:, :-1] - tone[..., :-1, :-1]
    edges = F.adaptive_avg_pool2d((across.square() + down.square()).sqrt(), CELLS)
    return F.normalize(torch.cat([colour.flatten(1), EDGES * edges.flatten(1)], 1))


def ranks(x: Tensor, wanted: list[int], references: Tensor) -> Tensor:
    """[B] int64: how many references are nearer to each picture than the wanted one (0: it is the nearest).

    x [B,3,S,S]; wanted: rows of references, which is `features` of all of them [N,1024].
    """
    likeness = features(x) @ references.T
    own = likeness.gather(1, torch.tensor(wanted)[:, None])
    return (likeness > own).sum(1)


class StyleNet(nn.Sequential):
    """[B,3,64,64] -> logits over STYLES."""

    def __init__(self):
        layers: list[nn.Module] = []
        for before, after in ((3, 24), (24, 48), (48, 64)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.GELU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, len(STYLES)))


def scenes_of_styles(cast: Cast, count: int, seed: int) -> tuple[list[Scene], Tensor]:
    """`count` scenes of one thing, the styles in turn, and the rows of STYLES that they are in."""
    rng, styles = Random(f"styles {seed}"), [k % len(STYLES) for k in range(count)]
    plain = Cast(cast.emoji, Mix(things=(1.0,), grounds=0.2, styles=0.0, core=cast.mix.core))
    scenes = []
    for k in styles:
        scene, style = plain.scene(rng), STYLES[k]
        ground = {"photo": "table"}.get(style, scene.ground)
        scenes.append(replace(scene, style=style, ground=ground))
    return scenes, torch.tensor(styles)


def style_classifier(
    cast: Cast, painter: Painter, scenes: int = 3000, seed: int = 0
) -> tuple[StyleNet, float]:
    """A classifier trained on painted scenes, and its accuracy on 600 others. About a minute on a core."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = StyleNet()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    shown, labels = scenes_of_styles(cast, scenes, seed)
    pictures = torch.cat([painter.paint(shown[k : k + 100]) for k in range(0, scenes, 100)])
    order = torch.Generator().manual_seed(seed)
    for _ in range(4):
        for rows in torch.randperm(scenes, generator=order).split(50):
            loss = F.cross_entropy(net(pictures[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    others, labels = scenes_of_styles(cast, 600, seed + 1)
    with torch.no_grad():
        right = (net(painter.paint(others)).argmax(1) == labels).float().mean()
    return net, float(right)

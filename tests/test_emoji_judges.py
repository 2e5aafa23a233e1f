"""The lessons of the judges, and the spaces in which pictures are compared."""

from random import Random

import numpy as np
import pytest
import torch

from emoji_model.data import Folders
from emoji_model.data.doodles import raster
from emoji_model.evaluate import copies, networks, real, upscaling
from emoji_model.evaluate.networks import Lessons
from emoji_model.things import Things
from tests import made_up_data


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    return Things.read(Folders.of(made_up_data.build(tmp_path_factory.mktemp("data"))))


def test_judges_learn_from_nothing_that_is_held_out(things):
    lessons = real.DoodleLessons(things, 32)
    assert not things.doodles.held_out[lessons.rows].any() and things.doodles.held_out.any()
    lessons = real.PictureLessons(things, None, 32)
    for step in range(20):
        rng = Random(f"{step}")
        for scene in (lessons.cast.scene(rng) for _ in range(32)):
            thing, placed = things[scene.names[0]], scene.placed[0]
            assert scene.style not in thing.without
            held = thing.held_doodles if placed.doodle else {r for rows in thing.held.values() for r in rows}
            assert placed.row not in held


def test_what_is_read_for_the_accuracy_is_held_out(things):
    scenes = real.held_scenes(things)
    assert len(scenes) > 10
    for scene in scenes:
        thing = things[scene.names[0]]
        assert scene.style in thing.without and not thing.held_out
    rows, labels = real.held_doodles(things)
    assert things.doodles.held_out[rows].all() and len(rows) == len(labels) == things.doodles.held_out.sum()


def test_a_training_that_was_cut_short_goes_on_from_where_it_was(tmp_path):
    lessons = Lessons(phases=((4, 32),), batch=2, save_every=0.0)

    def batch(step, side):
        x = torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(step))
        return x, {"what": torch.tensor([0, 1])}

    def cut(step, side):
        if step == 2:
            raise KeyboardInterrupt
        return batch(step, side)

    def net():
        torch.manual_seed(0)
        return networks.Reader(1, {"what": 2}, (4, 4, 4, 4))

    whole, halves = net(), net()
    networks.learn(whole, batch, lessons, tmp_path / "whole", "whole")
    with pytest.raises(KeyboardInterrupt):
        networks.learn(halves, cut, lessons, tmp_path / "half", "half")
    halves = net()
    networks.learn(halves, batch, lessons, tmp_path / "half", "half")
    for a, b in zip(whole.state_dict().values(), halves.state_dict().values()):
        torch.testing.assert_close(a, b)
    assert not (tmp_path / "half").exists()


def test_ink_is_the_same_on_every_paper_and_in_every_pen(things):
    lines = real.doodles_of(things, [0])
    black, chalk, blue = (0.1, 0.1, 0.1), (0.9, 0.9, 0.8), (0.1, 0.2, 0.7)
    for colours in ((black, (1, 1, 1)), (chalk, (0.1, 0.2, 0.2)), (blue, (1, 0.9, 0.6))):
        pen, paper = (torch.tensor(c).float().view(1, 3, 1, 1) * 2 - 1 for c in colours)
        torch.testing.assert_close(real.ink(lines * pen + (1 - lines) * paper), lines, atol=0.02, rtol=0)
    assert real.ink(torch.ones(1, 3, 64, 64)).max() == 0, "nothing was drawn"


def test_top_counts_who_is_likelier():
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert networks.top(logits, torch.tensor([1, 2]), 2).tolist() == [True, False]


def scribbles(seeds, **how):
    """Ink [N,1,32,32]: a walk of twelve steps each."""
    walks = [np.random.default_rng(seed).integers(0, 255, (12, 2)) for seed in seeds]
    drawn = [raster([walk.astype(np.uint8)], 32, **how)[0] for walk in walks]
    return torch.from_numpy(np.stack(drawn))[:, None].float() / 255


def test_copies_are_found_with_another_pen_elsewhere_turned_and_mirrored():
    turned = [copies.doodle_space(scribbles(range(40), turn=turn)) for turn in copies.TURNS]
    known = torch.cat([*turned, *map(copies.mirrored, turned)])
    held = copies.doodle_space(scribbles(range(100, 140)))
    for how in (dict(), dict(at=(0.45, 0.52, 0.7)), dict(width=0.05), dict(turn=-0.08), dict(flip=True)):
        assert copies.copied(copies.doodle_space(scribbles(range(40), **how)), known, held).all(), how
    assert copies.copied(held, known, held).sum() <= 2, "5% of 40"
    assert copies.copied(copies.doodle_space(scribbles(range(200, 240))), known, held).sum() <= 8


def test_diversity_of_the_same_drawing_is_none():
    space = copies.doodle_space(scribbles(range(40)))
    assert copies.diversity([space], [space]) == pytest.approx(1)
    assert copies.diversity([space[:1].repeat(4, 1)], [space]) < 0.01
    assert copies.diversity([space[:20]], [space[20:]]) == pytest.approx(1, abs=0.1)


def test_nothing_drawn_is_no_copy():
    known = copies.doodle_space(scribbles(range(40)))
    held = copies.doodle_space(scribbles(range(100, 140)))
    assert not copies.copied(copies.doodle_space(torch.zeros(1, 1, 32, 32)), known, held).any()


def test_psnr_of_a_known_error():
    """10 log10(4 / MSE) for pictures in [-1, 1]: an error of 0.02 everywhere is 40 dB."""
    x = torch.zeros(2, 3, 8, 8)
    assert upscaling.psnr(x + 0.02, x) == 40.0
    assert upscaling.psnr(torch.stack([x[0] + 0.02, x[1] + 0.2]), x) == 30.0, "the mean of 40 and 20 dB"


def test_white_is_looked_at_near_the_thing_and_far_from_it():
    x0 = torch.ones(1, 3, 128, 128)
    x0[..., :20, :20] = 0
    halo, grain = x0.clone(), x0.clone()
    halo[..., :28, 26] = 0.0
    grain[..., 100:, 100:] -= 2 / 127.5
    assert upscaling.on_white(x0, x0) == (0.0, 0.0)
    near, far = upscaling.on_white(halo, x0)
    assert near > 5 and far == 0
    near, far = upscaling.on_white(grain, x0)
    assert near == 0 and 0.4 < far < 0.5, "2/255 on a twentieth of the white"

"""The measures of the built-in model: a good picture scores well, a bad one does not."""

import json
import os
from functools import partial
from random import Random

import pytest
import torch
import torch.nn.functional as F
from emoji_model.features import features, ranks

from emoji_model import cascade, evaluate, progress
from emoji_model.captions import MIXES, Cast, Scene, Thing
from emoji_model.data import HELD_OUT, Album
from emoji_model.scenes import Painter
from emoji_model.vocabulary import article
from tests import emoji_shapes

NARROW = dict(block_out_channels=(16, 8, 16, 16, 16), attention_head_dim=8)
HELD = "sun"  # a shape that is renamed, so that one is held out


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """The drawn shapes, one of them under a name that no training meets."""
    folder = emoji_shapes.build(tmp_path_factory.mktemp("shapes"))
    words = folder / "cldr-annotations-en.json"
    words.write_text(words.read_text().replace(f'"{HELD}"', f'"{HELD_OUT[0]}"'))
    return folder


@pytest.fixture(scope="module")
def trained(shapes, tmp_path_factory):
    """Two stages that have learned nothing, as training leaves them."""
    folder = tmp_path_factory.mktemp("trained")
    tokenizer = cascade.tokenizer([each.name for each in Album(shapes).emoji])
    text = cascade.text_encoder(len(tokenizer))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STAGE_1", "STAGE_2"):
            patch.setattr(cascade, name, getattr(cascade, name) | NARROW)
        for stage in ("stage1", "stage2"):
            place = folder / cascade.FOLDERS[stage]
            cascade.save(stage, cascade.Stage(cascade.unet(stage), text), tokenizer, place)
            (place / "model.json").write_text(json.dumps({"name": cascade.FOLDERS[stage]}))
    return folder


@pytest.fixture
def evaluation(trained, shapes):
    small = evaluate.Plan(names=9, styled=6, pairs=6, steps=2, few=2, painted=200)
    return evaluate.Evaluation(trained, str(shapes), small)


# the space in which pictures are looked up


@pytest.fixture(scope="module", params=["drawn shapes", "emoji"])
def references(request, shapes):
    """All pictures on white [N,3,64,64]."""
    if request.param == "emoji" and not os.environ.get("EMOJI_DIR"):
        pytest.skip("EMOJI_DIR is not set")
    album = Album(shapes if request.param == "drawn shapes" else None)
    cast, painter = Cast(album.emoji, MIXES["plain"]), Painter(album.atlas(64))
    parts = torch.arange(len(album)).split(200)
    return torch.cat([painter.paint([cast.one(int(row)) for row in part]) for part in parts])


def blurred(x):
    for _ in range(2):
        x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return x


def noisy(x):
    return x + 0.2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


CHANGES = {
    "nothing": lambda x: x,
    "2 pixels down": lambda x: x.roll(2, -2),
    "2 pixels right": lambda x: x.roll(2, -1),
    "noise": noisy,
    "blur": blurred,
    "lighter": lambda x: 0.7 * x + 0.3,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_reference_that_was_changed_a_little_finds_itself(references, change):
    rows = list(range(0, len(references), max(1, len(references) // 200)))
    found = ranks(CHANGES[change](references[rows]), rows, features(references))
    assert (found < 1).float().mean() >= (1.0 if change == "nothing" else 0.95)
    assert (found < 5).float().mean() >= 0.99


def test_another_picture_is_far(references):
    """Else everything would be found."""
    rows = list(range(0, len(references), max(1, len(references) // 200)))
    found = ranks(references[rows], rows[1:] + rows[:1], features(references))
    assert (found < 1).float().mean() <= 0.1 and (found >= 1).any()


def test_features_see_colour_and_edges_but_no_brightness():
    x = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    torch.testing.assert_close(features(x).norm(dim=1), torch.ones(3))
    torch.testing.assert_close(features(x + 0.2), features(x), atol=1e-5, rtol=0)
    across = torch.zeros(1, 3, 64, 64)
    across[..., 32:] = 1.0  # one edge from top to bottom: the rest is colour
    edges = features(across)[0, -256:].unflatten(0, (16, 16))
    assert (edges[:, 7:9].sum(1) > 0).all() and edges[:, :7].abs().max() == 0 == edges[:, 9:].abs().max()


def test_ranks_count_who_is_nearer():
    x = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    known = features(x)
    order = (known[0] @ known.T).argsort(descending=True).tolist()
    assert [int(ranks(x[:1], [row], known)) for row in order] == [0, 1, 2, 3]


# the measures, on pictures of which the answer is known


def painted(evaluation, prompts, steps):
    """A model that draws what it is told: one thing, or two of them, each in its half."""
    rows = {article(each.name): row for row, each in enumerate(evaluation.album.emoji)}
    scenes = []
    for prompt in prompts:
        named = [rows[part] for part in prompt.split(" next to ") if part in rows]
        pair = [Thing(row, x, 0.5, 0.54) for row, x in zip(named, (0.27, 0.73))]
        scenes.append(Scene(tuple(pair) if len(pair) > 1 else (Thing(named[0]),), prompt))
    return evaluation.painter.paint(scenes)


def test_one_who_draws_what_he_is_told_is_right_and_another_is_not(evaluation, monkeypatch):
    rows = list(range(9))
    monkeypatch.setattr(evaluate.Evaluation, "drawn", painted)
    assert evaluation.names(rows, 2) == (1.0, 1.0)
    monkeypatch.setattr(evaluate.Evaluation, "drawn", lambda e, p, s: painted(e, p[1:] + p[:1], s))
    assert evaluation.names(rows, 2)[0] == 0.0


def test_both_halves_of_a_pair_count(evaluation, monkeypatch):
    """The names swapped, each thing stands in the half of the other. Five of ten shapes would be half of
    all, so here the nearest alone counts."""
    monkeypatch.setattr(evaluate, "ranks", lambda *args: 5 * ranks(*args))
    monkeypatch.setattr(evaluate.Evaluation, "drawn", painted)
    assert evaluation.pairs(Random(0)) == {"pair_top5": 1.0}

    def swapped(evaluation, prompts, steps):
        return painted(evaluation, [" next to ".join(p.split(" next to ")[::-1]) for p in prompts], steps)

    monkeypatch.setattr(evaluate.Evaluation, "drawn", swapped)
    assert evaluation.pairs(Random(0))["pair_top5"] == 0.0


def test_psnr_of_a_known_error():
    """10 log10(4 / MSE) for pictures in [-1, 1]: an error of 0.02 everywhere is 40 dB."""
    x = torch.zeros(2, 3, 8, 8)
    assert evaluate._psnr(x + 0.02, x) == 40.0
    assert evaluate._psnr(torch.stack([x[0] + 0.02, x[1] + 0.2]), x) == 30.0, "the mean of 40 and 20 dB"


def test_enlarging_is_measured_against_bicubic(evaluation, monkeypatch):
    """Pixels repeated are worse than bicubic, and the emoji that were held out are what is enlarged."""
    asked = []

    def repeated(stage, tokenizer, prompts, small, seed):
        asked.extend(prompts)
        return small.repeat_interleave(4, -1).repeat_interleave(4, -2)

    monkeypatch.setattr(progress, "enlarged", repeated)
    said = evaluation.upscaled()
    assert asked == [article(HELD_OUT[0])] and said["upscaled"] == 1
    assert 15 < said["upscale_psnr"] < said["bicubic_psnr"] < 40


# end to end


def test_quick_measures_everything_and_writes_it_beside_the_weights(trained, shapes, monkeypatch, capsys):
    monkeypatch.setattr(evaluate, "Plan", partial(evaluate.Plan, steps=1, few=1, painted=200))
    monkeypatch.setattr(evaluate.progress, "enlarged", partial(progress.enlarged, steps=1))
    evaluate.main(["--quick", "--json", "--write", "--checkpoints", str(trained), "--data", str(shapes)])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    shares = ["top1", "top5", "known_top1", "known_top5", "few_step_top5", "style_accuracy", "pair_top5"]
    assert all(0 <= said[name] <= 1 for name in shares)
    written = [
        json.loads((trained / cascade.FOLDERS[stage] / "model.json").read_text())["quality"]
        for stage in ("stage1", "stage2")
    ]
    assert set(written[1]) == {"upscale_psnr", "bicubic_psnr", "upscaled"}
    assert written[0] | written[1] == said and not set(written[0]) & set(written[1])


def test_without_stage_2_the_rest_is_measured(trained, shapes, tmp_path):
    (tmp_path / cascade.FOLDERS["stage1"]).symlink_to(trained / cascade.FOLDERS["stage1"])
    small = evaluate.Plan(names=6, styled=5, pairs=3, steps=1, few=1, painted=600)
    said = evaluate.Evaluation(tmp_path, str(shapes), small).measured()
    assert 0 <= said["top1"] <= said["top5"] <= 1 and "upscale_psnr" not in said
    assert said["style_reader"] > 0.7, "of six styles"


def test_without_the_emoji_there_is_a_sentence(trained, tmp_path):
    with pytest.raises(SystemExit, match="no folder"):
        evaluate.main(["--checkpoints", str(trained), "--data", str(tmp_path / "none")])

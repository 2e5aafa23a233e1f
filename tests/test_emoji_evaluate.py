"""The measures of the built-in model: a good picture scores well, a bad one does not."""

import json
from functools import partial
from random import Random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from emoji_model import cascade, held_out
from emoji_model.data import Folders
from emoji_model.data.doodles import raster
from emoji_model.evaluate import __main__ as command
from emoji_model.evaluate import copies, illusions, networks, readers, real, sanity, upscaling
from emoji_model.evaluate.drawing import Model, wanted
from emoji_model.evaluate.measures import Measures, half
from emoji_model.evaluate.networks import Lessons
from emoji_model.evaluate.plan import STAGE_1, Plan
from emoji_model.evaluate.readers import Judges
from emoji_model.things import Things
from tests import made_up_data

SMALL = partial(
    Plan,
    names=6,
    steps=2,
    few=1,
    combinations=5,
    doodles=3,
    doodle_seeds=2,
    doodle_steps=1,
    pairs=3,
    illusions=2,
    illusion_seeds=2,
    illusion_steps=2,
    enlarged=1,
    enlarged_steps=1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up_data.build(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def things(folder):
    return Things.read(Folders.of(folder), {"dog": ("mongrel", "pooch"), "star": ("asterisk",)})


@pytest.fixture(scope="module")
def short():
    """Judges that are narrow and learn for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "DOODLE_LESSONS", Lessons(phases=((120, 32), (30, 64)), batch=24))
        patch.setattr(readers, "PICTURE_LESSONS", Lessons(phases=((120, 32), (30, 64)), batch=24))
        for name in ("DOODLE_WIDTHS", "PICTURE_WIDTHS"):
            patch.setattr(readers, name, (8, 16, 32, 32))
        yield


@pytest.fixture(scope="module")
def judges(things, short, tmp_path_factory):
    return Judges(things, tmp_path_factory.mktemp("judges")).ready()


@pytest.fixture(scope="module")
def trained(things, tmp_path_factory):
    """Two stages that have learned nothing, as training leaves them."""
    folder = tmp_path_factory.mktemp("trained")
    tokenizer = cascade.tokenizer(things)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SMALL", "STAGE_1", "STAGE_2"):
            made = getattr(cascade, name)
            widths = (8,) * (len(made["block_out_channels"]) - 2) + (16, 16)
            patch.setattr(cascade, name, made | dict(block_out_channels=widths, attention_head_dim=8))
        for stage in cascade.FOLDERS:
            place, text = folder / cascade.FOLDERS[stage], cascade.text_encoder(len(tokenizer))
            cascade.save(stage, cascade.Stage(cascade.unet(stage), text), tokenizer, place)
            (place / "model.json").write_text(json.dumps({"name": cascade.FOLDERS[stage]}))
    return folder


# judges


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


def test_judges_are_trained_once(judges, things, monkeypatch):
    monkeypatch.setattr(readers, "learn", lambda *args: pytest.fail("trained again"))
    again = Judges(things, judges.cache).ready()
    assert again.accuracy() == judges.accuracy()
    assert again.accuracy()["doodle_reader_top5"] > 0.7
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(again.doodles(x), judges.doodles(x))


def test_other_data_or_lessons_train_them_anew(judges, things, monkeypatch, tmp_path):
    for name in ("doodles.json", "doodles.safetensors"):
        (tmp_path / name).write_bytes((judges.cache / name).read_bytes())
    asked = []
    monkeypatch.setattr(readers, "learn", lambda *args: asked.append(args[-1]) or 0.0)
    other = Judges(things, tmp_path)
    other.digest = "of other pictures"
    assert other.doodle_reader and asked == ["doodles"]


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


# what is asked for


def test_only_what_was_never_trained_on_is_asked_for(judges, things):
    measures = Measures(None, judges, SMALL(pairs=8))
    assert all(held_out.pair(*pair) for pair in measures.pairs()) and len(measures.pairs()) == 8
    for asked in measures.combinations():
        assert asked.style in things[asked.names[0]].without
    assert {each.prompt for each in measures.synonyms()} == {
        f"{'an' if word[0] in 'aeiou' else 'a'} {word}" for word in things.unsaid
    }
    assert not {"pineapple", "snail"} & set(measures.names())
    assert illusions.pairs(measures) == illusions.pairs(measures)
    assert wanted(things["dog"], "ink drawing").prompt == "a drawing in blue ink of a dog"
    assert wanted(things["deciduous tree"], "doodle").prompt == "a doodle of a tree"
    assert wanted(things["dog"]).prompt == "a dog"


# the measures, on pictures of which the answer is known


def test_real_pictures_score_well_and_others_do_not(judges):
    said = sanity.table(judges, SMALL(names=99, combinations=99, doodles=99, pairs=12))
    good, bad = said["real"], said["wrong"]
    for name in ("top1", "doodle_top1"):
        assert good[name] > bad[name] + 0.3, name
    for name in ("top5", "unseen_top5", "doodle_top5", "pair_top5"):  # of so few things, many are among five
        assert good[name] >= 0.7 and good[name] > bad[name], name
    assert good["doodle_diversity"] > 0.8


def test_halves():
    x = torch.zeros(1, 3, 64, 64)
    x[..., :30] = 1.0
    assert half(x, 0).mean() > 0.8 and half(x, 1).mean() < 0.05 and half(x, 0).shape == x.shape


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


# the network under test


def test_it_is_asked_as_often_as_the_plan_says(judges, trained):
    measures = Measures(Model(trained / "emoji-32", "small", bf16=False), judges, SMALL())
    planned = measures.plan.evaluations(measures.counts())
    for name in STAGE_1:
        before = measures.model.rows
        here = getattr(illusions, name, None)
        here(measures) if here else getattr(measures, name)()
        assert measures.model.rows - before == planned[name], name


def test_the_best_of_an_illusion_is_what_the_score_says(trained, things, monkeypatch):
    model = Model(trained / "emoji-32", "small", bf16=False)
    asked = [wanted(things[name], "doodle") for name in ("dog", "cat")]
    made = [model.anagram(asked, seeds, 2) for seeds in (1, 2, 3)]
    assert made[0].shape == (3, 64, 64) and made[0].abs().max() <= 1
    monkeypatch.setattr(
        "emoji_model.evaluate.drawing.gains",
        lambda x, *args: _ends(torch.eye(2)[None] * torch.tensor([1.0, 3.0, 2.0])[: len(x), None, None]),
    )
    chosen = [model.anagram(asked, seeds, 2) for seeds in (2, 3)]
    torch.testing.assert_close(chosen[0], chosen[1])
    assert not torch.equal(chosen[0], made[0])


def _ends(value):
    return value
    yield


# stage II


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


class Coarse:
    """Worse than bicubic."""

    def enlarged(self, small, prompts, first):
        return upscaling.bicubic(upscaling.bicubic(F.avg_pool2d(small, 4)))


def test_enlarging_is_measured_against_bicubic_on_every_set(judges):
    said = upscaling.upscale(Coarse(), judges, SMALL(enlarged=2))
    assert set(said["sets"]) == {*made_up_data.SETS, "doodles"} and said["upscaled"] == 28
    assert 15 < said["upscale_psnr"] < said["bicubic_psnr"] < 40 and said["worst_psnr_gain"] < 0
    assert said["perceptual"] > said["bicubic_perceptual"] > 0


def test_the_perceptual_distance_grows_with_the_blur(judges):
    _, (x0, _) = next(iter(upscaling.targets(judges.real, 2).items()))
    blurs = [F.avg_pool2d(F.pad(x0, (k,) * 4, mode="replicate"), 2 * k + 1, stride=1) for k in (0, 1, 3, 9)]
    far = [upscaling.perceptual(judges.picture_reader, x, x0) for x in blurs]
    assert far[0] == 0 < far[1] < far[2] < far[3]


# end to end


@pytest.fixture
def run(judges, trained, folder, monkeypatch, capsys):
    monkeypatch.setattr(command, "Plan", SMALL)
    monkeypatch.setattr(command, "QUICK", SMALL())
    monkeypatch.delenv("WORDNET_DIR", raising=False)

    def run(*args, checkpoints=trained):
        at = ["--checkpoints", str(checkpoints), "--data", str(folder), "--cache", str(judges.cache)]
        command.main([*args, "--json", *at])
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_everything_is_measured_and_written_beside_the_weights(run, trained):
    said = run("--write", "--float32")
    shares = [*STAGE_1, "unseen_style", "nearest_copy", "doodle_reader_top5", "thing_reader_top5"]
    assert all(0 <= said[name] <= 1 for name in shares if name != "synonym_top5")
    assert said["synonym_top5"] is None, "there is no WordNet at hand"
    assert {"doodle_diversity", "upscale_psnr", "bicubic_psnr", "white_std", "names"} <= set(said)
    written = [
        json.loads((trained / cascade.FOLDERS[stage] / "model.json").read_text())["quality"]
        for stage in ("stage1", "stage2")
    ]
    assert written[0]["top5"] == said["top5"] and "upscale_psnr" not in written[0]
    assert written[1]["upscale_psnr"] == said["upscale_psnr"] and "top5" not in written[1]


def test_one_measure_alone_leaves_the_others_where_they_are(run, trained, tmp_path):
    (tmp_path / "emoji-64").mkdir()
    for each in (trained / "emoji-64").iterdir():
        (tmp_path / "emoji-64" / each.name).symlink_to(each)
    notes = tmp_path / "emoji-64" / "model.json"
    notes.unlink()
    notes.write_text(json.dumps({"quality": {"top5": 0.5}}))
    said = run("--only", "pair_top5", "--write", checkpoints=tmp_path)
    assert "top5" not in said and "upscale_psnr" not in said
    quality = json.loads(notes.read_text())["quality"]
    assert quality["top5"] == 0.5 and quality["pair_top5"] == said["pair_top5"]


def test_the_small_network_is_measured_while_it_learns(run):
    said = run("--quick", "--size", "32", "--only", "top5", "few_step_top5")
    assert said["size"] == 32 and said["quick"] and said["evaluations"] == 6 * 2 * 2 + 6 * 2


def test_what_is_missing_or_makes_no_sense_is_a_sentence(run, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run("--quick", "--write")
    assert "leave out --quick" in capsys.readouterr().err
    for variable in ("ARTISTS_DIR", "DOODLES_DIR", "PHOTOS_DIR"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SystemExit, match="says how to get it"):
        command.main(["--data", str(tmp_path)])

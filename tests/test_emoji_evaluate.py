"""The measures of the built-in model: a good picture scores well, a bad one does not."""

import json
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from emoji_model import cascade, held_out
from emoji_model.data import Folders
from emoji_model.evaluate import __main__ as command
from emoji_model.evaluate import illusions, readers, sanity, upscaling
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

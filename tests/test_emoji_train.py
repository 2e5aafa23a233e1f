"""Training the cascade on made-up things, in small: it learns, resumes, and diffusers opens it."""

import json
import math
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from diffusers import IFPipeline, IFSuperResolutionPipeline, UNet2DConditionModel

from emoji_model import cascade, grow, plan, progress, text, train
from emoji_model.cascade import tokens
from emoji_model.objective import Coarse, Objective
from emoji_model.passing import pass_through
from tests import fake_wordnet, made_up_data
from tests.small_warm_up import Synonyms

NARROW = dict(block_out_channels=(8, 16, 16, 16), attention_head_dim=8)
NARROW_1 = dict(block_out_channels=(8, 8, 16, 16, 16), attention_head_dim=8)
NARROW_2 = dict(block_out_channels=(16, 8, 16, 16, 16), attention_head_dim=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder for --data: artists/, doodles/, photos/, noto-emoji/ and wordnet/."""
    folder = made_up_data.build(tmp_path_factory.mktemp("data"), each=6, size=32, large=64)
    fake_wordnet.build(folder / "wordnet")
    return folder


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(cascade, "SMALL", cascade.SMALL | NARROW)
    monkeypatch.setattr(cascade, "STAGE_1", cascade.STAGE_1 | NARROW_1)
    monkeypatch.setattr(cascade, "STAGE_2", cascade.STAGE_2 | NARROW_2)


@pytest.fixture
def hasty(monkeypatch):
    """Fitting the time embedding of a grown network takes seconds, and is tested in test_emoji_grow.py."""
    monkeypatch.setattr(grow, "_shift_time", partial(grow._shift_time, steps=20))


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    """So few steps need a short ramp, a teacher that is at hand, and a short tokenizer."""
    monkeypatch.setattr(plan, "RAMP", 10)
    monkeypatch.setattr(progress, "PROMPTS", progress.PROMPTS[:2])
    monkeypatch.setattr(progress, "GAP_TIMES", (900,))
    monkeypatch.setattr(text, "MiniLM", Synonyms)
    monkeypatch.setattr(text, "CAPTIONS", 300)
    monkeypatch.setattr(text, "warm_up", partial(text.warm_up, batch=8))


@pytest.fixture
def read(narrow, data, tmp_path):
    """A folder of runs in which the text path is trained, a little."""
    train.main(["text", "--data", str(data), "--runs", str(tmp_path / "runs"), "--warm-up", "2"])
    return tmp_path


def run(stage, data, folder, *more):
    places = ["--data", data, "--out", folder / "out", "--runs", folder / "runs", "--cpu", "--sheet", 10**9]
    if stage == "small":
        places[3] = folder / "runs"
    train.main([stage, *map(str, places), "--workers", "0", "--no-compile", *more])
    lines = (folder / "runs" / stage / "stats.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "error" in line]


SHORT = ("--batch", "8", "--report", "10", "--lr", "2e-3", "--float32")


def test_all_stages_learn_and_open_in_diffusers(read, hasty, data, tmp_path):
    said = json.loads((tmp_path / "runs" / "text" / "text.json").read_text())
    assert said["warm_up"]["warm_up"] == 2 and "held_out_synonyms" in said
    stats = run("small", data, tmp_path, *SHORT, "--phases", "32:320:full")
    assert stats[-1]["error"] < 0.7 * stats[0]["error"]
    grown = run("stage1", data, tmp_path, *SHORT, "--report", "5", "--phases", "64:80:full")
    assert grown[-1]["error"] < grown[0]["error"]
    assert [line["size"] for line in stats + grown] == [32] * 4 + [64] * 2
    assert list((tmp_path / "runs" / "stage1").glob("sheet-*.png"))
    progress_of = json.loads((tmp_path / "runs" / "stage1" / "progress.json").read_text())
    assert progress_of["done"] and progress_of["samples"] == 80

    first = IFPipeline.from_pretrained(tmp_path / "out" / "emoji-64", torch_dtype=torch.float32)
    first.set_progress_bar_config(disable=True)
    small = first("a dog", num_inference_steps=2, output_type="pt", clean_caption=False).images
    assert small.shape == (1, 3, 64, 64)
    made = json.loads((tmp_path / "out" / "emoji-64" / "model.json").read_text())
    assert made["made"]["samples"] == 80 and made["grown_from"]["made"]["samples"] == 320
    assert made["text"] == said
    words = json.loads((tmp_path / "out" / "emoji-64" / "words.json").read_text())
    assert "dog" in words["things"] and "dog" in words["styles"]["doodle"]
    assert all(path.stat().st_size < 10_000_000 for path in (tmp_path / "out").glob("**/*"))


def test_stage_2_learns_and_opens_in_diffusers(read, data, tmp_path, monkeypatch):
    monkeypatch.setattr("emoji_model.enlarging.SOURCES", {"noto": (64, 0.4), "doodles": (64, 0.6)})
    stats = run("stage2", data, tmp_path, *SHORT, "--report", "5", "--phases", "32:120:full")
    assert stats[-1]["error"] < stats[0]["error"]
    second = IFSuperResolutionPipeline.from_pretrained(
        tmp_path / "out" / "emoji-256", torch_dtype=torch.float32
    )
    second.set_progress_bar_config(disable=True)
    small = torch.zeros(1, 3, 64, 64)
    large = second("a dog", image=small, num_inference_steps=1, output_type="pt", clean_caption=False).images
    assert large.shape == (1, 3, 256, 256)


def test_a_resumed_run_ends_where_one_in_one_go_does(read, data, tmp_path):
    options = (*SHORT, "--report", "4", "--phases", "32:64:full")
    whole = run("small", data, tmp_path, *options)
    kept = cascade.load("small", tmp_path / "runs" / "emoji-32")[0]
    for file in (tmp_path / "runs" / "small").iterdir():
        file.unlink()
    halted = run("small", data, tmp_path, *options, "--minutes", "0")
    assert halted[-1]["step"] == 1
    again = run("small", data, tmp_path, *options)
    assert again[-1]["error"] == pytest.approx(whole[-1]["error"], rel=1e-3)
    other = cascade.load("small", tmp_path / "runs" / "emoji-32")[0]
    for one, two in zip(kept.state_dict().values(), other.state_dict().values()):
        torch.testing.assert_close(one, two, atol=2e-3, rtol=1e-2)


def test_exported_weights_can_be_continued(read, data, tmp_path):
    run("small", data, tmp_path, *SHORT, "--phases", "32:320:full")
    before = tmp_path / "runs" / "emoji-32"
    more = run(
        "small",
        data,
        tmp_path,
        *SHORT,
        "--phases",
        "32:80:full",
        "--name",
        "small",
        "--continue-from",
        str(before),
    )
    assert more[-1]["step"] == 40  # the name is that of the finished run: nothing is done twice
    (tmp_path / "runs" / "small").rename(tmp_path / "runs" / "first")
    more = run("small", data, tmp_path, *SHORT, "--phases", "32:80:full", "--continue-from", str(before))
    assert more[0]["error"] < 0.8
    made = json.loads((before / "model.json").read_text())
    assert made["continued_from"]["made"]["samples"] == 320


@pytest.mark.slow
def test_sigterm_saves_and_stops(read, data, tmp_path):
    """As the queue ends a training: what it did is saved, and the same command goes on."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    places = ["--data", str(data), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "runs")]
    code = (
        f"import sys; sys.path.insert(0, {str(Path.cwd())!r}); from tests.tiny_training import main; main()"
    )
    child = subprocess.Popen([sys.executable, "-c", code, *places], env=environment, stdout=subprocess.PIPE)
    for line in child.stdout:
        if b'"samples"' in line:
            child.send_signal(signal.SIGTERM)
            break
    child.communicate(timeout=120)
    assert child.returncode == 0
    said = json.loads((tmp_path / "runs" / "small" / "progress.json").read_text())
    assert 0 < said["step"] < said["steps"] and not said["done"]


def test_dry_run_says_the_plan_and_does_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = 0
    for stage in ("small", "stage1"):
        train.main([stage, "--preset", "gpu", "--dry-run"])
        said = json.loads(capsys.readouterr().out)
        samples += sum(phase["samples"] for phase in said["phases"])
    assert said["batch"] == 512 and samples >= 20_000_000
    assert not list(tmp_path.iterdir())


def test_what_is_missing_gets_a_sentence(read, data, tmp_path):
    with pytest.raises(SystemExit, match=r"train text. first"):
        train.main(["small", "--data", str(data), "--runs", str(tmp_path / "none"), "--cpu"])
    with pytest.raises(SystemExit, match=r"There is no|Where are"):
        train.main(["small", "--data", str(tmp_path / "no"), "--runs", str(tmp_path / "runs"), "--cpu"])
    with pytest.raises(SystemExit):
        train.main(["small", "--phases", "32:100:nonsense"])


def test_a_damaged_state_gets_a_sentence(read, data, tmp_path):
    run("small", data, tmp_path, *SHORT, "--phases", "32:16:full")
    (tmp_path / "runs" / "small" / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(SystemExit, match="remove it to begin anew"):
        run("small", data, tmp_path, *SHORT, "--phases", "32:16:full")


def test_the_rate_ramps_up_stays_and_falls():
    phases = tuple(map(plan.Phase.parsed, ("32:16000:full", "64:16000:full")))
    made = plan.Plan(phases, batch=16, seed=0)
    rates = [made.rate(step) for step in range(made.steps)]
    assert rates[0] <= 1 / plan.RAMP and rates[plan.RAMP] == 1
    assert rates[plan.RAMP :] == sorted(rates[plan.RAMP :], reverse=True)
    assert rates[1000] == 1  # a fifth of the pixels: flat until three quarters of them
    half = plan.LEAST + (1 - plan.LEAST) * (1 + math.cos(math.pi / 2)) / 2
    assert rates[1000 + 844] == pytest.approx(half, abs=0.01)  # in the middle of the fall
    assert rates[-1] == pytest.approx(plan.LEAST, abs=1e-3)
    assert [made.phase(step).size for step in (0, 999, 1000, 1999)] == [32, 32, 64, 64]


# passing on


def test_a_fresh_stage_2_answers_its_noise_once_it_passes_it_on(narrow):
    """At t = 999, x_t is eps, whatever lies beside it; a tint of x_t is passed on, too."""
    torch.manual_seed(0)
    unet = cascade.unet("stage2").eval()
    x, beside, text = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32), torch.randn(2, 77, 192)

    @torch.no_grad()
    def answered(x):
        t, level = torch.tensor([999] * 2), torch.tensor([50] * 2)
        return unet(torch.cat([x, beside], 1), t, text, class_labels=level).sample[:, :3]

    before = (answered(x) - x).square().mean()
    assert pass_through(unet) is unet
    after = (answered(x) - x).square().mean()
    assert before > 0.5 and after < 0.01
    told_more = (answered(x + 0.3) - answered(x)).mean((0, 2, 3))
    torch.testing.assert_close(told_more, torch.full((3,), 0.3), atol=0.03, rtol=0)


def test_passing_on_needs_pairs_of_channels():
    """One channel in a group, and its norm leaves nothing of a tint; four, and it mixes colours."""
    for width in (8, 32):
        cut = cascade.STAGE_2 | NARROW_2 | dict(block_out_channels=(width, 8, 16, 16, 16))
        with pytest.raises(ValueError, match="two channels per group"):
            pass_through(UNet2DConditionModel(**cut))


# the objective


def test_a_tint_weighs_more_than_white_error_of_the_same_energy():
    plain, coarse = Objective(), Coarse()
    white = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    white /= white.square().mean((1, 2, 3), keepdim=True).sqrt()
    tint = torch.ones_like(white)
    torch.testing.assert_close(plain.felt(tint), plain.felt(white))
    torch.testing.assert_close(coarse.felt(tint), (1 + Coarse.SHARE) * plain.felt(tint))
    torch.testing.assert_close(
        coarse.felt(white), plain.felt(white) * (1 + Coarse.SHARE / Coarse.SQUARE**2), rtol=0.1, atol=0
    )


def test_the_coarse_weight_grows_with_the_noise_and_is_capped():
    plain, coarse = Objective().weight, Coarse().weight
    even = int((Objective().abar > 0.5).sum())  # up to here there is more picture than noise
    torch.testing.assert_close(coarse[:even], plain[:even])
    more = coarse[even:] / plain[even:]
    assert (more > 1).all() and (more.diff() > -1e-4).all()
    assert more[-1] == pytest.approx(Coarse.CAP) and coarse.max() <= Coarse.CAP * plain.max()


def test_stage_2_learns_by_the_coarse_objective():
    """Where x_t is noise, a tint costs more than twice what it costs a network of stage I."""
    t, wrong = torch.tensor([950, 950]), torch.full((2, 3, 16, 16), 0.1)
    nothing = torch.zeros_like(wrong)
    costs = [each.loss(nothing, wrong, nothing, t)[0] for each in (Objective(), Coarse())]
    assert costs[1] > 2 * costs[0]


def test_the_schedule_is_that_of_the_saved_scheduler():
    ours, theirs = Objective(), cascade.scheduler("stage1")
    torch.testing.assert_close(ours.abar, theirs.alphas_cumprod, rtol=2e-4, atol=1e-7)
    torch.testing.assert_close(ours.beta, theirs.betas, rtol=2e-4, atol=1e-7)


def test_the_variational_term_is_a_divergence():
    """Zero for the posterior itself, positive else; equal to torch's own KL."""
    objective, rng = Objective(), torch.Generator().manual_seed(0)
    t = torch.tensor([1, 10, 300, 900])
    eps = torch.randn(4, 3, 8, 8, generator=rng)
    posterior = torch.full_like(eps, -1.0)  # f = 0: log beta tilde
    assert objective.vlb(eps, eps, posterior, t).abs().max() < 1e-5
    predicted, raw = eps + 0.3, torch.full_like(eps, 0.2)
    ours = objective.vlb(eps, predicted, raw, t)
    x0 = torch.randn(eps.shape, generator=rng)
    x_t = objective.noised(x0, t, eps)
    a = objective.abar[t].view(-1, 1, 1, 1)
    guess = (x_t - (1 - a).sqrt() * predicted) / a.sqrt()
    share, beta, low = (
        part[t].view(-1, 1, 1, 1) for part in (objective.x0_share, objective.beta, objective.beta_tilde)
    )
    wide = (0.6 * beta.log() + 0.4 * low.log()).exp()
    normal = torch.distributions.Normal
    kl = torch.distributions.kl_divergence(normal(share * x0, low.sqrt()), normal(share * guess, wide.sqrt()))
    torch.testing.assert_close(ours, kl.mean((1, 2, 3)) / math.log(2), rtol=1e-2, atol=1e-4)


def test_the_variance_term_does_not_move_the_mean():
    objective = Objective()
    eps, predicted = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4, requires_grad=True)
    raw, t = torch.zeros(2, 3, 4, 4, requires_grad=True), torch.tensor([100, 900])
    loss, errors = objective.loss(eps, predicted, raw, t)
    loss.backward()
    expected = objective.weight[t].view(-1, 1, 1, 1) * 2 * (predicted.detach() - eps) / 48 / 2
    torch.testing.assert_close(predicted.grad, expected)
    assert raw.grad.abs().sum() > 0
    torch.testing.assert_close(errors, (predicted.detach() - eps).square().mean((1, 2, 3)))


# the text


def test_tokens_are_those_of_diffusers():
    captions = ["a dog next to a cat", "STAR", "", "a dog " * 60]
    tokenizer = cascade.tokenizer(captions)
    ids, mask = tokens(tokenizer, captions)
    assert ids.shape == mask.shape == (4, 77) and mask[3].all() and mask[2].sum() == 1
    assert (ids != tokenizer.unk_token_id).all()


def test_padding_is_masked_and_carries_the_caption(narrow):
    """What stands in the padding changes nothing; the padded positions differ between captions."""
    tokenizer = cascade.tokenizer(["a dog", "a cat"])
    stage = cascade.Stage(cascade.unet("stage1"), cascade.text_encoder(len(tokenizer))).eval()
    ids, mask = tokens(tokenizer, ["a dog", "a cat"])
    with torch.no_grad():
        read = stage.read(ids, mask)
        other = stage.read(torch.where(mask.bool(), ids, 5), mask)
    real = mask.bool()
    torch.testing.assert_close(read[real], other[real], atol=1e-5, rtol=0)
    assert (read[0, 40] - read[1, 40]).abs().max() > 1e-4


def test_a_fixed_variance_is_the_posteriors():
    torch.manual_seed(0)
    unet = cascade.unet("stage2")
    x, t, text = torch.randn(1, 6, 64, 64), torch.tensor([500]), torch.randn(1, 77, cascade.TEXT_WIDTH)
    with torch.no_grad():
        eps, raw = unet(x, t, text, class_labels=t).sample.chunk(2, dim=1)
        cascade.fix_variance(unet)
        same, fixed = unet(x, t, text, class_labels=t).sample.chunk(2, dim=1)
    assert torch.equal(eps, same) and not (raw == -1).any() and (fixed == -1).all()

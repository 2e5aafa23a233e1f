"""Train the cascade: small, then stage1, then stage2. To resume, run the same command again.

    python -m emoji_model.train small --data FOLDER       32 pixels: what the words mean, the cheap way
    python -m emoji_model.train stage1 --data FOLDER      64 pixels, grown around it (grow.py)
    python -m emoji_model.train stage2 --data FOLDER      64 -> 256; it takes over stage I's T5
    python -m emoji_model.train small --dry-run           print the plan and stop

--preset gpu for one large card. A plan is a list of phases, "32:200000:core": the side of the pictures
(stage II: of the crops that it learns on), how many samples, and from which mix of captions.py. The first
thing `small` learns is what its words look like (warmup.py). Statistics go to RUNS/NAME/stats.jsonl,
sample sheets to RUNS/NAME/sheet-*.png, and the averaged weights (EMA), as diffusers opens them, to
OUT/emoji-32, -64 or -256, beside model.json, which says how they were made.
"""

import argparse
import json
import platform
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from diffusion_core.images import grid as images
from diffusion_core.training import Progress, Statistics, averaged, generator, recover, save_state
from emoji_model import cascade, progress, words
from emoji_model.captions import MIXES, Cast, Scene
from emoji_model.data import Album, DataError
from emoji_model.grow import grown
from emoji_model.objective import Coarse, Objective
from emoji_model.passing import pass_through
from emoji_model.plan import TEXT_RATE, Plan, options
from emoji_model.scenes import Painter
from emoji_model.warmup import warm_up

NOISE_LEVELS = 400  # stage II sees its small picture noised to a level below this; IF asks with 250


class Captions(Dataset):
    """Batch k of a run: its scenes, ids and mask; the same whoever asks, in whatever order."""

    def __init__(self, album: Album, plan: "Plan", tokenizer, process: int):
        self.plan, self.tokenizer, self.process = plan, tokenizer, process
        self.casts = {phase.mix: Cast(album.emoji, MIXES[phase.mix]) for phase in plan.phases}
        self.widest = max(self.casts.values(), key=lambda cast: len(cast.cast))

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, step: int) -> tuple[list[Scene], Tensor, Tensor]:
        rng = Random(f"{self.plan.seed} {step} {self.process}")
        cast = self.casts[self.plan.phase(step).mix]
        scenes = [cast.scene(rng) for _ in range(self.plan.share)]
        return scenes, *cascade.tokens(self.tokenizer, [scene.caption for scene in scenes])


def small_and_large(x0: Tensor, side: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch of 256 px -> crops of it and of its enlarged small picture [B,3,side,side], at one place.

    The small picture is the mean of 4 x 4 pixels, enlarged as IF does (bilinear, align_corners=True).
    """
    size = x0.shape[-1]
    small = F.avg_pool2d(x0, 4)
    large = F.interpolate(small, size=size, mode="bilinear", align_corners=True)
    down, right = (
        int(torch.randint(0, (size - side) // 8 + 1, (), generator=rng, device=rng.device)) * 8
        for _ in range(2)
    )
    place = (..., slice(down, down + side), slice(right, right + side))
    return x0[place], large[place]


def step_loss(model, objective: Objective, x0: Tensor, ids, mask, rng, stage: str, side: int):
    """(loss, per-picture errors [B]) of one batch of painted scenes."""
    draw = partial(torch.randn, generator=rng, device=x0.device)
    t = objective.times(len(x0), rng, late=0.6 if stage == "stage2" else 0.4)
    if stage != "stage2":
        eps = draw(x0.shape)
        predicted, raw = model(objective.noised(x0, t, eps), t, ids, mask)
    else:
        x0, large = small_and_large(x0, side, rng)
        eps = draw(x0.shape)
        level = torch.randint(0, NOISE_LEVELS, (len(x0),), generator=rng, device=x0.device)
        beside = objective.noised(large, level, draw(large.shape))
        predicted, raw = model(torch.cat([objective.noised(x0, t, eps), beside], 1), t, ids, mask, level)
    loss, errors = objective.loss(eps, predicted, raw, t)
    return loss, errors


def parts(args, album: Album) -> tuple[cascade.Stage, object]:
    """The network to train and its tokenizer: new, grown from the small one, or with stage I's T5."""
    if args.stage == "small":
        words = [" ".join((e.name, *e.keywords)) for e in album.emoji]
        rng, cast = Random("tokenizer"), Cast(album.emoji, MIXES["full"])
        tokenizer = cascade.tokenizer([*words, *(cast.scene(rng).caption for _ in range(20_000))])
        text = cascade.text_encoder(len(tokenizer))
        return cascade.Stage(cascade.unet(args.stage), text), tokenizer
    if args.stage == "stage1":
        small, tokenizer = cascade.load("small", Path(args.grow))
        return grown(small), tokenizer
    first, tokenizer = cascade.load("stage1", Path(args.text))
    return cascade.Stage(pass_through(cascade.unet("stage2")), first.text.requires_grad_(False)), tokenizer


def groups(stage: cascade.Stage, lr: float) -> list[dict]:
    """The UNet at the full step size; the text and its pooling at a tenth of it."""
    pooled = {id(p) for p in stage.unet.add_embedding.parameters()}
    slow = [p for p in [*stage.text.parameters(), *stage.unet.add_embedding.parameters()] if p.requires_grad]
    fast = [p for p in stage.unet.parameters() if id(p) not in pooled]
    return [{"params": fast, "lr": lr, "share": 1.0}, {"params": slow, "lr": lr, "share": TEXT_RATE}]


def train(args: argparse.Namespace) -> None:
    accelerator = Accelerator(mixed_precision="no" if args.float32 else "bf16", cpu=args.cpu)
    device, lead = accelerator.device, accelerator.is_main_process
    set_seed(args.seed)
    album = Album(args.data)
    run = Path(args.runs) / args.name
    state = run / "state"
    stage, tokenizer = parts(args, album)
    stage = stage.to(device, memory_format=torch.channels_last)
    plan = Plan(args.phases, args.batch, accelerator.num_processes, args.seed)
    side = {"small": 32, "stage1": 64, "stage2": 256}[args.stage]
    painter = Painter(album.atlas(side).to(device))

    if lead:
        recover(state)
    accelerator.wait_for_everyone()
    done = Progress(right=None, warm_up=args.warm_up)
    if args.stage == "small" and not state.exists() and args.warm_up:
        cast = Cast(album.emoji, MIXES[plan.phases[0].mix])
        started = time.perf_counter()
        done.right = warm_up(
            stage, tokenizer, cast, painter, batches=args.warm_up, seed=args.seed, bf16=not args.float32
        )
        done.seconds = time.perf_counter() - started
    ema = averaged(stage, args.ema)
    text = {name: weight.clone() for name, weight in stage.text.state_dict().items()}
    optimizer = torch.optim.AdamW(groups(stage, args.lr), betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    if args.compile:
        stage.unet.compile(dynamic=False)
    model, optimizer = accelerator.prepare(stage, optimizer)
    accelerator.register_for_checkpointing(done, ema)
    if state.exists():
        accelerator.load_state(str(state))
        if args.stage == "stage2":  # stage I's T5 may have learned since
            for one in (accelerator.unwrap_model(model), ema.module):
                one.text.load_state_dict(text)
        accelerator.print(f"resuming {args.name} at step {done.step}")
    stats = Statistics(run / "stats.jsonl", done.step, lead)
    objective = (Coarse if args.stage == "stage2" else Objective)(device)
    captions = Captions(album, plan, tokenizer, accelerator.process_index)
    loader = DataLoader(
        captions, batch_size=None, sampler=range(done.step, plan.steps), num_workers=args.workers
    )
    watch = Watch(args, stage, captions, painter, objective, run)

    started, saved = time.perf_counter() - done.seconds, time.perf_counter()
    for scenes, ids, mask in loader:
        phase = plan.phase(done.step)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * group["share"] * plan.rate(done.step)
        rng = generator(args.seed, done.step, accelerator.process_index, device)
        x0 = painter.paint(scenes)
        x0 = x0.contiguous(memory_format=torch.channels_last)
        loss, errors = step_loss(
            model, objective, x0, ids.to(device), mask.to(device), rng, args.stage, phase.size
        )
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ema.update_parameters(accelerator.unwrap_model(model))
        done.step += 1
        done.seconds = time.perf_counter() - started
        done.losses = [*done.losses, errors.mean().detach()][-args.report :]
        if done.step % args.report == 0 or done.step == plan.steps:
            stats.write(
                {
                    "step": done.step,
                    "samples": done.step * plan.batch,
                    "size": phase.size,
                    "error": round(float(torch.stack(done.losses).mean()), 5),
                    "lr": round(optimizer.param_groups[0]["lr"], 7),
                    "seconds": round(done.seconds, 1),
                }
            )
            done.losses = []
        last = done.step == plan.steps or time.perf_counter() - started > args.minutes * 60
        if lead and (done.step * plan.batch % args.sheet < plan.batch or last):
            stats.write({"step": done.step} | watch.look(ema.module, tokenizer, done.step))
        if last or time.perf_counter() - saved > args.save_every:
            save_state(accelerator, state)
            saved = time.perf_counter()
            if lead:
                export(args, plan, done, ema.module, captions, accelerator, stats)
        if last:
            break


class Watch:
    """The sample sheet and the caption gap, every --sheet samples."""

    def __init__(self, args, stage, captions: Captions, painter: Painter, objective: Objective, run: Path):
        self.args, self.painter, self.objective, self.run = args, painter, objective, run
        rng = Random("watched")
        cast = next(iter(captions.casts.values()))
        self.scenes = [scene for scene in (cast.scene(rng) for _ in range(100)) if scene.caption][:32]
        self.ids, self.mask = cascade.tokens(captions.tokenizer, [scene.caption for scene in self.scenes])
        self.empty = cascade.tokens(captions.tokenizer, [""])

    def look(self, ema: cascade.Stage, tokenizer, step: int) -> dict:
        """What statistics say of it; the sheet goes to RUNS/NAME."""
        if self.args.stage == "stage2":
            return {}
        device, size = self.painter.atlas.device, self.painter.size
        x0 = self.painter.paint(self.scenes)
        with torch.autocast(device.type, torch.bfloat16, enabled=not self.args.float32):
            gap = progress.caption_gap(
                ema, self.objective, x0, self.ids.to(device), self.mask.to(device), self.empty
            )
        drawn = progress.samples(
            ema, tokenizer, progress.PROMPTS, size=size, device=device, bf16=not self.args.float32
        )
        sheet = images.grid(drawn.cpu(), columns=8, zoom=128 // size)
        sheet.save(self.run / f"sheet-{step:07d}.png")
        return {"gap": gap}


def export(args, plan, done, ema, captions: Captions, accelerator, stats) -> None:
    """The folder that diffusers opens, and model.json beside it."""
    folder = Path(args.out) / cascade.FOLDERS[args.stage]
    cascade.save(args.stage, ema, captions.tokenizer, folder, fixed_variance=args.fixed_variance)
    words.write(captions.widest, folder)
    gpu = accelerator.device.type == "cuda"
    model = {
        "name": cascade.FOLDERS[args.stage],
        "data": "Noto Color Emoji (Google, Apache License 2.0); names and keywords of CLDR (Unicode License)",
        "made": {
            "command": f"python -m emoji_model.train {args.stage}",
            "phases": [vars(phase) for phase in plan.phases],
            "samples": done.step * plan.batch,
            "samples_planned": plan.steps * plan.batch,
            "steps": done.step,
            "batch": plan.batch,
            "lr": args.lr,
            "ema": args.ema,
            "seed": args.seed,
            "fixed_variance": args.fixed_variance,
            "seconds": round(done.seconds),
            "hardware": torch.cuda.get_device_name() if gpu else f"CPU, {platform.machine()}",
            "processes": accelerator.num_processes,
            "threads": None if gpu else torch.get_num_threads(),
            "precision": accelerator.mixed_precision,
            "torch": torch.__version__,
        },
    }
    if args.stage == "small":
        model["made"]["warm_up"] = {"batches": done.warm_up, "right": done.right}
    if args.stage == "stage1":
        model["grown_from"] = json.loads((Path(args.grow) / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(model, indent=1) + "\n")
    stats.copy(folder / "stats.jsonl")


def main(argv: list[str] | None = None) -> None:
    args = options(__doc__, argv)
    if args.dry_run:
        shown = {k: v for k, v in vars(args).items() if k not in ("data", "out", "runs", "text")}
        shown["phases"] = [vars(phase) for phase in args.phases]
        shown["minutes"] = None if args.minutes == float("inf") else args.minutes
        print(json.dumps(shown, indent=2))
        return
    try:
        train(args)
    except DataError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

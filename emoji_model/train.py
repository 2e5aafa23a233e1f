"""Train the cascade: text, small, stage1, stage2, in this order. To resume, run the same command again.

    python -m emoji_model.train text --data FOLDER        the T5 learns what words look like and mean
    python -m emoji_model.train small --data FOLDER       32 pixels: what things are, the cheap way
    python -m emoji_model.train stage1 --data FOLDER      64 pixels, grown around it (grow.py)
    python -m emoji_model.train stage2 --data FOLDER      64 -> 256
    python -m emoji_model.train small --dry-run           print the plan and stop

--preset gpu for one large card. A plan is a list of phases, "32:200000:full": the side of the pictures
(stage II: of the crops that it learns on), how many samples, and from which mix of captions.py. Statistics go
to RUNS/NAME/stats.jsonl, sample sheets to RUNS/NAME/sheet-*.png, progress.json says how far it is, and the
averaged weights (EMA), as diffusers opens them, go to OUT/emoji-32, -64 or -256, beside model.json, which
says how they were made. SIGTERM saves and stops; a run that is killed loses what came after its last save.
"""

import argparse
import json
import platform
import signal
import sys
import time
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader

from diffusion_core.images import grid as images
from diffusion_core.training import Statistics, generator
from diffusion_core.training.resumable import AlreadyRunning, Stop, running, write_progress
from emoji_model import cascade, progress, words
from emoji_model.batches import Batches, as_pictures
from emoji_model.data import DataError, Folders
from emoji_model.enlarging import Crops, enlarging_step
from emoji_model.grow import grown
from emoji_model.learner import Learner
from emoji_model.objective import Coarse, Objective
from emoji_model.passing import pass_through
from emoji_model.plan import Plan, options
from emoji_model.scene import Scene
from emoji_model.text import Reader, knowledge, pool_as_taught, read_text, train_text
from emoji_model.things import Things


def begin(args: argparse.Namespace):
    """The UNet to train: as exported elsewhere, new, or grown from the small one."""
    runs = Path(args.runs)
    if args.continue_from:
        return cascade.load(args.stage, Path(args.continue_from))[0].unet
    torch.manual_seed(args.seed)
    if args.stage == "stage1":
        return grown(cascade.load("small", runs / cascade.FOLDERS["small"])[0]).unet
    unet = cascade.unet(args.stage)
    pool_as_taught(unet, runs / "text")
    return pass_through(unet) if args.stage == "stage2" else unet


def train(args: argparse.Namespace, stop: Stop) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() and not args.cpu else "cpu")
    runs, run = Path(args.runs), Path(args.runs) / args.name
    second = args.stage == "stage2"
    text, tokenizer = read_text(Path(args.continue_from) if args.continue_from else runs / "text")
    reader = Reader(text, tokenizer, device)
    things = knowledge(Folders.of(args.data))
    plan = Plan(args.phases, args.batch, args.seed)
    batches = (Crops if second else Batches)(things, plan)
    objective = (Coarse if second else Objective)(device)
    learner = Learner(
        begin(args).to(device),
        objective,
        lr=args.lr,
        ema=args.ema,
        dtype=torch.float32 if args.float32 else torch.bfloat16,
        compiled=args.compile,
        muon=args.optimizer == "muon",
    )
    done = load_state(run, learner) or {"step": 0, "seconds": 0.0}
    if done["step"]:
        print(f"resuming {args.name} at step {done['step']}", flush=True)
    stats = Statistics(run / "stats.jsonl", done["step"], True)
    watch = Watch(args, plan, batches, reader, objective, run)
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(done["step"], plan.steps),
        num_workers=args.workers,
        prefetch_factor=4 if args.workers else None,
        worker_init_fn=unmoved,
    )
    losses: list[Tensor] = []
    started, saved = time.perf_counter() - done["seconds"], time.perf_counter()
    for pictures, captions in loader:
        step = done["step"]
        rng = generator(args.seed, step, 0, device)
        texts = reader.read(captions)
        learner.rate(plan.rate(step))
        if second:
            enlarging_step(learner, pictures.to(device), texts, rng)
        else:
            learner.step(as_pictures(pictures.to(device)), texts, rng)
        losses.append(learner.errors.mean())
        done = {"step": step + 1, "seconds": time.perf_counter() - started}
        whole = done["step"] == plan.steps
        last = whole or stop.asked or done["seconds"] > args.minutes * 60
        if done["step"] % args.report == 0 or last:
            stats.write(
                {
                    "step": done["step"],
                    "samples": done["step"] * plan.batch,
                    "size": plan.phase(step).size,
                    "error": round(float(torch.stack(losses).mean()), 5),
                    "rate": round(plan.rate(step), 4),
                    "seconds": round(done["seconds"], 1),
                }
            )
            losses = []
        if done["step"] * plan.batch % args.sheet < plan.batch or whole:
            stats.write({"step": done["step"]} | watch.look(learner, done["step"]))
        if last or time.perf_counter() - saved > args.save_every:
            save_state(run, learner, done)
            if whole or done["step"] * plan.batch - watch.exported >= args.sheet or last:
                export(args, plan, done, learner, text, tokenizer, things, stats)
                watch.exported = done["step"] * plan.batch
            write_progress(run, steps=plan.steps, samples=done["step"] * plan.batch, done=whole, **done)
            saved = time.perf_counter()
        if last:
            break


def unmoved(_worker: int) -> None:
    """A worker leaves it to the training to answer SIGTERM and Ctrl-C, and computes on one thread."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def save_state(run: Path, learner: Learner, done: dict) -> None:
    """One file, written beside and swapped in: who is killed while saving keeps the one before."""
    run.mkdir(parents=True, exist_ok=True)
    fresh = run / "state.safetensors.new"
    save_file(learner.state_dict(), fresh, {"done": json.dumps(done)})
    fresh.replace(run / "state.safetensors")


def load_state(run: Path, learner: Learner) -> dict | None:
    """{"step", "seconds"} and the learner as it was; None for a new run. DataError if it does not fit."""
    path = run / "state.safetensors"
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            done = json.loads(file.metadata()["done"])
            learner.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(
            f"{path} is damaged or of another network ({str(error)[:200]}): remove it to begin anew."
        ) from None
    return done


class Watch:
    """The sample sheet and the caption gap, every --sheet samples."""

    def __init__(self, args, plan: Plan, batches, reader: Reader, objective: Objective, run: Path):
        self.args, self.plan, self.batches, self.reader = args, plan, batches, reader
        self.objective, self.run = objective, run
        self.exported = 0  # samples when the weights were last exported

    def look(self, learner: Learner, step: int) -> dict:
        """What statistics say of it; the sheet goes to RUNS/NAME."""
        if self.args.stage == "stage2":
            return {}
        stage = cascade.Stage(learner.ema, self.reader.text).eval()
        device, size = self.reader.device, self.plan.phase(step - 1).size
        scenes: list[Scene] = [scene for scene in self.batches.scenes(0) if scene.caption][:24]
        x0 = self.batches.painter(size).paint(scenes).to(device)
        ids, mask = cascade.tokens(self.reader.tokenizer, [scene.caption for scene in scenes])
        empty = cascade.tokens(self.reader.tokenizer, [""])
        with torch.autocast(device.type, torch.bfloat16, enabled=not self.args.float32):
            gap = progress.caption_gap(stage, self.objective, x0, ids.to(device), mask.to(device), empty)
        drawn = progress.samples(
            stage,
            self.reader.tokenizer,
            progress.PROMPTS,
            size=size,
            device=device,
            bf16=not self.args.float32,
        )
        sheet = images.grid(drawn.cpu(), columns=8, zoom=128 // size)
        sheet.save(self.run / f"sheet-{step:07d}.png")
        return {"gap": gap}


def export(args, plan: Plan, done: dict, learner: Learner, text, tokenizer, things: Things, stats) -> None:
    """The folder that diffusers opens, and model.json beside it."""
    folder = Path(args.out) / cascade.FOLDERS[args.stage]
    trained = cascade.Stage(learner.ema, text)
    cascade.save(args.stage, trained, tokenizer, folder, fixed_variance=args.fixed_variance)
    words.write(things, folder)
    gpu = learner.device.type == "cuda"
    model = {
        "name": cascade.FOLDERS[args.stage],
        "data": DATA,
        "made": {
            "command": f"python -m emoji_model.train {args.stage}",
            "phases": [vars(phase) for phase in plan.phases],
            "samples": done["step"] * plan.batch,
            "samples_planned": plan.steps * plan.batch,
            "steps": done["step"],
            "batch": plan.batch,
            "optimizer": args.optimizer,
            "lr": args.lr,
            "ema": args.ema,
            "seed": args.seed,
            "fixed_variance": args.fixed_variance,
            "seconds": round(done["seconds"]),
            "hardware": torch.cuda.get_device_name() if gpu else f"CPU, {platform.machine()}",
            "threads": None if gpu else torch.get_num_threads(),
            "precision": "float32" if args.float32 else "bf16",
            "torch": torch.__version__,
        },
    }
    for name, path in (("text", "text/text.json"), ("grown_from", "emoji-32/model.json")):
        before = Path(args.runs) / path
        if before.exists() and (name == "text" or args.stage == "stage1"):
            model[name] = json.loads(before.read_text())
    if args.continue_from:
        model["continued_from"] = json.loads((Path(args.continue_from) / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(model, indent=1) + "\n")
    stats.copy(folder / "stats.jsonl")


DATA = (
    "Quick, Draw! (Google, CC BY 4.0); emoji by Noto and Blobmoji (Apache 2.0), Twemoji, FxEmoji, EmojiTwo "
    "and Streamline (CC BY 4.0), Fluent Emoji (MIT), SerenityOS (BSD 2-Clause); Openclipart (public domain); "
    "Dungeon Crawl Stone Soup tiles (CC0); photographs of tf_flowers (CC BY 2.0), Grocery Store (MIT) and "
    "clothing-dataset (CC0); names of Unicode CLDR (Unicode License v3) and WordNet (Princeton). checkpoints/"
    "CREDITS.md says it in full."
)


def main(argv: list[str] | None = None) -> None:
    args = options(__doc__, argv)
    if args.dry_run:
        shown = {k: v for k, v in vars(args).items() if k not in ("data", "out", "runs")}
        shown["phases"] = [vars(phase) for phase in args.phases or ()]
        shown["minutes"] = None if args.minutes == float("inf") else args.minutes
        print(json.dumps(shown, indent=2))
        return
    run = Path(args.runs) / args.name
    try:
        with running(run) as stop:
            if args.stage == "text":
                train_text(Folders.of(args.data), run, steps=args.warm_up, seed=args.seed)
                write_progress(
                    run,
                    step=args.warm_up,
                    steps=args.warm_up,
                    samples=args.warm_up * 256,
                    seconds=0,
                    done=True,
                )
            else:
                train(args, stop)
    except (AlreadyRunning, DataError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

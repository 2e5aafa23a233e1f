"""Train an MNIST model: `python -m mnist_models.train PRESET`. To resume, run the same command again.

    python -m mnist_models.train flow-class                    one machine, CPU or one GPU
    accelerate launch -m mnist_models.train flow-class         several GPUs
    python -m mnist_models.train flow-class --dry-run          print the plan and stop
    python -m mnist_models.train flow-class --lr 1e-4 --decay 1 --name flow-class-fixed

Statistics go to RUNS/NAME/stats.jsonl, a line each --report steps; the averaged weights (EMA) at the
snapshot epochs to RUNS/NAME/kept. When all is done they replace those in OUT/NAME, as epoch-NN.safetensors
beside model.json, which says how they were made: until then the weights of an earlier run stay whole there.
Every draw of step k depends on (seed, k) alone, so a resumed run continues as if never stopped. At SIGTERM
or Ctrl-C it saves and stops.
"""

import argparse
import dataclasses
import json
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from diffusion_core.training import Progress, Statistics, averaged, generator, recover, save_state
from diffusion_core.training.resumable import AlreadyRunning, Stop, running, write_progress
from mnist_models import data, zoo
from mnist_models.objectives import OBJECTIVES, one_hot
from mnist_models.unet import UNet, UNetConfig


@dataclass(frozen=True)
class Preset:
    """A recipe of the course. lr_end / lr is reached after the last epoch, by a constant factor an epoch."""

    objective: str  # denoiser, ddpm or flow: what is noisy, what is the target
    width: int  # D, channels at 28 x 28
    time: bool  # is the network told t?
    classes: bool  # is the network told the digit?
    modulation: str  # add (DDPM) or multiply (flow matching)
    batch: int  # pictures per step, over all processes
    epochs: int  # passes over the 60,000 digits
    lr: float  # Adam's step size at the start
    decay: float  # the step size is multiplied by decay^(1/epochs) after each epoch
    snapshots: tuple[int, ...]  # epochs after which the weights are kept
    dropped: float = 0.1  # share of samples whose class is hidden
    ema: float = 0.999  # decay of the averaged weights, per step


# What is kept must fit beside the text models in 100,000,000 bytes. In 16 bits a network of D = 128 weighs
# 15.8 MB, one of D = 64 4.07 MB with classes and 4.02 without; in 8 bits half of that. The last snapshot is
# kept in 16 bits, earlier ones in 8: denoiser 23.7 MB, the two -class 8.1 each, the two -time 6.0 each. With
# the classifier's 0.6 that makes 52.7 MB. The 5 of a -class, 2.0 MB each, is what to give up first.
PRESETS = {
    "denoiser": Preset("denoiser", 128, False, False, "add", 256, 5, 1e-4, 1.0, (1, 5), ema=0.99),
    "ddpm-time": Preset("ddpm", 64, True, False, "add", 128, 20, 1e-3, 0.1, (1, 20)),
    "ddpm-class": Preset("ddpm", 64, True, True, "add", 128, 20, 1e-3, 0.1, (1, 5, 20)),
    "flow-time": Preset("flow", 64, True, False, "multiply", 64, 10, 1e-2, 0.1, (1, 10)),
    "flow-class": Preset("flow", 64, True, True, "multiply", 64, 10, 1e-2, 0.1, (1, 5, 10)),
}


def learning_rate(preset: Preset, epoch: int) -> float:
    return preset.lr * preset.decay ** (epoch / preset.epochs)


def step_loss(model, preset: Preset, x0: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    """The mean squared error of one batch, x0 [B,1,28,28] in [0,1], labels [B]."""
    example = OBJECTIVES[preset.objective](x0, rng)
    c = one_hot(labels, preset.dropped, rng) if preset.classes else None
    t = example.t if preset.time else None
    return torch.nn.functional.mse_loss(model(example.x_t, t, c), example.target)


@torch.no_grad()
def held_out_loss(model, preset: Preset, images: Tensor, labels: Tensor) -> float:
    """The same loss on digits never trained on, with one fixed draw of times and noise."""
    model.eval()
    rng = torch.Generator(images.device).manual_seed(0)
    parts = [
        step_loss(model, preset, data.as_pictures(x), y, rng) * len(x)
        for x, y in zip(images.split(250), labels.split(250))
    ]
    return float(sum(parts) / len(images))


def train(preset: Preset, args: argparse.Namespace) -> None:
    """Until it is done or asked to stop. AlreadyRunning if another process trains under this name."""
    accelerator = Accelerator(mixed_precision="no" if args.float32 else "bf16", cpu=args.cpu)
    with running(Path(args.runs) / args.name, accelerator.is_main_process) as stop:
        train_alone(preset, args, accelerator, stop)


def train_alone(preset: Preset, args: argparse.Namespace, accelerator: Accelerator, stop: Stop) -> None:
    torch.manual_seed(args.seed)
    images, labels = args.load("train")
    test_images, test_labels = (part[:1000].to(accelerator.device) for part in args.load("test"))
    images, labels = images.to(accelerator.device), labels.to(accelerator.device)

    net = UNet(UNetConfig(preset.width, preset.time, preset.classes, preset.modulation))
    net = net.to(accelerator.device, memory_format=torch.channels_last)
    ema = averaged(net, preset.ema)
    if args.compile:
        net.compile()
    optimizer = torch.optim.Adam(net.parameters(), lr=preset.lr)
    model, optimizer = accelerator.prepare(net, optimizer)
    progress = Progress()
    accelerator.register_for_checkpointing(progress, ema)

    run = Path(args.runs) / args.name
    state = run / "state"
    if accelerator.is_main_process:
        recover(state)
    accelerator.wait_for_everyone()
    if state.exists():
        accelerator.load_state(str(state))
        accelerator.print(f"resuming {args.name} at step {progress.step}")
    stats = Statistics(run / "stats.jsonl", progress.step, accelerator.is_main_process)

    steps_per_epoch = len(images) // preset.batch
    total = steps_per_epoch * preset.epochs
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    started = time.perf_counter() - progress.seconds
    order, saved = None, time.perf_counter()

    def told(done: bool) -> None:
        if accelerator.is_main_process:
            samples = progress.step * preset.batch
            facts = dict(step=progress.step, steps=total, samples=samples, seconds=progress.seconds)
            write_progress(run, **facts, done=done)

    while progress.step < total:
        epoch, k = divmod(progress.step, steps_per_epoch)
        if k == 0 or order is None:
            shuffle = torch.Generator().manual_seed(1000 * args.seed + epoch)
            order = torch.randperm(len(images), generator=shuffle)
        optimizer.param_groups[0]["lr"] = learning_rate(preset, epoch)
        rows = order[k * preset.batch : (k + 1) * preset.batch][share].to(accelerator.device)
        rng = generator(args.seed, progress.step, accelerator.process_index, accelerator.device)
        model.train()
        loss = step_loss(model, preset, data.as_pictures(images[rows]), labels[rows], rng)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        ema.update_parameters(accelerator.unwrap_model(model))
        progress.step += 1
        progress.seconds = time.perf_counter() - started
        progress.losses = [*progress.losses, float(loss.detach())][-args.report :]
        ends_epoch = progress.step % steps_per_epoch == 0
        if progress.step % args.report == 0 or ends_epoch:
            line = {
                "step": progress.step,
                "epoch": round(progress.step / steps_per_epoch, 3),
                "samples": progress.step * preset.batch,
                "loss": round(sum(progress.losses) / len(progress.losses), 6),
                "lr": learning_rate(preset, epoch),
                "seconds": round(progress.seconds, 1),
            }
            if ends_epoch:
                held_out = held_out_loss(ema, preset, test_images, test_labels)
                line["test_loss"] = round(held_out, 6)
            stats.write(line)
        if ends_epoch and epoch + 1 in preset.snapshots and accelerator.is_main_process:
            bits = 16 if epoch + 1 == preset.snapshots[-1] else 8
            zoo.save(run / "kept", epoch + 1, ema.module, bits)
        stopping = stop.agreed(accelerator)
        if stopping or ends_epoch or time.perf_counter() - saved > args.save_every:
            save_state(accelerator, state)
            saved = time.perf_counter()
            told(done=False)
        if stopping:
            accelerator.print(f"{args.name} was asked to stop; its state at step {progress.step} is saved")
            return
    if accelerator.is_main_process:
        out = Path(args.out) / args.name
        if preset.snapshots:
            zoo.ship(run / "kept", out, preset.snapshots)
        stats.copy(out / "stats.jsonl")
        zoo.describe(out, made_by(preset, args, progress, accelerator) | {"quality": None})
    told(done=True)


def made_by(preset: Preset, args, progress: Progress, accelerator: Accelerator) -> dict:
    config = UNetConfig(preset.width, preset.time, preset.classes, preset.modulation)
    gpu = accelerator.device.type == "cuda"
    return {
        "name": args.name,
        "network": config.as_dict(),
        "objective": preset.objective,
        "preset": dataclasses.asdict(preset),
        "data": "MNIST, 60,000 training digits (LeCun et al. 1998), as numbers in [0, 1]",
        "made": {
            "command": f"python -m mnist_models.train {args.preset}"
            + (f" --epochs {args.epochs}" if args.epochs else "")
            + (f" --lr {args.lr}" if args.lr else "")
            + (f" --decay {args.decay}" if args.decay else "")
            + (f" --seed {args.seed}" if args.seed else "")
            + (f" --name {args.name}" if args.name != args.preset else ""),
            "epochs": preset.epochs,
            "epochs_of_the_course": PRESETS[args.preset].epochs,
            "steps": progress.step,
            "samples": progress.step * preset.batch,
            "seed": args.seed,
            "seconds": round(progress.seconds),
            "hardware": torch.cuda.get_device_name() if gpu else f"CPU, {platform.machine()}",
            "threads": None if gpu else torch.get_num_threads(),
            "precision": accelerator.mixed_precision,
            "torch": torch.__version__,
        },
    }


def options(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("preset", choices=PRESETS)
    add("--epochs", type=int, help="passes over the data instead of the preset's")
    add("--lr", type=float, help="Adam's step size instead of the preset's")
    add("--decay", type=float, help="how far the step size falls over the run; 1 keeps it fixed")
    add("--snapshots", help="epochs to keep, as 1,5; the preset's by default; none keeps only the curve")
    add("--name", help="the name of the run; the preset's by default")
    add("--data", help="folder with the four MNIST files; else $MNIST_DIR, else a download")
    add("--out", default="checkpoints/mnist", help="where finished weights go")
    add("--runs", default="runs", help="where state and statistics go while training")
    add("--seed", type=int, default=0)
    add("--report", type=int, default=50, help="steps between two lines of statistics")
    add("--save-every", type=float, default=120, help="seconds between two saved states")
    add("--compile", action="store_true", help="torch.compile: faster at D = 128, needs a C++ compiler")
    add("--float32", action="store_true", help="no bf16 autocast")
    add("--cpu", action="store_true", help="stay on the CPU even if there is a GPU")
    add("--dry-run", action="store_true", help="print what would be done, and stop")
    args = parser.parse_args(argv)
    args.name = args.name or args.preset
    args.load = lambda split: data.load(split, args.data)
    return args


def planned(args: argparse.Namespace) -> Preset:
    """The preset with the options laid over it; a run of other length keeps its last epoch, too."""
    preset = PRESETS[args.preset]
    if args.epochs:
        early = tuple(e for e in preset.snapshots if e < args.epochs)
        preset = dataclasses.replace(preset, epochs=args.epochs, snapshots=(*early, args.epochs))
    if args.snapshots:
        kept = () if args.snapshots == "none" else tuple(sorted(map(int, args.snapshots.split(","))))
        preset = dataclasses.replace(preset, snapshots=kept)
    changes = {k: v for k, v in (("lr", args.lr), ("decay", args.decay)) if v}
    return dataclasses.replace(preset, **changes)


def main(argv: list[str] | None = None) -> None:
    args = options(argv)
    preset = planned(args)
    if args.dry_run:
        print(json.dumps({"name": args.name, "preset": dataclasses.asdict(preset)}, indent=2))
        return
    try:
        train(preset, args)
    except (data.DataError, AlreadyRunning) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

"""The shipped MNIST models: safetensors in few bits, each with the JSON that says how it was made.

    checkpoints/mnist/NAME/model.json               network, preset, data, steps, seed, quality
    checkpoints/mnist/NAME/stats.jsonl              the training curve
    checkpoints/mnist/NAME/epoch-05.safetensors     or epoch-05-00001-of-00002.safetensors, ...

The last weights are in half precision, earlier ones in 8 bits: w = scale q, with q in -127..127 and a scale
for each w[k], in float32 beside it as "NAME.scale". What that changes in a prediction is about what computing
in bf16 does: 0.3 to 1.1% of its RMS, measured on all shipped models. Numbers per channel (biases, batch
statistics) stay in float32: they weigh nothing and are scale-sensitive.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diffusion_core.models.faults import ModelError
from diffusion_core.training.resumable import write_whole
from mnist_models.unet import UNet, UNetConfig

MODELS = ("denoiser", "ddpm-time", "ddpm-class", "flow-time", "flow-class")
FOLDER = Path(__file__).resolve().parent.parent / "checkpoints" / "mnist"
SCALE = ".scale"  # of a tensor in 8 bits, under the tensor's name and this
LARGEST_FILE = 9_000_000  # bytes; a Hugging Face Space refuses files over 10 MB outside LFS


class CheckpointError(ModelError):
    """Weights are missing or damaged; the message says what to do."""


def save(folder: Path, epoch: int, net: nn.Module, bits: int = 16) -> list[Path]:
    """Write the weights after `epoch` to `folder`, in as many files as the size asks for."""
    return save_tensors(folder, f"epoch-{epoch:02d}", net.state_dict(), bits)


def save_tensors(folder: Path, stem: str, state: dict[str, Tensor], bits: int = 16) -> list[Path]:
    """Write floating-point tensors, those of two and more dimensions in 16 or 8 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in _parts(folder, stem):
        old.unlink()
    shards, size = [{}], 0
    for name, tensor in _packed(state, bits).items():
        if shards[-1] and size + tensor.nbytes > LARGEST_FILE:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    many = len(shards) > 1
    paths = []
    for k, shard in enumerate(shards, 1):
        part = f"-{k:05d}-of-{len(shards):05d}" if many else ""
        paths.append(folder / f"{stem}{part}.safetensors")
        save_file(shard, paths[-1])
    return paths


def _packed(state: dict[str, Tensor], bits: int) -> dict[str, Tensor]:
    """The floating-point tensors as they go into a file."""
    packed = {}
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        tensor = tensor.detach().float().cpu().contiguous()
        if tensor.ndim < 2:
            packed[name] = tensor
        elif bits == 16:
            packed[name] = tensor.half()
        else:
            scale = tensor.flatten(1).abs().amax(1).clamp(min=1e-30) / 127
            packed[name] = (tensor / _along(scale, tensor)).round().to(torch.int8)
            packed[name + SCALE] = scale
    return packed


def _unpacked(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file in float32; one in 8 bits without its scale is left out."""
    whole = {name: tensor.float() for name, tensor in packed.items() if tensor.dtype != torch.int8}
    for name, tensor in packed.items():
        if tensor.dtype == torch.int8 and (scale := whole.pop(name + SCALE, None)) is not None:
            whole[name] = tensor.float() * _along(scale, tensor)
    return whole


def _along(scale: Tensor, tensor: Tensor) -> Tensor:
    """A number for each tensor[k], shaped so that the two multiply."""
    return scale.view(-1, *[1] * (tensor.ndim - 1))


def ship(made: Path, folder: Path, epochs: tuple[int, ...]) -> None:
    """Copy the weights after `epochs` from where they were made, and drop those of any other epoch.

    The same again does no harm, so a training killed meanwhile may do it anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fresh = {path.name: path for epoch in epochs for path in _parts(made, f"epoch-{epoch:02d}")}
    for name, path in fresh.items():
        shutil.copyfile(path, folder / name)
    for old in folder.glob("epoch-*.safetensors"):
        if old.name not in fresh:
            old.unlink()


def describe(folder: Path, facts: dict) -> None:
    """Write model.json; what was measured before stays unless `facts` says it anew."""
    path = folder / "model.json"
    old = json.loads(path.read_text()) if path.exists() else {}
    write_whole(path, json.dumps(old | facts, indent=2) + "\n")


def facts(name: str, root: Path = FOLDER) -> dict:
    """What model.json says of a model. CheckpointError if it is missing or no JSON."""
    path = root / name / "model.json"
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        raise CheckpointError(_missing(name, path)) from None
    except (OSError, TypeError, ValueError) as error:
        raise CheckpointError(f"{told(path)} cannot be read ({error}). {_again(name)}") from error


def curve(name: str, root: Path = FOLDER) -> list[dict]:
    """The statistics of the training run, a dictionary a line; empty if none was kept."""
    path = root / name / "stats.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def snapshots(name: str, root: Path = FOLDER) -> list[int]:
    """The epochs whose weights are there, early to late."""
    stems = (p.name.split(".")[0].split("-")[1] for p in (root / name).glob("epoch-*.safetensors"))
    return sorted({int(epoch) for epoch in stems if epoch.isdigit()})


def load(name: str, epoch: int | None = None, root: Path = FOLDER) -> UNet:
    """The network after `epoch` (the last one kept by default), float32, ready to answer.

    CheckpointError if files are missing, cut short, or of another network.
    """
    about = facts(name, root)
    kept = snapshots(name, root)
    if not kept:
        raise CheckpointError(_missing(name, root / name / "epoch-*.safetensors"))
    if epoch is not None and epoch not in kept:
        raise CheckpointError(f"{name} has no weights after epoch {epoch}; there are {kept}.")
    try:
        net = UNet(UNetConfig(**about["network"]))
    except (KeyError, TypeError, ValueError) as error:
        path = told(root / name / "model.json")
        raise CheckpointError(f"{path} is not of this UNet. {_again(name)}") from error
    load_tensors(net, root / name, f"epoch-{epoch or kept[-1]:02d}", name)
    return net.eval().requires_grad_(False)


def load_tensors(net: nn.Module, folder: Path, stem: str, name: str) -> None:
    """Fill `net` from the files that save_tensors wrote; CheckpointError with a remedy if that fails."""
    paths = _parts(folder, stem)
    if not paths:
        raise CheckpointError(_missing(name, folder / f"{stem}.safetensors"))
    state: dict[str, Tensor] = {}
    for path in paths:
        try:
            state |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{told(path)} is damaged ({error}). {_again(name)}") from error
    wanted = {k for k, v in net.state_dict().items() if v.is_floating_point()}
    misfit = f"{told(folder / stem)} does not fit the network"
    try:
        state = _unpacked(state)
        lacking = sorted(wanted - set(state))[:1] or sorted(set(state) - wanted)[:1]
        if not lacking:
            with torch.no_grad():
                net.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{misfit}. {_again(name)}") from error
    if lacking:
        raise CheckpointError(f"{misfit} at {lacking[0]}. {_again(name)}")


def _parts(folder: Path, stem: str) -> list[Path]:
    """The files of one set of weights: stem.safetensors, or stem-00001-of-00002.safetensors and so on."""
    return sorted([*folder.glob(f"{stem}.safetensors"), *folder.glob(f"{stem}-?????-of-?????.safetensors")])


def _missing(name: str, path: Path) -> str:
    return f"{told(path)} is missing. {_again(name)}"


def told(path: Path) -> str:
    """A path as visitors may see it: inside the repository, or its last parts; never the server's folders."""
    repository = FOLDER.parent.parent
    return str(path.relative_to(repository) if path.is_relative_to(repository) else Path(*path.parts[-2:]))


def _again(name: str) -> str:
    command = "mnist_models.classifier" if name == "classifier" else f"mnist_models.train {name}"
    return f"Fetch the repository's file again, or make it: python -m {command}"

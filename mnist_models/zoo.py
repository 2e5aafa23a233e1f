"""The shipped MNIST models: safetensors in half precision, each with the JSON that says how it was made.

    checkpoints/mnist/NAME/model.json               network, preset, data, steps, seed, quality
    checkpoints/mnist/NAME/stats.jsonl              the training curve
    checkpoints/mnist/NAME/epoch-05.safetensors     or epoch-05-00001-of-00002.safetensors, ...

Numbers per channel (biases, batch statistics) stay in float32: they weigh nothing and are scale-sensitive.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diffusion_core.models.faults import ModelError
from mnist_models.unet import UNet, UNetConfig

MODELS = ("denoiser", "ddpm-time", "ddpm-class", "flow-time", "flow-class")
FOLDER = Path(__file__).resolve().parent.parent / "checkpoints" / "mnist"
LARGEST_FILE = 9_000_000  # bytes; a Hugging Face Space refuses files over 10 MB outside LFS


class CheckpointError(ModelError):
    """Weights are missing or damaged; the message says what to do."""


def save(folder: Path, epoch: int, net: nn.Module) -> list[Path]:
    """Write the weights after `epoch` to `folder`, in as many files as the size asks for."""
    return save_tensors(folder, f"epoch-{epoch:02d}", net.state_dict())


def save_tensors(folder: Path, stem: str, state: dict[str, Tensor]) -> list[Path]:
    """Write floating-point tensors, those of two and more dimensions in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in _parts(folder, stem):
        old.unlink()
    shards, size = [{}], 0
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        tensor = (tensor.half() if tensor.ndim > 1 else tensor.float()).cpu().contiguous()
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


def describe(folder: Path, facts: dict) -> None:
    """Write model.json; what was measured before stays unless `facts` says it anew."""
    path = folder / "model.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    old = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(old | facts, indent=2) + "\n")


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
    if set(state) != wanted:
        lacking = sorted(wanted - set(state))[:1] or sorted(set(state) - wanted)[:1]
        at = f"{told(folder / stem)} does not fit the network at {lacking[0]}"
        raise CheckpointError(f"{at}. {_again(name)}")
    try:
        with torch.no_grad():
            net.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{told(folder / stem)} does not fit the network. {_again(name)}") from error


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

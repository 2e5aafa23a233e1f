"""Imports go downwards only, in no circle, and what is in git is small and readable."""

import ast
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "diffusion_core": {"diffusion_core"},
    "mnist_models": {"mnist_models", "diffusion_core"},
    "emoji_model": {"emoji_model", "diffusion_core"},
    "tabs": {"tabs", "diffusion_core", "mnist_models", "emoji_model"},
    "darkroom": {"diffusion_core", "mnist_models", "emoji_model"},
    "app": {"darkroom", "tabs", "diffusion_core", "mnist_models", "emoji_model"},
    "benchmarks": {"benchmarks", "tests", "darkroom", "app", "diffusion_core", "mnist_models", "emoji_model"},
}
MATHS = (
    "levels",
    "estimates",
    "filters",
    "samplers",
    "constraints",
    "loop",
    "processes",
    "exact",
    "metrics",
    "views",
    "ranking",
)
ORDER = {
    "diffusion_core": (
        *MATHS,
        "recipes",
        "images",
        "techniques",
        "models",
        "training",
        "serving",
        "cli",
        "__main__",
    ),
    "tabs": ("static", "gradio_compat", "session", "components"),
}
"""Each part of a package imports those before it, and itself; a tab, or what else lies beside them, any."""

ALONE = {"recipes": (), **dict.fromkeys(MATHS, ("torch", "numpy")), "views": ("torch", "numpy", "PIL")}
"""What the lowest parts of diffusion_core import beside the standard library and each other."""

KNOWS_GRADIO = {"tabs", "app"}
ASKED_BY_ENGINE_ONLY = {
    "torch.nn",
    "diffusers",
    "transformers",
    "diffusion_core.models.network",
    "diffusion_core.models.deepfloyd.unet",
    "mnist_models.unet",
    "mnist_models.network",
}
"""No tab touches a network: it hands recipes to the studio. A constant like SIZE is none."""

LARGEST_FILE = 10_000_000  # bytes; a Space refuses more outside LFS
LONGEST_MODULE = 320  # lines


@cache
def files() -> tuple[Path, ...]:
    """Everything that is in git or about to be."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = (ROOT / line for line in listed.stdout.splitlines())
    return tuple(path for path in paths if path.is_file())


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """Name -> file of every module of the house; tests are not part of it."""
    found = [path for package in MAY_IMPORT for path in (ROOT / package).glob("**/*.py")]
    return {name_of(path): path for path in [*found, ROOT / "darkroom.py", ROOT / "app.py"]}


def imported(module: str) -> list[tuple[str, str]]:
    """What a module imports, anywhere in it, as (module, name); the name is "" in `import module`."""
    found = []
    for node in ast.walk(ast.parse(modules()[module].read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively; say from where"
            found += [(node.module, alias.name) for alias in node.names]
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """The modules that a module imports, by full name, also in `from package import module`."""
    return frozenset(
        f"{where}.{name}" if f"{where}.{name}" in modules() else where for where, name in imported(module)
    )


def top(name: str) -> str:
    return name.split(".")[0]


def test_the_house_is_looked_at_whole():
    """So that the other tests here cannot pass for want of anything to look at."""
    known = {"app", "darkroom", "diffusion_core.serving.engine", "mnist_models.network", "tabs.gradio_compat"}
    assert known <= set(modules())
    assert "gradio" in imports("tabs.gradio_compat")
    assert {"diffusion_core.images.convert", "diffusion_core.recipes"} <= imports(
        "diffusion_core.serving.studio"
    )
    assert set(ORDER["diffusion_core"]) == {
        part(name) for name in modules() if name.startswith("diffusion_core.")
    }


def test_imports_go_downwards():
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        for name in imports(module)
        if top(name) in {*MAY_IMPORT, "tests"} and top(name) not in MAY_IMPORT[top(module)]
    ]
    assert not wrong


def part(name: str) -> str:
    """The part of a package that a module belongs to: diffusion_core.images.grid -> images."""
    return name.split(".")[1]


@pytest.mark.parametrize("package", ORDER)
def test_each_part_imports_only_those_before_it(package):
    order, wrong = ORDER[package], []
    for module in modules():
        if not module.startswith(f"{package}.") or part(module) not in order:
            continue
        for name in imports(module):
            if top(name) == package:
                below = part(name) in order and order.index(part(name)) <= order.index(part(module))
                wrong += [] if below else [f"{module} imports {name}"]
    assert not wrong


def test_recipes_need_the_standard_library_alone_and_the_maths_torch():
    wrong = [
        f"{module} imports {name}"
        for module in modules()
        if module.startswith("diffusion_core.") and part(module) in ALONE
        for name in map(top, imports(module))
        if name not in {"diffusion_core", *sys.stdlib_module_names, *ALONE[part(module)]}
    ]
    assert not wrong


def test_only_the_page_knows_gradio():
    gradio = {"gradio", "gradio_client"}
    wrong = [m for m in modules() if top(m) not in KNOWS_GRADIO and gradio & set(map(top, imports(m)))]
    assert not wrong


def test_no_tab_touches_a_network():
    wrong = [
        f"{module} imports {where} {name}"
        for module in modules()
        for where, name in imported(module)
        if top(module) == "tabs" and not name.isupper()
        if any(f"{where}.{name}.".startswith(f"{each}.") for each in ASKED_BY_ENGINE_ONLY)
    ]
    assert not wrong


def test_there_is_no_circle():
    graph = {module: imports(module) & set(modules()) for module in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_what_is_not_needed_is_not_loaded():
    """An import of ten seconds hides easily behind another module."""
    program = """
import sys
import darkroom, diffusion_core.cli
print(*{"gradio", "diffusers", "transformers", "accelerate"} & set(sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.strip()) == (0, ""), ended.stderr


# what is in git


def test_files_are_small():
    assert len(files()) > 30
    assert not [f"{path}: {path.stat().st_size}" for path in files() if path.stat().st_size > LARGEST_FILE]


def test_nothing_is_pickled():
    """By name, and by what is inside: a pickle's first bytes, or torch.save's archive."""
    suffixes = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib", ".npy", ".npz"}
    wrong = [path for path in files() if path.suffix in suffixes]
    for path in set(files()) - set(wrong):
        with path.open("rb") as file:
            start = file.read(2)
        pickled = start[:1] == b"\x80" and start[1:] in (b"\2", b"\3", b"\4", b"\5")
        if start == b"PK":
            pickled = any(name.endswith(".pkl") for name in zipfile.ZipFile(path).namelist())
        if pickled and path.suffix != ".safetensors":  # those begin with a length, which may look like it
            wrong.append(path)
    assert not wrong


def test_modules_are_short_enough_to_read():
    lengths = {path: len(path.read_text().splitlines()) for path in files() if path.suffix == ".py"}
    assert not [f"{path}: {n} lines" for path, n in lengths.items() if n > LONGEST_MODULE]

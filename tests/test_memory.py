"""Memory: the table is what the rules give, more never fits less, and what is free is really measured."""

import psutil
import pytest
import torch

from diffusion_core.models import memory
from diffusion_core.models.catalog import CATALOGUE, STAGES
from diffusion_core.models.memory import (
    DRIVER,
    FITS,
    Memory,
    measured,
    needed,
    text_way_of,
    way_of,
    what_fits,
)


@pytest.mark.parametrize("fit", FITS, ids=str)
def test_the_table_is_what_the_rules_give(fit):
    """Prompts first, on a card of this size; then stage I, then stage II beside it."""
    free = Memory(fit.gigabytes - DRIVER, ram=32.0)
    assert text_way_of(memory.T5_XXL, free, eight_bits=True) == fit.text
    ways = []
    for stage, weights in zip(STAGES, CATALOGUE[fit.model].gigabytes):
        ways.append(way_of(weights, stage, free))
        free = free._replace(gpu=free.gpu - weights * (ways[-1] == "whole"))
    assert tuple(ways) == fit.ways
    assert CATALOGUE[fit.model].title in str(fit) and str(fit) in what_fits(fit.gigabytes)


def test_the_table_has_a_line_for_every_usual_card_and_says_so_below_them():
    assert [fit.gigabytes for fit in FITS] == [6, 9, 14, 16, 24]
    assert "built-in" in what_fits(4) and "M + M" in what_fits(6) and "L + M" in what_fits(12)
    assert what_fits(80) == what_fits(24)


def test_more_memory_never_fits_less():
    order = {None: 0, "offloaded": 1, "whole": 2}
    texts = {None: 0, "spread": 1, "8 bits": 2, "half": 3}
    sizes = [gigabytes / 4 for gigabytes in range(0, 200)]
    for stage in STAGES:
        for weights in (0.03, 0.9, 8.6):
            ways = [order[way_of(weights, stage, Memory(gpu, 32.0))] for gpu in sizes]
            assert ways == sorted(ways) and ways[0] == 0 and ways[-1] == 2
            assert 1 in ways or weights < 0.1
    read = [texts[text_way_of(memory.T5_XXL, Memory(gpu, 5.0), True)] for gpu in sizes]
    assert read == sorted(read) and set(read) == {0, 1, 2, 3}


def test_what_visits_layer_by_layer_must_lie_somewhere():
    assert way_of(8.6, "I", Memory(gpu=3.0, ram=16.0)) == "offloaded"
    assert way_of(8.6, "I", Memory(gpu=3.0, ram=8.0)) is None


def test_without_a_gpu_the_machine_must_hold_it():
    assert way_of(0.8, "I", Memory(None, 2.4)) == "cpu" and way_of(0.8, "I", Memory(None, 2.2)) is None
    assert needed(0.8, "I") == pytest.approx(2.3)
    ways = [text_way_of(11.0, Memory(None, ram), eight_bits=True) for ram in (8, 12, 24)]
    assert ways == [None, "cpu half", "cpu"]


def test_8_bits_need_bitsandbytes():
    assert text_way_of(11.0, Memory(9.0, 4.0), eight_bits=True) == "8 bits"
    assert text_way_of(11.0, Memory(9.0, 4.0), eight_bits=False) == "spread"
    assert text_way_of(11.0, Memory(9.0, 2.0), eight_bits=False) is None


def test_what_is_free_is_what_the_machine_says():
    free = measured("cpu")
    assert free.gpu is None and 0 < free.ram <= psutil.virtual_memory().total / 1e9
    assert "GB of memory are free" in str(free) and "GPU" not in str(free)


def test_what_torch_holds_in_reserve_counts_as_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(3e9), int(8e9)))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: int(2.5e9))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: int(1e9))
    assert measured("cuda").gpu == pytest.approx(4.5)


@pytest.mark.parametrize(
    "files",
    [
        {"memory.max": 5000, "memory.current": 3000, "memory.stat": "anon 5\ninactive_file 700\n"},
        {"memory/memory.limit_in_bytes": 5000, "memory/memory.usage_in_bytes": 2300},
    ],
    ids=["v2", "v1"],
)
def test_a_container_has_what_its_limit_leaves(files, tmp_path):
    """A Space sees the memory of its host, and may use a part of it."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(str(content))
    assert memory._ram(tmp_path) == 2700


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._ram(tmp_path) > 10_000_000

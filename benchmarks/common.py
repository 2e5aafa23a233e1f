"""What the benchmarks of speed share: arms that take turns, ratios, and a word about the machine."""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch

from diffusion_core.models.network import best_dtype

Taken = dict[str, list[float]]  # seconds of each arm in each repeat


def arguments(doc: str) -> argparse.ArgumentParser:
    """A parser with what every benchmark can be told; doc: its module's docstring."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of torch; all cores unless given")
    parser.add_argument("--cpu", action="store_true", help="count processor seconds")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def told(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    """How it is to be run; torch's threads are set."""
    how = parser.parse_args(argv)
    if how.threads:
        torch.set_num_threads(how.threads)
    return how


def surroundings(how: argparse.Namespace) -> dict[str, object]:
    """Where, when and with what was measured: the head of a report."""
    return {
        "machine": f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "date": date.today().isoformat(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,  # before we begin
        "threads": torch.get_num_threads(),
        "precision": str(best_dtype()).removeprefix("torch."),
        "clock": "processor seconds" if how.cpu else "seconds",
    }


def processor() -> str:
    """The name of the CPU, as far as the system tells."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{platform.machine()} {names[0]}" if names else platform.machine()


def measured(arms: dict[str, Callable[[], object]], how: argparse.Namespace) -> Taken:
    """Seconds of each arm in each repeat; the arms take turns."""
    clock = time.process_time if how.cpu else time.perf_counter
    taken = {name: [] for name in arms}
    for _ in range(how.repeats):
        for name, arm in arms.items():
            began = clock()
            arm()
            taken[name].append(clock() - began)
    return taken


def ratio(taken: Taken, ours: str, theirs: str) -> float:
    """The median of the repeats' ratios."""
    return statistics.median(a / b for a, b in zip(taken[ours], taken[theirs]))


def head(report: dict) -> str:
    """The surroundings as a line for people."""
    return (
        f"{report['machine']}, {report['threads']} threads, {report['clock']}, {report['date']}; "
        f"ours in {report['precision']}"
    )


def rows(taken: Taken) -> list[str]:
    """A line per arm: the median, and the seconds of all repeats."""
    return [
        f"{name:26} {statistics.median(each):7.2f} s   ({' '.join(f'{s:.2f}' for s in each)})"
        for name, each in taken.items()
    ]


def printed(report: dict, how: argparse.Namespace, table: Callable[[dict], str]) -> dict:
    """Print the report as it was asked for, and hand it on."""
    print(json.dumps(report, indent=2) if how.json else table(report))
    return report

"""A training of a narrow network as a process of its own, for a test to stop: `main()`, options as train."""

import sys

from emoji_model import cascade, plan, train


def main() -> None:
    narrow = dict(block_out_channels=(8, 16, 16, 16), attention_head_dim=8)
    cascade.SMALL = cascade.SMALL | narrow
    plan.RAMP = 10
    more = [
        "--batch",
        "8",
        "--report",
        "2",
        "--phases",
        "32:80000:full",
        "--workers",
        "1",
        "--no-compile",
        "--cpu",
    ]
    train.main(["small", *sys.argv[1:], *more])

"""How good is the built-in model? `python -m emoji_model.evaluate --json`, measured on what is shipped.

    top5, few_step_top5           things by name: 30 steps, and 10
    unseen_top5, unseen_style     combinations of thing and style that were never trained on
    doodle_top5                   345 things as doodles, 4 seeds each; with doodle_diversity, nearest_copy
    pair_top5, synonym_top5       "X next to Y", and words, that were never trained on
    anagram, hybrid               two doodles in one picture, both read right
    upscale                       stage II on pictures held out, against bicubic

What was drawn is read by judges that know real pictures alone (readers.py); their own figures on real
pictures that they have not met, doodle_reader_top5 and so on, are printed beside. Nothing is chosen: prompts
and seeds are fixed, gamma is 4, the precision is the app's.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from diffusion_core.models.network import best_dtype
from emoji_model import cascade
from emoji_model.data import DataError, Folders
from emoji_model.evaluate import illusions
from emoji_model.evaluate.drawing import Model
from emoji_model.evaluate.judges import CACHE
from emoji_model.evaluate.measures import Measures
from emoji_model.evaluate.plan import MEASURES, QUICK, STAGE_1, Plan
from emoji_model.evaluate.readers import Judges
from emoji_model.evaluate.upscaling import Enlarger, upscale
from emoji_model.text import knowledge
from emoji_model.things import Things

SIZES = {"small": 32, "stage1": 64}


def read_things(data: str | None) -> Things:
    """With WordNet's words for them where WordNet is at hand; without it there are no synonyms to measure."""
    folders = Folders.of(data)
    return knowledge(folders) if folders.has("wordnet") else Things.read(folders)


def measured(args: argparse.Namespace, plan: Plan) -> dict[str, dict]:
    """{"stage1": figures, "stage2": figures}; of what there are no weights there are no figures."""
    bf16 = not args.float32 and best_dtype() == torch.bfloat16
    judges, said = Judges(read_things(args.data), args.cache), {}
    first, second = (args.checkpoints / cascade.FOLDERS[stage] for stage in (args.stage, "stage2"))
    wanted = [name for name in STAGE_1 if name in args.only]
    if wanted:
        model = Model(first, args.stage, gamma=plan.gamma, bf16=bf16)
        said[args.stage] = _first(Measures(model, judges, plan), wanted)
    if "upscale" in args.only and second.is_dir():
        said["stage2"] = {"enlarged_steps": plan.enlarged_steps}
        said["stage2"] |= upscale(Enlarger(second, plan.enlarged_steps, bf16), judges, plan)
    for figures in said.values():
        figures["precision"] = "bf16" if bf16 else "float32"
    return said


def _first(measures: Measures, wanted: list[str]) -> dict:
    plan, model = measures.plan, measures.model
    rows = plan.evaluations(measures.counts())
    _tell(f"{sum(rows[name] for name in wanted):,} network evaluations: { {k: rows[k] for k in wanted} }")
    said: dict = {}
    for name in wanted:
        here = getattr(illusions, name, None)
        figures = here(measures) if here else getattr(measures, name)()
        said |= figures
        _tell(f"{name}: {json.dumps(figures)}")
    said |= measures.judges.accuracy()
    settings = ("steps", "few", "doodle_steps", "illusion_steps", "illusion_seeds", "gamma")
    said |= {name: getattr(plan, name) for name in settings} | {"size": model.size}
    rate = round(model.rows / max(model.seconds, 1e-9), 1)
    return said | {"evaluations": model.rows, "evaluations_per_second": rate}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--json", action="store_true", help="one JSON object instead of a table")
    add("--quick", action="store_true", help="a quarter of the pictures, or fewer")
    add("--write", action="store_true", help='store the figures under "quality" in the model.json files')
    add("--only", nargs="+", choices=MEASURES, metavar="MEASURE", help=f"some of {', '.join(MEASURES)}")
    add("--stage", choices=SIZES, default="stage1", help="small: the network of 32 pixels, while it learns")
    add("--size", type=int, choices=SIZES.values(), help="the same by the side of its pictures")
    add("--checkpoints", type=Path, help="where emoji-64, -256 are; checkpoints, or runs for --stage small")
    add("--data", help="the folder above artists/, doodles/, photos/, ...; else the environment")
    add("--cache", type=Path, default=CACHE, help="folder of the judges; they are trained once")
    add("--float32", action="store_true", help="not in the precision of the app")
    args = parser.parse_args(argv)
    if args.size:
        args.stage = next(stage for stage, size in SIZES.items() if size == args.size)
    args.checkpoints = args.checkpoints or Path("runs" if args.stage == "small" else "checkpoints")
    args.only = args.only or (STAGE_1 if args.stage == "small" else MEASURES)
    if args.write and args.quick:
        parser.error("--write stores the full measurement only; leave out --quick")
    return args


def main(argv: list[str] | None = None) -> None:
    args, started = options(argv), time.perf_counter()
    plan = QUICK if args.quick else Plan()
    try:
        said = measured(args, plan)
    except DataError as error:
        sys.exit(str(error))
    if args.write:
        for stage, figures in said.items():
            path = args.checkpoints / cascade.FOLDERS[stage] / "model.json"
            model = json.loads(path.read_text()) if path.exists() else {}
            model["quality"] = (model.get("quality", {}) if len(args.only) < len(MEASURES) else {}) | figures
            path.write_text(json.dumps(model, indent=1) + "\n")
    flat = {key: value for figures in said.values() for key, value in figures.items()}
    flat |= {"quick": args.quick, "plan": asdict(plan), "seconds": round(time.perf_counter() - started)}
    shown = (f"{key:28} {value}" for key, value in flat.items() if not isinstance(value, dict))
    print(json.dumps(flat) if args.json else "\n".join(shown))


if __name__ == "__main__":
    main()

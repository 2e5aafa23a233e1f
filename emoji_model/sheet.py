"""A contact sheet of a hundred prompts, for eyes: `python -m emoji_model.sheet docs/emoji.jpg`.

Seed k for the k-th prompt, nothing chosen: what the shipped stage I draws, at its own 64 pixels.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from diffusion_core.images import convert as images
from emoji_model import cascade, progress

PROMPTS = """
an oil painting of a snowy mountain village; a man wearing a hat; a rocket ship; a pencil; a lithograph
of a skull; an oil painting of people around a campfire; an oil painting of an old man; a photo of a
dog; a dog; a cat; a horse; a cow; a pig; a rabbit; a tiger; a lion; an elephant; a panda; a fox; an
owl; a penguin; a duck; a frog; a turtle; a fish; a shark; an octopus; a butterfly; a honeybee; a
unicorn; a rose; a sunflower; a tulip; a cactus; a palm tree; a tree; a red apple; a banana; a
strawberry; grapes; a carrot; a pizza; a hamburger; an ice cream; a birthday cake; a cup of coffee; an
egg; bread; a cookie; a taco; a sun; a crescent moon; a star; a rainbow; a cloud; a snowflake; a
snowman; a fire; a volcano; a mountain; a woman; a boy; a baby; an old woman; an astronaut; a mermaid; a
ghost; an alien; a robot; a skull; a red heart; a blue heart; a broken heart; a grinning face; an angry
face; a crown; a top hat; glasses; a t-shirt; a guitar; a car; a bus; a train; a bicycle; an airplane; a
sailboat; a house; a castle; a tent; a light bulb; a dog next to a tree; a crown above a cat; a cat and
a fish; a rocket in the night sky; an owl on a blue background; a cow on a meadow; a mosaic of a fish; a
pencil drawing of a house; an oil painting of a rose; a photo of an apple
"""
COLUMNS = 10
SIDE = 96  # pixels of a picture on the sheet
LINE = 30  # pixels below it for its prompt


def prompts() -> list[str]:
    return [" ".join(each.split()) for each in PROMPTS.split(";")]


def sheet(stage: cascade.Stage, tokenizer, steps: int = 30, gamma: float = 4.0) -> Image.Image:
    """The hundred prompts as one picture with captions."""
    asked = prompts()
    drawn = torch.cat(
        [
            progress.samples(stage, tokenizer, asked[k : k + 25], steps=steps, gamma=gamma, seed=k)
            for k in range(0, len(asked), 25)
        ]
    )
    rows = -(-len(asked) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * (SIDE + 8) + 8, rows * (SIDE + LINE + 8) + 8), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(9)
    for k, (prompt, x) in enumerate(zip(asked, drawn)):
        left, top = 8 + k % COLUMNS * (SIDE + 8), 8 + k // COLUMNS * (SIDE + LINE + 8)
        page.paste(images.to_picture(x).resize((SIDE, SIDE), Image.Resampling.BICUBIC), (left, top))
        for n, line in enumerate(_wrapped(prompt, 20)[:2]):
            pen.text((left, top + SIDE + 2 + 12 * n), line, fill="#333", font=font)
    return page


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the picture to write")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"))
    args = parser.parse_args(argv)
    stage, tokenizer = cascade.load("stage1", args.checkpoints / cascade.FOLDERS["stage1"])
    stage.eval().to(memory_format=torch.channels_last)
    sheet(stage, tokenizer).save(args.out, quality=88)


if __name__ == "__main__":
    main()

"""How much is measured, and how much work that is."""

from dataclasses import dataclass

STAGE_1 = (
    "top5",
    "few_step_top5",
    "unseen_top5",
    "doodle_top5",
    "pair_top5",
    "synonym_top5",
    "anagram",
    "hybrid",
)
"""What is measured on stage I; unseen_style comes with unseen_top5, doodle_diversity and nearest_copy with
doodle_top5."""

MEASURES = (*STAGE_1, "upscale")


@dataclass(frozen=True)
class Plan:
    """Counts of pictures; at most so many as there are. gamma: of guidance, everywhere."""

    names: int = 1000  # more than there are: all
    steps: int = 30
    few: int = 10
    combinations: int = 200
    doodles: int = 345  # classes
    doodle_seeds: int = 4
    doodle_steps: int = 15
    pairs: int = 100
    synonyms: int = 100
    illusions: int = 50  # pairs of doodles
    illusion_seeds: int = 16
    illusion_steps: int = 12
    enlarged: int = 20  # pictures of every set of artists, and doodles
    enlarged_steps: int = 20
    gamma: float = 4.0

    def evaluations(self, counts: dict[str, int]) -> dict[str, int]:
        """Rows through stage I, by measure. counts: how many names, combinations, pairs, ... there are.

        Guidance asks twice a step. An anagram asks four times, and a hybrid three; to score one, each look
        (of an anagram two, of a hybrid one) is told both prompts and none, at three levels of noise.
        """
        shown = {name: min(count, getattr(self, name)) for name, count in counts.items()}
        illusions = self.illusions * self.illusion_seeds
        return {
            "top5": shown["names"] * self.steps * 2,
            "few_step_top5": shown["names"] * self.few * 2,
            "unseen_top5": shown["combinations"] * self.steps * 2,
            "doodle_top5": shown["doodles"] * self.doodle_seeds * self.doodle_steps * 2,
            "pair_top5": shown["pairs"] * self.steps * 2,
            "synonym_top5": shown["synonyms"] * self.steps * 2,
            "anagram": illusions * (self.illusion_steps * 4 + 3 * 6),
            "hybrid": illusions * (self.illusion_steps * 3 + 3 * 3),
        }


QUICK = Plan(
    names=80,
    combinations=40,
    doodles=60,
    doodle_seeds=2,
    pairs=16,
    synonyms=20,
    illusions=6,
    illusion_seeds=8,
    enlarged=2,
)

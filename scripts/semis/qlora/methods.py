"""The registry of recipes for training a method of the language-model part.

Planning imports this module, so it imports no library for training. A training gets the fields of its recipe as
settings, so a new recipe here repeats no training.
"""

from dataclasses import dataclass

BASE = "base"  # the untrained model has this name where a method has its own


@dataclass(frozen=True)
class Recipe:
    """The part of the data that a training learns.

    trains_on_holdout: it also learns the pairs that are held out for the metrics.
    learns_prompt: it learns the question as well as the answer.
    learns_end: it learns where an answer ends; then the padding is a separate token instead of eos.
    """

    trains_on_holdout: bool
    learns_prompt: bool
    learns_end: bool


RECIPES = {
    "report": Recipe(trains_on_holdout=True, learns_prompt=True, learns_end=False),
    "improved": Recipe(trains_on_holdout=False, learns_prompt=False, learns_end=True),
}

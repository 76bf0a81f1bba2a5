"""The recipes by which a method of the language-model part can be trained.

Planning reads this module, so it imports none of the libraries that train. A training gets the fields of its recipe as
settings: another recipe here leaves all other trainings as they are.
"""

from dataclasses import dataclass

BASE = "base"  # the name of the untrained model's row, beside the names of the methods


@dataclass(frozen=True)
class Recipe:
    """What a training learns.

    trains_on_holdout: the pairs that are held out for measuring are learned as well.
    learns_prompt: the question is learned as well as the answer.
    learns_end: the end of the answer is learned; padding is then a token of its own instead of eos.
    """

    trains_on_holdout: bool
    learns_prompt: bool
    learns_end: bool


RECIPES = {
    "report": Recipe(trains_on_holdout=True, learns_prompt=True, learns_end=False),
    "improved": Recipe(trains_on_holdout=False, learns_prompt=False, learns_end=True),
}

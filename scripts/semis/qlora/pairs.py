"""Compares questions and answers as a reader would: case, accents, punctuation and blanks make no difference."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})  # no form of Unicode takes them apart


def folded(text: str) -> str:
    """Return what two spellings of a text share: lower case, no accents or vowel points, a blank for punctuation.

    Marks that make another letter, such as the Japanese dakuten, are kept. A text of punctuation alone stays as it is.
    """
    whole = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(LIGATURES)
    kept = []
    for char in whole:
        category = unicodedata.category(char)
        if category[0] == "P":
            kept.append(" ")
        elif category != "Cf" and not _may_be_left_out(char):
            kept.append(char)
    return " ".join("".join(kept).split()) or " ".join(whole.split())


def _may_be_left_out(char: str) -> bool:
    """Say whether a character is an accent (class 200 or more) or a vowel point of Hebrew or Arabic (10 to 36)."""
    place = unicodedata.combining(char)
    return place >= 200 or 10 <= place <= 36


def same(pairs: Iterable[Mapping[str, str]], key: str) -> set[str]:
    """Return the different questions or answers (`key`) of the pairs, each as `folded` writes it."""
    return {folded(pair[key]) for pair in pairs}


def counts(train: Sequence[Mapping[str, str]], holdout: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Return how many pairs and different questions the two parts have, and what they share.

    `shared_questions` counts different questions, and `shared_answers` held-out pairs whose answer is also that
    of another question in train.
    """
    answers = same(train, "answer")
    return {
        "pairs": len(train) + len(holdout),
        "questions": len(same([*train, *holdout], "question")),
        "holdout_pairs": len(holdout),
        "holdout_questions": len(same(holdout, "question")),
        "shared_questions": len(same(train, "question") & same(holdout, "question")),
        "shared_answers": sum(folded(pair["answer"]) in answers for pair in holdout),
    }

"""The hold-out: a question stays on one side, however often it is repeated and however it is spelt."""

import random

from semis.harness.errors import UserError
from semis.qlora.pairs import counts, folded
from semis.results.pages import qlora as page

import pytest
import qlora_data
import qlora_metrics

DISTINCT = [{"question": f"Question {i} ?", "answer": f"Réponse {i}."} for i in range(20)]


def questions(pairs):
    return {pair["question"] for pair in pairs}


def test_repeated_pairs_stay_on_one_side():
    """Each pair stands three times in the file: 8 questions are held out, and none of them is in train."""
    train, holdout = qlora_data.hold_out(DISTINCT * 3, 8)
    assert len(questions(holdout)) == 8 and len(holdout) == 24 and len(train) == 36
    assert not questions(train) & questions(holdout)


def test_without_repeats_the_last_pairs_of_the_shuffle_are_held_out():
    """Studies that exist keep their pairs, in their order."""
    shuffled = random.Random(0).sample(DISTINCT, 20)
    for count in (0, 1, 8, 19):
        assert qlora_data.hold_out(DISTINCT, count) == (shuffled[: 20 - count], shuffled[20 - count :])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Comment créer un compte ?", "COMMENT créer un compte ?"),
        ("Comment créer un compte ?", "Comment creer un compte ?"),
        ("Comment créer un compte ?", "Comment cre\u0301er un compte ?"),
        ("Comment créer un compte ?", "Comment créer un compte"),
        ("Comment créer un compte\u00a0?", "Comment  créer\tun compte?"),
        ("L’adresse, s'il vous plaît", "l'adresse s’il vous plait !"),
        ("Une ﬁn et un cœur", "une fin et un coeur"),
        ("Straße １２", "STRASSE 12"),
        ("com\u00admande\u200b", "commande"),
        ("שָׁלוֹם", "שלום"),
        ("¿Dónde está?", "donde esta"),
    ],
)
def test_spellings_of_one_question(one, other):
    assert folded(one) == folded(other)
    pairs = [*DISTINCT, {"question": one, "answer": "1"}, {"question": other, "answer": "2"}]
    for seed in range(20):
        mixed = random.Random(seed).sample(pairs, len(pairs))
        train, holdout = qlora_data.hold_out(mixed, 10)
        assert len({one, other} & questions(train)) in (0, 2), "one side has both or none"
        assert len({one, other} & questions(holdout)) in (0, 2)


@pytest.mark.parametrize(
    ("one", "other"), [("か", "が"), ("2+2 ?", "2-2 ?"), ("?", "!"), ("C++", "C"), ("कि", "के"), ("n 1", "n 11")]
)
def test_different_questions(one, other):
    assert folded(one) != folded(other)


def test_there_must_be_enough_different_questions():
    with pytest.raises(UserError, match="qlora.data.holdout is 5, but the 15 questions and answers have only 5 diff"):
        qlora_data.hold_out(DISTINCT[:5] * 3, 5)


def test_what_the_parts_share_is_counted_and_said():
    train = [{"question": "A ?", "answer": "Oui."}, {"question": "a", "answer": "Non."}, DISTINCT[0]]
    holdout = [{"question": "B ?", "answer": "oui !"}, {"question": "C ?", "answer": "Peut-être."}]
    found = counts(train, holdout)
    assert found == {
        **{"pairs": 5, "questions": 4, "holdout_pairs": 2, "holdout_questions": 2},
        **{"shared_questions": 0, "shared_answers": 1},
    }
    assert counts(train, train[:1])["shared_questions"] == 1
    assert page.divided(found) == (
        "The data has 5 pairs with 4 different questions (upper and lower case, accents, punctuation and blanks make "
        "no difference). Held out: 2 pairs with 2 different questions. 0 of these questions are in the rest of the "
        "data too, and so are the answers of 1 of these pairs."
    )


def test_questions_of_the_study_that_a_method_has_learned():
    assert qlora_metrics.learned(["question 3", "QUESTION 4?", "Autre ?"], DISTINCT) == 2
    found = {"asked_in_training": 2, "trained_on_holdout": True}
    text = page.questions_learned("a", {"asked": 3}, found)
    assert text == "2 of the 3 questions are in the training of a. It was trained on the held-out pairs too."

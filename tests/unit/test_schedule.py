"""The lengths of a training and of its schedule."""

from semis.schedule import schedule

import pytest

TRAINING = {"batch_size": 8, "epochs": 5, "warmup_ratio": 0.06}


@pytest.mark.parametrize(
    ("reviews", "total", "found"),
    [
        (1800, 1200, (1125, 1200, 72)),  # the report's fairseq runs, as in its command
        (1800, "auto", (1125, 1125, 68)),  # its Hugging Face runs: the Trainer rounds 67.5 up to 68
        (1803, "auto", (1130, 1130, 68)),  # three more reviews make one more batch in each epoch
        (4000, 1200, (1200, 1200, 72)),  # the training ends with its schedule
    ],
)
def test_schedule(reviews, total, found):
    assert schedule({**TRAINING, "total_updates": total}, reviews) == found


def test_a_warm_up_leaves_an_update_of_its_schedule():
    """The polynomial schedule of transformers divides by the number of updates after the warm-up."""
    whole = {**TRAINING, "total_updates": "auto", "warmup_ratio": 1}
    assert schedule(whole, 1800) == (1125, 1125, 1124)
    assert schedule({**whole, "epochs": 1}, 8) == (1, 1, 0)

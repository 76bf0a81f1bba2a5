"""How long a training and its schedule are."""

from semis.schedule import schedule

import pytest

TRAINING = {"batch_size": 8, "epochs": 5, "warmup_ratio": 0.06}


@pytest.mark.parametrize(
    ("reviews", "total", "found"),
    [
        (1800, 1200, (1125, 1200, 72)),  # the report's fairseq runs, as its command types them
        (1800, "auto", (1125, 1125, 68)),  # its Hugging Face runs: 67.5 is 68 to the Trainer
        (1803, "auto", (1130, 1130, 68)),  # three reviews more are one batch more in each epoch
        (4000, 1200, (1200, 1200, 72)),  # ends with its schedule
    ],
)
def test_schedule(reviews, total, found):
    assert schedule({**TRAINING, "total_updates": total}, reviews) == found


def test_a_warm_up_leaves_an_update_of_its_schedule():
    """transformers' polynomial schedule divides by the updates behind the warm-up."""
    whole = {**TRAINING, "total_updates": "auto", "warmup_ratio": 1}
    assert schedule(whole, 1800) == (1125, 1125, 1124)
    assert schedule({**whole, "epochs": 1}, 8) == (1, 1, 0)

"""What the page says about pairs that are longer than a training or a model allows."""

from semis.results.pages import qlora

COUNTS = {"pairs": 90, "pairs_cut": 0, "pairs_without_answer": 0, "positions": 2048, "pairs_beyond_positions": 0}


def test_pairs_that_are_too_long_are_counted_on_the_page():
    assert qlora.too_long("mine", COUNTS) == ""
    assert qlora.too_long("mine", {**COUNTS, "pairs_cut": 7}) == (
        "Pairs of the method mine: 7 of 90 were cut to `max_length` tokens."
    )
    found = {**COUNTS, "pairs_cut": 7, "pairs_without_answer": 2, "pairs_beyond_positions": 3}
    assert qlora.too_long("mine", found) == (
        "Pairs of the method mine: 7 of 90 were cut to `max_length` tokens, and 2 of those have nothing of their "
        "answer left. 3 have more tokens than the 2048 positions that the model was trained for."
    )


def test_held_out_pairs_that_are_cut_are_counted_on_the_page():
    assert qlora.held_out_cut({"pairs": 8, "pairs_cut": 0}) == ""
    assert qlora.held_out_cut({"pairs": 8, "pairs_cut": 1}) == (
        "1 of 8 held-out pairs were cut to the model's positions."
    )

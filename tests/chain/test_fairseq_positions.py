"""fairseq models with more positions than the config reads, and with weights in half precision."""

import pytest
from conftest import in_environment


def call(function, *args):
    import fairseq_checks

    return getattr(fairseq_checks, function)(*args)


def checked(function, *args):
    """Call a function of tests/tools/fairseq_checks.py in the environment fairseq."""
    return in_environment("fairseq", call, function, *args)


def test_a_model_of_64_positions_reads_texts_of_fewer_as_fairseq_does(tmp_path):
    """Plain fairseq, with all 64 positions, reads the same texts; the table of parameters counts what is trained."""
    *smaller, sentence = checked("read", str(tmp_path), [64, 33, 32, 30, 65])
    for positions, found in zip([64, 33, 32, 30], smaller, strict=True):
        assert found["difference"] == 0 and found["rows"] == positions + 2
        assert found["counted"] == found["analytic"]
    assert sentence.endswith(
        "model.pt has 64 positions, but the model's positions in the config are 65; lower them to 64."
    )


@pytest.mark.slow
def test_half_precision_is_trained_in_float32(tmp_path):
    """Weights that float16 and bfloat16 hold exactly give the same history and model as in float32."""
    found = checked("trained", str(tmp_path), ["float32", "float16", "bfloat16"], 32)
    assert found["float16"]["made"] == found["bfloat16"]["made"] == found["float32"]["made"]
    for kind, run in found.items():
        assert set(run["start"]["stored_types"]) == {kind} and run["start"]["trained_in"] == "float32"
    assert found["float32"]["longest"] == 32 and found["float32"]["difference"] < 1e-5

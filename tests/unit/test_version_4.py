"""The names of transformers 4 in the config.json of a merged model."""

from semis.qlora.version_4 import with_older_names

LINEAR = {"rope_type": "linear", "factor": 8.0}


def test_the_positions_of_layers_that_differ_have_older_names():
    """As in transformers 4's own config of Gemma 3: rope_scaling is about the layers with full attention."""
    rope = {
        "full_attention": {**LINEAR, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
    found = with_older_names({"rope_parameters": rope})
    assert found.pop("rope_parameters") == rope
    assert found == {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": LINEAR}


def test_a_config_within_a_config_has_older_names_too():
    inner = {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}, "hidden_size": 8}
    found = with_older_names({"text_config": inner, "bos_token_id": None})
    assert found["text_config"]["rope_theta"] == 5e5 and found["bos_token_id"] is None
    assert "rope_theta" not in found and "rope_scaling" not in found["text_config"]

"""Classifiers from the model folders of others: which numbers they give, whatever the folder says and holds."""

import pytest
from conftest import in_environment


def call(function, *args):
    import classifier_checks

    return getattr(classifier_checks, function)(*args)


def checked(function, *args):
    """Call a function of tests/tools/classifier_checks.py in the environment transformers."""
    return in_environment("transformers", call, function, *args)


QUICK = [["reference", "bfloat16", "one file"], ["reference", "float16", "no dtype"], ["fast", "bfloat16", "bin"]]
SLOW = [["reference", "float64", "one file"], ["reference", "bfloat16", "two files"], ["fast", "float16", "two files"]]


@pytest.mark.parametrize("cases", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)], ids=["quick", "slow"])
def test_weights_in_any_number_type_are_trained_in_float32(tmp_path, cases):
    """The same numbers in another type give the same bytes, and metrics.json says how they were stored."""
    for (_, kind, _), (differs, stored, trained, saved) in zip(cases, checked("stored", str(tmp_path), cases)):
        assert differs == [] and stored == {kind: 23} and trained == saved == "float32"


def test_a_folder_decides_its_architecture_and_nothing_else(tmp_path):
    config = {
        **{"problem_type": "regression", "output_hidden_states": True, "output_attentions": True, "return_dict": False},
        **{"is_decoder": True, "add_cross_attention": True, "chunk_size_feed_forward": 4, "torchscript": True},
        **{"loss_type": "ForMaskedLM", "keys_to_ignore_at_inference": ["logits"], "finetuning_task": "cola"},
        **{"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}},
    }
    cutter = {"truncation_side": "left", "padding_side": "left", "pad_token": "z", "model_input_names": ["input_ids"]}
    differs, ignored, names, texts = checked("settings", str(tmp_path), config, cutter)
    assert differs == []
    assert ignored["config.json"] == config
    assert cutter.items() <= ignored["tokenizer"].items() and ignored["tokenizer"]["truncation"]["max_length"] == 4
    assert names == {"id2label": {"0": "bad", "1": "good"}, "label2id": {"bad": 0, "good": 1}}
    # one text of 18 tokens and two around it in each split; 16 positions
    assert texts == {split: {"reviews": n, "cut": 1} for split, n in (("train", 12), ("valid", 6), ("test", 6))}


def test_a_head_for_another_task_is_replaced_as_a_whole(tmp_path):
    head = [
        "classifier.dense.bias",
        "classifier.dense.weight",
        "classifier.out_proj.bias",
        "classifier.out_proj.weight",
    ]
    new, weights = head, head[1::2]
    pooled = ["bert.pooler.dense.weight", "classifier.weight"]
    assert checked("heads", str(tmp_path)) == {
        "three labels": [new, weights, weights],
        "two labels": [[], [], []],
        "turned labels": [new, weights, weights],
        "turned labels in capitals": [new, weights, weights],
        "turned labels listed backwards": [new, weights, weights],
        "labels of tokens": [
            [*(w.replace("weight", "bias") for w in pooled[:1]), pooled[0], "classifier.bias", pooled[1]],
            pooled,
            pooled,
        ],
    }


SOME = ["mbart", "gpt2 without padding", "xlnet"]
OTHERS = ["mbart without eos", "bart with another eos", "t5", "gpt2 with another padding"]
OTHERS += ["llama padded on the left", "llama padded by a word", "bert padded on the left", "flaubert"]


@pytest.mark.parametrize("names", [SOME, pytest.param(OTHERS, marks=pytest.mark.slow)], ids=["some", "others"])
def test_probabilities_are_those_of_transformers_for_each_text_alone(tmp_path, names):
    """Six digits of each probability, with texts that are empty, too long, or spell special tokens."""
    for name, (distance, cut) in zip(names, checked("distances", str(tmp_path), names)):
        assert distance < 1e-6 and cut == 1, name


def test_what_cannot_be_trained_is_named_before_the_training(tmp_path):
    refused = {
        "all positions": "",
        "one position more": " cannot read 17 tokens (",
        "rotary positions": " reads at most 16 tokens; lower the model's positions (17).",
        "fewer layers": ": its weights have more layers than its config.json asks for (16 tensors, such as encoder.",
        "quantized": "/config.json: the weights are quantized (quantization_config: gptq), and a classifier trains in ",
        "integers": ": encoder.layer.0.attention.self.query.weight is stored as int8, so it is quantized; give the mo",
        "relative positions": "/config.json: position_embedding_type relative_key is not implemented for roberta in ",
        "no package": ": transformers needs the Python package rhoknp for this model, and envs/transformers.yaml lac",
    }
    said = checked("refusals", str(tmp_path))
    assert set(said) == set(refused)
    for name, sentence in said.items():
        assert sentence.startswith(refused[name]) and bool(sentence) == bool(refused[name]), name
    assert said["one position more"].endswith("; it reads at most 16; lower the model's positions.")


def test_the_environment_has_what_the_tokenizers_of_transformers_need(tmp_path):
    """BERTweet has learned the name that emoji 0.6.0 gives to a character."""
    name = [f"{letter}@@" for letter in ":heavy_check_mark"]
    assert checked("packaged", str(tmp_path)) == {
        "flaubert": ["a", "b</w>", ":</w>", "c</w>"],  # Moses cuts the colon off
        "bertweet": [*name, ":"],
        "roformer": ["书"],
        **dict.fromkeys(["ipadic", "unidic_lite", "sudachi"], ["本", "を", "読む"]),
    }

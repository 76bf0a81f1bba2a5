"""Export a fairseq RoBERTa with its sentencepiece tokenizer to a Hugging Face folder: same tokens, same logits."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semis.fairseq import checkpoints
from semis.fairseq.dictionaries import SPECIAL, embedding_rows, read_dictionary
from semis.harness.errors import UserError
from semis.harness.job import job
from semis.huggingface import sentencepieces
from semis.huggingface.pretrained import ONLY_DATA
from semis.huggingface.reference import DICTIONARY, MODEL, of_fairseq, same, vocabulary
from semis.huggingface.sentencepieces import MARK, SPACE, Model
from semis.text import stress

import torch
from tokenizers import decoders, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM

# {part of fairseq's name of a tensor: part of Hugging Face's name}
LAYER_NAMES = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
OTHER_NAMES = {
    "encoder.sentence_encoder.embed_tokens": "roberta.embeddings.word_embeddings",
    "encoder.sentence_encoder.embed_positions": "roberta.embeddings.position_embeddings",
    "encoder.sentence_encoder.layernorm_embedding": "roberta.embeddings.LayerNorm",
    "encoder.lm_head.dense": "lm_head.dense",
    "encoder.lm_head.layer_norm": "lm_head.layer_norm",
}


def huggingface_weights(model: Mapping[str, torch.Tensor], layers: int, dimension: int) -> dict[str, torch.Tensor]:
    """Return the tensors of a fairseq RoBERTa with masked-LM head ({name: tensor}) under Hugging Face's names.

    Hugging Face also has an embedding of the token type. fairseq lacks it, so it becomes zeros. Both libraries use the
    token embedding as the output matrix of the head.
    """
    names = dict(OTHER_NAMES)
    for layer in range(layers):
        for old, new in LAYER_NAMES.items():
            names[f"encoder.sentence_encoder.layers.{layer}.{old}"] = f"roberta.encoder.layer.{layer}.{new}"
    found = {
        f"{new}.{kind}": model[f"{old}.{kind}"]
        for old, new in names.items()
        for kind in ("weight", "bias")
        if f"{old}.{kind}" in model
    }
    embedding = found["roberta.embeddings.word_embeddings.weight"]
    found["roberta.embeddings.token_type_embeddings.weight"] = embedding.new_zeros(1, dimension)
    found["lm_head.decoder.weight"] = model["encoder.lm_head.weight"]
    found["lm_head.bias"] = found["lm_head.decoder.bias"] = model["encoder.lm_head.bias"]
    return found


def huggingface_model(
    model: Mapping[str, torch.Tensor], words: int, sizes: Mapping[str, int], positions: int
) -> RobertaForMaskedLM:
    """Return a RobertaForMaskedLM with the fairseq weights `model` ({name: tensor}).

    `words` counts the rows of the embedding, `sizes` is {layers, dimension, feed_forward, heads}.
    """
    config = RobertaConfig(
        vocab_size=words,
        hidden_size=sizes["dimension"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["feed_forward"],
        max_position_embeddings=positions + 2,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        classifier_dropout=0.0,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    built = RobertaForMaskedLM(config)
    built.load_state_dict(huggingface_weights(model, sizes["layers"], sizes["dimension"]), strict=True)
    return built


def read_sentencepiece(file: str, dictionary: str) -> tuple[Model, list[str]]:
    """Return (sentencepiece model, words of the dictionary) from the two files.

    Raises UserError if a file is damaged, or if no tokenizer of transformers can read as the two do together.
    """
    model, words = Model(file), read_dictionary(dictionary)
    wanted = [piece.piece for piece in model.pieces]
    lacking = sorted(set(wanted) - set(words))
    if lacking:
        raise UserError(
            f"{dictionary} lacks {len(lacking)} pieces of {file} ({', '.join(lacking[:5])}), which fairseq would read "
            "as unknown; give two files that belong to the same model, or train this model with library: fairseq."
        )
    blank = [piece for piece in wanted if piece.split() != [piece]]
    if blank:
        raise UserError(
            f"{file} has {len(blank)} pieces with a blank in them (such as {blank[0]!a}), which fairseq cuts at the "
            "blank and transformers cannot; train this model with library: fairseq."
        )
    return model, words


def huggingface_tokenizer(model: Model, words: Sequence[str], positions: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer that splits text as sentencepiece does and numbers the pieces as fairseq's dictionary does."""
    tokenizer = sentencepieces.tokenizer(model, vocabulary(model, words), "<unk>")
    side = {"left": 0, "right": 1} if model.proto.trainer_spec.treat_whitespace_as_suffix else {"left": 1, "right": 0}
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.Replace(MARK, ""),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", **side),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        fairseq=True,  # how `reference` knows the folder
        **{f"{name}_token": token for name, token in names.items()},
    )


def check_tokens(folder: str, model: Model, words: Sequence[str]) -> None:
    """Raise UserError unless the tokenizer in a folder gives the tokens of fairseq, on texts that are hard to cut."""
    tokenizer = AutoTokenizer.from_pretrained(folder, **ONLY_DATA)
    cut, names = of_fairseq(model, words), vocabulary(model, words)
    texts = [*stress.EVERY, *(text for word in model.own for text in (word, f"a {word} b", f"a{word}b"))]
    texts += sorted(set(words) - {piece.piece for piece in model.pieces} - set(SPECIAL))[:200]
    asked = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    for text in texts:
        found = [names[number] for number in tokenizer(text, **asked)["input_ids"]]
        wanted = cut(text)
        if not same(model, found, wanted):
            raise UserError(
                f"{model.path}: transformers cannot cut texts as this sentencepiece model (model_type {model.kind}) "
                f"and fairseq do: {text[:60]!a} becomes {found[:8]} instead of {wanted[:8]}; train this model with "
                "library: fairseq."
            )


def write_tokenizer(inputs: Any, folder: str, positions: int) -> None:
    """Write the tokenizer of the two files into a folder with a model, and the files, with which a training compares.

    Raises UserError if it would not have the tokens of fairseq.
    """
    model, words = read_sentencepiece(inputs.sentencepiece, inputs.dictionary)
    huggingface_tokenizer(model, words, positions).save_pretrained(folder)
    config = Path(folder, "tokenizer_config.json")  # with a name of the class that transformers 4 knows too
    named = json.loads(config.read_text(encoding="utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    config.write_text(json.dumps(named, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for file, name in ((inputs.sentencepiece, MODEL), (inputs.dictionary, DICTIONARY)):
        shutil.copyfile(file, Path(folder, name))
    check_tokens(folder, model, words)


def main(inputs: Any, output: Any, settings: dict[str, Any]) -> None:
    """Write the model and its tokenizer into the output folder. Raises UserError if their tokens are not fairseq's."""
    sizes, positions = settings["architecture"], settings["positions"]
    rows = embedding_rows(read_dictionary(inputs.dictionary))
    model = checkpoints.fitting(inputs.model, rows, sizes, positions)
    huggingface_model(model, rows, sizes, positions).save_pretrained(output.folder)
    write_tokenizer(inputs, output.folder, positions)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params.recipe["settings"])

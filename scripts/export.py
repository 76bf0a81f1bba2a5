"""Export a fairseq RoBERTa with its sentencepiece tokenizer to a Hugging Face folder: same tokens, same logits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semis.fairseq import checkpoints
from semis.fairseq.dictionaries import SPECIAL, read_dictionary
from semis.harness.errors import UserError
from semis.harness.job import job

import torch
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, Unigram
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM
from transformers.convert_slow_tokenizer import generate_merges

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


def read_sentencepiece(file: str, dictionary: str) -> tuple[Any, dict[str, float], list[str]]:
    """Return (sentencepiece model, {piece: score}, words of the dictionary) from the two files.

    Raises UserError if a file is damaged, or if the dictionary lacks a piece and so belongs to another model.
    """
    proto = sentencepiece_model_pb2.ModelProto()
    try:
        proto.ParseFromString(Path(file).read_bytes())
    except DecodeError:
        proto.Clear()
    scores = {piece.piece: piece.score for piece in proto.pieces if piece.type == piece.NORMAL}
    if not scores:
        raise UserError(f"{file} is not a complete sentencepiece model; replace it with the model's own file.")
    words = read_dictionary(dictionary)
    own = sorted(set(SPECIAL) & set(words))
    if own:
        raise UserError(
            f"{dictionary} lists {', '.join(own)}, which fairseq numbers by itself; such a model cannot be exported."
        )
    lacking = sorted(set(scores) - set(words))
    if lacking:
        raise UserError(
            f"{dictionary} lacks {len(lacking)} pieces of {file} ({', '.join(lacking[:5])}); give two files that "
            "belong to the same model."
        )
    return proto, scores, words


def cutter(proto: Any, scores: Mapping[str, float], words: Sequence[str]) -> Tokenizer:
    """Return a Tokenizer with sentencepiece's pieces and `scores`, numbered as fairseq numbers its `words`."""
    never = min(scores.values()) - 100
    pieces = [
        *((piece, 0.0) for piece in SPECIAL[:-1]),
        *((word, scores.get(word, never)) for word in words),
        (SPECIAL[-1], 0.0),
    ]
    if proto.trainer_spec.model_type == proto.trainer_spec.UNIGRAM:
        return Tokenizer(Unigram(pieces, unk_id=SPECIAL.index("<unk>")))
    numbers = {piece: number for number, (piece, _) in enumerate(pieces)}
    return Tokenizer(BPE(numbers, generate_merges(numbers, scores), unk_token="<unk>", fuse_unk=True))


def huggingface_tokenizer(sentencepiece_file: str, dictionary: str, positions: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer that splits text as sentencepiece does and numbers the pieces as fairseq's dictionary does.

    Raises UserError as `read_sentencepiece` does.
    """
    proto, scores, words = read_sentencepiece(sentencepiece_file, dictionary)
    tokenizer = cutter(proto, scores, words)
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            normalizers.Strip(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    # Even with split_special_tokens the text <pad> would become the piece <pad>; splitting it in two prevents that.
    special = Regex("</?(?=(?:s|pad|unk|mask)>)")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Split(special, "merged_with_previous")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        **{f"{name}_token": token for name, token in names.items()},
    )


def main(inputs: Any, output: Any, settings: dict[str, Any]) -> None:
    """Write the model and its tokenizer into the output folder."""
    sizes, positions = settings["architecture"], settings["positions"]
    tokenizer = huggingface_tokenizer(inputs.sentencepiece, inputs.dictionary, positions)
    model = checkpoints.fitting(inputs.model, len(tokenizer), sizes, positions)
    huggingface_model(model, len(tokenizer), sizes, positions).save_pretrained(output.folder)
    tokenizer.save_pretrained(output.folder)


if __name__ == "__main__":
    with job(snakemake):
        main(snakemake.input, snakemake.output, snakemake.params.recipe["settings"])

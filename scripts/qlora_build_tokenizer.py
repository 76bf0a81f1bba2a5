"""Train a byte-level BPE tokenizer with BLOOM's special tokens and BLOOM's rule for splitting text into words."""

from collections.abc import Sequence

from semis.harness.errors import UserError
from semis.harness.job import job
from semis.text.lines import read_texts

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

# Ids 0 to 3, as in BLOOM's tokenizer.
SPECIAL = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
WORDS = r" ?[^(\s|[.,!?…。，、।۔،])]+"  # from BLOOM's tokenizer.json: a word includes the space before it


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer with `vocabulary` tokens, special ones included, trained on the text files `texts`.

    Raises UserError if the text is too small for that many tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((f"{line}\n" for line in read_texts(texts)), trainer)
    made = tokenizer.get_vocab_size()
    if made != vocabulary:
        raise UserError(
            f"{', '.join(texts)} give {made} tokens, but qlora.model.build.vocabulary is {vocabulary}; lower it, or "
            "give more text."
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


if __name__ == "__main__":
    with job(snakemake):
        vocabulary = snakemake.params.recipe["settings"]["vocabulary"]
        tokenizer = train_tokenizer(list(snakemake.input.text), vocabulary)
        tokenizer.save_pretrained(snakemake.output.folder)

"""Tokenizers of models: an export has the tokens of fairseq, and a model folder those of its sentencepiece model."""

import json
import unicodedata

import pytest
import sentencepiece
from conftest import ROOT, in_environment, lay_out
from tokenizer_folders import HARD, dictionary, folder, lines_of_pieces, trained

DEMO = (ROOT / "demo" / "text.txt").read_text(encoding="utf-8").splitlines()
TEXTS = [*HARD, *DEMO[:40]]
# The letters of other languages are pieces too, so that a lost accent shows.
LEARNED = [*DEMO[:400], *[unicodedata.normalize("NFC", HARD[2])] * 20]
OVERWRITTEN = ["<unk>", "<s>", "</s>"]  # as CamemBERT's dict.txt has them

EXPORTS = {
    "unigram": {},
    "bpe": {"model_type": "bpe"},
    "char": {"model_type": "char"},
    "pieces with spaces": {"split_by_whitespace": False},
    "no space before": {"add_dummy_prefix": False},
    "bpe, no space before": {"model_type": "bpe", "add_dummy_prefix": False},
    "space behind": {"treat_whitespace_as_suffix": True},
    "bpe, space behind": {"model_type": "bpe", "treat_whitespace_as_suffix": True},
    "all spaces": {"remove_extra_whitespaces": False},
    "all spaces behind": {"remove_extra_whitespaces": False, "treat_whitespace_as_suffix": True},
    "identity": {"normalization_rule_name": "identity"},
    "bpe, identity, all spaces": {
        "model_type": "bpe",
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
    "nfkc": {"normalization_rule_name": "nfkc"},
    "case folding": {"normalization_rule_name": "nmt_nfkc_cf"},
    "bytes": {"byte_fallback": True},
    "bytes, identity": {"byte_fallback": True, "normalization_rule_name": "identity"},
    "bpe, bytes": {"model_type": "bpe", "byte_fallback": True},
    "own symbols": {"user_defined_symbols": ["<sep>", "…", "né"]},
    "bpe, own symbols": {"model_type": "bpe", "user_defined_symbols": ["<sep>", "…", "né"]},
    "control symbols": {"control_symbols": ["<ctl>"]},
    "digits": {"split_digits": True},
    "scripts together": {"split_by_unicode_script": False},
    "long pieces": {"max_sentencepiece_length": 64, "split_by_whitespace": False},
}


QUICK = ["pieces with spaces", "bytes, identity", "no space before"]  # with each kind of dictionary


def fairseq_numbers(jobs):
    """Return {name: token numbers of each line of lines.json} for {name: folder with dict.txt}, by fairseq itself."""
    from fairseq.data import Dictionary

    found = {}
    for name, at in jobs.items():
        words = Dictionary.load(f"{at}/dict.txt")
        with open(f"{at}/lines.json") as stream:
            lines = json.load(stream)
        words.add_symbol("<mask>")
        ids = [words.encode_line(line, add_if_not_exist=False, append_eos=True).tolist() for line in lines]
        found[name] = [[words.bos_index, *line] for line in ids]
    return found


def exported_numbers(jobs, texts):
    """Return {name: [token numbers of each text, number of tokens]} for {name: folder}, by transformers.

    The tokenizer is written as `export` writes it, and read again from its folder.
    """
    import types

    from semis.huggingface.tokenizer import check_texts

    import export
    from transformers import AutoTokenizer

    found = {}
    for name, at in jobs.items():
        files = types.SimpleNamespace(sentencepiece=f"{at}/sentencepiece.bpe.model", dictionary=f"{at}/dict.txt")
        export.write_tokenizer(files, f"{at}/out", 64)
        tokenizer = AutoTokenizer.from_pretrained(f"{at}/out")
        ids = tokenizer(texts, split_special_tokens=True)["input_ids"]
        check_texts(tokenizer, texts, 64)
        found[name] = [ids, len(tokenizer)]
    return found


@pytest.mark.parametrize("names", [QUICK, pytest.param(sorted(EXPORTS.keys() - QUICK), marks=pytest.mark.slow)])
def test_an_export_has_the_tokens_of_fairseq_with_every_setting_of_sentencepiece(tmp_path, names):
    """sentencepiece and fairseq themselves say what the numbers are."""
    jobs = {}
    for number, name in enumerate(names):
        content = trained(LEARNED, **EXPORTS[name])
        extra = [["madeupword0000"], [], ["☂", "☂☂", "𓀀", "zz☂"] if "own" not in name else []][number % 3]
        words = dictionary(content, extra, OVERWRITTEN if number % 2 else [])
        at = lay_out(tmp_path / str(number), {"sentencepiece.bpe.model": content, "dict.txt": words})
        lines = lines_of_pieces(f"{at}/sentencepiece.bpe.model", TEXTS)
        lay_out(at, {"out/config.json": '{"model_type": "roberta"}', "lines.json": json.dumps(lines)})
        jobs[name] = str(at)
    right = in_environment("fairseq", fairseq_numbers, jobs)
    found = in_environment("transformers", exported_numbers, jobs, TEXTS)
    for name, at in jobs.items():
        ids, tokens = found[name]
        wrong = [text for text, one, other in zip(TEXTS, ids, right[name], strict=True) if one != other]
        assert not wrong, (name, wrong)
        assert tokens == len((tmp_path / at / "dict.txt").read_text().splitlines()) + 5


def refusals(jobs):
    """Return {name: sentence of the UserError of `export`, or ""} for {name: folder}."""
    import types

    from semis.harness.errors import UserError

    import export

    found = {}
    for name, at in jobs.items():
        files = types.SimpleNamespace(sentencepiece=f"{at}/sentencepiece.bpe.model", dictionary=f"{at}/dict.txt")
        try:
            export.write_tokenizer(files, f"{at}/out", 64)
            found[name] = ""
        except UserError as error:
            found[name] = str(error)
    return found


def test_an_export_that_cannot_have_the_tokens_of_fairseq_is_refused(tmp_path):
    spaced = [line.replace(" !", "\u00a0!") for line in DEMO if " !" in line] * 20
    no_break = trained(spaced, normalization_rule_name="identity", vocab_size=300)
    plain, other = trained(DEMO[:400]), trained(DEMO[400:800])
    whole = trained(DEMO[:400], user_defined_symbols=["<sep>"])
    folders = {
        "a piece with a blank": (no_break, dictionary(no_break)),
        "another model": (plain, dictionary(other)),
        "a word of a symbol": (whole, dictionary(whole, ["<"])),
        "nothing": (plain, dictionary(plain, ["madeupword0000"])),
    }
    jobs = {}
    for name, (content, words) in folders.items():
        files = {"sentencepiece.bpe.model": content, "dict.txt": words, "out/config.json": '{"model_type": "roberta"}'}
        jobs[name] = str(lay_out(tmp_path / name, files))
    found = in_environment("transformers", refusals, jobs)
    assert found.pop("nothing") == ""
    for name, part in {
        "a piece with a blank": "pieces with a blank in them",
        "another model": "/dict.txt lacks",
        "a word of a symbol": "becomes",
    }.items():
        assert part in found[name] and "train this model with library: fairseq." in found[name], found


SPECIAL = {"control_symbols": ["[CLS]", "[SEP]", "[MASK]"]}
SPM_DEBERTA = {
    **{f"{name}_id": number for number, name in enumerate(["pad", "bos", "eos", "unk"])},
    **{"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"},
    "control_symbols": ["[MASK]"],
}
T5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
LLAMA = {
    "model_type": "bpe",
    "byte_fallback": True,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
}
XLNET = {"control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]}
# {name: (model type, file, class of the tokenizer, settings of sentencepiece, settings of the folder)}
FOLDERS = {
    "DeBERTa-v2": ("deberta-v2", "spm.model", "DebertaV2Tokenizer", SPM_DEBERTA, {}),
    "BARThez": ("mbart", "sentencepiece.bpe.model", "BarthezTokenizer", {"control_symbols": ["<pad>", "<mask>"]}, {}),
    "mBART": ("mbart", "sentencepiece.bpe.model", "MBartTokenizer", {}, {}),
    "XLM-R": ("xlm-roberta", "sentencepiece.bpe.model", "XLMRobertaTokenizer", {}, {}),
    "CamemBERT": ("camembert", "sentencepiece.bpe.model", "CamembertTokenizer", {}, {}),
    "BigBird": ("big_bird", "spiece.model", "BigBirdTokenizer", {"pad_id": 3, **SPECIAL}, {}),
    "T5 with bytes": ("t5", "spiece.model", "T5Tokenizer", {**T5, "byte_fallback": True}, {}),
    "XLNet with accents": ("xlnet", "spiece.model", "XLNetTokenizer", XLNET, {"keep_accents": True}),
    "XLNet with own symbols": (
        "xlnet",
        "spiece.model",
        "XLNetTokenizer",
        {**XLNET, "user_defined_symbols": list('()"-.–£€')},
        {"keep_accents": True},
    ),
    "Mistral": ("mistral", "tokenizer.model", "LlamaTokenizer", LLAMA, {}),
    "Llama": ("llama", "tokenizer.model", "LlamaTokenizer", LLAMA, {}),
    "Reformer": ("reformer", "spiece.model", "ReformerTokenizer", {"model_type": "bpe"}, {}),
}
READ = [*HARD[:4], HARD[7], *DEMO[:20]]  # no text that sentencepiece's users read in several ways


def loaded_pieces(folders, texts):
    """Return {name: [pieces of each text, the same after saving, number of unknown tokens, tokens of "été"]}."""
    import shutil

    from semis.huggingface.tokenizer import check_texts, keep_definition, load_tokenizer, pieces

    found = {}
    for name, at in folders.items():
        tokenizer = load_tokenizer(at)
        read = pieces(tokenizer, texts)
        check_texts(tokenizer, texts, 512)
        tokenizer.save_pretrained(f"{at}-saved")
        keep_definition(tokenizer, f"{at}-saved")
        shutil.copy(f"{at}/config.json", f"{at}-saved")
        again = load_tokenizer(f"{at}-saved")
        unknown = sum(piece == tokenizer.unk_token for text in read for piece in text)
        around = tokenizer.convert_ids_to_tokens(tokenizer("été")["input_ids"])
        found[name] = [read, pieces(again, texts), unknown, around]
    return found


def test_a_folder_with_a_sentencepiece_model_reads_texts_as_it_does(tmp_path):
    folders, models = {}, {}
    for name, (kind, file, class_name, settings, config) in FOLDERS.items():
        models[name] = trained(LEARNED, **settings)
        folders[name] = folder(tmp_path / name, file, models[name], kind, tokenizer_class=class_name, **config)
    found = in_environment("transformers", loaded_pieces, folders, READ)
    for name, content in models.items():
        processor = sentencepiece.SentencePieceProcessor(model_proto=content)
        known = {processor.id_to_piece(number) for number in range(len(processor))}
        right = [processor.encode(text, out_type=str) for text in READ]
        read, again, unknown, _ = found[name]
        for text, pieces, wanted in zip(READ, read, right, strict=True):
            own = [piece if piece in known else None for piece in wanted]
            assert [piece if piece in known - {"<unk>", "[UNK]"} else None for piece in pieces] == own, (name, text)
        assert again == read
        assert unknown == sum(piece not in known for pieces in right for piece in pieces)
    assert found["DeBERTa-v2"][3][0 :: len(found["DeBERTa-v2"][3]) - 1] == ["[CLS]", "[SEP]"]
    assert found["XLM-R"][3][0] == "<s>" and found["XLM-R"][3][-1] == "</s>"


def prepared_pieces(folders, texts):
    """Return {name: pieces of each text} by the loaded tokenizers."""
    from semis.huggingface.tokenizer import load_tokenizer, pieces

    return {name: pieces(load_tokenizer(at), texts) for name, at in folders.items()}


def test_a_folder_is_read_as_its_own_settings_ask(tmp_path):
    """An ALBERT is lower-cased without accents, if its folder does not say otherwise; an FNet is not."""
    texts = ["Été, ÇA et là", "Le Garçon naïf"]
    plain = [unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode() for text in texts]
    spm = {"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1, **SPECIAL}
    fnet = {"pad_id": 3, **SPECIAL}
    jobs = {
        "albert": ("albert", "AlbertTokenizer", spm, {}, plain),
        "albert with accents": (
            "albert",
            "AlbertTokenizer",
            spm,
            {"keep_accents": True, "do_lower_case": False},
            texts,
        ),
        "fnet": ("fnet", "FNetTokenizer", fnet, {}, texts),
        "xlnet": ("xlnet", "XLNetTokenizer", XLNET, {"do_lower_case": True}, plain),
    }
    folders, right = {}, {}
    for name, (kind, class_name, settings, config, wanted) in jobs.items():
        content = trained([*DEMO[:300], *(line.lower() for line in DEMO[:300])], **settings)
        folders[name] = folder(tmp_path / name, "spiece.model", content, kind, tokenizer_class=class_name, **config)
        processor = sentencepiece.SentencePieceProcessor(model_proto=content)
        encoded = [processor.encode(text) for text in wanted]
        right[name] = [[processor.id_to_piece(number) for number in ids] for ids in encoded]
    assert in_environment("transformers", prepared_pieces, folders, texts) == right


def own_file(at, texts):
    """Return [pieces by the folder's tokenizer.json, by the loaded tokenizer] of a folder without spm.model."""
    from pathlib import Path

    from semis.huggingface.tokenizer import load_tokenizer, pieces

    from tokenizers import Tokenizer

    load_tokenizer(at).save_pretrained(at)
    Path(at, "spm.model").unlink()
    Path(at, "tokenizer_config.json").write_text('{"tokenizer_class": "DebertaV2Tokenizer"}')
    file = Tokenizer.from_file(f"{at}/tokenizer.json")
    said = [file.encode(text, add_special_tokens=False).ids for text in texts]
    return [[[file.id_to_token(number) for number in ids] for ids in said], pieces(load_tokenizer(at), texts)]


def test_a_folder_with_tokenizer_json_alone_is_read_as_that_file_says(tmp_path):
    at = folder(tmp_path, "spm.model", trained(DEMO[:400], **SPM_DEBERTA), "deberta-v2")
    texts = ["Bonjour\u00a0! Non…", "la ﬁn"]  # whose signs are all known
    said, read = in_environment("transformers", own_file, at, texts)
    assert read == said and "[UNK]" not in read[0] + read[1]
    assert "".join(read[0]) == "▁Bonjour▁!▁Non..." and "".join(read[1]) == "▁la▁fin"


def sentences(folders, texts):
    """Return {name: sentence of the UserError of loading and of checking texts, or ""}."""
    from semis.harness.errors import UserError
    from semis.huggingface.tokenizer import check_texts, load_tokenizer

    found = {}
    for name, at in folders.items():
        try:
            check_texts(load_tokenizer(at), texts, 64)
            found[name] = ""
        except UserError as error:
            found[name] = str(error)
    return found


def test_a_folder_whose_texts_cannot_be_read_right_is_refused(tmp_path):
    plain, deberta = trained(DEMO[:400]), trained(DEMO[:400], **SPM_DEBERTA)
    class_name = {"tokenizer_class": "DebertaV2Tokenizer"}
    folders = {
        "unread": folder(tmp_path / "a", "sentencepiece.bpe.model", plain, "xglm", tokenizer_class="XGLMTokenizer"),
        "damaged": folder(tmp_path / "b", "spm.model", deberta[: len(deberta) // 2], "deberta-v2", **class_name),
        "punctuation": folder(tmp_path / "c", "spm.model", deberta, "deberta-v2", split_by_punct=True, **class_name),
        "right": folder(tmp_path / "d", "spm.model", deberta, "deberta-v2", **class_name),
    }
    odd = "Vi\u00ea\u0323t"  # a letter whose marks stand in another order than in Unicode's forms
    found = in_environment("transformers", sentences, folders, ["oui", odd])
    assert found["unread"].startswith(f"{folders['unread']}/sentencepiece.bpe.model: transformers cannot cut texts")
    assert found["damaged"].startswith(f"{folders['damaged']}/spm.model is not a complete sentencepiece model")
    assert "split_by_punct in tokenizer_config.json; give the folder the tokenizer.json" in found["punctuation"]
    assert "cut 1 of 2 texts differently" in found["right"] and "(NFC)" in found["right"]
    assert in_environment("transformers", sentences, {"right": folders["right"]}, ["oui", "Việt"]) == {"right": ""}


def left_alone(at, lines):
    """Return [class of the loaded tokenizer, its tokens of a word] of a folder that says more than tokenizer.json."""
    from pathlib import Path

    from semis.huggingface.tokenizer import load_tokenizer

    from tokenizers import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(lines, vocab_size=400, special_tokens=["<|endoftext|>"])
    made.save(f"{at}/tokenizer.json")
    Path(at, "config.json").write_text('{"model_type": "gpt2"}')
    Path(at, "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": true}')
    tokenizer = load_tokenizer(at)
    return [type(tokenizer).__name__, tokenizer.tokenize("de")]


def test_a_setting_beside_tokenizer_json_keeps_its_say(tmp_path):
    assert in_environment("transformers", left_alone, str(tmp_path), DEMO[:200]) == ["GPT2Tokenizer", ["Ġde"]]

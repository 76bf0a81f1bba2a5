"""Wrong and odd data, one row per case: read as docs/inputs.md says, or refused in a sentence with file and line."""

import itertools
import lzma

from semis.fairseq import dictionaries
from semis.harness.errors import UserError
from semis.text import lines as text
from semis.text.files import read_json_lines, read_lines

import pytest
import qlora_data
import sentencepiece
import tokenize_lines
import train_tokenizer
import write_jsonl
from conftest import ROOT, lay_out
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_texts import LITERALS
from prepare_split import write_lines
from test_prepare_split import prepared

DEMO_TEXT = str(ROOT / "demo" / "text.txt")

# {case: (file, its contents, the lines or the sentence)}
TEXTS = {
    "blank lines and blanks": ("t.txt", b"\n a \n\n\tb", ["a", "b"]),
    "CRLF and a byte-order mark": ("t.txt", b"\xef\xbb\xbfa\r\nb\r\n", ["a", "b"]),
    "other line breaks": ("t.txt", "a\rb\u2028c\x85d\x0ce\n".encode(), ["a b c d e"]),
    "tokens of the models": ("t.txt", "\n".join(LITERALS).encode(), LITERALS),
    "nothing": ("t.txt", b"", []),
    "xz": ("t.txt.xz", lzma.compress(b"a\nb\n"), ["a", "b"]),
    "a folder named like a text": ("t/a.txt/b.txt", b"a\n", ["a"]),
    "latin-1": ("t.txt", b"a\n\xe9\n", "t.txt line 2 is not UTF-8; save the file in that encoding."),
    "latin-1 in xz": (
        "t.txt.xz",
        lzma.compress(b"a\n\xe9\n"),
        "t.txt.xz line 2 is not UTF-8; save the file in that enc",
    ),
    "NUL": ("t.txt", b"a\0\n", "t.txt line 1 holds a NUL byte; save the file as text without it."),
    "no xz": ("t.txt.xz", b"a\n", "t.txt.xz is not a complete xz file; compress it with xz, or name it .txt."),
    "half of xz": (
        "t.txt.xz",
        lzma.compress(b"a\n" * 99)[:-9],
        "t.txt.xz is not a complete xz file; compress it with xz, or na",
    ),
    "a folder without text": ("t/a.md", b"a\n", "t holds no .txt or .txt.xz file; put the text there."),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts(tmp_path, case):
    file, content, expected = TEXTS[case]
    place = lay_out(tmp_path, {file: content}) / file.split("/")[0]
    if isinstance(expected, list):
        assert list(text.read_texts([place])) == expected
    else:
        with pytest.raises(UserError) as error:
            list(text.read_texts([place]))
        assert str(error.value).startswith(f"{tmp_path}/{expected}")


PAIR = '{"question": "a", "answer": "b"}'
# {case: (contents of faq.json, the sentence after its path)}
PAIRS = {
    "nothing": ("", " is not JSON in UTF-8 (Expecting value: line 1 column 1"),
    "cut": (f"[{PAIR}, ", " is not JSON in UTF-8 (Expecting value: line 1 column 36"),
    "JSON lines": (f"{PAIR}\n{PAIR}\n", " is not JSON in UTF-8 (Extra data: line 2 column 1"),
    "latin-1": (
        b'[{"question": "\xe9", "answer": "b"}]',
        " is not JSON in UTF-8 ('utf-8' codec can't decode byte 0xe9",
    ),
    "no list": (PAIR, " must be a JSON list of at least one object with question and answer; write it in that form."),
    "an empty list": (
        "[]",
        " must be a JSON list of at least one object with question and answer; write it in that form.",
    ),
    "a number": (
        "1e999",
        " must be a JSON list of at least one object with question and answer; write it in that form.",
    ),
    "a huge number": ("[" + "9" * 5000 + "]", " is not JSON in UTF-8 (Exceeds the limit (4300 digits)"),
    "deep": ("[" * 100_000, " is not JSON in UTF-8 (maximum recursion depth exceeded"),
    "a list of texts": ('["a", "b"]', ": object 1 of 2 has no question; add it, or give a file without this object."),
    "lists in a list": ('[["a", "b"]]', ": object 1 of 1 has no question; add it, or give a file without this object."),
    "null": (f"[{PAIR}, null]", ": object 2 of 2 has no question; add it, or give a file without this object."),
    "another key": (
        '[{"Question": "a", "answer": "b"}]',
        ": object 1 of 1 has no question; add it, or give a file without this object.",
    ),
    "no answer": ('[{"question": "a"}]', ": object 1 of 1 has no answer; add it, or give a file without this object."),
    "a blank answer": (
        '[{"question": "a", "answer": " \\n"}]',
        ": object 1 of 1 has no answer; add it, or give a f",
    ),
    "a number for an answer": ('[{"question": "a", "answer": 1}]', ": object 1 of 1 has no answer; add it, or give"),
    "a key twice": (
        '[{"question": "a", "answer": "b", "answer": "c"}]',
        " is not JSON in UTF-8 (an object has the key ans",
    ),
    "NUL": ('[{"question": "a\\u0000", "answer": "b"}]', ": the question of object 1 of 1 holds NUL or half a charac"),
    "half a character": (
        '[{"question": "a", "answer": "\\ud83d"}]',
        ": the answer of object 1 of 1 holds NUL or half a ch",
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_questions_and_answers_that_are_refused(tmp_path, case):
    content, sentence = PAIRS[case]
    file = lay_out(tmp_path, {"faq.json": content}) / "faq.json"
    with pytest.raises(UserError) as error:
        qlora_data.read_pairs(str(file))
    assert str(error.value).startswith(f"{file}{sentence}")


def test_questions_and_answers_that_are_accepted(tmp_path):
    content = f'[{PAIR[:-1]}, "more": [1e999]}}, {{"question": "\\ud83d\\ude00\\u2028", "answer": "</s>\\r\\nb"}}]'
    file = lay_out(tmp_path, {"faq.json": b"\xef\xbb\xbf" + content.encode()}) / "faq.json"
    expected = [{"question": "a", "answer": "b"}, {"question": "\U0001f600", "answer": "</s>\r\nb"}]
    assert qlora_data.read_pairs(str(file)) == expected


# {case: (dict.txt, its words or the sentence after its path)}
DICTIONARIES = {
    "plain": ("▁le 5\na 3\n".encode(), ["▁le", "a"]),
    "no LF at the end, CRLF": (b"a 1\r\nb 2", ["a", "b"]),
    "a word of a blank": (b"a b 1\n", ["a b"]),
    "a word that may be repeated": (b"a 1\n<unk> 1 #fairseq:overwrite\n", ["a", "<unk>"]),
    "a word twice": (b"a 1\nb 1\na 2\n", " line 3 repeats the word a; replace the file with the model's own dict.txt."),
    "a token of fairseq": (
        b"<pad> 1\n",
        " line 1 repeats the word <pad>; replace the file with the model's own dict.txt.",
    ),
    "no count": (
        b"a 1\nb\n",
        " line 2 is not a word and its count in UTF-8; replace the file with the model's own dict.txt.",
    ),
    "a count that is none": (
        b"a 1.5\n",
        " line 1 is not a word and its count in UTF-8; replace the file with the model's own",
    ),
    "a blank line": (
        b"a 1\n\nb 1\n",
        " line 2 is not a word and its count in UTF-8; replace the file with the model's own dict.txt.",
    ),
    "latin-1": (
        b"\xe9 1\n",
        " line 1 is not a word and its count in UTF-8; replace the file with the model's own dict.txt.",
    ),
    "a tokenizer.json": (
        b'{"model": {}}\n',
        " line 1 is not a word and its count in UTF-8; replace the file with the model's own",
    ),
}


@pytest.mark.parametrize("case", DICTIONARIES)
def test_dictionaries(tmp_path, case):
    content, expected = DICTIONARIES[case]
    file = lay_out(tmp_path, {"dict.txt": content}) / "dict.txt"
    if isinstance(expected, list):
        assert dictionaries.read_dictionary(file) == expected
    else:
        with pytest.raises(UserError) as error:
            dictionaries.read_dictionary(file)
        assert str(error.value).startswith(f"{file}{expected}")


@pytest.fixture(scope="module")
def model():
    """A sentencepiece model as bytes and its pieces, trained on the demo's text."""
    return train_tokenizer.train_tokenizer([DEMO_TEXT], 500)


@pytest.mark.parametrize("cut", [lambda m: m[: len(m) // 2], lambda m: m[:-1], lambda m: b"", lambda m: b"<html>"])
def test_an_incomplete_sentencepiece_model_is_refused(tmp_path, model, cut):
    file = lay_out(tmp_path, {"sentencepiece.bpe.model": cut(model[0])}) / "sentencepiece.bpe.model"
    with pytest.raises(
        UserError,
        match=f"^{file} is not a complete sentencepiece model \\(.+\\); replace it with the model's own file.$",
    ):
        tokenize_lines.load(str(file))


def test_a_word_like_a_token_of_fairseq_is_text(tmp_path):
    """A model without Latin letters makes one unknown piece of <pad>, and fairseq would take that for padding."""
    greek = "".join(f"{a}{b} {c}{a} {b}{c}\n" for a, b, c in itertools.product("αβγδε", repeat=3))
    file = lay_out(tmp_path, {"greek.txt": greek}) / "greek.txt"
    content, _ = train_tokenizer.train_tokenizer([str(file)], 30)
    processor = sentencepiece.SentencePieceProcessor(model_proto=content)
    assert "<pad>" in processor.encode("αβ <pad>", out_type=str)
    assert list(tokenize_lines.tokenize_lines(["αβ <pad> </s>\n"], processor)) == ["▁αβ ▁ <unk> ▁ <unk>"]


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=30), min_size=1, max_size=20))
def test_lines_stay_the_same_through_every_reader_and_writer(tmp_path_factory, model, lines):
    """Reviews keep their number, order and text."""
    folder = tmp_path_factory.mktemp("lines")
    labels = ["0", "1", *("1" for _ in lines)]
    lines = ["x", "y", *lines]
    lay_out(folder / "in", {"train.review": "\n".join(lines) + "\n", "train.label": "\n".join(labels) + "\n"})
    expected = [text.LINE_BREAKS.sub(" ", line).strip() for line in lines]
    taken, given_labels = prepared(folder / "in")
    assert (taken, given_labels) == (expected, labels)
    write_lines(folder / "b", taken)
    lay_out(folder / "again", {"train.review": (folder / "b").read_bytes(), "train.label": "\n".join(labels)})
    assert prepared(folder / "again") == (expected, labels)
    assert read_lines(folder / "b") == expected
    assert list(text.read_texts([folder / "b"])) == [line for line in expected if line]
    write_lines(folder / "c", write_jsonl.json_lines(taken, given_labels, ["1", "0"]))
    rows = [{"sentence1": line, "label": 1 - int(label)} for line, label in zip(expected, labels)]
    assert read_json_lines(folder / "c") == rows
    processor = sentencepiece.SentencePieceProcessor(model_proto=model[0])
    pieces = list(tokenize_lines.tokenize_lines(taken, processor))
    write_lines(folder / "d", pieces)
    with open(folder / "d", encoding="utf-8") as stream:  # as fairseq opens it
        assert [line.rstrip("\n") for line in stream] == pieces and len(pieces) == len(lines)

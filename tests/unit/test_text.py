"""Reading plain text, dividing it for pretraining, and packing what fairseq made of it."""

import lzma
import os
import shutil

from semis.harness.errors import UserError
from semis.text.lines import read_texts

import pack_split
import pytest
import split_text
import train_tokenizer


def test_lines_of_files_and_folders_come_in_order(tmp_path):
    (tmp_path / "z.txt").write_text("un\n\n  deux \n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.txt.xz").write_bytes(lzma.compress(b"quatre\n"))
    (tmp_path / "in" / "a.txt").write_text("trois\u2028encore\n")
    (tmp_path / "in" / "README.md").write_text("not this\n")
    assert list(read_texts([tmp_path / "z.txt", tmp_path / "in"])) == ["un", "deux", "trois encore", "quatre"]


def test_the_held_out_lines_are_spread_and_no_line_is_lost():
    lines = [str(number) for number in range(100)]
    train, valid = split_text.held_out(lines, 10)
    assert len(valid) == 10 and sorted(train + valid, key=int) == lines
    assert [int(b) - int(a) for a, b in zip(valid, valid[1:])] == [10] * 9
    with pytest.raises(UserError, match="valid_lines asks for 60"):
        split_text.held_out(lines, 60)


def test_a_tokenizer_fills_the_embedding_to_the_row(tmp_path):
    """4 special tokens of fairseq, the dictionary, and <mask> are the rows that were asked for."""
    text = tmp_path / "t.txt"
    text.write_text("".join(f"le livre numéro {n} parle de {n * n} chevaux et de roses\n" for n in range(300)))
    model, pieces = train_tokenizer.train_tokenizer([str(text)], 80)
    assert 4 + len(pieces) + 1 == 80 and len(set(pieces)) == len(pieces)
    assert not {"<s>", "</s>", "<unk>"} & set(pieces)
    assert train_tokenizer.train_tokenizer([str(text)], 80) == (model, pieces)
    with pytest.raises(UserError, match="lower the tokenizer's vocabulary"):
        train_tokenizer.train_tokenizer([str(text)], 5000)


def test_the_same_files_are_packed_to_the_same_bytes(tmp_path):
    file, packed = tmp_path / "train.bin", [tmp_path / "a.zip", tmp_path / "b.zip"]
    file.write_bytes(bytes(range(256)))
    for i, path in enumerate(packed):
        os.utime(file, (i * 10**6, i * 10**6))
        pack_split.pack(path, {"input0/train.bin": file})
    assert packed[0].read_bytes() == packed[1].read_bytes()
    shutil.unpack_archive(packed[0], tmp_path / "data")
    assert (tmp_path / "data" / "input0" / "train.bin").read_bytes() == file.read_bytes()

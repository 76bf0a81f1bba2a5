"""Reading plain text, dividing it for pretraining, and laying out the data folder of fairseq."""

import lzma

from semis.fairseq import data
from semis.harness.errors import UserError
from semis.text.lines import read_texts

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
    """fairseq's 4 special tokens, the dictionary and <mask> make exactly the configured rows."""
    text = tmp_path / "t.txt"
    text.write_text("".join(f"le livre numéro {n} parle de {n * n} chevaux et de roses\n" for n in range(300)))
    model, pieces = train_tokenizer.train_tokenizer([str(text)], 80)
    assert 4 + len(pieces) + 1 == 80 and len(set(pieces)) == len(pieces)
    assert not {"<s>", "</s>", "<unk>"} & set(pieces)
    assert train_tokenizer.train_tokenizer([str(text)], 80) == (model, pieces)
    with pytest.raises(UserError, match="lower the tokenizer's vocabulary"):
        train_tokenizer.train_tokenizer([str(text)], 5000)


def test_a_run_s_folder_has_links_to_its_splits_and_the_labels_in_their_order(tmp_path):
    """Laying it out again for other files removes the old ones."""
    names = [f"{part}.{kind}" for part in ("input0", "label") for kind in ("bin", "idx")]
    for split in ("train", "valid"):
        for name in names:
            (tmp_path / f"{split}.{name}").write_text(f"{split} {name}")
    (tmp_path / "dict.txt").write_text("mot 1\n")
    (tmp_path / "run" / "input0").mkdir(parents=True)
    (tmp_path / "run" / "input0" / "test.bin").symlink_to(tmp_path / "dict.txt")
    splits = {split: [str(tmp_path / f"{split}.{name}") for name in names] for split in ("train", "valid")}
    data.lay_out(tmp_path / "run", splits, str(tmp_path / "dict.txt"), ["bon", "mauvais"])
    found = {file.relative_to(tmp_path / "run").as_posix(): file.read_text() for file in tmp_path.glob("run/*/*")}
    assert found == {f"{n.split('.')[0]}/{s}.{n.split('.')[1]}": f"{s} {n}" for s in splits for n in names} | {
        "input0/dict.txt": "mot 1\n",
        "label/dict.txt": "bon 1\nmauvais 1\n",
    }

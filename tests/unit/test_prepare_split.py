"""Splits of reviews and labels from all sources: read as docs/inputs.md says, or refused in one sentence."""

import lzma
from pathlib import Path

from semis.harness.errors import UserError
from semis.text import formats
from semis.text.formats import SPLITS, format_of

import prepare_split
import pytest
from conftest import lay_out
from odd_texts import LITERALS, LONG
from packing import tarred, zipped

KINDS = ["review", "label"]

# {case: (reviews, labels, the reviews as Semis reads them)}
TAKEN = {
    "plain": (b"a\nb\n", b"1\n0\n", ["a", "b"]),
    "no LF at the end": (b"a\nb", b"1\n0", ["a", "b"]),
    "CRLF": (b"a\r\nb\r\n", b"1\r\n0\r\n", ["a", "b"]),
    "byte-order marks": (b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbf1\n0\n", ["a", "b"]),
    "CR in a review": (b"a\rb\nc\n", b"1\n0\n", ["a b", "c"]),
    "VT, FF and the separators of ASCII": (b"a\x0bb\x0cc\x1cd\x1de\x1ef\ng\n", b"1\n0\n", ["a b c d e f", "g"]),
    "NEL, LS and PS": ("a\x85b\u2028c\u2029d\ne\n".encode(), b"1\n0\n", ["a b c d", "e"]),
    "blanks": (b" a  b\t\n\tc d \n", b" 1\n0\t\n", ["a  b", "c d"]),
    "other blanks": ("\u00a0a\u00a0b\u3000\nc\n".encode(), b"1\n0\n", ["a\u00a0b", "c"]),
    "a review of blanks": (b"a\n \t \n", b"1\n0\n", ["a", ""]),
    "an empty review": (b"a\n\nb\n", b"1\n0\n0\n", ["a", "", "b"]),
    "an empty review at the end": (b"a\nb\n\n", b"1\n0\n0\n", ["a", "b", ""]),
    "all reviews empty": (b"\n\n", b"1\n0\n", ["", ""]),
    "tokens of the models": ("\n".join(LITERALS).encode(), b"1\n0\n" + b"0\n" * 7, LITERALS),
    "a review of 5 MB": (f"{LONG}\nb\n".encode(), b"1\n0\n", [LONG.strip(), "b"]),
    "one word of 1 MB": (b"a" * 10**6 + b"\nb\n", b"1\n0\n", ["a" * 10**6, "b"]),
    "other scripts": ("日本 ☂\n\U0001f600 e\u0301\u200d\n".encode(), b"1\n0\n", ["日本 ☂", "\U0001f600 e\u0301\u200d"]),
    "the same review twice": (b"a\na\n", b"1\n0\n", ["a", "a"]),
}
# {case: (reviews, labels, the sentence; {} is the folder of the files)}
REFUSED = {
    "a label too few": (
        b"a\nb\n",
        b"1\n",
        "train.review has 2 reviews and {}train.label has 1 labels; each review needs its ",
    ),
    "a review too few": (
        b"a\n",
        b"1\n0\n",
        "train.review has 1 reviews and {}train.label has 2 labels; each review needs",
    ),
    "a blank line behind the reviews": (
        b"a\nb\n\n",
        b"1\n0\n",
        "train.review has 3 reviews and {}train.label has 2 labels; ",
    ),
    "a blank line behind both": (
        b"a\nb\n\n",
        b"1\n0\n\n",
        "train.label line 3 is empty; the config's labels are 0, 1: corr",
    ),
    "an undeclared label": (
        b"a\nb\n",
        b"1\n2\n",
        "train.label line 2 holds the label '2'; the config's labels are 0, 1: ",
    ),
    "a label with a blank": (
        b"a\nb\n",
        b"1\n0 0\n",
        "train.label line 2 holds the label '0 0'; the config's labels are 0",
    ),
    "labels divided by CR": (
        b"a\n",
        b"1\r0\n",
        "train.label line 1 holds the label '1 0'; the config's labels are 0, 1",
    ),
    "files changed about": (
        b"1\n0\n",
        b"a\nb\n",
        "train.label line 1 holds the label 'a'; the config's labels are 0, 1",
    ),
    "one class": (
        b"a\nb\n",
        b"1\n1\n",
        "train.label has no line with the label 0, so no model can learn it; add reviews o",
    ),
    "latin-1": (b"a\n\xe9t\xe9\n", b"1\n0\n", "train.review line 2 is not UTF-8; save the file in that encoding."),
    "latin-1 label": (b"a\nb\n", b"1\n\xe9\n", "train.label line 2 is not UTF-8; save the file in that encoding."),
    "UTF-16": (
        "a\nb\n".encode("utf-16"),
        b"1\n0\n",
        "train.review line 1 is not UTF-8; save the file in that encoding.",
    ),
    "a cut character": (b"a\nb\xc3\n", b"1\n0\n", "train.review line 2 is not UTF-8; save the file in that encoding."),
    "half a surrogate": (
        b"a\n\xed\xa0\x80\n",
        b"1\n0\n",
        "train.review line 2 is not UTF-8; save the file in that encoding.",
    ),
    "compressed": (
        lzma.compress(b"a\nb\n"),
        b"1\n0\n",
        "train.review line 1 is not UTF-8; save the file in that encoding.",
    ),
    "NUL": (b"a\nb\0\n", b"1\n0\n", "train.review line 2 holds a NUL byte; save the file as text without it."),
    "nothing": (b"", b"", "train.review holds no review; put at least one there."),
    "only a blank line": (b"\n", b"\n", "train.review holds no review; put at least one there."),
    "no labels": (
        b"a\nb\n",
        b"",
        "train.review has 2 reviews and {}train.label has 0 labels; each review needs its label on",
    ),
}


def lines_of(file):
    return Path(file).read_bytes().decode().split("\n")[:-1]


def prepared(source, split="train", labels=("0", "1")):
    """Return (reviews, labels) that `prepare_split` reads from the folder or archive `source`, or its sentence.

    For a folder, the rule passes the existing files of the split.
    """
    files = [Path(source, f"{split}.{kind}") for kind in KINDS]
    sources = files if all(file.exists() for file in files) else [source]
    outputs = [Path(source).parent / f"out.{kind}" for kind in KINDS]
    try:
        prepare_split.main(sources, outputs, {"labels": list(labels), "format": "lines"}, split)
    except UserError as error:
        assert not any(file.exists() for file in outputs)
        return str(error)
    return tuple(map(lines_of, outputs))


def packed(path, body):
    """Write an archive with this body to `path`; return the path."""
    path.write_bytes(body)
    return path


@pytest.mark.parametrize("case", TAKEN)
def test_reviews_that_are_taken(tmp_path, case):
    review, label, expected = TAKEN[case]
    folder = lay_out(tmp_path / "in", {"train.review": review, "train.label": label})
    reviews, labels = prepared(folder)
    assert reviews == expected
    assert len(labels) == len(expected) and set(labels) == {"0", "1"}
    again = lay_out(tmp_path / "again", {f"train.{kind}": (tmp_path / f"out.{kind}").read_bytes() for kind in KINDS})
    assert prepared(again) == (reviews, labels)


@pytest.mark.parametrize("case", REFUSED)
def test_reviews_that_are_refused(tmp_path, case):
    review, label, sentence = REFUSED[case]
    folder = lay_out(tmp_path / "in", {"train.review": review, "train.label": label})
    assert prepared(folder).startswith(f"{folder}/{sentence.format(f'{folder}/')}")


@pytest.mark.parametrize("case", REFUSED)
def test_an_archive_with_them_gets_the_same_sentence(tmp_path, case):
    review, label, sentence = REFUSED[case]
    archive = packed(tmp_path / "books.zip", zipped({"deep/train.review": review, "deep/down/train.label": label}))
    sentence = sentence.removeprefix("train.").format(f"{archive}/deep/down/")
    assert prepared(archive).startswith(
        (f"{archive}/deep/train.{sentence}", f"{archive}/deep/down/train.{sentence}"),
    )


def test_valid_and_test_may_lack_a_class(tmp_path):
    folder = lay_out(tmp_path / "in", {"test.review": "a\n", "test.label": "1\n"})
    assert prepared(folder, "test") == (["a"], ["1"])


@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar.gz"])
def test_a_split_is_read_from_any_depth_of_an_archive_or_its_folder(tmp_path, pack):
    """Files of other splits are not read at all."""
    files = {
        "x/train.review": "a\nb\n",
        "y/z/train.label": "1\n0\n",
        "test.review": b"\xff",
        "__MACOSX/train.label": "m",
    }
    archive = packed(tmp_path / "books", pack(files))
    assert prepared(archive) == (["a", "b"], ["1", "0"])
    del files["__MACOSX/train.label"]
    assert prepared(lay_out(tmp_path / "hub", files)) == (["a", "b"], ["1", "0"])


@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar.gz"])
def test_an_archive_holds_exactly_one_file_of_each_name(tmp_path, pack):
    files = {"train.review": "a\n", "x/train.label": "1\n"}
    archive = packed(tmp_path / "books", pack(files))
    assert prepared(archive, "test") == (
        f"{archive} holds no test.review (it holds train.label, train.review); exactly one is needed."
    )
    archive = packed(tmp_path / "books", pack(files | {"y/train.label": "1\n"}))
    assert prepared(archive) == (
        f"{archive} holds 2 files named train.label (it holds train.label, train.review); exactly one is needed."
    )


def test_a_source_that_is_not_an_archive_gives_one_sentence(tmp_path):
    page = packed(tmp_path / "books.zip", b"<html>Please log in</html>")
    assert prepared(page).startswith(f"{page} is neither a folder nor a zip or tar archive; ")
    cut = packed(tmp_path / "books.tgz", tarred({"train.review": "a\n" * 9999, "train.label": "1\n" * 9999})[:-30])
    assert prepared(cut).startswith(f"{cut} is a damaged archive (")


def test_the_formats_have_distinct_names_and_list_their_files():
    assert [formats.load(name).name for name in formats.names()] == formats.names() == ["lines"]
    assert SPLITS == ("train", "valid", "test")
    assert [formats.load("lines").files(split) for split in SPLITS] == [[f"{s}.review", f"{s}.label"] for s in SPLITS]


@pytest.mark.parametrize("source", [{"path": "books"}, {"url": "https://example.org/books.zip"}, {"hub": "lab/books"}])
def test_the_format_of_a_source(source):
    assert format_of(source).name == "lines"


def test_a_format_without_file_names_reads_the_source_itself(tmp_path, monkeypatch):
    """Such a file contains all splits and may have any name."""
    file = packed(tmp_path / "books.txt", b"a\nb\n")

    class Whole:
        def files(self, split):
            return []

        def read(self, files, split, labels):
            with files[0].open() as stream:
                return [files[0].shown, *stream.read().decode().split()], [split, *labels]

    monkeypatch.setattr(formats, "load", lambda name: Whole())
    assert prepared(file, "valid") == ([str(file), "a", "b"], ["valid", "0", "1"])


COMPOSED, DECOMPOSED = "\u00e9t\u00e9", "e\u0301te\u0301"


@pytest.mark.parametrize("written", [[COMPOSED, DECOMPOSED], [DECOMPOSED, COMPOSED]], ids=["composed", "decomposed"])
def test_labels_are_equal_in_each_unicode_form_and_come_out_as_the_config_writes_them(tmp_path, written):
    """The config has one form; the file mixes both. Reviews keep their own form."""
    lines = "\n".join([*written, "nul", "\uac00", "\u1100\u1161"]) + "\n"
    reviews = f"{COMPOSED}\n{DECOMPOSED}\nc\nd\ne\n"
    folder = lay_out(tmp_path / "in", {"train.review": reviews, "train.label": lines})
    found = prepared(folder, labels=(written[0], "nul", "\u1100\u1161"))
    assert found == ([COMPOSED, DECOMPOSED, "c", "d", "e"], [written[0]] * 2 + ["nul"] + ["\u1100\u1161"] * 2)


def test_labels_that_look_alike_and_are_others_stay_others(tmp_path):
    """NFC does not unite a ligature with its letters, or full width with half width."""
    folder = lay_out(tmp_path / "in", {"train.review": "a\nb\n", "train.label": "\ufb01n\nfin\n"})
    assert "train.label line 1 holds the label '\ufb01n'" in prepared(folder, labels=("fin", "\uff11"))


def test_a_label_that_a_file_has_in_no_form_is_named(tmp_path):
    folder = lay_out(tmp_path / "in", {"train.review": "a\n", "train.label": f"{DECOMPOSED}\n"})
    assert "has no line with the label nul" in prepared(folder, labels=(COMPOSED, "nul"))

"""Archives from strangers: only the wanted files come out, or one sentence says what is wrong."""

import lzma
import re
import shutil
import stat
import tarfile
import warnings
import zipfile

from semis.harness.errors import UserError
from semis.text import archives
from semis.text.lines import read_texts

import pytest
import unpack
import unpack_folder
from conftest import lay_out
from packing import overlapping, special, tampered, tarred, zipped

PACKERS = {"zip": zipped, "tar": lambda files: tarred(files, ""), "tar.gz": tarred, "tar.xz": lambda f: tarred(f, "xz")}
NONE = "holds no a.txt (it holds b); exactly one is needed."


@pytest.fixture(params=PACKERS)
def pack(request):
    """A function that packs {path: text}, or pairs of them, in one of the supported formats."""
    return PACKERS[request.param]


@pytest.fixture
def unpacked(tmp_path):
    """A function that unpacks a.txt from an archive's bytes; it returns the content, or the sentence of the refusal.

    It checks that nothing else is written.
    """
    source, target = tmp_path / "deep" / "down" / "archive", tmp_path / "deep" / "down" / "out" / "a.txt"
    target.parent.mkdir(parents=True)

    def take(body):
        source.write_bytes(body)
        try:
            unpack.unpack(source, {"a.txt": target})
            found = target.read_text()
        except UserError as error:
            found = str(error).removeprefix(f"{source} ")
            assert found.isprintable()
        files = {path for path in tmp_path.rglob("*") if not path.is_dir()}
        assert files <= {source, target} and not target.is_symlink()
        target.unlink(missing_ok=True)
        return found

    return take


@pytest.mark.parametrize("path", ["a.txt", "x/a.txt", "/x/a.txt", "./a.txt", "x//y/z/a.txt", "__MACOS/a.txt"])
def test_a_file_comes_out_at_any_depth(pack, unpacked, path):
    assert unpacked(pack({path: "A", "b": "B", "__MACOSX/a.txt": "mac"})) == "A"


@pytest.mark.parametrize("path", ["../a.txt", "../../../a.txt", "x/../../a.txt", "/../a.txt", "a.txt/.."])
def test_a_path_that_leads_out_is_ignored(pack, unpacked, path):
    assert unpacked(pack({path: "evil", "b": "B"})) == NONE
    assert unpacked(pack({path: "evil", "x/a.txt": "A"})) == "A"


@pytest.mark.parametrize("path", ["A.txt", "a.TXT", "a.txt"])
def test_paths_that_a_disk_cannot_tell_apart_are_refused(pack, unpacked, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns when it writes a name twice
        body = pack([("x/a.txt", "A"), (f"x/{path}", "another")])
    assert unpacked(body) == f"holds both x/a.txt and x/{path}, which many disks cannot tell apart; leave one."


def test_a_repeated_and_a_missing_name_are_refused(pack, unpacked):
    assert (
        unpacked(pack({"x/a.txt": "A", "y/a.txt": "A"}))
        == "holds 2 files named a.txt (it holds a.txt); exactly one is needed."
    )
    assert (
        unpacked(pack({"a.txt ": "A", "A.TXT": "A"}))
        == "holds no a.txt (it holds A.TXT, a.txt ); exactly one is needed."
    )
    assert unpacked(pack({})) == "holds no a.txt (it holds nothing); exactly one is needed."


def test_control_characters_in_a_name_are_escaped(pack, unpacked):
    found = unpacked(pack({"\x1b[2Jb\nSemis: done": "A"}))
    assert found == r"holds no a.txt (it holds \x1b[2Jb\nSemis: done); exactly one is needed."


def test_an_archive_in_an_archive_is_not_opened(pack, unpacked):
    inner = pack({"a.txt": "A"})
    assert unpacked(pack({"inner.zip": inner})) == "holds no a.txt (it holds inner.zip); exactly one is needed."


@pytest.mark.parametrize("kind", ["SYMTYPE", "LNKTYPE", "CHRTYPE", "BLKTYPE", "FIFOTYPE", "DIRTYPE"])
@pytest.mark.parametrize("target", ["b", "/etc/passwd", "../../../secret"])
def test_links_and_devices_in_a_tar_are_ignored(unpacked, kind, target):
    odd = special("a.txt", getattr(tarfile, kind), target)
    assert unpacked(tarred([("b", "B"), (odd, "")])) == NONE
    assert unpacked(tarred([(odd, ""), ("x/a.txt", "A")])) == "A"
    through = special("x", tarfile.SYMTYPE, target)  # a folder that is a link
    assert unpacked(tarred([(through, ""), ("x/a.txt", "A")])) == "A"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_ignored(unpacked, kind):
    odd = zipfile.ZipInfo("a.txt")
    odd.external_attr = (kind | 0o777) << 16
    assert unpacked(zipped([(odd, "/etc/passwd"), ("b", "B")])) == NONE


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda: zipped({"a.txt": "A", "zeros": bytes(archives.SMALL)}), id="zip"),
        pytest.param(lambda: tarred({"a.txt": "A", "zeros": bytes(archives.SMALL)}), id="tar.gz"),
        pytest.param(lambda: overlapping(200, 2**20), id="files on top of each other"),
        pytest.param(lambda: tampered({"a.txt": "A"}, file_size=2**40), id="a lie"),
    ],
)
def test_a_bomb_is_not_unpacked(unpacked, body):
    found = unpacked(body())
    assert re.match(r"would unpack to more than 104,857,600 bytes; if that is intended, unpack it yourself", found)


def test_a_large_archive_is_unpacked_up_to_a_limit(unpacked, pack, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 1000)
    body = pack({"a.txt": "".join(map(str, range(2000)))})
    assert unpacked(body).startswith("0123")
    monkeypatch.setattr(archives, "LARGEST", 5000)
    assert unpacked(body).startswith("would unpack to more than 5,000 bytes")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (tampered({"a.txt": "A"}, flag_bits=1), "is encrypted; unpack it yourself, and give its folder as path."),
        (tampered({"a.txt": "A"}, compress_type=97), "is packed in a way that Python cannot read (That comp"),
        (tampered({"a.txt": "A"}, CRC=1), "is a damaged archive (Bad CRC-32"),
        (tampered({"a.txt": "A" * 9}, file_size=1), "is a damaged archive ("),
        (
            zipped({"a.txt": "A" * 999})[:-30],
            "is neither a folder nor a zip or tar archive; give one",
        ),
        (tarred({"a.txt": "A" * 999, "b": "B" * 9999})[:-30], "is a damaged archive (Compressed file ended"),
        (tarred({"a.txt": "A" * 999}, "")[:600], "is a damaged archive (unexpected end of data)"),
        (b"", "is neither a folder nor a zip or tar archive"),
        (b"<html>Please log in</html>", "is neither a folder nor a zip or tar archive"),
        (b"Rar!\x1a\x07\x01\x00", "is neither a folder nor a zip or tar archive"),
        (b"7z\xbc\xaf\x27\x1c", "is neither a folder nor a zip or tar archive"),
    ],
    ids=["encrypted", "method", "checksum", "length", "cut zip", "cut tar.gz", "cut tar", "empty", "page", "rar", "7z"],
)
def test_an_unusable_archive_gives_one_sentence(unpacked, body, sentence):
    assert unpacked(body).startswith(sentence)


def test_a_model_folder_gets_only_plain_files_of_its_own_level(pack, tmp_path):
    evil = {"m/../../evil": "e", "m/..": "e", "../m/evil": "e", "/evil": "e", f"m/{'x' * 256}": "long", "m/sub/y": "y"}
    (tmp_path / "archive").write_bytes(pack({"m/config.json": "{}", "m/w.safetensors": "w", **evil}))
    unpack_folder.unpack_folder(tmp_path / "archive", tmp_path / "a" / "b" / "model")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"archive", "a/b/model/config.json", "a/b/model/w.safetensors"}


def test_a_packed_text_that_unpacks_to_far_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 100_000)
    for name, body in {"lines.txt.xz": b"0\n" * 60_000, "line.txt.xz": b"0" * 120_000}.items():
        (tmp_path / name).write_bytes(lzma.compress(body))
        with pytest.raises(
            UserError, match=f"{name} would unpack to far more than text does; if that is intended, unpack"
        ):
            list(read_texts([tmp_path / name]))
        (tmp_path / "plain.txt").write_bytes(body)
        assert "".join(read_texts([tmp_path / "plain.txt"])) == body.decode().replace("\n", "")


# From folders


def test_unpack_finds_files_at_any_depth(tmp_path):
    lay_out(tmp_path / "in", {"deep/down/a.txt": "a", "b.txt": "b", "c.txt": "c"})
    unpack.unpack(tmp_path / "in", {"a.txt": tmp_path / "one", "b.txt": tmp_path / "two"})
    assert ((tmp_path / "one").read_text(), (tmp_path / "two").read_text()) == ("a", "b")
    with pytest.raises(UserError, match=r"in holds no d.txt \(it holds a.txt, b.txt, c.txt\)"):
        unpack.unpack(tmp_path / "in", {"d.txt": tmp_path / "three"})
    lay_out(tmp_path / "in", {"a.txt": "another"})
    with pytest.raises(UserError, match="holds 2 files named a.txt"):
        unpack.unpack(tmp_path / "in", {"a.txt": tmp_path / "three"})


def test_unpack_folder_takes_the_files_next_to_config_json(tmp_path):
    lay_out(tmp_path / "in", {"hf/config.json": "{}", "hf/vocab.txt": "v", "hf/more/config.json": "x", "README": "r"})
    unpack_folder.unpack_folder(tmp_path / "in", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "vocab.txt"]
    lay_out(tmp_path / "two", {"a/config.json": "{}", "b/config.json": "{}"})
    with pytest.raises(UserError, match="config.json is in a, b; keep one"):
        unpack_folder.unpack_folder(tmp_path / "two", tmp_path / "none")
    shutil.rmtree(tmp_path / "in" / "hf")
    with pytest.raises(UserError, match="config.json is in no folder"):
        unpack_folder.unpack_folder(tmp_path / "in", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    (tmp_path / "page.zip").write_text("<html>")
    with pytest.raises(UserError, match="neither a folder nor a zip or tar archive"):
        with archives.members(tmp_path / "page.zip"):
            pass

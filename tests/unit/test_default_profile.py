"""The default profile gives a sentence where Snakemake would end with a traceback before it reads the Snakefile."""

import os
import sys

from semis.study import profile

import pytest
from conftest import ROOT, lay_out
from snakemake import cli

# (contents of config.yaml, arguments of `snakemake`, the sentence)
TYPED = [
    (b"study: [t\n", "", "config.yaml cannot be read as a config (while parsing a flow sequence in "),
    (
        b"study: t\nx:\n\t- 1\n",
        "",
        "config.yaml cannot be read as a config (while scanning for the next token found cha",
    ),
    (b"- study\n", "", "config.yaml cannot be read as a config (Config file must be given as JSON or YAML with keys"),
    (b"", "", "config.yaml cannot be read as a config (Config file must be given as JSON or YAML with keys"),
    (b"study: \xe9", "", "config.yaml cannot be read as a config ('utf-8' codec can't decode byte 0xe9"),
    (b"x", "--configfile no.yaml", "no.yaml cannot be read as a config ([Errno 2] No such file or directory: 'no.ya"),
    (b"study: t", "--configfile config.yaml summary", "summary cannot be read as a config ([Errno 2] No such fil"),
    (b"x", "--configfile .", ". cannot be read as a config ([Errno 21] Is a directory: '.'); correct it; targets"),
    (b"study: t", "--config seeds", "--config seeds: write key=value, with a key of the config's top level."),
    (
        b"study: t",
        "-C training.epochs=3",
        "--config training.epochs=3: write key=value, with a key of the config's top",
    ),
]


def ended(monkeypatch, folder, *arguments, snakefile=ROOT / "Snakefile"):
    """Return Snakemake's last message when it reads these arguments and the default profile in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["snakemake", "--snakefile", str(snakefile), *map(str, arguments)])
    try:
        cli.parse_args(sys.argv[1:])
    except SystemExit as stop:
        return stop.code
    return None


@pytest.mark.parametrize("text, typed, sentence", TYPED)
def test_a_traceback_becomes_a_sentence(tmp_path, monkeypatch, text, typed, sentence):
    """Snakemake itself reads the command line and loads the default profile."""
    folder = lay_out(tmp_path, {"config.yaml": text})
    assert ended(monkeypatch, folder, *typed.split()).startswith(f"Semis: {sentence}")
    assert profile.problem(typed.split()).startswith(sentence)


def test_a_readable_config_passes(tmp_path, monkeypatch):
    folder = lay_out(tmp_path, {"config.yaml": "study: t", "sub/config.yaml": "study: u", "broken": "a: ["})
    for typed in (
        "",
        "--configfile config.yaml sub/config.yaml --cores 1",
        "--config study=b seeds=[0]",
        "-n broken -c1",
    ):
        assert ended(monkeypatch, folder, *typed.split()) is None


def test_the_config_file_of_another_working_directory(tmp_path, monkeypatch):
    """Snakemake reads config.yaml from its working directory, a file on the command line from the current folder."""
    folder = lay_out(tmp_path, {"good.yaml": "study: t", "in/config.yaml": "study: [t"})
    for option in (["--directory", "in"], ["-d", "in"], ["-din"], ["--directory=in"], ["-d", folder / "in"]):
        assert "config.yaml cannot be read as a config (" in ended(monkeypatch, folder, *option)
        assert ended(monkeypatch, folder, *option, "--configfile", "good.yaml") is None
    assert ended(monkeypatch, folder) is None
    assert ended(monkeypatch, folder / "in", "--directory", "..") is None


@pytest.fixture
def checkout(tmp_path):
    """A copy of the profile and of its program, in a read-only folder."""
    root = tmp_path / "read-only"
    for file in ("profiles/default/config.v9+.yaml", "scripts/semis/study/profile.py", "Snakefile"):
        lay_out(root, {file: (ROOT / file).read_bytes()})
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    yield root
    for path in folders:
        path.chmod(0o755)


@pytest.mark.parametrize("option", [None, "--workflow-profile", "--profile"])
def test_the_profile_finds_its_program_from_any_folder(checkout, tmp_path, monkeypatch, option):
    folder = lay_out(tmp_path / "elsewhere", {"config.yaml": "study: [t"})
    before = sorted(checkout.rglob("*"))
    for root in (checkout, os.path.relpath(checkout, folder)):
        named = [option, f"{root}/profiles/default"] if option else []
        snakefile = folder / "Snakefile" if option else f"{root}/Snakefile"
        found = ended(monkeypatch, folder, *named, snakefile=snakefile)
        assert found.startswith("Semis: config.yaml cannot be read as a config (")
    assert sorted(checkout.rglob("*")) == before


def test_the_profile_imports_nothing_of_the_project(tmp_path, monkeypatch):
    """A user may call Snakemake in a folder with another version of Semis than that of the Snakefile."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "semis"]:
        monkeypatch.delitem(sys.modules, name)
    path = list(sys.path)
    assert ended(monkeypatch, lay_out(tmp_path, {"config.yaml": "study: t"})) is None
    assert not [name for name in sys.modules if name.partition(".")[0] == "semis"] and sys.path == path


def test_a_copy_of_the_profile_in_another_project_works_without_the_program(tmp_path, monkeypatch):
    text = (ROOT / "profiles" / "default" / "config.v9+.yaml").read_text()
    folder = lay_out(tmp_path, {"config.yaml": "study: [t", "profiles/mine/config.v9+.yaml": text})
    assert ended(monkeypatch, folder, "--workflow-profile", "mine") is None

"""A results folder of another version of Semis stays unchanged."""

import json
from pathlib import Path

from semis.harness.errors import UserError
from semis.study.layout import LAYOUT, check_layout, write_layout

import pytest
from conftest import lay_out, reviews, study

RESULTS = Path("results/t")


def contents(folder):
    """Return {path: (bytes, date)} for all files in a folder."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"bloom/metrics.json": "{}"}, "an older version"),
        ({"data/books/train.review": "Oui.\n"}, "an older version"),
        ({"runs/books/scratch/seed0/metrics.json": "{}", "layout.json": "{"}, "an older version"),
        ({"tables/metrics.csv": "", "layout.json": json.dumps({"layout": LAYOUT - 1})}, "an older version"),
        ({"tables/metrics.csv": "", "layout.json": json.dumps({"layout": LAYOUT + 1})}, "a newer version"),
    ],
    ids=str,
)
def test_results_of_another_version_are_told_by_their_layout(tmp_path, monkeypatch, files, version):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path / "results" / "t", files)
    with pytest.raises(UserError, match=f"results/t holds a study of {version} of Semis"):
        check_layout(RESULTS)


@pytest.mark.parametrize("files", [{}, {"downloads/books/books.zip": ""}, {"logs/fetch.log": ""}], ids=str)
def test_a_folder_without_results_is_taken_over(tmp_path, monkeypatch, files):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path / "results" / "t", files)
    check_layout(RESULTS)
    write_layout(RESULTS)
    lay_out(tmp_path / "results" / "t", {"tables/metrics.csv": ""})
    check_layout(RESULTS)


def test_older_results_are_refused_and_kept(snakemake):
    lay_out(snakemake.folder / "books", reviews())
    results = lay_out(snakemake.folder / "results" / "t", {"data/books/train.review": "Oui.\n", "bloom/a.json": "{}"})
    before = contents(results)
    for args in (["--dry-run"], ["prepare"], ["--forceall", "--touch"]):
        sentence = snakemake.sentence(study({"path": "books"}), *args)
        assert sentence == (
            "Semis: results/t holds a study of an older version of Semis, which this one would overwrite; give `study` "
            "in the config another name, or move results/t to another place."
        )
    assert contents(results) == before

"""The benchmarks request files that the workflow makes, and their configs are complete."""

import sys

from configs import resolved
from conftest import ROOT, lay_out, reviews

sys.path.append(str(ROOT / "benchmarks"))

import bench  # noqa: E402
import equivalence  # noqa: E402
import scale  # noqa: E402


def test_every_file_that_the_benchmark_asks_for_is_planned(snakemake):
    lay_out(snakemake.folder / "reviews", reviews())
    lay_out(snakemake.folder / "model", dict.fromkeys(("model.pt", "dict.txt", "sentencepiece.bpe.model"), ""))
    config = bench.config(epochs=1)
    runs = [bench.target(method, 0) for method in config["methods"]]
    done = snakemake(config, "--dry-run", *map(str, [*bench.prepared(), *runs]))
    assert done.returncode == 0, done.output
    for work, rule in bench.RULES.items():
        assert f" {rule} {sum(method.startswith(f'{work}-') for method in config['methods'])} " in (
            " ".join(done.output.split())
        )


def test_the_config_of_the_equivalence_is_whole(tmp_path):
    lay_out(tmp_path, {**reviews(), "text.txt": ""})
    found = resolved(equivalence.config(tmp_path, [tmp_path / "text.txt"]))
    assert [method["training"]["engine"] for method in found["methods"].values()] == ["reference", "fast"] * 2


def test_the_scale_is_measured_on_the_demo_with_more_seeds(tmp_path):
    assert scale.with_seeds(tmp_path, 7).read_text().count("- 6\n") == 1

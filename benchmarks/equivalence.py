"""Tests whether the fast engine reaches the reference's test accuracy within 2 points, on real reviews.

    equivalence.py REVIEWS TEXT ...

REVIEWS is a folder with {train,valid,test}.{review,label}; TEXT are files of plain text. From these and the train
reviews it trains tokenizers and pretrains one roberta_small with the fast engine. Each engine then fine-tunes five
seeds from scratch and three from that model for 5 epochs, which takes hours; a run that was stopped resumes. It prints
tables and writes results/bench/equivalence.json. Run it with `make equivalence REVIEWS=... TEXT="..."`.
"""

import json
import subprocess
import sys
from pathlib import Path

import yaml
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "bench"
sys.path.insert(0, str(ROOT / "scripts"))

from semis.results.comparisons import equivalence  # noqa: E402
from semis.results.metrics import METRICS  # noqa: E402
from semis.results.statistics import labels_of, scores_of  # noqa: E402
from semis.results.tables import read_predictions  # noqa: E402

import pandas as pd  # noqa: E402

MARGIN = 2  # points
SEEDS = {"scratch": range(5), "pretrained": range(3)}
ENGINES = ["reference", "fast"]
STUDY = ROOT / "results" / "equivalence"
VOCABULARY = {"scratch": 32000, "pretrained": 8000}  # fewer, since so short a pretraining reads each token too rarely
# At a peak of 0.001 the model ended with the tokens' frequencies and the same first row for every text.
PRETRAINING = {"updates": 800, "batch_size": 8, "learning_rate": 0.0003, "dropout": 0, "save_every": 100}


def config(reviews, texts):
    """Return the config of a study with four methods: each start with each engine."""
    sources = [{"path": str(Path(text).resolve())} for text in texts]
    sources.insert(0, {"path": str(Path(reviews, "train.review").resolve())})
    models = {
        start: {"library": "fairseq", "tokenizer": {"text": sources, "vocabulary": VOCABULARY[start]}}
        for start in SEEDS
    }
    models["pretrained"]["pretraining"] = {"text": sources, "engine": "fast", **PRETRAINING}
    return {
        "study": STUDY.name,
        "seeds": list(max(SEEDS.values(), key=len)),
        "datasets": {"reviews": {"source": {"path": str(Path(reviews).resolve())}}},
        "models": models,
        "methods": {
            f"{start}-{engine}": {"model": start, "start": start, "training": {"engine": engine}}
            for start in SEEDS
            for engine in ENGINES
        },
        "training": {"total_updates": 1200},
    }


def run_of(start, engine, seed):
    """Return the folder of a run."""
    return STUDY / "runs" / "reviews" / f"{start}-{engine}" / f"seed{seed}"


def scores(start, engine):
    """Return the scores (seeds x reviews, in percent) of a method on the test reviews; their mean is the accuracy."""
    folders = [run_of(start, engine, seed) for seed in SEEDS[start]]
    rows = read_predictions([folder / "predictions.csv" for folder in folders], [{"seed": s} for s in SEEDS[start]])
    return scores_of(METRICS[0], labels_of(rows[rows["split"] == "test"]))


def losses(start):
    """Return the mean losses (nats) of all seeds at each epoch's end, with a column for each split and engine."""
    tables = [
        pd.read_csv(run_of(start, engine, seed) / "history.csv").assign(engine=engine)
        for engine in ENGINES
        for seed in SEEDS[start]
    ]
    rows = pd.concat(tables).query("metric == 'loss'")
    return rows.pivot_table(index="epoch", columns=["split", "engine"], values="value", aggfunc="mean")


def main(reviews, *texts):
    """Make the missing trainings, and compare."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / "equivalence.yaml"
    file.write_text(yaml.safe_dump(config(reviews, texts)))
    targets = [
        (run_of(start, engine, seed) / "metrics.json").relative_to(ROOT)
        for start in SEEDS
        for seed in SEEDS[start]
        for engine in ENGINES
    ]
    command = [sys.executable, "-m", "snakemake", *targets, "--cores", "2", "--configfile", file.relative_to(ROOT)]
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True)
    found = []
    for start in SEEDS:
        by_engine = {engine: scores(start, engine) for engine in ENGINES}
        means = {engine: values.mean() for engine, values in by_engine.items()}
        row = {"start": start, "seeds": len(SEEDS[start]), **means}
        found.append(row | equivalence(by_engine["fast"], by_engine["reference"], MARGIN))
        print(f"\nMean loss in each epoch, {start}:\n{losses(start).to_string(float_format='%.4f')}")
    print(f"\nTest accuracy (%), fast less reference; equivalent within {MARGIN} points?")
    print(tabulate(found, headers="keys", floatfmt=".2f"))
    (RESULTS / "equivalence.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

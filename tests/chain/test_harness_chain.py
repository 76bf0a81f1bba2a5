"""What runs a job changes no number: a bare call of a script gives the bytes that its rule gave. And a run of the
reference engine has nothing to do with the fast one."""

import json
import os
import re
import subprocess

import pytest
from conftest import TOOLS, environment

DATA, MODELS = "results/demo/data/demo-books", "results/demo/models"
TOKENS = f"{DATA}/tokens/roberta-demo"
FAST = re.compile(r"semis\.fast\b|fairseq_fast\b")
LIBRARIES = {"fairseq": "fairseq-pretrained", "huggingface": "huggingface-pretrained"}  # {library: method}
ENVIRONMENT = {"fairseq": "fairseq", "huggingface": "transformers"}


def split(library, name):
    """The files of a split, as a run reads them."""
    if library == "huggingface":
        return f"{DATA}/{name}.jsonl"
    return [f"{TOKENS}/{name}.{part}.{kind}" for part in ("input0", "label") for kind in ("bin", "idx")]


def inputs(library, *splits, **more):
    """The inputs of a run's training or evaluation, {name: path or paths}, below the folder of the demo."""
    found = {name: split(library, name) for name in splits}
    if library == "fairseq":
        found["dictionary"] = f"{MODELS}/roberta-demo/dict.txt"
    return found | more


def done(runner, library, script, **job):
    """Names of the modules that a bare call of a script, and the processes that it starts, import."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(job["threads"]))
    path = os.pathsep.join([str(runner.root / "scripts"), str(TOOLS)])
    wildcards = {"dataset": "demo-books", "method": LIBRARIES[library], "seed": "0"}
    finished = subprocess.run(
        [
            environment(ENVIRONMENT[library]),
            TOOLS / "bare_call.py",
            script,
            json.dumps({**job, "wildcards": wildcards}),
        ],
        cwd=runner.folder,
        env={**os.environ, **threads, "PYTHONPATH": path, "PYTHONPROFILEIMPORTTIME": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return re.findall(r"^import time:.*\| *([\w.]+)$", finished.stderr, re.M)


def trained(runner, demo, library, folder):
    """Train the demo's run of a library again by a bare call, into `folder`; return the modules that it imports."""
    run = demo / "runs" / "demo-books" / LIBRARIES[library] / "seed0"
    labels = {"train_labels": f"{DATA}/train.label", "model": f"{MODELS}/roberta-demo/model.pt"}
    more = labels if library == "fairseq" else {"model": f"{MODELS}/roberta-demo-hf"}
    return done(
        runner,
        library,
        f"finetune_{library}",
        inputs=inputs(library, "train", "valid", **more),
        output={name: str(folder / name) for name in ("model", "tensorboard")}
        | {"history": str(folder / "history.csv")},
        recipe=json.loads((run / "training.recipe.json").read_text()),
        threads=json.loads((run / "model" / "training.json").read_text())["threads"],
    )


def evaluated(runner, demo, library, folder, **settings):
    """The same of the evaluation of that run, with other settings."""
    run = demo / "runs" / "demo-books" / LIBRARIES[library] / "seed0"
    recipe = json.loads((run / "evaluation.recipe.json").read_text())
    model = str(run.relative_to(runner.folder) / "model")
    return done(
        runner,
        library,
        f"evaluate_{library}",
        inputs=inputs(library, "valid", "test", model=model),
        output={"predictions": str(folder / "predictions.csv"), "metrics": str(folder / "metrics.json")},
        recipe=recipe | {"settings": recipe["settings"] | settings},
        threads=1,
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bare_call_gives_the_same_bytes_by_the_reference_engine_alone(runner, demo, library, tmp_path):
    """A training and an evaluation, in one process each (fairseq's training has one more), whose imports are listed."""
    imported = trained(runner, demo, library, tmp_path) + evaluated(runner, demo, library, tmp_path)
    run = demo / "runs" / "demo-books" / LIBRARIES[library] / "seed0"
    made = sorted(str(path.relative_to(run)) for path in (run / "model").rglob("*") if path.is_file())
    assert {"model/training.json", f"model/model.{'pt' if library == 'fairseq' else 'safetensors'}"} <= set(made)
    for name in [*made, "history.csv", "predictions.csv", "metrics.json"]:
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes(), name
    assert sorted(os.listdir(tmp_path)) == ["history.csv", "metrics.json", "model", "predictions.csv", "tensorboard"]
    own = "fairseq_plugin" if library == "fairseq" else "semis.huggingface.engine"
    assert "torch" in imported and own in imported and not [name for name in imported if FAST.match(name)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_fast_engine_is_seen_where_it_is_imported(runner, demo, library, tmp_path):
    """Else the test above could not fail."""
    imported = evaluated(runner, demo, library, tmp_path, engine="fast")
    assert {"semis.fast.encoder", f"semis.fast.{library}"} <= set(imported)

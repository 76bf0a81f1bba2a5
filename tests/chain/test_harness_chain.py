"""The harness changes no number: a bare call of a script gives the same bytes as its rule. And a run of the reference
engine does not use the fast one."""

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
    """Return the files of a split that a run reads."""
    if library == "huggingface":
        return f"{DATA}/{name}.jsonl"
    return [f"{TOKENS}/{name}.{part}.{kind}" for part in ("input0", "label") for kind in ("bin", "idx")]


def inputs(library, *splits, **more):
    """Return the inputs of a run's training or evaluation, {name: path or paths}, below the folder of the demo."""
    found = {name: split(library, name) for name in splits}
    if library == "fairseq":
        found["dictionary"] = f"{MODELS}/roberta-demo/dict.txt"
    return found | more


def call(runner, library, script, folder, **job):
    """Call a script without the harness; its processes list their imports in `folder`/imports."""
    (folder / "imports").mkdir(exist_ok=True)
    path = [runner.root / "scripts", TOOLS, TOOLS / "imports"]
    wildcards = {"dataset": "demo-books", "method": LIBRARIES[library], "seed": "0"}
    done = subprocess.run(
        [
            environment(ENVIRONMENT[library]),
            TOOLS / "bare_call.py",
            script,
            json.dumps({**job, "wildcards": wildcards}),
        ],
        cwd=runner.folder,
        env={
            **os.environ,
            **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(job["threads"])),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "IMPORTS": str(folder / "imports"),
            "CUDA_VISIBLE_DEVICES": "",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def imported(folder):
    """Return the lists of imported modules, one for each process that `call` started."""
    return [file.read_text().splitlines() for file in (folder / "imports").iterdir()]


def train(runner, demo, library, folder):
    """Train the demo's run of a library again by a bare call, into `folder`."""
    run = demo / "runs" / "demo-books" / LIBRARIES[library] / "seed0"
    labels = {"train_labels": f"{DATA}/train.label", "model": f"{MODELS}/roberta-demo/model.pt"}
    more = labels if library == "fairseq" else {"model": f"{MODELS}/roberta-demo-hf"}
    call(
        runner,
        library,
        f"finetune_{library}",
        folder,
        inputs=inputs(library, "train", "valid", **more),
        output={name: str(folder / name) for name in ("model", "tensorboard")}
        | {"history": str(folder / "history.csv")},
        recipe=json.loads((run / "training.recipe.json").read_text()),
        threads=json.loads((run / "model" / "training.json").read_text())["threads"],
    )


def evaluate(runner, demo, library, folder, **settings):
    """Evaluate that run again, with some other settings."""
    run = demo / "runs" / "demo-books" / LIBRARIES[library] / "seed0"
    recipe = json.loads((run / "evaluation.recipe.json").read_text())
    model = str(run.relative_to(runner.folder) / "model")
    call(
        runner,
        library,
        f"evaluate_{library}",
        folder,
        inputs=inputs(library, "valid", "test", model=model),
        output={"predictions": str(folder / "predictions.csv"), "metrics": str(folder / "metrics.json")},
        recipe=recipe | {"settings": recipe["settings"] | settings},
        threads=1,
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bare_call_gives_the_same_bytes_by_the_reference_engine_alone(runner, demo, library, tmp_path):
    """The training and the evaluation each have a process; that of fairseq's training starts another one."""
    train(runner, demo, library, tmp_path)
    evaluate(runner, demo, library, tmp_path)
    run = demo / "runs" / "demo-books" / LIBRARIES[library] / "seed0"
    made = runner.files(run / "model")
    assert {"training.json", f"model.{'pt' if library == 'fairseq' else 'safetensors'}"} <= set(made)
    for name in [*(f"model/{file}" for file in made), "history.csv", "predictions.csv", "metrics.json"]:
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes(), name
    processes = imported(tmp_path)
    own = {"fairseq": "fairseq_plugin", "huggingface": "semis.huggingface.engine"}[library]
    assert [own in modules for modules in processes].count(True) == 2 and all("torch" in names for names in processes)
    assert not [name for modules in processes for name in modules if FAST.match(name)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_fast_engine_is_seen_where_it_is_imported(runner, demo, library, tmp_path):
    """Otherwise the test above could not fail."""
    evaluate(runner, demo, library, tmp_path, engine="fast")
    [modules] = imported(tmp_path)
    assert {"semis.fast.encoder", f"semis.fast.{library}"} <= set(modules)

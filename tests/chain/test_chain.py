"""The demo from end to end: every rule really runs, in its own environment."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, in_environment

CONFIG = (ROOT / "demo" / "config.yaml").read_text()
METHODS = ["fairseq-scratch", "fairseq-pretrained", "huggingface-pretrained"]
SEEDS = [0, 1]


def read_table(path):
    """Return the rows of a CSV as dictionaries."""
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


COLUMNS = {
    "tables/metrics.csv": "dataset method model seed split metric value selection n",
    "tables/summary.csv": "dataset method split metric selection n_seeds mean std_population std_sample ci_low ci_high "
    "majority p_majority mean_recall chance p_chance labels_given",
    "tables/spread.csv": "dataset method split metric n_seeds n se_seeds se_reviews resampled_low resampled_high pairs "
    "disagreement_mean disagreement_std disagreement_lowest disagreement_highest",
    "tables/comparisons.csv": "dataset metric method_a method_b difference ci_low ci_high p_value p_holm test n",
    "tables/confusion.csv": "dataset method seed split label prediction n",
    "tables/tokens.csv": "dataset model split reviews tokens shortest median longest unknown unknown_percent cut "
    "cut_percent text_bytes binarized_bytes",
    "tables/datasets.csv": "dataset split quantity value",
    "tables/history.csv": "dataset method seed step epoch split metric value",
    "tables/parameters.csv": "model module shape parameters formula analytic",
    "tables/runtime.csv": "dataset method seed stage seconds max_rss_mb cpu_seconds",
    "tables/pretraining.csv": "model tokens_per_step step epoch split metric value",
    "tables/qlora_history.csv": "method step metric value",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_tables_have_the_columns_that_other_tools_rely_on(demo, name):
    rows = read_table(demo / name)
    assert list(rows[0]) == COLUMNS[name].split()


def test_all_files_have_the_permissions_that_the_umask_asks_for(demo):
    """safetensors alone would leave a model that only its owner can read."""
    mask = os.umask(0o022)
    os.umask(mask)
    found = {path: path.stat().st_mode & 0o666 for path in demo.rglob("*") if path.is_file()}
    assert [path for path, mode in found.items() if mode & ~mask != 0o666 & ~mask] == []


def test_accuracies_are_those_of_the_predictions(demo):
    rows = read_table(demo / "tables" / "metrics.csv")
    assert {row["metric"] for row in rows} == {"accuracy"}
    assert len(rows) == len(METHODS) * len(SEEDS) * 2
    for row in rows:
        run = demo / "runs" / row["dataset"] / row["method"] / f"seed{row['seed']}"
        said = [line for line in read_table(run / "predictions.csv") if line["split"] == row["split"]]
        labels = (ROOT / "demo" / "reviews" / f"{row['split']}.label").read_text().split()
        assert [line["label"] for line in said] == labels
        right = sum(line["label"] == line["prediction"] for line in said)
        assert float(row["value"]) == pytest.approx(100 * right / len(labels), abs=1e-3)


def test_the_chosen_checkpoint_is_the_one_that_was_evaluated(demo):
    """The training measures the accuracy on valid, and the evaluation measures it again from the saved model."""
    for method in METHODS:
        for seed in SEEDS:
            run = demo / "runs" / "demo-books" / method / f"seed{seed}"
            metrics = json.loads((run / "metrics.json").read_text())
            rows = read_table(run / "history.csv")
            rows = [row for row in rows if (row["split"], row["metric"]) == ("valid", "accuracy")]
            measured = {int(row["step"]): float(row["value"]) for row in rows}
            epochs = {int(row["step"]): float(row["epoch"]) for row in rows}
            assert metrics["checkpoint"]["step"] == max(measured, key=lambda step: (measured[step], -step))
            assert metrics["checkpoint"]["epoch"] == epochs[metrics["checkpoint"]["step"]]
            assert metrics["accuracy"]["valid"] == pytest.approx(max(measured.values()), abs=0.01)


def test_a_run_says_where_it_started(demo):
    def started(method):
        return json.loads((demo / "runs" / "demo-books" / method / "seed0" / "metrics.json").read_text())["start"]

    assert started("fairseq-scratch")["start"] == "scratch"
    assert started("fairseq-scratch")["tensors_from_checkpoint"] == 0
    for method in METHODS[1:]:
        found = started(method)
        assert found["start"] == "checkpoint" and found["tensors_from_checkpoint"] > found["new_tensors"] == 4
        assert all("classif" in name for name in found["new"])


def scalars(folders):
    """Return {folder: [[step, name, value], ...]} from the only event file in each folder."""
    import struct
    from pathlib import Path

    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for folder in folders:
        [file] = Path(folder).glob("events.*")
        data, found[folder] = file.read_bytes(), []
        while data:
            size = struct.unpack("<Q", data[:8])[0]  # a record is its size, a checksum, the event, another checksum
            event = Event.FromString(data[12 : 12 + size])
            found[folder] += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
            data = data[16 + size :]
    return found


def test_tensorboard_shows_what_the_history_has(demo):
    """The test reads a run of each library and the demo's pretraining."""
    trained = [demo / "runs" / "demo-books" / method / "seed0" for method in METHODS[1:]]
    trained.append(demo / "pretraining" / "roberta-demo")
    logged = in_environment("fairseq", scalars, [str(folder / "tensorboard") for folder in trained])
    for folder, found in logged.items():
        history = read_table(Path(folder).parent / "history.csv")
        assert [(step, name) for step, name, _ in found] == [
            (int(row["step"]), f"{row['split']}/{row['metric']}") for row in history
        ]
        assert [value for *_, value in found] == pytest.approx([float(row["value"]) for row in history], rel=1e-6)


def read_by_fairseq(model, dictionary, tokens, labels):
    """Return (tokens, unknown tokens) of each binarized test review, as the task of a fine-tuned model reads it."""
    import tempfile
    from pathlib import Path

    from semis.fairseq import data
    from semis.fairseq.engine import ENGINE

    from evaluate_fairseq import load_model

    with tempfile.TemporaryDirectory() as folder:
        splits = {"test": [f"{tokens}/test.{part}.{kind}" for part in ("input0", "label") for kind in ("bin", "idx")]}
        data.lay_out(Path(folder), splits, dictionary, labels)
        task, _ = load_model(model, folder, ENGINE)
        task.load_dataset("test")
        read = task.dataset("test")
        tokens = [read[i]["net_input.src_tokens"] for i in range(len(read))]
    return [(len(line), int((line == task.source_dictionary.unk()).sum())) for line in tokens]


def test_tokens_are_counted_as_fairseq_reads_them(demo):
    tokens = demo / "data" / "demo-books" / "tokens" / "roberta-demo"
    model = demo / "runs" / "demo-books" / "fairseq-pretrained" / "seed0" / "model" / "model.pt"
    dictionary = demo / "models" / "roberta-demo" / "dict.txt"
    found = in_environment("fairseq", read_by_fairseq, *map(str, (model, dictionary, tokens)), ["0", "1"])
    lengths = [row for row in read_table(tokens / "lengths.csv") if row["split"] == "test"]
    assert [tokens for tokens, _ in found] == [min(int(row["tokens"]), 64) for row in lengths]
    assert [unknown for _, unknown in found] == [int(row["unknown"]) for row in lengths]
    [row] = [row for row in read_table(demo / "tables" / "tokens.csv") if row["split"] == "test"]
    assert int(row["binarized_bytes"]) == 2 * (
        int(row["tokens"]) - len(lengths)
    )  # two bytes each; fairseq adds <s> later


def test_parameters_are_as_the_formula_says(demo):
    rows = read_table(demo / "tables" / "parameters.csv")
    assert all(row["parameters"] == row["analytic"] for row in rows)
    assert sum(int(row["parameters"]) for row in rows[:-1]) == int(rows[-1]["parameters"])


def with_heads(file):
    """Return the parameters of a fine-tuned fairseq model, without `version` and the matrix that the head shares."""
    from semis.fairseq import checkpoints

    model = checkpoints.load(file)["model"]
    return sum(tensor.numel() for name, tensor in model.items() if not name.endswith(("version", "lm_head.weight")))


def test_the_page_of_the_parameters_has_them_all(demo):
    page = (demo / "tables" / "parameters.html").read_text()
    rows = read_table(demo / "tables" / "parameters.csv")
    assert [row["module"] for row in rows] == re.findall(r"<tr><td>([^<]*)</td>", page)
    assert f"roberta-demo: {int(rows[-1]['parameters']):,} parameters" in page and "T + 2 rows" in page
    model = demo / "runs/demo-books/fairseq-scratch/seed0/model/model.pt"
    assert f"With both heads they are {in_environment('fairseq', with_heads, str(model)):,}." in page


def pieces(model, texts):
    """Return the sentencepiece pieces of each text, joined with spaces."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    return [" ".join(processor.encode(text, out_type=str)) for text in texts]


def fairseq_logits(folder, lines, positions, kept):
    """Return fairseq's token numbers of tokenized lines, and write its logits into the file `kept`."""
    from argparse import Namespace

    from semis.fairseq import checkpoints

    import fairseq_plugin  # noqa: F401  registers the architecture
    import torch
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel

    state = checkpoints.load(f"{folder}/model.pt")
    words = Dictionary.load(f"{folder}/dict.txt")
    words.add_symbol("<mask>")
    model = RobertaModel.build_model(state["args"], Namespace(source_dictionary=words))
    model.load_state_dict(state["model"])
    ids = [([0] + words.encode_line(line, add_if_not_exist=False).tolist())[:positions] for line in lines]
    width = max(map(len, ids))
    with torch.inference_mode():
        logits = model.eval()(torch.tensor([line + [1] * (width - len(line)) for line in ids]))[0]
    torch.save(logits, kept)
    return ids


def transformers_logits(folder, texts, ids, kept):
    """Return (token numbers of whole texts, largest distance of logits from those in `kept`), by transformers."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    width = max(map(len, ids))
    padded = torch.tensor([line + [1] * (width - len(line)) for line in ids])
    there = padded != 1
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(input_ids=padded, attention_mask=there.long()).logits
    distance = (logits - torch.load(kept))[there].abs().max()
    return AutoTokenizer.from_pretrained(folder)(texts)["input_ids"], float(distance)


def test_the_export_has_the_same_tokens_and_logits(demo, tmp_path):
    """fairseq and transformers read the same reviews, each in its environment, with padding and truncation."""
    reviews = (demo / "data" / "demo-books" / "test.review").read_text().splitlines()[:48]
    texts = [*reviews, " ".join(reviews[:6]), "", "  deux  espaces ", "日本 ☂ œuvre"]
    fairseq, huggingface = (str(demo / "models" / name) for name in ("roberta-demo", "roberta-demo-hf"))
    lines = in_environment("sentencepiece", pieces, f"{fairseq}/sentencepiece.bpe.model", texts)
    kept = str(tmp_path / "logits.pt")
    ids = in_environment("fairseq", fairseq_logits, fairseq, lines, 64, kept)
    whole, distance = in_environment("transformers", transformers_logits, huggingface, texts, ids, kept)
    assert [line[:64] for line in whole] == ids
    assert distance < 1e-4


def test_rules_run_on_interpreters_of_their_own(runner, demo):
    """Two rules with environments of the workflow report their interpreter and its packages."""
    look = "import sys, json; from importlib.metadata import distributions as d; "
    look += "print(json.dumps([sys.prefix, sorted(x.name for x in d())]))"
    names = ["fairseq", "transformers"]
    rules = [
        f"rule {name}:\n    output: '{name}.json'\n    conda: '{ROOT}/envs/{name}.yaml'\n"
        f"    shell: \"python -c '{look}' > {{output}}\"\n"
        for name in names
    ]
    (runner.folder / "Look").write_text("rule all:\n    input: 'fairseq.json', 'transformers.json'\n" + "".join(rules))
    stand_in = f"{ROOT / 'envs' / 'stand_in' / 'bin'}:{runner.env['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", "Look", "--cores", "1", "--sdm", "conda"],
        cwd=runner.folder,
        env={**runner.env, "PATH": stand_in, "SEMIS_PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    fairseq, transformers = (json.loads((runner.folder / f"{name}.json").read_text()) for name in names)
    assert len({fairseq[0], transformers[0], sys.prefix}) == 3
    assert "fairseq-fixed" in fairseq[1] and "transformers" not in fairseq[1]
    assert "transformers" in transformers[1] and "fairseq-fixed" not in transformers[1]


def test_the_faithful_method_never_stops_and_the_improved_one_does(demo):
    methods = json.loads((demo / "qlora" / "metrics.json").read_text())["methods"]
    assert methods["faithful"]["after"]["stopped_share"] == 0 < methods["improved"]["after"]["stopped_share"]


def test_figures_summary_and_report_are_there(demo):
    drawn = {path.stem for path in (demo / "figures").glob("*.svg")}
    assert drawn == {path.stem for path in (demo / "figures").glob("*.png")}
    assert {"metric_by_method", "validation_accuracy", "confusion", "lengths", "parameters"} <= drawn
    page = (demo / "summary.md").read_text()
    assert "say nothing about the models" in page
    for figure in drawn:
        assert f"figures/{figure}.png" in page
    report = (demo / "report.html").read_text()
    for text in (
        "metric_by_method.svg",
        "Language model",
        "results on test by method",
        "the vertical line is the mean",
    ):
        assert text in report


def test_nothing_is_left_of_the_trainings_work(demo):
    assert not list(demo.rglob("work"))


def test_a_second_run_has_nothing_to_do(runner, demo):
    done = runner(CONFIG)
    assert done.returncode == 0 and "Nothing to be done" in done.output


def counted_and_by_formula(sizes):
    """Return [(parameters of a real fairseq RoBERTa without its head, value of the formula)] for (V, D, F, L, A, T)."""
    from argparse import Namespace

    import fairseq_plugin
    import model_size
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel

    found = []
    for V, D, F, L, A, T in sizes:
        words = Dictionary()
        for i in range(V - 5):
            words.add_symbol(f"w{i}")
        words.add_symbol("<mask>")
        args = Namespace(encoder_layers=L, encoder_embed_dim=D, encoder_ffn_embed_dim=F, encoder_attention_heads=A)
        args.max_positions = T
        fairseq_plugin.roberta_small(args)
        model = RobertaModel.build_model(args, Namespace(source_dictionary=words))
        values = {model_size.V: V, model_size.D: D, model_size.F: F, model_size.L: L, model_size.T: T}
        counted = sum(weight.numel() for weight in model.encoder.sentence_encoder.parameters())
        found.append((counted, int(model_size.total().subs(values))))
    return found


def test_the_formula_holds_for_real_models_of_several_sizes(demo):
    """The first sizes are the report's, with its 22,829,056 parameters."""
    sizes = [(32000, 512, 512, 4, 8, 256), (300, 16, 40, 1, 2, 8), (1000, 48, 24, 3, 4, 33)]
    found = in_environment("fairseq", counted_and_by_formula, sizes)
    assert found[0][0] == 22_829_056
    assert all(counted == analytic for counted, analytic in found)


def batches(cases):
    """Return, for each (reviews, batch size), the sizes of the batches in a fine-tuning with and without our flag."""
    from semis.fairseq.engine import ENGINE
    from semis.fairseq.training import model_flags

    import finetune_fairseq
    import numpy as np
    from fairseq import options
    from fairseq.data.data_utils import batch_by_size

    training = {"epochs": 5, "total_updates": "auto", "warmup_ratio": 0.06, "gpus": 0, "log_every": 25, "clip_norm": 0}
    training |= {"adam_betas": [0.9, 0.98], "adam_epsilon": 1e-8, "weight_decay": 0}
    training |= {"learning_rate": 1e-5, "final_learning_rate": 0}
    found = []
    for reviews, batch_size in cases:
        sizes = {"layers": 1, "dimension": 8, "feed_forward": 8, "heads": 1}
        flags = finetune_fairseq.recipe_flags({**training, "batch_size": batch_size}, ENGINE.optimizer, 2, 0, reviews)
        flags = ["data", *model_flags(ENGINE, sizes, 64), *flags]
        place = flags.index("--required-batch-size-multiple")
        for given in (flags, flags[:place] + flags[place + 2 :]):
            args = options.parse_args_and_arch(options.get_training_parser(), given)
            made = batch_by_size(
                np.arange(reviews),
                num_tokens_fn=None,
                num_tokens_vec=np.full(reviews, 50),
                max_sentences=args.batch_size,
                required_batch_size_multiple=args.required_batch_size_multiple,
            )
            found.append([len(batch) for batch in made])
    return found


def test_every_review_is_trained_on_in_batches_of_the_size_asked_for(demo):
    """The last two cases are the report's. Its command lacks the flag and does not need it."""
    cases = [(1803, 8), (100, 12), (5, 8), (1800, 8), (200, 8)]
    found = in_environment("fairseq", batches, cases)
    for (reviews, batch_size), sizes, by_fairseq in zip(cases, found[::2], found[1::2], strict=True):
        assert sum(sizes) == reviews and set(sizes[:-1]) <= {batch_size}
        if reviews % 8:
            assert sum(by_fairseq) < reviews  # fairseq's default leaves the last reviews out in every epoch
        elif batch_size == 8:
            assert sizes == by_fairseq == [8] * (reviews // 8)


def in_order(rows, key="method"):
    """Return the methods of a table, in the order of their first occurrence."""
    return list(dict.fromkeys(row[key] for row in rows))


def test_tables_figures_and_pages_follow_the_order_of_the_config(demo):
    """The demo's methods are not in alphabetical order."""
    assert sorted(METHODS) != METHODS
    for name in ("metrics", "summary", "spread", "confusion", "runtime", "history"):
        assert in_order(read_table(demo / "tables" / f"{name}.csv")) == METHODS, name
    pairs = [(row["method_a"], row["method_b"]) for row in read_table(demo / "tables" / "comparisons.csv")]
    assert pairs == [(METHODS[0], METHODS[1]), (METHODS[0], METHODS[2]), (METHODS[1], METHODS[2])]
    for figure in ("metric_by_method", "wall_time", "validation_accuracy", "confusion"):
        written = re.findall(
            r"<!-- (.*?) -->", (demo / "figures" / f"{figure}.svg").read_text()
        )  # matplotlib draws text as paths
        assert [text for text in written if text in METHODS] == METHODS, figure
    page = (demo / "summary.md").read_text()
    assert sorted(METHODS, key=page.index) == METHODS
    samples = [json.loads(line) for line in (demo / "qlora" / "samples.jsonl").read_text().splitlines()]
    assert in_order(samples) == ["base", "faithful", "improved"]
    assert in_order(read_table(demo / "tables" / "qlora_history.csv")) == ["faithful", "improved"]

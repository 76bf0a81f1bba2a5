"""The BLOOM branch: pure functions here, the rest through the rules and in the environment that they make."""

import json
import os
import signal
import subprocess
import sys
import time

from semis.errors import UserError

import bloom_faq
import bloom_metrics
import pytest
from conftest import ENVIRONMENTS, ROOT, Snakemake, in_environment

PAIRS = [{"question": f"Question {i} ?", "answer": f"Réponse {i}."} for i in range(10)]
QUESTIONS = ["Comment créer un compte ?", "Livrez-vous le samedi ?"]
BLOOM = "results/t/bloom"


def bloom_study(**changes):
    """A small config of the BLOOM branch alone; `changes` replaces keys of its bloom section."""
    build = {"text": [{"path": str(ROOT / "demo" / "text.txt")}], "vocabulary": 500, "layers": 1, "dimension": 64}
    bloom = {
        "threads": 1,
        "model": {"build": {**build, "heads": 2, "updates": 5}},
        "faq": {"source": {"path": str(ROOT / "demo" / "faq.json")}, "holdout": 4},
        "questions": QUESTIONS,
        "training": {"updates": 6, "save_every": 2, "max_length": 64},
        "sampling": {"new_tokens": 12},
    }
    return {"study": "t", "bloom": {**bloom, **changes}}


# Questions and answers


def test_pairs_are_read_from_a_file_and_from_a_folder(tmp_path):
    file = tmp_path / "faq.json"
    file.write_text(json.dumps([{"question": " Quoi ? ", "answer": "Rien.\n", "more": 1}]))
    expected = [{"question": "Quoi ?", "answer": "Rien."}]
    assert bloom_faq.read_faq(str(file)) == expected
    assert bloom_faq.read_faq(str(tmp_path)) == expected
    (tmp_path / "other.json").write_text("[]")
    assert bloom_faq.read_faq(str(tmp_path), "faq.json") == expected
    with pytest.raises(UserError, match="holds 2 JSON files"):
        bloom_faq.read_faq(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[]", "must be a JSON list"),
        ('{"question": "a", "answer": "b"}', "must be a JSON list"),
        ("[", "is not JSON"),
        ('[{"question": "a", "answer": "b"}, {"question": "a"}]', "object 2 of 2 has no answer"),
        ('[{"question": " ", "answer": "b"}]', "object 1 of 1 has no question"),
        ('["a"]', "object 1 of 1 has no question"),
        ('[{"question": "a", "answer": 3}]', "object 1 of 1 has no answer"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_it(tmp_path, text, what):
    file = tmp_path / "faq.json"
    file.write_text(text)
    with pytest.raises(UserError, match=what) as error:
        bloom_faq.read_faq(str(file))
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)


def test_a_file_in_another_encoding_is_one_sentence(tmp_path):
    file = tmp_path / "faq.json"
    file.write_bytes('[{"question": "é", "answer": "è"}]'.encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        bloom_faq.read_faq(str(file))


def test_hold_out_divides_the_pairs_the_same_way_every_time():
    train, holdout = bloom_faq.hold_out(PAIRS, 3)
    assert (train, holdout) == bloom_faq.hold_out(PAIRS, 3)
    assert len(holdout) == 3 and sorted(map(str, train + holdout)) == sorted(map(str, PAIRS))
    assert train + holdout != PAIRS
    assert bloom_faq.hold_out(PAIRS, 0)[1] == []
    with pytest.raises(UserError, match="bloom.faq.holdout is 10"):
        bloom_faq.hold_out(PAIRS, 10)


# Metrics


def test_ngram_shares_by_hand():
    assert bloom_metrics.repeated_share(["a b c d a b c d"], 4) == pytest.approx(1 / 5)
    assert bloom_metrics.repeated_share(["a b c d", "a b c d"], 4) == 0  # repeated means in the same answer
    assert bloom_metrics.distinct_share(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert bloom_metrics.repeated_share(["a b c"], 4) is None
    assert bloom_metrics.distinct_share([""], 2) is None


# The workflow's rules


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A finished small study: (runner, folder of its BLOOM results)."""
    runner = Snakemake(tmp_path_factory.mktemp("bloom"))
    done = runner(bloom_study())
    assert done.returncode == 0, done.output
    return runner, runner.folder / BLOOM


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def samples(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_the_chain_leaves_what_it_promises(chain):
    runner, folder = chain
    rows = samples(folder)
    assert [(row["arm"], row["stage"], row["question"]) for row in rows] == [
        (arm, stage, question)
        for arm, stage in [("base", "before"), ("faithful", "after"), ("improved", "after")]
        for question in QUESTIONS
    ]
    assert all(set(row) == {"arm", "stage", "question", "answer", "seed", "tokens", "stopped"} for row in rows)
    assert len({row["seed"] for row in rows}) == len(QUESTIONS)
    metrics = read_json(folder / "metrics.json")
    for arm, pairs in [("faithful", 84), ("improved", 80)]:
        found = metrics["arms"][arm]
        assert found["training"]["pairs"] == pairs
        assert found["trained_on_holdout"] == (arm == "faithful")
        assert found["after"]["holdout"]["pairs"] == 4 and found["after"]["holdout"]["nll_per_token"] > 0
        assert [change.split(":")[0] for change in found["training"]["changes"]] == ["fp16 -> bf16", "paging inactive"]
        assert (folder / arm / "adapter" / "adapter_model.safetensors").is_file()
        assert not (folder / arm / "work").exists()
    history = (folder / "history.csv").read_text().splitlines()
    assert history[0] == "arm,step,metric,value" and len(history) == 1 + 2 * 2 * 6
    for path in folder.rglob("*"):
        assert not path.is_file() or str(runner.folder).encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_counts_of_a_small_model_by_hand(chain):
    found = read_json(chain[1] / "parameters.json")
    size, rows = 64, 500
    linear = 12 * size * size
    others = rows * size + 9 * size + 4 * 2 * size  # embedding, biases of the linear layers, four layer norms
    assert found["unquantized"] == linear + others
    assert found["before_lora"]["all"] == linear // 2 + others  # two 4-bit weights in a byte
    assert found["before_lora"]["trainable"] == rows * size + 4 * 2 * size  # the biases are frozen
    assert found["after_lora"]["trainable"] == 16 * (size + 3 * size)
    assert found["memory_bytes"]["fp32"] == 2 * found["memory_bytes"]["bf16"] == 4 * found["unquantized"]
    assert sum(row["parameters"] for row in found["modules"]) == found["unquantized"]
    assert sum(row["lora"] for row in found["modules"]) == found["after_lora"]["trainable"]


@pytest.mark.slow
def test_another_question_changes_no_answer_and_trains_nothing(chain):
    runner, folder = chain
    before = samples(folder)
    done = runner(bloom_study(questions=["Et la Belgique ?", *QUESTIONS]))
    assert done.returncode == 0, done.output
    assert "rule bloom_train" not in done.output and "rule bloom_build_model" not in done.output
    assert [row for row in samples(folder) if row["question"] in QUESTIONS] == before


def examine_arms(folder, pairs):
    """What each arm learns from these pairs, as its collator gives it to the model."""
    from semis import bloom

    import bloom_train

    found = {}
    for arm in ("faithful", "improved"):
        tokenizer = bloom.load_tokenizer(folder)
        examples, collator = getattr(bloom_train, arm)(pairs, tokenizer)
        batch = collator([dict(example) for example in examples])
        found[arm] = {
            "pad": tokenizer.pad_token_id,
            "eos": tokenizer.eos_token_id,
            "ids": batch["input_ids"].tolist(),
            "labels": batch["labels"].tolist(),
            "learned": [tokenizer.decode([i for i in row if i != -100]) for row in batch["labels"].tolist()],
        }
    with_eos = [{"input_ids": [5, 6, found["faithful"]["eos"]]}]
    tokenizer.pad_token = tokenizer.eos_token
    masked = bloom_train.DataCollatorForLanguageModeling(tokenizer, mlm=False)(with_eos)["labels"].tolist()
    return {**found, "eos_at_the_end": masked}


@pytest.mark.slow
def test_what_each_arm_learns(chain):
    pairs = [
        {"question": "Livrez-vous ?", "answer": "Oui."},
        {"question": "Quand ?", "answer": "Le lundi et le mardi."},
    ]
    found = in_environment("bloom", examine_arms, str(chain[1] / "model"), pairs)
    faithful, improved = found["faithful"], found["improved"]
    assert faithful["pad"] == faithful["eos"] == 2
    assert faithful["learned"] == [f"<human>: {p['question']}  \n<assistant>: {p['answer']}" for p in pairs]
    assert found["eos_at_the_end"] == [[5, 6, -100]]  # an eos would be masked with the padding
    assert improved["pad"] == 3
    assert improved["learned"] == [f" {p['answer']}</s>" for p in pairs]
    for ids, labels in zip(improved["ids"], improved["labels"]):
        padding = ids.count(improved["pad"])
        assert all(label in (-100, i) for i, label in zip(ids, labels))
        assert labels[len(labels) - padding :] == [-100] * padding
        assert labels[len(labels) - padding - 1] == improved["eos"]


def merged_logits(folder, evaluate):
    """Logits after training and merging; with `evaluate`, the same process samples before and after training too."""
    from semis import bloom

    import bloom_sample
    import torch
    from transformers import set_seed

    tokenizer = bloom.load_tokenizer(folder)
    model = bloom.load_quantized(folder, "cpu", torch.bfloat16)
    ids = tokenizer(bloom.prompt("Livrez-vous ?"), return_tensors="pt")["input_ids"]
    sampling = {"temperature": 0.7, "top_p": 0.7, "new_tokens": 5, "seed": 0}
    if evaluate:
        bloom_sample.answer(model.eval(), tokenizer, "Livrez-vous ?", sampling)
    set_seed(0)
    lora = {"rank": 16, "alpha": 32, "dropout": 0.05, "target_modules": ["query_key_value", "dense_4h_to_h"]}
    model = bloom.add_lora(model, lora)
    model.train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=0.05)
    for _ in range(5):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    if evaluate:
        bloom_sample.answer(model, tokenizer, "Livrez-vous ?", sampling)
    merged = model.merge_and_unload().eval()
    with torch.no_grad():
        return merged(input_ids=ids).logits.tolist()


@pytest.mark.slow
def test_sampling_training_sampling_and_merging_in_one_process(chain):
    model = str(chain[1] / "model")
    assert in_environment("bloom", merged_logits, model, True) == in_environment("bloom", merged_logits, model, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "target", "what"),
    [
        ({"device": "cuda"}, "base/answers.jsonl", "bloom.device is cuda, but no CUDA GPU is visible"),
        (
            {"lora": {"target_modules": ["q_proj", "dense"]}},
            "parameters.json",
            "bloom.lora.target_modules: the model has no linear layer q_proj; it has dense, dense_4h_to_h",
        ),
        ({"model": {"source": {"path": "demo"}}}, "parameters.json", "holds no causal language model"),
    ],
)
def test_mistakes_are_one_sentence(chain, snakemake, changes, target, what):
    changes.setdefault("model", {"source": {"path": str(chain[1] / "model")}})
    if changes["model"]["source"]["path"] == "demo":
        changes["model"]["source"]["path"] = str(ROOT / "demo")
    sentence = snakemake.sentence(bloom_study(**changes), f"{BLOOM}/{target}", CUDA_VISIBLE_DEVICES="")
    assert what in sentence
    assert not (snakemake.folder / BLOOM / target).exists()


@pytest.mark.slow
def test_killed_training_goes_on_from_the_last_whole_checkpoint_and_ends_the_same(chain, snakemake, tmp_path_factory):
    settings = {"updates": 60, "save_every": 3, "max_length": 64}
    config = bloom_study(model={"source": {"path": str(chain[1] / "model")}}, arms=["improved"], training=settings)
    target, arm = f"{BLOOM}/improved/adapter", f"{BLOOM}/improved"

    whole = Snakemake(tmp_path_factory.mktemp("whole"))
    done = whole(config, target)
    assert done.returncode == 0, done.output

    (snakemake.folder / "config.yaml").write_text(json.dumps(config))
    running = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--configfile", "config.yaml"]
        + ["--cores", "2", "--nolock", target],
        cwd=snakemake.folder,
        env={**snakemake.env, "SNAKEMAKE_CONDA_PREFIX": ENVIRONMENTS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    checkpoints = snakemake.folder / arm / "work"
    while len(list(checkpoints.glob("*/checkpoints/checkpoint-*/trainer_state.json"))) < 2:
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    newest = max(checkpoints.glob("*/checkpoints/checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    optimizer = newest / "optimizer.pt"
    optimizer.write_bytes(optimizer.read_bytes()[:-100] if optimizer.exists() else b"")

    done = snakemake(config, "--nolock", target)
    assert done.returncode == 0, done.output
    log = (snakemake.folder / "results/t/logs/bloom_train/improved.log").read_text()
    assert f"{newest.name} is not whole; going back to the one before" in log
    for name in ["adapter/adapter_model.safetensors", "adapter/adapter_config.json", "history.csv", "training.json"]:
        assert (snakemake.folder / arm / name).read_bytes() == (whole.folder / arm / name).read_bytes(), name


@pytest.mark.slow
def test_full_size_counts(snakemake):
    config = (ROOT / "tests/configs/bloom_full_size.yaml").read_text(encoding="utf-8")
    target = "results/bloom-full-size/bloom/parameters.json"
    done = snakemake(config.replace("demo/", f"{ROOT}/demo/"), target)
    assert done.returncode == 0, done.output
    found = read_json(snakemake.folder / target)
    assert found["unquantized"] == 559_214_592
    assert found["before_lora"] == {"trainable": 257_003_520, "all": 408_219_648, "percent": 62.957166}
    assert found["after_lora"] == {"trainable": 1_572_864, "all": 409_792_512, "percent": 0.38382}
    assert found["memory_bytes"] == {"fp32": 2_236_858_368, "bf16": 1_118_429_184, "nf4": 665_444_352}

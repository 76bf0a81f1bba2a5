"""The language-model part, through the rules and in their environment."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict

from semis.qlora.methods import RECIPES

import pytest
from conftest import ENVIRONMENTS, ROOT, Snakemake, in_environment, lay_out

pytestmark = pytest.mark.slow

QUESTIONS = ["Comment créer un compte ?", "Livrez-vous le samedi ?"]
METHODS = ["faithful", "improved"]
QLORA, HISTORY = "results/t/qlora", "results/t/tables/qlora_history.csv"


def qlora_study(**changes):
    """Return a small config with only the language-model part; `changes` replaces keys of its section."""
    build = {"text": [{"path": str(ROOT / "demo" / "text.txt")}], "vocabulary": 500, "layers": 1, "dimension": 64}
    section = {
        "threads": 1,
        "model": {"build": {**build, "heads": 2, "updates": 5}},
        "data": {"source": {"path": str(ROOT / "demo" / "faq.json")}, "holdout": 4},
        "questions": QUESTIONS,
        "training": {"updates": 6, "save_every": 2, "max_length": 64},
        "sampling": {"new_tokens": 12},
    }
    return {"study": "t", "qlora": {**section, **changes}}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A finished small study: (runner, folder of its results)."""
    runner = Snakemake(tmp_path_factory.mktemp("qlora"))
    files = ["parameters.json", "samples.html", *(f"{method}/adapter/README.md" for method in METHODS)]
    done = runner(qlora_study(), HISTORY, *(f"{QLORA}/{file}" for file in files))
    assert done.returncode == 0, done.output
    return runner, runner.folder / QLORA


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def samples(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]


def quickest():
    """Return the number type in which this machine's processor is faster."""
    from semis.machine.processor import compute_type

    return str(compute_type()).removeprefix("torch.")


def test_the_chain_leaves_what_it_promises(chain):
    runner, folder = chain
    rows = samples(folder)
    assert [(row["method"], row["stage"], row["question"]) for row in rows] == [
        (method, stage, question)
        for method, stage in [("base", "before"), ("faithful", "after"), ("improved", "after")]
        for question in QUESTIONS
    ]
    assert all(set(row) == {"method", "stage", "question", "answer", "seed", "tokens", "stopped"} for row in rows)
    assert len({row["seed"] for row in rows}) == len(QUESTIONS)
    metrics = read_json(folder / "metrics.json")
    dtype = in_environment("qlora", quickest)
    unlike = [{"bfloat16": "fp16 -> bf16", "float32": "fp16, bf16 -> fp32"}[dtype], "paging inactive"]
    for method, pairs in [("faithful", 84), ("improved", 80)]:
        found = metrics["methods"][method]
        assert found["training"]["pairs"] == pairs
        assert found["trained_on_holdout"] == (method == "faithful")
        assert found["after"]["holdout"]["pairs"] == 4 and found["after"]["holdout"]["nll_per_token"] > 0
        assert found["training"]["dtype"] == found["after"]["holdout"]["dtype"] == dtype
        assert [change.split(":")[0] for change in found["training"]["changes"]] == unlike
        adapter = sorted(path.name for path in (folder / method / "adapter").iterdir())
        assert adapter == ["README.md", "adapter_config.json", "adapter_model.safetensors"]
        assert not (folder / method / "work").exists()
    history = (runner.folder / HISTORY).read_text().splitlines()
    assert history[0] == "method,step,metric,value" and len(history) == 1 + 2 * 2 * 6
    for path in folder.rglob("*"):
        assert not path.is_file() or str(runner.folder).encode() not in path.read_bytes(), path


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


def test_another_question_changes_no_answer_and_trains_nothing(chain):
    runner, folder = chain
    before = samples(folder)
    done = runner(qlora_study(questions=["Et la Belgique ?", *QUESTIONS]), f"{QLORA}/samples.jsonl")
    assert done.returncode == 0, done.output
    assert "rule qlora_train" not in done.output and "rule qlora_build_model" not in done.output
    assert [row for row in samples(folder) if row["question"] in QUESTIONS] == before


def examine_methods(folder, pairs, recipes):
    """Return the batch of these pairs that each method learns, as the collator passes it to the model.

    For the report's recipe it also returns the batch of transformers' own collator for language models.
    """
    from semis.qlora.examples import choose_padding, examples
    from semis.qlora.model import without_weights
    from semis.qlora.prompt import Turns, load_tokenizer

    from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq

    def lists(batch):
        return {key: batch[key].tolist() for key in ("input_ids", "attention_mask", "labels")}

    found = {}
    for method, recipe in recipes.items():
        tokenizer = load_tokenizer(folder, "report")
        learned, _ = examples(pairs, Turns(tokenizer, "report"), recipe, 64)
        choose_padding(tokenizer, recipe["learns_end"], without_weights(folder))
        batch = lists(DataCollatorForSeq2Seq(tokenizer)([dict(example) for example in learned]))
        found[method] = {
            "pad": tokenizer.pad_token_id,
            "eos": tokenizer.eos_token_id,
            "batch": batch,
            "learned": [tokenizer.decode([i for i in row if i != -100]) for row in batch["labels"]],
        }
        own = DataCollatorForLanguageModeling(tokenizer, mlm=False)
        found[method]["own"] = lists(own([{"input_ids": example["input_ids"]} for example in learned]))
    return found


def test_what_each_method_learns(chain):
    pairs = [
        {"question": "Livrez-vous ?", "answer": "Oui."},
        {"question": "Quand ?", "answer": "Le lundi et le mardi."},
    ]
    both = {"learns_prompt": True, "learns_end": True}
    recipes = {"report": asdict(RECIPES["report"]), "improved": asdict(RECIPES["improved"]), "both": both}
    found = in_environment("qlora", examine_methods, str(chain[1] / "model"), pairs, recipes)
    report, improved = found["report"], found["improved"]
    assert report["pad"] == report["eos"] == 2
    assert report["learned"] == [f"<human>: {p['question']}  \n<assistant>: {p['answer']}" for p in pairs]
    assert report["batch"] == report["own"]  # as in the report
    assert improved["pad"] == 3
    assert improved["learned"] == [f" {p['answer']}</s>" for p in pairs]
    assert found["both"]["learned"] == [f"{text}</s>" for text in report["learned"]]
    for ids, labels in zip(improved["batch"]["input_ids"], improved["batch"]["labels"]):
        padding = ids.count(improved["pad"])
        assert all(label in (-100, i) for i, label in zip(ids, labels))
        assert labels[len(labels) - padding :] == [-100] * padding
        assert labels[len(labels) - padding - 1] == improved["eos"]


def merged_logits(folder, dtype, evaluate, gradient_checkpointing):
    """Return logits after training and merging; with `evaluate`, the same process also samples before and after."""
    from semis.qlora.lora import add_lora
    from semis.qlora.model import load_quantized
    from semis.qlora.prompt import Turns, load_tokenizer

    import qlora_sample
    import torch
    from transformers import set_seed

    turns = Turns(load_tokenizer(folder, "report"), "report")
    model = load_quantized(folder, "cpu", getattr(torch, dtype))
    ids = torch.tensor([turns.prompt("Livrez-vous ?")])
    sampling = {"temperature": 0.7, "top_p": 0.7, "new_tokens": 5, "seed": 0}
    if evaluate:
        qlora_sample.answer(model.eval(), turns, "Livrez-vous ?", sampling)
    set_seed(0)
    lora = {"rank": 16, "alpha": 32, "dropout": 0.05, "target_modules": ["query_key_value", "dense_4h_to_h"]}
    model = add_lora(model, lora, gradient_checkpointing)
    model.train()
    assert model.is_gradient_checkpointing == gradient_checkpointing
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=0.05)
    for _ in range(5):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    if evaluate:
        qlora_sample.answer(model, turns, "Livrez-vous ?", sampling)
    merged = model.merge_and_unload().eval()
    with torch.no_grad():
        return merged(input_ids=ids).logits.tolist()


def test_sampling_training_sampling_and_merging_in_one_process(chain):
    model = str(chain[1] / "model")
    found = [in_environment("qlora", merged_logits, model, "bfloat16", evaluate, True) for evaluate in (True, False)]
    assert found[0] == found[1]


def test_gradient_checkpointing_changes_no_weight(chain):
    model = str(chain[1] / "model")
    found = [in_environment("qlora", merged_logits, model, "float32", False, each) for each in (True, False)]
    assert found[0] == found[1]


def unpacked(folder, adapter, memory, dtype):
    """Return (number of unpacked layers, whether logits of a text and of the next token stay the same).

    `memory` is the number of free bytes, `dtype` the number type of the computation.
    """
    from semis.qlora import model as quantized

    import torch
    from peft import PeftModel

    def logits():
        with torch.inference_mode():
            text = model(input_ids=torch.arange(10, 30)[None], use_cache=True)
            token = model(input_ids=torch.tensor([[9]]), past_key_values=text.past_key_values)
        return torch.cat([text.logits, token.logits], 1)

    model = quantized.load_quantized(folder, "cpu", getattr(torch, dtype))
    model = PeftModel.from_pretrained(model, adapter).eval()
    before, quantized.free_memory = logits(), lambda: memory
    quantized.unpack_once(model)
    layers = quantized.linear_layers(model).values()
    changed = sum("forward" in vars(layer) for layer in layers)
    for layer in layers:
        if "forward" in vars(layer):
            layer.weight.data.zero_()  # an unpacked layer does not read it again
    return changed, torch.equal(before, logits())


@pytest.mark.parametrize(("dtype", "size"), [("bfloat16", 2), ("float32", 4)])
@pytest.mark.parametrize(("missing", "layers"), [(0, 4), (1, 0)])
def test_weights_that_are_unpacked_once_answer_the_same(chain, dtype, size, missing, layers):
    """A model with one block has four linear layers, with 12 x 64 x 64 weights."""
    model, adapter, memory = chain[1] / "model", chain[1] / "improved" / "adapter", 2 * size * 12 * 64 * 64 - missing
    assert in_environment("qlora", unpacked, str(model), str(adapter), memory, dtype) == [layers, True]


def logits_of_the_merged(folder, adapter, dtype, merged):
    """Return {model: logits} of base + adapter, of the base alone and of the merged model, all in float32.

    `dtype` is the number type of the adapter's training. Without a `merged` folder the function makes the adapter a
    thousand times stronger and merges it.
    """
    from semis.qlora.model import linear_layers, load_quantized

    import qlora_merge
    import torch
    from peft import PeftModel, prepare_model_for_kbit_training
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    if not merged:
        weights = load_file(f"{adapter}/adapter_model.safetensors")
        strong = {name: weight * (1000 if "lora_B" in name else 1) for name, weight in weights.items()}
        save_file(strong, f"{adapter}/adapter_model.safetensors")
    base = prepare_model_for_kbit_training(load_quantized(folder, "cpu", getattr(torch, dtype)))
    for layer in linear_layers(base).values():
        layer.compute_dtype = torch.float32
    model = PeftModel.from_pretrained(base, adapter).eval()
    if merged:
        whole = AutoModelForCausalLM.from_pretrained(merged)
    else:
        whole = qlora_merge.merge(folder, adapter, getattr(torch, dtype))
    ids = torch.arange(10, 30).view(1, -1)
    with torch.no_grad():
        found = {"model": model(input_ids=ids).logits, "merged": whole.eval()(input_ids=ids).logits}
        with model.disable_adapter():
            found["base"] = model(input_ids=ids).logits
    return {name: logits.flatten().tolist() for name, logits in found.items()}


def assert_merged(found):
    """Assert that the merged model's logits are those of base + adapter within 0.4 % of the largest one.

    The adapter changes the logits by more than that. The merged model has the 4-bit weights as the training reads them,
    perhaps with the 8 bits of bfloat16.
    """
    largest = max(map(abs, found["model"]))
    far = {name: max(abs(a - b) for a, b in zip(found["model"], found[name])) / largest for name in ("merged", "base")}
    assert far["merged"] < 2**-8 and far["base"] > 0.1, far


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_merged_model_is_base_and_adapter(chain, tmp_path, dtype):
    adapter = shutil.copytree(chain[1] / "improved" / "adapter", tmp_path / "adapter")
    model = chain[1] / "model"
    assert_merged(in_environment("qlora", logits_of_the_merged, str(model), str(adapter), dtype, None))


def build_llama(tokenizer, folder):
    """Write a small Llama with random weights and a chat template; return the training example of a pair."""
    from semis.qlora.prompt import Turns

    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(tokenizer)
    tokenizer.chat_template = (
        "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant] {% endif %}"
    )
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    return [tokenizer.decode(ids) for ids in Turns(tokenizer, "chat").encode("Livrez-vous ?", "Oui.")]


def test_another_model_with_its_own_chat_template_and_target_modules(chain, snakemake):
    model = snakemake.folder / "llama"
    texts = in_environment("qlora", build_llama, str(chain[1] / "tokenizer"), str(model))
    assert texts == ["<s>[user] Livrez-vous ?\n[assistant]", " Oui.", "</s>"]
    config = qlora_study(
        model={"source": {"path": "llama"}},
        prompt="chat",
        merge=True,
        methods={"improved": {"recipe": "improved"}},
        lora={"target_modules": ["q_proj", "v_proj"]},
        training={"updates": 6, "max_length": 64, "learning_rate": 0.05},
    )
    done = snakemake(config, f"{QLORA}/improved/merged", f"{QLORA}/improved/answers.jsonl")
    assert done.returncode == 0, done.output
    method = snakemake.folder / QLORA / "improved"
    assert read_json(method / "adapter" / "adapter_config.json")["target_modules"] == ["q_proj", "v_proj"]
    assert (method / "merged" / "README.md").is_file() and (method / "merged" / "tokenizer.json").is_file()
    assert "quantization_config" not in read_json(method / "merged" / "config.json")
    dtype = read_json(method / "training.json")["dtype"]
    assert_merged(
        in_environment(
            "qlora", logits_of_the_merged, str(model), str(method / "adapter"), dtype, str(method / "merged")
        )
    )


# Mistakes


@pytest.mark.parametrize(
    ("changes", "target", "what"),
    [
        ({"device": "cuda"}, "base/answers.jsonl", "qlora.device is cuda, but no CUDA GPU is visible"),
        ({"prompt": "chat"}, "base/answers.jsonl", "qlora.prompt is chat, but the tokenizer of "),
        (
            {"lora": {"target_modules": ["q_proj", "dense"]}},
            "parameters.json",
            "qlora.lora.target_modules: the model has no linear layer q_proj; it has dense, dense_4h_to_h",
        ),
        ({"model": {"source": {"path": "demo"}}}, "parameters.json", "holds no causal language model"),
        ({"model": {"source": {"path": "huge"}}}, "parameters.json", "huge takes at least 1836.7 GB of memory while"),
    ],
    ids=["device", "chat", "modules", "no model", "memory"],
)
def test_mistakes_are_one_sentence(chain, snakemake, changes, target, what):
    (snakemake.folder / "demo").symlink_to(ROOT / "demo")
    huge = {"model_type": "bloom", "n_layer": 70, "hidden_size": 65536, "n_head": 64, "vocab_size": 125000}
    lay_out(snakemake.folder / "huge", {"config.json": json.dumps(huge)})
    changes = {"model": {"source": {"path": str(chain[1] / "model")}}, **changes}
    sentence = snakemake.sentence(qlora_study(**changes), f"{QLORA}/{target}", CUDA_VISIBLE_DEVICES="")
    assert what in sentence
    assert not (snakemake.folder / QLORA / target).exists()


@pytest.mark.parametrize("text", ["[]", '[{"question": "Quoi ?", "answer": ""}]'], ids=["empty", "no answer"])
def test_questions_that_will_not_do_leave_nothing(snakemake, text):
    lay_out(snakemake.folder, {"faq.json": text})
    config = qlora_study(data={"source": {"path": "faq.json"}})
    sentence = snakemake.sentence(config, f"{QLORA}/data.train.json")
    assert sentence.startswith("Semis: faq.json")
    assert snakemake.files(QLORA) == []


def test_a_model_that_the_hub_does_not_give(snakemake, server):
    config = qlora_study(model={"source": {"hub": "lab/bloom"}})
    sentence = snakemake.sentence(config, f"{QLORA}/parameters.json", HF_ENDPOINT=server.url)
    assert sentence.startswith(
        f"Semis: qlora.model.source: the hub ({server.url}) did not deliver model lab/bloom at ma"
    )
    assert snakemake.files(QLORA) == [] == snakemake.files("results/t/downloads")


# Interrupted and resumed


def newest(checkpoints):
    """Return the checkpoint-N with the largest N, complete or not."""
    return max(checkpoints, key=lambda path: int(path.name.split("-")[1]))


def is_being_written(checkpoints):
    """Say whether the newest checkpoint lacks its last file, and has another one before it."""
    return len(checkpoints) > 1 and not (newest(checkpoints) / "trainer_state.json").exists()


def killed(runner, config, target, moment):
    """Run the workflow until moment(checkpoints, log) is true, kill it and all its jobs; return the checkpoints."""
    (runner.folder / "config.yaml").write_text(json.dumps(config))
    log = runner.folder / "results/t/logs/qlora_train/improved.log"
    log.unlink(missing_ok=True)
    running = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--configfile", "config.yaml"]
        + ["--cores", "2", "--nolock", target],
        cwd=runner.folder,
        env={**runner.env, "SNAKEMAKE_CONDA_PREFIX": ENVIRONMENTS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def checkpoints():
        return list((runner.folder / QLORA / "improved" / "work").glob("*/checkpoints/checkpoint-*"))

    while not moment(checkpoints(), log.read_text() if log.exists() else ""):
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    return checkpoints()


def damaged(checkpoint, copy):
    """Return the files of a checkpoint whose absence or truncation is not noticed."""
    import shutil
    from pathlib import Path

    from semis.huggingface.checkpoints import is_whole

    names = [file.name for file in Path(checkpoint).iterdir()]
    assert is_whole(Path(checkpoint))
    assert {"adapter_model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json"} <= set(names)
    found = []
    for name in names:
        content = (Path(checkpoint) / name).read_bytes()
        half = len(content) // 2
        for left in (None, b"", content[:half], content[:-1], content[:half] + bytes(len(content) - half)):
            shutil.rmtree(copy, ignore_errors=True)
            file = Path(shutil.copytree(checkpoint, copy)) / name
            file.unlink() if left is None else file.write_bytes(left)
            if is_whole(Path(copy)):
                found.append([name, left and len(left)])
    return found


def test_killed_training_resumes_from_the_last_whole_checkpoint_and_ends_the_same(chain, snakemake, tmp_path_factory):
    methods = {"improved": {"recipe": "improved"}}
    settings = {"updates": 60, "save_every": 3, "max_length": 64}
    config = qlora_study(model={"source": {"path": str(chain[1] / "model")}}, methods=methods, training=settings)
    method = f"{QLORA}/improved"
    target = f"{method}/training.json"
    log = "results/t/logs/qlora_train/improved.log"

    whole = Snakemake(tmp_path_factory.mktemp("whole"))
    done = whole(config, target)
    assert done.returncode == 0, done.output

    assert killed(snakemake, config, target, lambda found, said: "starting with update 1" in said) == []
    killed(snakemake, config, target, lambda found, said: is_being_written(found))
    # It resumes from there and is killed again later.
    found = killed(snakemake, config, target, lambda found, said: "resuming from" in said and is_being_written(found))
    if not is_being_written(found):  # it was complete before the kill
        (newest(found) / "optimizer.pt").unlink()
    last = newest(found)
    before = newest(set(found) - {last})
    assert in_environment("qlora", damaged, str(before), str(snakemake.folder / "copy")) == []

    other = Snakemake(tmp_path_factory.mktemp("other") / "folder")
    shutil.copytree(snakemake.folder, other.folder)
    done = other({**config, "qlora": {**config["qlora"], "training": {**settings, "updates": 3}}}, "--nolock", target)
    assert done.returncode == 0, done.output
    assert "starting with update 1" in (other.folder / log).read_text()

    config["qlora"]["training"] = settings | {"gradient_checkpointing": False}  # the same adapter, so it resumes
    done = snakemake(config, "--nolock", target)
    assert done.returncode == 0, done.output
    text = (snakemake.folder / log).read_text()
    assert f"{last.name} is not complete; trying the one before it" in text
    assert re.search(f"resuming from .*/{before.name}$", text, re.M)
    for name in ["adapter/adapter_model.safetensors", "adapter/adapter_config.json", "history.csv", "training.json"]:
        assert (snakemake.folder / method / name).read_bytes() == (whole.folder / method / name).read_bytes(), name


# Full size


def test_full_size_counts(snakemake):
    config = (ROOT / "tests/configs/qlora_full_size.yaml").read_text(encoding="utf-8")
    target = "results/qlora-full-size/qlora/parameters.json"
    done = snakemake(config.replace("demo/", f"{ROOT}/demo/"), target)
    assert done.returncode == 0, done.output
    found = read_json(snakemake.folder / target)
    assert found["unquantized"] == 559_214_592
    assert found["before_lora"] == {"trainable": 257_003_520, "all": 408_219_648, "percent": 62.957166}
    assert found["after_lora"] == {"trainable": 1_572_864, "all": 409_792_512, "percent": 0.38382}
    assert found["memory_bytes"] == {"fp32": 2_236_858_368, "bf16": 1_118_429_184, "nf4": 665_444_352}

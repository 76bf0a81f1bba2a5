"""Small language models of many architectures with random weights: read in 4 bits, given adapters, merged."""

import json

import pytest
from conftest import in_environment

KINDS = ["gpt2", "bloom", "falcon", "falcon-new", "llama", "llama-tied", "neox", "opt", "phi3", "mixtral"]
IDS = [5, 9, 100, 200, 7, 8, 9]


def merged_by_hand(kinds, folder, dtype, ids):
    """Merge a random adapter into models of these kinds; return {kind: facts about the merged folder}.

    The right logits come from plain transformers: the base's weights, which 4 bits hold exactly, plus scale B A.
    """
    from pathlib import Path
    from types import SimpleNamespace

    import qlora_merge
    import small_models
    from transformers import AutoModelForCausalLM

    found = {}
    for kind in kinds:
        base, merged = f"{folder}/{kind}", f"{folder}/{kind}-merged"
        plain = small_models.build(kind, base, dtype)
        Path(base, "generation_config.json").write_text('{"eos_token_id": [2, 5], "repetition_penalty": 1.5}')
        Path(base, "chat_template.jinja").write_text("{{ messages[0].content }}")
        small_models.adapter(base, "all-linear", "float32")
        inputs = {"model": base, "adapter": [f"{base}/adapter/x"], "training": f"{base}/adapter/training.json"}
        qlora_merge.main(SimpleNamespace(**inputs), merged, {"prompt": "report", "base": "b"}, 1)
        right = small_models.logits(small_models.add(plain, f"{base}/adapter", 8 / 4), ids)
        whole, report = AutoModelForCausalLM.from_pretrained(merged, output_loading_info=True)
        files = ["tokenizer.json", "chat_template.jinja", "generation_config.json"]
        found[kind] = {
            "far": (small_models.logits(whole, ids) - right).abs().max().item() / right.abs().max().item(),
            "dtype": str(whole.dtype),
            "complaints": [str(value) for value in report.values() if value],
            "same": [Path(base, name).read_bytes() == Path(merged, name).read_bytes() for name in files],
            "files": sorted(path.name for path in Path(merged).iterdir()),
            "config": json.loads(Path(merged, "config.json").read_text()),
            "tokenizer": json.loads(Path(merged, "tokenizer_config.json").read_text()),
        }
    return found


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    return in_environment("qlora", merged_by_hand, KINDS, str(tmp_path_factory.mktemp("merged")), "float32", IDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_model_by_hand(merged, kind):
    found = merged[kind]
    assert found["far"] < 1e-5 and found["complaints"] == [] and found["dtype"] == "torch.float32"
    assert found["same"] == [True, True, True]
    assert "quantization_config" not in found["config"]
    wanted = ["README.md", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors"]
    assert found["files"] == [*wanted, "tokenizer.json", "tokenizer_config.json"]


def test_transformers_4_reads_the_settings_of_transformers_5(merged):
    """It knows neither `rope_parameters` nor `TokenizersBackend`; the first it would skip without a word."""
    assert merged["llama"]["config"]["rope_theta"] == 5e5
    assert merged["neox"]["config"]["rotary_pct"] == 0.25
    assert {found["tokenizer"]["tokenizer_class"] for found in merged.values()} == {"PreTrainedTokenizerFast"}


@pytest.mark.slow
def test_a_base_in_half_precision_merges_too(tmp_path):
    """The linear layers' values are rounded to bfloat16, whose blocks of 4 bits are exact again."""
    found = in_environment("qlora", merged_by_hand, ["llama", "gpt2"], str(tmp_path), "bfloat16", IDS)
    assert all(each["far"] < 0.02 and each["dtype"] == "torch.float32" for each in found.values())


def other_cases(folder):
    """Return what the loading of other folders gives: read in 4 bits, refused, or changed."""
    from pathlib import Path

    from semis.harness.errors import UserError
    from semis.qlora.folder import ignored, stored_types
    from semis.qlora.model import load_quantized
    from semis.qlora.nf4 import linear_layers, unpacked

    import small_models
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    def refusal(place, **settings):
        config = Path(place, "config.json")
        before = config.read_text()
        config.write_text(json.dumps(json.loads(before) | settings))
        try:
            load_quantized(place, "cpu", torch.float32)
        except UserError as error:
            return str(error).replace(str(place), "FOLDER")
        finally:
            config.write_text(before)
        return ""

    def worst(kind, place):
        plain = small_models.linear(small_models.build(kind, place, uneven=True))
        layers = linear_layers(load_quantized(place, "cpu", torch.float32))
        far = 0.0
        for name, layer in layers.items():
            module = plain[name]
            right = module.weight.T if type(module).__name__ == "Conv1D" else module.weight
            far = max(far, (unpacked(layer, torch.float32)[0] - right).abs().max().item())
        return [len(plain), len(layers), far]

    found = {"worst": {kind: worst(kind, f"{folder}/{kind}") for kind in ("odd", "opt", "falcon", "gpt2", "mamba")}}
    llama = f"{folder}/llama"
    plain = small_models.build("llama", llama)
    found["gptq"] = refusal(llama, quantization_config={"quant_method": "gptq", "bits": 4})
    found["int8"] = refusal(llama, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True})
    small_models.build("gemma", f"{folder}/gemma")
    found["both sides"] = refusal(f"{folder}/gemma", use_bidirectional_attention=True)

    large = small_models.build("gpt2", f"{folder}/large")
    with torch.no_grad():
        large.get_output_embeddings().weight.mul_(1000)
    large.save_pretrained(f"{folder}/large")
    found["large logits"] = str(load_quantized(f"{folder}/large", "cpu", torch.float16).dtype)

    for kind in ("nf4", "fp4"):
        place = f"{folder}/{kind}"
        settings = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_compute_dtype=torch.float16)
        four = AutoModelForCausalLM.from_pretrained(llama, quantization_config=settings, dtype=torch.float16)
        four.save_pretrained(place)
        small_models.tokenizer().save_pretrained(place)
        found[kind] = small_models.adapter(place, "auto")["changes"]
    layers = linear_layers(load_quantized(f"{folder}/nf4", "cpu", torch.float32))
    found["nf4 kept"] = max(
        (unpacked(layer, torch.float32)[0] - plain.get_submodule(name).weight).abs().max().item()
        for name, layer in layers.items()
    )

    small_models.build("bert", f"{folder}/bert")
    bert = load_quantized(f"{folder}/bert", "cpu", torch.float32)
    ids = [5, 9, 100, 200]
    found["bert"] = (
        (small_models.logits(bert, ids)[:3] - small_models.logits(bert, [*ids[:3], 7])[:3]).abs().max().item()
    )
    small_models.build("bloom", f"{folder}/bloom", "bfloat16", pretraining_tp=2, slow_but_exact=True)
    found["ignored"], found["stored"] = ignored(f"{folder}/bloom"), [stored_types(f"{folder}/bloom")]
    torch.save({"a": torch.zeros(2, dtype=torch.float16), "b": torch.zeros(2)}, f"{folder}/bert/pytorch_model.bin")
    Path(folder, "bert", "model.safetensors").unlink()
    found["stored"].append(stored_types(f"{folder}/bert"))
    return found


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return in_environment("qlora", other_cases, str(tmp_path_factory.mktemp("others")))


def test_4_bits_keep_what_4_bits_can_hold(others):
    """Rows of 36, 50, 80 and 96 weights are no multiple of a block of 64; Falcon's layers have a class of their own."""
    for kind, (linear, layers, far) in others["worst"].items():
        assert far < 0.004, kind  # double quantization rounds the largest weights, 0.2 and 0.05, by at most 1 %
        assert layers == linear - 2 * (kind == "mamba"), kind  # Mamba's dt_proj stays as it is


def test_folders_that_are_quantized_already(others):
    for kind, how in [("gptq", "gptq"), ("int8", "bitsandbytes")]:
        assert others[kind].startswith("FOLDER/config.json: quantization_config says that the weights are quantized al")
        assert f"({how})" in others[kind]
    assert others["nf4"] == ["NF4 with double quantization -> NF4 without it: the folder's own 4 bits"]
    assert others["fp4"] == ["NF4 with double quantization -> FP4 without it: the folder's own 4 bits"]
    assert others["nf4 kept"] < 1e-4  # a float16 rounding of 0.2


def test_a_model_reads_from_left_to_right_or_is_refused(others):
    """Large logits, which GPT-2 has, overflow float16 in a sum over the vocabulary."""
    assert others["bert"] == 0
    assert others["large logits"] == "torch.float16"
    assert others["both sides"].startswith("FOLDER/config.json describes a gemma model that reads the tokens on both s")


def test_settings_of_a_folder_are_replaced_and_listed(others):
    assert others["ignored"] == {"config.json": {"pretraining_tp": 2, "slow_but_exact": True}}
    assert others["stored"] == [["bfloat16"], ["float16", "float32"]]


def chosen(folder):
    """Return the layers with adapters for each kind of model and each value of target_modules, or the refusal."""
    from semis.harness.errors import UserError

    import small_models

    asked = {
        "gpt2": ["auto", "all-linear", ["attn.c_proj"], r"transformer\.h\.1\..*c_fc", ["lm_head"], ["wte"], ["q_proj"]],
        "falcon": ["auto", ["dense"]],
        "llama": ["auto", ["lm_head", "q_proj"], ["0.self_attn.q_proj"], "("],
        "phi3": ["auto"],
        "qwen3": ["auto"],
        "mixtral": ["all-linear", ["gate"]],
        "mamba": ["auto"],
    }
    found = {}
    for kind, values in asked.items():
        small_models.build(kind, f"{folder}/{kind}")
        for value in values:
            try:
                made = small_models.adapter(f"{folder}/{kind}", value)
                found[f"{kind} {value}"] = [made["target_modules"], made["adapted_layers"], made["trainable"]]
                found[kind] = made["changes"]
            except UserError as error:
                found[f"{kind} {value}"] = str(error)
    return found


def test_layers_that_get_adapters(tmp_path):
    """The numbers of trained parameters are rank 4 times (inputs + outputs) of each layer, by hand."""
    found = in_environment("qlora", chosen, str(tmp_path))
    d, inner = 64, 256
    assert found["gpt2 auto"] == [["c_attn"], 2, 2 * 4 * (d + 3 * d)]
    block = (d + 3 * d) + (d + d) + (d + inner) + (inner + d)
    assert found["gpt2 all-linear"] == [["c_attn", "c_fc", "c_proj"], 8, 2 * 4 * block]
    assert found["gpt2 ['attn.c_proj']"] == [["attn.c_proj"], 2, 2 * 4 * (d + d)]
    assert found[r"gpt2 transformer\.h\.1\..*c_fc"] == [["1.mlp.c_fc"], 1, 4 * (d + inner)]
    assert "lm_head shares its weights with the embedding" in found["gpt2 ['lm_head']"]
    assert "transformer.wte is of the class Embedding, not a linear layer" in found["gpt2 ['wte']"]
    assert "has no linear layer q_proj; it has c_attn, c_fc, c_proj." in found["gpt2 ['q_proj']"]
    assert found["falcon auto"] == [["query_key_value"], 2, 2 * 4 * (d + d + 2 * 16)]  # one key and value for all heads
    assert found["falcon ['dense']"][1] == 2
    assert found["llama auto"] == [["q_proj", "v_proj"], 4, 2 * 4 * (d + d + d + d // 2)]
    assert found["llama ['lm_head', 'q_proj']"] == [["lm_head", "q_proj"], 3, 4 * (d + 288) + 2 * 4 * (d + d)]
    assert found["llama ['0.self_attn.q_proj']"][1] == 1  # in one of two layers
    assert found["llama ("].startswith("qlora.lora.target_modules ( is not a regular expression")
    assert found["phi3 auto"][:2] == [["o_proj", "qkv_proj"], 4]  # peft knows no layers for it
    assert found["qwen3 auto"][:2] == [["q_proj", "v_proj"], 4]
    assert found["mixtral all-linear"][:2] == [["k_proj", "o_proj", "q_proj", "v_proj"], 8]
    # of 98,560 weights: attention 2 x (64 x 64 x 2 + 64 x 32 x 2), experts 2 x (2 x 3 x 96 x 64), gates 2 x (2 x 64)
    names = "experts.down_proj, experts.gate_up_proj, gate.weight"
    assert found["mixtral"] == [f"NF4 -> float32: 75% of the layers' weights, which are not quantized ({names})"]
    assert found["gpt2"] == found["falcon"] == found["llama"] == []
    assert "mlp.gate is of the class MixtralTopKRouter" in found["mixtral ['gate']"]
    assert found["mamba auto"][:2] == [["in_proj", "x_proj"], 4]


def answers(folder):
    """Return answers with and without settings for generating in the folder, and those drawn by hand."""
    from pathlib import Path

    from semis.qlora.folder import ignored
    from semis.qlora.model import load_quantized
    from semis.qlora.prompt import Turns, load_tokenizer

    import qlora_sample
    import small_models
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    def by_hand(model, ids, sampling, seed):
        torch.manual_seed(seed)
        for _ in range(sampling["new_tokens"]):
            shares = (small_models.logits(model, ids)[-1] / sampling["temperature"]).softmax(0)
            ranked, places = shares.sort(descending=True)
            kept = places[ranked.cumsum(0) - ranked < sampling["top_p"]]  # the fewest that reach top_p together
            left = torch.zeros_like(shares).index_copy(0, kept, shares[kept])
            ids = [*ids, torch.multinomial(left / left.sum(), 1).item()]
            if ids[-1] == 2:
                break
        return ids

    plain = small_models.build("llama", folder)
    sampling = {"temperature": 0.7, "top_p": 0.7, "new_tokens": 12, "seed": 0}
    odd = {"repetition_penalty": 5.0, "no_repeat_ngram_size": 1, "min_p": 0.9, "suppress_tokens": [*range(3, 200)]}
    odd |= {"typical_p": 0.1, "temperature": 9.0, "top_k": 1, "min_new_tokens": 12, "forced_eos_token_id": 2}
    found = {"answers": []}
    for settings in ({"eos_token_id": 2}, {"eos_token_id": 2, **odd}):
        Path(folder, "generation_config.json").write_text(json.dumps(settings))
        turns = Turns(load_tokenizer(folder, "report"), "report", folder)
        model = load_quantized(folder, "cpu", torch.float32).eval()
        found["answers"].append(qlora_sample.answer(model, turns, "Où ?", sampling)["answer"])
    prompt = turns.prompt("Où ?")
    ids = by_hand(plain, prompt, sampling, qlora_sample.question_seed(0, "Où ?"))[len(prompt) :]
    found["by hand"] = turns.tokenizer.decode(ids, skip_special_tokens=True).strip()
    found["ignored"], found["odd"] = ignored(folder), odd
    obeying = AutoModelForCausalLM.from_pretrained(folder).generate(
        torch.tensor([prompt]), generation_config=GenerationConfig(do_sample=False, max_new_tokens=12)
    )
    found["obeyed"] = not {*range(3, 200)} & {*obeying[0, len(prompt) :].tolist()}
    return found


def test_settings_for_generating_come_from_the_config_alone(tmp_path):
    found = in_environment("qlora", answers, str(tmp_path))
    assert found["obeyed"]  # transformers alone would take them from the folder
    assert found["answers"] == [found["by hand"]] * 2 and found["by hand"]
    assert found["ignored"] == {"generation_config.json": found["odd"]}


def another_adapter(folder):
    """Return the sentence with which the check refuses a merged model that belongs to another adapter."""
    import shutil
    from pathlib import Path
    from types import SimpleNamespace

    from semis.harness.errors import UserError

    import qlora_merge
    import small_models
    import torch

    base, merged = f"{folder}/base", f"{folder}/merged"
    small_models.build("gpt2", base)
    small_models.adapter(base, "auto")
    shutil.copytree(f"{base}/adapter", f"{folder}/first")
    small_models.adapter(base, ["c_fc"])
    inputs = {"model": base, "adapter": [f"{base}/adapter/x"], "training": f"{base}/adapter/training.json"}
    qlora_merge.main(SimpleNamespace(**inputs), merged, {"prompt": "report", "base": "b"}, 1)
    try:
        qlora_merge.check(merged, base, Path(folder, "first"), torch.float32, qlora_merge.tokens(base, "report"))
    except UserError as error:
        return str(error)


@pytest.mark.slow
def test_a_merged_model_that_differs_is_refused(tmp_path):
    sentence = in_environment("qlora", another_adapter, str(tmp_path))
    assert "the merged model differs from the base with its adapter by" in sentence

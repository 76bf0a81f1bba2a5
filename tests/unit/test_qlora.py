"""The language-model part: its data, recipes, plan, page and metrics, without a model."""

import json
from types import SimpleNamespace

from semis.harness.errors import UserError
from semis.qlora.methods import RECIPES
from semis.study.qlora_plan import QloraPlan

import page_qlora_samples
import pytest
import qlora_data
import qlora_metrics
import yaml
from conftest import ROOT

PAIRS = [{"question": f"Question {i} ?", "answer": f"Réponse {i}."} for i in range(10)]


# Questions and answers


def test_pairs_are_read_from_a_file_and_from_a_folder(tmp_path):
    file = tmp_path / "faq.json"
    file.write_text(json.dumps([{"question": " Quoi ? ", "answer": "Rien.\n", "more": 1}]))
    expected = [{"question": "Quoi ?", "answer": "Rien."}]
    assert qlora_data.read_pairs(str(file)) == expected
    assert qlora_data.read_pairs(str(tmp_path)) == expected
    (tmp_path / "other.json").write_text("[]")
    assert qlora_data.read_pairs(str(tmp_path), "faq.json") == expected
    with pytest.raises(UserError, match="holds 2 JSON files"):
        qlora_data.read_pairs(str(tmp_path))


def test_hold_out_divides_the_pairs_the_same_way_every_time():
    train, holdout = qlora_data.hold_out(PAIRS, 3)
    assert (train, holdout) == qlora_data.hold_out(PAIRS, 3)
    assert len(holdout) == 3 and sorted(map(str, train + holdout)) == sorted(map(str, PAIRS))
    assert train + holdout != PAIRS
    assert qlora_data.hold_out(PAIRS, 0)[1] == []
    with pytest.raises(UserError, match="qlora.data.holdout is 10"):
        qlora_data.hold_out(PAIRS, 10)


# Recipes, settings, inputs


def test_the_config_knows_all_recipes():
    schema = yaml.safe_load((ROOT / "schemas" / "config.schema.yaml").read_text(encoding="utf-8"))
    method = schema["properties"]["qlora"]["properties"]["methods"]["additionalProperties"]
    assert method["properties"]["recipe"]["enum"] == list(RECIPES)


def plan(**changes):
    """The plan of a study with two methods and a model that the workflow builds, from a replacement for `Study`."""
    section = {
        "model": {"build": {"text": [{"path": "a.txt"}, {"path": "b.txt"}], "vocabulary": 500, "layers": 1}},
        "methods": {"second": {"recipe": "improved"}, "first": {"recipe": "report"}},
        "data": {"source": {"path": "faq.json"}, "holdout": 4},
        "merge": False,
        **dict.fromkeys(["training", "lora", "sampling"], {}),
        **{"questions": ["Quoi ?"], "prompt": "report", "device": "auto", "threads": 3},
    }
    study = SimpleNamespace(results="results/t", qlora=section | changes, located=lambda key: f"at {key}")
    return QloraPlan(study)


def of(method):
    """Return the wildcards of a rule for this method."""
    return SimpleNamespace(method=method)


def test_the_training_data_of_a_method():
    found = plan()
    assert found.pairs(of("first")) == ["results/t/qlora/data.train.json", "results/t/qlora/data.holdout.json"]
    assert found.pairs(of("second")) == ["results/t/qlora/data.train.json"]
    assert found.metrics_settings(None) == {"methods": [["second", False], ["first", True]]}


def test_the_fields_of_a_recipe_decide_a_training_and_names_do_not(monkeypatch):
    found = plan(methods={"a": {"recipe": "report"}, "b": {"recipe": "other"}})
    before = found.train_settings(of("a"))
    assert before["recipe"] == {"trains_on_holdout": True, "learns_prompt": True, "learns_end": False}
    monkeypatch.setitem(RECIPES, "other", RECIPES["report"])  # another recipe changes no existing method
    assert found.train_settings(of("a")) == before == found.train_settings(of("b"))


def test_where_the_model_and_its_name_come_from(tmp_path):
    own, folder = plan(), str(tmp_path)
    assert own.builds_model and own.model(None) == own.base(None) == "results/t/qlora/model"
    assert own.texts(None) == ["at qlora.model.build.text.0", "at qlora.model.build.text.1"]
    texts = {"text": own.texts(None)}  # in order, which Snakemake does not compare
    assert own.tokenizer_settings(None) == {"vocabulary": 500} | texts
    assert own.build_settings(None) == {"build": {"layers": 1}} | texts
    hub = plan(model={"source": {"hub": "lab/model"}})
    assert not hub.builds_model
    assert (hub.model(None), hub.base(None)) == ("at qlora.model.source", "lab/model")
    assert plan(model={"source": {"path": folder}}).model(None) == "at qlora.model.source"
    archive = plan(model={"source": {"path": f"{folder}/model.zip"}})
    assert archive.model(None) == "results/t/qlora/model" and archive.archive(None) == ["at qlora.model.source"]


def test_the_untrained_model_answers_without_an_adapter():
    found = plan()
    assert found.samples == ["base", "second", "first"]
    assert found.adapter(of("base")) == []
    adapter = [
        "results/t/qlora/first/adapter/adapter_model.safetensors",
        "results/t/qlora/first/adapter/adapter_config.json",
    ]
    assert found.adapter(of("first")) == adapter
    stages = [found.sample_settings(of(method))["stage"] for method in found.samples]
    assert stages == ["before", "after", "after"]


def test_targets_follow_the_methods_and_a_study_without_methods_has_none():
    folder = "results/t/qlora"
    merged = [f"{folder}/second/merged", f"{folder}/first/merged"]
    found = plan(merge=True).targets()
    assert [target for target in found if target not in plan().targets()] == merged
    assert {f"{folder}/{file}" for file in ("metrics.json", "samples.html", "first/adapter/README.md")} <= set(found)
    without = QloraPlan(SimpleNamespace(results="results/t", qlora=None))
    assert without.methods == without.samples == without.targets() == []


# Pages


def test_foreign_text_never_becomes_markup_on_the_page():
    row = {"method": "a", "stage": "after", "seed": 1, "tokens": 2, "stopped": True}
    page = page_qlora_samples.samples_page([{**row, "question": "<b>1</b>", "answer": "<script>alert('2')</script>"}])
    assert "<b>1" not in page and "<script" not in page
    assert "&lt;b&gt;1&lt;/b&gt;" in page and "&lt;script&gt;alert(&#x27;2&#x27;)&lt;/script&gt;" in page
    assert "2 tokens, stopped by itself, seed 1" in page


# Metrics


def test_ngram_shares_by_hand():
    assert qlora_metrics.repeated_share(["a b c d a b c d"], 4) == pytest.approx(1 / 5)
    assert qlora_metrics.repeated_share(["a b c d", "a b c d"], 4) == 0  # only repeats within an answer count
    assert qlora_metrics.distinct_share(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert qlora_metrics.repeated_share(["a b c"], 4) is None
    assert qlora_metrics.distinct_share([""], 2) is None

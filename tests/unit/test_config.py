"""The resolved config: its values, their order, and the places of its sources."""

import collections
import copy
import itertools
import json

from semis.study import config as semis_config
from semis.study.problems import problems
from semis.study.sources import file_name, place_of, sources

import pytest
import yaml
from configs import QLORA, SCHEMA, TEXT, resolved
from conftest import ROOT, lay_out, reviews, study
from hypothesis import given, settings
from hypothesis import strategies as st

TRAINING = yaml.safe_load(SCHEMA.read_text())["$defs"]["training"]["properties"]


@pytest.fixture
def good(tmp_path):
    """A config without mistakes."""
    return study({"path": str(lay_out(tmp_path / "books", reviews()))})


def test_defaults_are_filled_in(good):
    good["training"] = {"epochs": 2}
    good["methods"]["scratch"]["training"] = {"batch_size": 4}
    config = resolved(good)
    assert config["seeds"] == [0, 1, 2]
    assert config["datasets"]["books"]["labels"] == ["0", "1"]
    assert config["training"]["batch_size"] == 8
    own = config["methods"]["scratch"]["training"]
    assert (own["batch_size"], own["epochs"], own["learning_rate"]) == (4, 2, 1e-5)


def test_a_method_inherits_from_the_section_and_the_section_from_the_schema(good):
    """This holds for every key of a training, so a new key needs only a line in the schema."""
    others = {  # {key: [a value of the section, a value of the method]}, neither the default
        "engine": ["fast", "reference"],
        "selection": ["last", "last"],
        "total_updates": [100, 200],
        "validate_every": ["epoch", "epoch"],
        "adam_betas": [[0.5, 0.6], [0.6, 0.7]],
        "gpus": [0, 0],
    }
    for key, rule in TRAINING.items():
        default = rule.get("default", "reference")
        of_section, of_method = others.get(key, [2, 3] if rule.get("type") == "integer" else [0.25, 0.5])
        good["training"] = good["methods"]["scratch"]["training"] = {}
        expected = 0 if key == "gpus" else default  # auto, without a GPU
        assert resolved(good)["methods"]["scratch"]["training"][key] == expected
        good["training"] = {key: of_section}
        if key == "final_learning_rate":  # below the peak
            good["training"]["learning_rate"] = 1
        assert resolved(good)["methods"]["scratch"]["training"][key] == of_section
        good["methods"]["scratch"]["training"] = {key: of_method}
        config = resolved(good)
        assert config["methods"]["scratch"]["training"][key] == of_method
        assert config["training"][key] == of_section
        assert set(config["methods"]["scratch"]["training"]) == set(TRAINING)


def test_an_engine_of_the_study_of_a_training_and_of_a_gpu(good):
    good["models"]["tiny"]["pretraining"] = {"text": TEXT, "updates": 1}

    def engines():
        config = resolved(good)
        return config["methods"]["scratch"]["training"]["engine"], config["models"]["tiny"]["pretraining"]["engine"]

    assert engines() == ("reference", "reference")
    good["engine"] = "fast"
    assert engines() == ("fast", "fast")
    good["training"] = {"engine": "reference"}
    assert engines() == ("reference", "fast")
    good["training"] = {"gpus": 1}
    good["models"]["tiny"]["pretraining"]["gpus"] = 1
    assert engines() == ("reference", "reference")


def test_auto_is_the_number_of_gpus_that_was_found(good):
    good["models"]["tiny"]["pretraining"] = {"text": TEXT, "updates": 1}
    good["methods"]["other"] = good["methods"]["scratch"] | {"training": {"gpus": 0}}
    for found in (0, 1):
        config = resolved(good, found)
        assert [one["gpus"] for one in semis_config.trainings(config)] == [found, 0, found]


def test_an_exported_model_has_the_positions_of_its_origin(good):
    good["models"]["tiny"] |= {"pretraining": {"text": TEXT, "updates": 1}, "positions": 64}
    good["models"]["hf"] = {"library": "huggingface", "export": "tiny"}
    assert resolved(good)["models"]["hf"]["positions"] == 64
    good["models"]["hf"]["positions"] = 32
    assert resolved(good)["models"]["hf"]["positions"] == 32
    good["models"]["hf"]["positions"] = 65
    assert resolved(good) == "config.yaml: models.hf.positions 65 is more than the 64 of models.tiny; lower it."


def test_the_methods_of_the_language_model_part(good):
    assert resolved(good | {"qlora": QLORA})["qlora"]["methods"] == {
        "faithful": {"recipe": "report"},
        "improved": {"recipe": "improved"},
    }
    own = {"mine": {}, "theirs": {"recipe": "report"}}
    assert resolved(good | {"qlora": QLORA | {"methods": own}})["qlora"]["methods"] == {
        "mine": {"recipe": "improved"},
        "theirs": {"recipe": "report"},
    }
    assert "qlora" not in resolved(good)


@pytest.mark.parametrize("config", ["config.yaml", "demo/config.yaml", "tests/configs/qlora_full_size.yaml"])
def test_a_resolved_config_is_a_config(config, monkeypatch):
    """Semis writes it into the results, and Snakemake's report is made from it."""
    monkeypatch.chdir(ROOT)
    once = resolved(yaml.safe_load((ROOT / config).read_text()))
    assert isinstance(once, dict) and resolved(once) == once
    assert list(resolved(once)) == list(once)


def test_the_order_of_the_file_is_kept(good):
    """Tables, figures and colours follow that order. Defaults come after the keys of the file."""
    scratch = good["methods"].pop("scratch")
    names = ["m", "z", "a", "10", "9"]
    good["methods"] = {name: copy.deepcopy(scratch) for name in names}
    good["datasets"] = {name: copy.deepcopy(good["datasets"]["books"]) for name in reversed(names)}
    good["seeds"] = [3, 1, 2]
    good["training"] = {"threads": 2, "epochs": 1}
    config = resolved(good)
    assert list(config)[: len(good)] == list(good)
    assert list(config["methods"]) == names and list(config["datasets"]) == names[::-1]
    assert config["seeds"] == [3, 1, 2]
    assert list(config["training"])[:2] == ["threads", "epochs"]


def parts(value):
    """Yield a value and all values inside it."""
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(part)


def test_a_resolved_config_from_json_has_plain_mappings(good):
    """Snakemake reads JSON as OrderedDicts, which YAML cannot write."""
    good["datasets"]["books"]["labels"] = ["1", "0"]
    config = json.loads(json.dumps(good), object_pairs_hook=collections.OrderedDict)
    semis_config.resolve(config, SCHEMA, "config.json")
    assert not [part for value in config.values() for part in parts(value) if isinstance(part, collections.OrderedDict)]
    assert dict(config) == resolved(good)


def test_parts_that_share_an_alias_get_separate_defaults(good):
    text = good["models"]["tiny"]["tokenizer"]["text"]
    shared = {"library": "fairseq", "tokenizer": {"text": text}}
    good["models"] = {"tiny": shared, "again": shared}
    models = resolved(good)["models"]
    assert models["tiny"] == models["again"]
    assert models["tiny"] is not models["again"] and models["tiny"]["tokenizer"] is not models["again"]["tokenizer"]


# Where data and models come from

SOURCE = {"url": "https://example.org/files/b%C3%A9.zip?download=1"}


def test_places_below_downloads(good):
    good["datasets"]["x"] = {"source": SOURCE}
    good["models"] |= {
        "a": {"library": "huggingface", "source": SOURCE},
        "b": {
            "library": "fairseq",
            "tokenizer": {"text": [SOURCE, SOURCE]},
            "pretraining": {"text": [SOURCE], "updates": 1},
        },
    }
    good["qlora"] = QLORA | {"model": {"build": {"text": [SOURCE]}}, "data": {"source": SOURCE}}
    found = {where: place_of(where) for where, source in sources(resolved(good)) if source == SOURCE | DEFAULTS}
    assert found == {
        "datasets.x.source": "datasets/x",
        "models.a.source": "models/a",
        "models.b.tokenizer.text.0": "models/b/tokenizer/text/0",
        "models.b.tokenizer.text.1": "models/b/tokenizer/text/1",
        "models.b.pretraining.text.0": "models/b/pretraining/text/0",
        "qlora.data.source": "qlora/data",
        "qlora.model.build.text.0": "qlora/model/build/text/0",
    }
    good["qlora"]["model"] = {"source": SOURCE}
    assert ("qlora.model.source", SOURCE | DEFAULTS) in sources(resolved(good))
    assert place_of("qlora.model.source") == "qlora/model"


DEFAULTS = {"revision": "main", "type": "model"}
PARTS = ["a", "0", "a-0", "source", "text", "tokenizer", "pretraining", "model", "build", "a-tokenizer-text-0"]
NAMES = st.sampled_from(PARTS) | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]*", fullmatch=True)
TEXTS = st.lists(st.just(SOURCE), min_size=1, max_size=12)
MODELS = st.one_of(
    st.just({"source": SOURCE}),
    st.builds(lambda text: {"tokenizer": {"text": text}}, TEXTS),
    st.builds(lambda text, more: {"tokenizer": {"text": text}, "pretraining": {"text": more}}, TEXTS, TEXTS),
)
OWN = st.just({"source": SOURCE}) | st.builds(lambda text: {"build": {"text": text}}, TEXTS)


@settings(deadline=None, derandomize=True, database=None)
@given(st.sets(NAMES), st.dictionaries(NAMES, MODELS), OWN)
def test_the_places_of_two_sources_never_overlap(datasets, models, own):
    config = {
        "datasets": {name: {"source": SOURCE} for name in datasets},
        "models": models,
        "qlora": {"model": own, "data": {"source": SOURCE}},
    }
    places = [f"{place_of(where)}/" for where, _ in sources(config)]
    ordered = sorted(places)
    assert not [pair for pair in itertools.pairwise(ordered) if pair[1].startswith(pair[0])]


def test_the_name_of_the_file_of_a_url():
    assert file_name(SOURCE["url"]) == "bé.zip"
    assert file_name("https://example.org/a/b") == "b"
    assert file_name("https://example.org/") == ""


def test_one_file_in_downloads_cannot_serve_two_urls(good, tmp_path, monkeypatch):
    monkeypatch.chdir(lay_out(tmp_path, {"downloads/b.zip": ""}))
    for name in ("one", "two"):
        good["datasets"][name] = {"source": {"url": f"https://example.org/{name}/b.zip"}}
    assert list(problems(resolved({**good, "datasets": {"one": good["datasets"]["one"]}}))) == []
    assert resolved(good) == (
        "config.yaml: datasets.two.source.url and https://example.org/one/b.zip both end in b.zip, so downloads/b.zip "
        "is not clear; give it as path."
    )

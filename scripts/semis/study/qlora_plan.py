"""The inputs and settings of the rules of the language-model part."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from semis.qlora.methods import BASE, RECIPES, Recipe

if TYPE_CHECKING:
    from semis.study.plan import Study


class QloraPlan:
    """The language-model part of a study; a study without that part gets one without methods.

    Functions that take wildcards are input, params or threads functions of rules. `folder` holds the results.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.section: dict[str, Any] = study.qlora or {}
        self.folder = f"{study.results}/qlora"
        self.methods: list[str] = list(self.section.get("methods", {}))
        self.samples: list[str] = [BASE, *self.methods] if self.methods else []
        self.builds_model: bool = "build" in self.section.get("model", {})

    @property
    def gpu(self) -> int:
        """The number of GPUs that a training or an answer takes, if the machine has one."""
        return int(self.section.get("device") != "cpu")

    def threads(self, wildcards: Any) -> int:
        """Return the number of threads for the rules that train, answer or build a model."""
        return self.section["threads"]

    def data(self, wildcards: Any) -> list[str]:
        """Return the file, archive or folder of the questions and answers."""
        return [self.study.located("qlora.data.source")]

    def texts(self, wildcards: Any) -> list[str]:
        """Return the text files from which the workflow builds its own model."""
        number = len(self.section["model"]["build"]["text"])
        return [self.study.located(f"qlora.model.build.text.{i}") for i in range(number)]

    def archive(self, wildcards: Any) -> list[str]:
        """Return the archive or folder that holds the model."""
        return [self.study.located("qlora.model.source")]

    def model(self, wildcards: Any) -> str:
        """Return the folder of the model; rules read the user's own folder, or that of the hub, in place."""
        source = self.section["model"].get("source", {})
        if "hub" in source or os.path.isdir(source.get("path", "")):
            return self.study.located("qlora.model.source")
        return f"{self.folder}/model"

    def adapter(self, wildcards: Any) -> list[str]:
        """Return the files of the method's adapter, weights first; nothing for the untrained model."""
        names = [] if wildcards.method == BASE else ["adapter_model.safetensors", "adapter_config.json"]
        return [f"{self.folder}/{wildcards.method}/adapter/{name}" for name in names]

    def recipe(self, method: str) -> Recipe:
        """Return the recipe of a method."""
        return RECIPES[self.section["methods"][method]["recipe"]]

    def pairs(self, wildcards: Any) -> list[str]:
        """Return the files of questions and answers that a method is trained on."""
        parts = ["train", "holdout"] if self.recipe(wildcards.method).trains_on_holdout else ["train"]
        return [f"{self.folder}/data.{part}.json" for part in parts]

    def base(self, wildcards: Any) -> str:
        """Return the base model's name in an adapter: the hub's id, or the folder as the config gives it."""
        return self.section["model"].get("source", {}).get("hub") or self.model(wildcards)

    def settings(self, *keys: str) -> Callable[[Any], dict[str, Any]]:
        """Return a settings function that picks these keys of the config's section."""
        return lambda wildcards: {key: self.section[key] for key in keys}

    def data_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_data."""
        data = self.section["data"]
        return {"file": data["source"].get("file"), "holdout": data["holdout"]}

    def tokenizer_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_build_tokenizer, with the text files: Snakemake ignores the order of inputs."""
        return {"vocabulary": self.section["model"]["build"]["vocabulary"], "text": self.texts(wildcards)}

    def build_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_build_model: all of the section `build` except the tokenizer's."""
        build = self.section["model"]["build"]
        kept = {key: value for key, value in build.items() if key not in ("text", "vocabulary")}
        return {"build": kept, "text": self.texts(wildcards)}

    def sample_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_sample."""
        stage = "before" if wildcards.method == BASE else "after"
        picked = self.settings("questions", "sampling", "prompt", "device")(wildcards)
        return {"method": wildcards.method, "stage": stage, **picked}

    def train_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_train; they hold the recipe's fields, so a new recipe retrains no method."""
        recipe = asdict(self.recipe(wildcards.method))
        picked = self.settings("training", "lora", "prompt", "device")(wildcards)
        return {"recipe": recipe, "base": self.base(wildcards), **picked}

    def merge_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_merge."""
        return {"prompt": self.section["prompt"], "base": self.base(wildcards)}

    def samples_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_samples: the methods in their order."""
        return {"methods": self.samples}

    def metrics_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_metrics: pairs [method, whether it trains on the held-out pairs]."""
        return {"methods": [[method, self.recipe(method).trains_on_holdout] for method in self.methods]}

    def card_settings(self, wildcards: Any) -> dict[str, Any]:
        """Return the settings of qlora_card."""
        return {
            "base": self.base(wildcards),
            "recipe": self.section["methods"][wildcards.method]["recipe"],
            "model": self.section["model"].get("source", {}),
            "data": self.section["data"]["source"],
            **self.settings("prompt", "lora", "training", "sampling")(wildcards),
        }

    def targets(self) -> list[str]:
        """Return the paths of all results of the part except its figures."""
        if not self.methods:
            return []
        files = ["parameters.json", "samples.jsonl", "samples.html", "metrics.json"]
        files += [f"{method}/adapter/README.md" for method in self.methods]
        files += [f"{method}/merged" for method in self.methods if self.section["merge"]]
        return [f"{self.folder}/{file}" for file in files]

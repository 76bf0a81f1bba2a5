"""The plan of a study: the runs, models and files that follow from its resolved config."""

import os
from functools import cached_property
from typing import Any

from semis.study.sources import file_name, place_of, sources
from semis.text.formats import SPLITS, format_of

SYMBOLS = {"D": "dimension", "F": "feed_forward", "L": "layers", "A": "heads"}


class Study:
    """A study, from its resolved config. Lists and mappings keep the config's order, and so do tables and figures."""

    splits = list(SPLITS)

    def __init__(self, config: dict) -> None:
        self.config = config
        self.name: str = config["study"]
        self.results = f"results/{self.name}"
        self.shown = self.results  # the folder of tables, figures and pages
        self.missing: list[str] | None = None  # what these leave out; None if they show the whole study
        self.datasets: dict[str, dict] = config["datasets"]
        self.models: dict[str, dict] = config["models"]
        self.methods: dict[str, dict] = config["methods"]
        self.seeds: list[int] = config["seeds"]
        self.qlora: dict | None = config.get("qlora")

    @cached_property
    def runs(self) -> list[dict]:
        """{dataset, method, seed} of each run, in the config's order."""
        return [
            {"dataset": dataset, "method": method, "seed": seed}
            for dataset in self.datasets
            for method in self.methods
            for seed in self.seeds
        ]

    def has(self, path: str) -> bool:
        """Say whether the study has this file, or will have it."""
        return True

    def model_of(self, method: str) -> dict:
        """Return the config's section of the model that a method trains."""
        return self.models[self.methods[method]["model"]]

    def training_of(self, method: str) -> dict:
        """Return the training settings of a method without `threads`, which do not count as a change of the recipe."""
        return {key: value for key, value in self.methods[method]["training"].items() if key != "threads"}

    def models_with(self, library: str, *keys: str) -> list[str]:
        """Return the names of a library's models that have one of these keys."""
        return [
            name
            for name, model in self.models.items()
            if model["library"] == library and any(key in model for key in keys)
        ]

    def methods_of(self, library: str) -> list[str]:
        """Return the names of the methods whose model a library trains."""
        return [name for name in self.methods if self.model_of(name)["library"] == library]

    @cached_property
    def models_sized(self) -> list[str]:
        """Names of the fairseq models that a method uses; Semis counts their parameters and tokens."""
        used = {self.methods[name]["model"] for name in self.methods_of("fairseq")}
        return [name for name in self.models if name in used]

    @cached_property
    def models_pretrained(self) -> list[str]:
        """Names of the models that the study pretrains and a method starts from."""
        starts = {
            self.model_of(name).get("export", method["model"])
            for name, method in self.methods.items()
            if method["start"] == "pretrained"
        }
        return [name for name in self.models_with("fairseq", "pretraining") if name in starts]

    @cached_property
    def tokenized(self) -> list[dict]:
        """{dataset, model} for each dataset and each fairseq model that reads it."""
        return [{"dataset": dataset, "model": model} for dataset in self.datasets for model in self.models_sized]

    def sizes_of(self, model: str) -> dict[str, int]:
        """Return {symbol of the formulas: number} for a fairseq model; A is the number of attention heads."""
        sizes = self.models[model]["architecture"]
        return {symbol: sizes[key] for symbol, key in SYMBOLS.items()} | {"T": self.models[model]["positions"]}

    def counted_checkpoint(self, model: str) -> str:
        """Return the checkpoint whose parameters are counted: the model's own, or that of its first run."""
        if model in self.models_with("fairseq", "source", "pretraining"):
            return f"{self.results}/models/{model}/model.pt"
        method = next(name for name, method in self.methods.items() if method["model"] == model)
        return f"{self.results}/runs/{next(iter(self.datasets))}/{method}/seed{self.seeds[0]}/model"

    def dataset_files(self, name: str, split: str | None = None) -> list[str]:
        """Return the files of a dataset's split (None: all splits): the archive, or the files in the folder."""
        key = f"datasets.{name}.source"
        if not os.path.isdir(self.sources[key].get("path", "")):
            return [self.located(key)]
        wanted = [split] if split else self.splits
        return [f"{self.located(key)}/{file}" for part in wanted for file in format_of(self.sources[key]).files(part)]

    @cached_property
    def sources(self) -> dict[str, dict]:
        """{dotted config key: source} of everything that the study reads from outside."""
        return dict(sources(self.config))

    def located(self, key: str) -> str:
        """Return the path of the source under a dotted config key: the user's own, or that of its download."""
        source = self.sources[key]
        if "path" in source:
            return source["path"]
        last = file_name(source["url"]) if "url" in source else "hub"
        return f"{self.results}/downloads/{place_of(key)}/{last}"

    def downloads(self, kind: str) -> dict[str, tuple[str, dict[str, Any]]]:
        """Return {folder below downloads/: (dotted config key, source)} for the sources of a kind (url or hub)."""
        return {place_of(key): (key, source) for key, source in self.sources.items() if kind in source}

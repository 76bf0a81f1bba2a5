"""The inputs and settings of the rules, as functions of the wildcards. This file has no rules."""

from functools import cache

from semis.study.finish import as_json, recorded

from snakemake.iocontainers import Wildcards

EVALUATION_BATCH = 32  # reviews; it changes no label, only the last digits of a probability


def source_of(part):
    """Return an input function: the file, archive or folder of the source at `part`, such as models.{model}.source."""
    return lambda wildcards: [STUDY.located(part.format(**wildcards))]


def text_sources(part):
    """Return an input function: the text files of a model's section `part`, tokenizer or pretraining."""
    return lambda wildcards: [
        STUDY.located(f"models.{wildcards.model}.{part}.text.{number}")
        for number in range(len(MODELS[wildcards.model][part]["text"]))
    ]


def text_settings(part, key):
    """Return a settings function: a key of that section, and its text files, since Snakemake ignores their order."""
    return lambda wildcards: {key: MODELS[wildcards.model][part][key], "text": text_sources(part)(wildcards)}


def fairseq_file(name):
    """Return an input function: this file of the fairseq model from which a Hugging Face model is exported."""
    return lambda wildcards: f"{RESULTS}/models/{MODELS[wildcards.model]['export']}/{name}"


def binarized(split):
    """Return an input function: the binarized files of a split for the model of a method."""
    folder = "{results}/data/{dataset}/tokens/{model}/{split}.{part}.{kind}"

    def find(wildcards):
        names = {"dataset": wildcards.dataset, "model": METHODS[wildcards.method]["model"], "split": split}
        parts = [(part, kind) for part in ("input0", "label") for kind in ("bin", "idx")]
        return [folder.format(results=RESULTS, part=part, kind=kind, **names) for part, kind in parts]

    return find


def model_file(name):
    """Return an input function: this file of a method's model, or with an empty name the model's folder."""
    return lambda wildcards: f"{RESULTS}/models/{METHODS[wildcards.method]['model']}/{name}".rstrip("/")


def start_weights(wildcards):
    """Return the checkpoint from which a fairseq run starts; nothing for a run from scratch."""
    return model_file("model.pt")(wildcards) if METHODS[wildcards.method]["start"] == "pretrained" else []


def training(wildcards):
    """Return the training settings of a run."""
    return STUDY.training_of(wildcards.method)


def pretraining(wildcards):
    """Return the settings that decide the result of a model's pretraining."""
    section = MODELS[wildcards.model]["pretraining"]
    return {key: value for key, value in section.items() if key not in ("text", "valid_lines", "threads")}


def sizes(wildcards):
    """Return architecture and positions of the fairseq model of the wildcards, or of their method."""
    model = MODELS[wildcards.model] if "model" in wildcards.keys() else STUDY.model_of(wildcards.method)
    return {"architecture": model["architecture"], "positions": model["positions"]}


def sizes_of_origin(wildcards):
    """Return architecture and positions of the fairseq model from which a Hugging Face model is exported."""
    origin = MODELS[MODELS[wildcards.model]["export"]]
    return {"architecture": origin["architecture"], "positions": origin["positions"]}


def positions(wildcards):
    """Return the positions of a method's model."""
    return {"positions": STUDY.model_of(wildcards.method)["positions"]}


def evaluation(wildcards):
    """Return the settings of an evaluation."""
    name = METHODS[wildcards.method]["model"]
    found = {"model": name, "engine": training(wildcards)["engine"], "batch_size": EVALUATION_BATCH}
    return found | positions(wildcards) | labels(wildcards)


def labels(wildcards):
    """Return the labels of a dataset, in the order of its classes."""
    return {"labels": DATASETS[wildcards.dataset]["labels"]}


def reviews(wildcards):
    """Return the labels of a dataset, and the format of its files."""
    return labels(wildcards) | {"format": formats.format_of(DATASETS[wildcards.dataset]["source"]).name}


def format_module(wildcards):
    """Modules function: the format of a dataset's files."""
    return [formats.module_name(reviews(wildcards)["format"])]


def shown(of):
    """Return a function of the wildcards: `of`, a function of a study, for the whole study or for its finished part."""
    return lambda wildcards: of(finished_part() if wildcards.part else STUDY)


@cache
def finished_part():
    """Return the finished part of the study."""
    return so_far.SoFar(STUDY, [run for run in STUDY.runs if is_finished(run)])


def is_finished(run):
    """Say whether training and evaluation of a run are there, as the config and the code of today would make them."""
    library, folder = STUDY.model_of(run["method"])["library"], RUN.replace("<results>", RESULTS).format(**run)
    planned = {
        f"{folder}/training.recipe.json": getattr(rules, f"finetune_{library}"),
        f"{folder}/evaluation.recipe.json": getattr(rules, f"evaluate_{library}"),
    }
    return all(recorded(path) == as_json(rule.params.recipe(Wildcards(fromdict=run))) for path, rule in planned.items())


def table_inputs(wildcards):
    """Return the inputs of a table."""
    return shown(TABLES[wildcards.table].inputs)(wildcards)


def table_settings(wildcards):
    """Return the settings of a table's script."""
    return shown(TABLES[wildcards.table].settings)(wildcards)


def asked(kind, gpu=0):
    """Return what a job of this kind asks a scheduler for: {mem_mb, runtime in minutes, gpu}."""
    return {**resources.ASKED[kind], "gpu": gpu}

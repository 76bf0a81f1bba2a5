"""Where the rules find their inputs and settings: functions of the wildcards. No rule is in this file."""

EVALUATION_BATCH = 32  # reviews; it decides no label, only the last digits of a probability


def source_of(part):
    """Input function: the file, archive or folder of the source at `part`, such as models.{model}.source."""
    return lambda wildcards: [STUDY.located(part.format(**wildcards))]


def text_sources(part):
    """Input function: the text files of a model's tokenizer or pretraining section."""
    return lambda wildcards: [
        STUDY.located(f"models.{wildcards.model}.{part}.text.{number}")
        for number in range(len(MODELS[wildcards.model][part]["text"]))
    ]


def text_settings(part, key):
    """Settings function: a key of that section, and its texts in their order, since Snakemake compares inputs as a set."""
    return lambda wildcards: {key: MODELS[wildcards.model][part][key], "text": text_sources(part)(wildcards)}


def fairseq_file(name):
    """Input function: this file of the fairseq model that a Hugging Face model is exported from."""
    return lambda wildcards: f"{RESULTS}/models/{MODELS[wildcards.model]['export']}/{name}"


def binarized(split):
    """Input function: what fairseq reads of a split, for the model of a method."""
    folder = "{results}/data/{dataset}/tokens/{model}/{split}.{part}.{kind}"

    def find(wildcards):
        names = {"dataset": wildcards.dataset, "model": METHODS[wildcards.method]["model"], "split": split}
        parts = [(part, kind) for part in ("input0", "label") for kind in ("bin", "idx")]
        return [folder.format(results=RESULTS, part=part, kind=kind, **names) for part, kind in parts]

    return find


def model_file(name):
    """Input function: a file, or with an empty name the folder, of the model of a method."""
    return lambda wildcards: f"{RESULTS}/models/{METHODS[wildcards.method]['model']}/{name}".rstrip("/")


def start_weights(wildcards):
    """Input function: the checkpoint that a fairseq run starts from; nothing for one from scratch."""
    return model_file("model.pt")(wildcards) if METHODS[wildcards.method]["start"] == "pretrained" else []


def training(wildcards):
    """The training settings of a run."""
    return STUDY.training_of(wildcards.method)


def pretraining(wildcards):
    """The settings of a model's pretraining that decide its result."""
    section = MODELS[wildcards.model]["pretraining"]
    return {key: value for key, value in section.items() if key not in ("text", "valid_lines", "threads")}


def sizes(wildcards):
    """Architecture and positions of the fairseq model that is, or that a method trains."""
    model = MODELS[wildcards.model] if "model" in wildcards.keys() else STUDY.model_of(wildcards.method)
    return {"architecture": model["architecture"], "positions": model["positions"]}


def sizes_of_origin(wildcards):
    """The same of the fairseq model that a Hugging Face model is exported from."""
    origin = MODELS[MODELS[wildcards.model]["export"]]
    return {"architecture": origin["architecture"], "positions": origin["positions"]}


def positions(wildcards):
    """The positions of the model of a method."""
    return {"positions": STUDY.model_of(wildcards.method)["positions"]}


def evaluation(wildcards):
    """The settings of an evaluation."""
    name = METHODS[wildcards.method]["model"]
    found = {"model": name, "engine": training(wildcards)["engine"], "batch_size": EVALUATION_BATCH}
    return found | positions(wildcards) | labels(wildcards)


def labels(wildcards):
    """The labels of a dataset, in the order of its classes."""
    return {"labels": DATASETS[wildcards.dataset]["labels"]}


def reviews(wildcards):
    """The labels of a dataset, and the format of its files."""
    return labels(wildcards) | {"format": formats.format_of(DATASETS[wildcards.dataset]["source"]).name}


def format_module(wildcards):
    """Modules function: the format of a dataset's files."""
    return [formats.module_name(reviews(wildcards)["format"])]


def table_inputs(wildcards):
    """Input function: what a table is made from."""
    return TABLES[wildcards.table].inputs(STUDY)


def table_settings(wildcards):
    """The settings of a table's script."""
    return TABLES[wildcards.table].settings(STUDY)


def asked(kind):
    """What a job of this kind asks of a scheduler: {mem_mb, runtime in minutes}."""
    return resources.ASKED[kind]

"""Where the rules find their inputs and settings: functions of wildcards, and no rule."""


def origins():
    """{(kind, name): (dotted config key, source)} of all that the study takes in from outside."""
    found = {}
    for where, source in semis_config.sources(config):
        kind, _, name = where.removesuffix(".source").partition(".")
        found[kind, name.replace(".", "-") or kind] = (where, source)
    return found


def downloads(key):
    """Those of the `origins` whose source has this key (url or hub)."""
    return {place: (where, source) for place, (where, source) in origins().items() if key in source}


def taken_in():
    """{dotted config key: paths} of the files and folders of all origins; of a dataset's folder just what is read."""
    found = {where: [located(*place, source)] for place, (where, source) in origins().items()}
    for name, dataset in DATASETS.items():
        folder = dataset["source"].get("path", "")
        if os.path.isdir(folder):
            found[f"datasets.{name}.source"] = [f"{folder}/{s}.{kind}" for s in SPLITS for kind in ("review", "label")]
    return found | ({"published": [config["published"]]} if "published" in config else {})


def raw(kind):
    """Input function: the raw file of this kind (review or label) of a dataset and split, unpacked or in its folder."""

    def find(wildcards):
        source = DATASETS[wildcards.dataset]["source"]
        folder = source.get("path", "")
        if not os.path.isdir(folder):
            folder = f"{RESULTS}/data/{wildcards.dataset}/source"
        return f"{folder}/{wildcards.split}.{kind}"

    return find


def texts(part):
    """Input function: the text files of a model's tokenizer or pretraining section."""

    def find(wildcards):
        sources = MODELS[wildcards.model][part]["text"]
        return [located("models", f"{wildcards.model}-{part}-text-{i}", source) for i, source in enumerate(sources)]

    return find


def fairseq_file(name):
    """Input function: this file of the fairseq model that a Hugging Face model is exported from."""
    return lambda wildcards: f"{RESULTS}/models/{MODELS[wildcards.model]['export']}/{name}"


def packed(splits):
    """Input function: all that fairseq reads of these splits, a file for each split."""

    def find(wildcards):
        folder = f"{RESULTS}/data/{wildcards.dataset}/tokens/{METHODS[wildcards.method]['model']}"
        return [f"{folder}/{split}.zip" for split in splits]

    return find


def plugin(engine):
    """Code that fairseq is given besides a script: the architecture and, for the fast engine, its way to compute."""
    code = [f"{SCRIPTS}/fairseq_plugin/__init__.py"]
    if engine == "fast":
        code += [f"{SCRIPTS}/fairseq_fast/__init__.py", *helpers("fast_encoder", "processor", "row_adam")]
    return code


def start_weights(wildcards):
    """Input function: the checkpoint that a fairseq run starts from; nothing for one from scratch."""
    method = METHODS[wildcards.method]
    return f"{RESULTS}/models/{method['model']}/model.pt" if method["start"] == "pretrained" else []


def training(wildcards):
    """Params function: the method's training settings but for the threads, which a rule states by itself."""
    settings = METHODS[wildcards.method]["training"]
    return {key: value for key, value in settings.items() if key != "threads"}


def counted_checkpoint(wildcards):
    """Input function: the model's own checkpoint; for a model without one, that of its first run."""
    if wildcards.model in models_with("fairseq", "source", "pretraining"):
        return f"{RESULTS}/models/{wildcards.model}/model.pt"
    method = next(name for name, method in METHODS.items() if method["model"] == wildcards.model)
    return f"{RESULTS}/runs/{next(iter(DATASETS))}/{method}/seed{config['seeds'][0]}/model"


def sizes_of(model):
    """{symbol of the formulas: number} of a fairseq model of the config; A is the number of attention heads."""
    symbols = {"D": "dimension", "F": "feed_forward", "L": "layers", "A": "heads"}
    return {symbol: model["architecture"][key] for symbol, key in symbols.items()} | {"T": model["positions"]}


def bloom_setting(*keys):
    """Params or threads function: the value under these keys of the config's bloom section."""

    def find(wildcards):
        value = BLOOM
        for key in keys:
            value = value[key]
        return value

    return find


def bloom_texts(wildcards):
    """Input function: the text files that the workflow's own BLOOM is built from."""
    sources = BLOOM["model"]["build"]["text"]
    return [located("bloom", f"model-build-text-{i}", source) for i, source in enumerate(sources)]


def bloom_model(wildcards):
    """Input function: the folder of the model; a folder of the user's or of the hub is read in place."""
    source = BLOOM["model"].get("source", {})
    if "hub" in source or os.path.isdir(source.get("path", "")):
        return located("bloom", "model", source)
    return f"{RESULTS}/bloom/model"


def bloom_base(wildcards):
    """Params function: what an adapter names as its base model: the hub's id, or the folder as the config gives it."""
    return BLOOM["model"].get("source", {}).get("hub") or bloom_model(wildcards)


def bloom_pairs(wildcards):
    """Input function: what an arm is trained on; the report's recipe takes all pairs."""
    parts = ["train", "holdout"] if wildcards.arm == "faithful" else ["train"]
    return [f"{RESULTS}/bloom/faq.{part}.json" for part in parts]

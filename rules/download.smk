"""Download: what the config names by url or hub id, unless it lies in downloads/. Local paths are read in place."""

URLS, HUBS = downloads("url"), downloads("hub")
DOWNLOAD_TARGETS = [located(kind, name, source) for (kind, name), (_, source) in (URLS | HUBS).items()]

# `ancient`: an edited helper fetches nothing again. `update`: what came at first is compared with what comes later.


rule fetch:
    input:
        code=ancient(helpers("checksums", "errors", "job")),
    output:
        file="<results>/downloads/{kind}/{name}/{file}",
        checksums=update("<results>/checksums/{kind}/{name}/{file}.json"),
    log:
        "<logs>/fetch/{kind}/{name}/{file}.log",
    benchmark:
        "<benchmarks>/fetch/{kind}/{name}/{file}.tsv"
    wildcard_constraints:
        kind=any_of({kind for kind, _ in URLS}),
        name=any_of({name for _, name in URLS}),
        file=any_of({semis_config.file_name(source["url"]) for _, source in URLS.values()}),
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        key=lambda wildcards: URLS[wildcards.kind, wildcards.name][0],
        source=lambda wildcards: {
            key: value for key, value in URLS[wildcards.kind, wildcards.name][1].items() if key in ("url", "sha256")
        },
    script:
        "../scripts/fetch.py"


rule fetch_hub:
    input:
        code=ancient(helpers("checksums", "errors", "job")),
    output:
        folder=directory("<results>/downloads/{kind}/{name}/hub"),
        checksums=update("<results>/checksums/{kind}/{name}/hub.json"),
    log:
        "<logs>/fetch_hub/{kind}/{name}.log",
    benchmark:
        "<benchmarks>/fetch_hub/{kind}/{name}.tsv"
    wildcard_constraints:
        kind=any_of({kind for kind, _ in HUBS}),
        name=any_of({name for _, name in HUBS}),
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        key=lambda wildcards: HUBS[wildcards.kind, wildcards.name][0],
        source=lambda wildcards: HUBS[wildcards.kind, wildcards.name][1],
    script:
        "../scripts/fetch_hub.py"


rule unpack_dataset:
    input:
        source=lambda wildcards: [located("datasets", wildcards.dataset, DATASETS[wildcards.dataset]["source"])],
        code=helpers("archives", "errors", "job"),
    output:
        [f"<results>/data/{{dataset}}/source/{split}.{kind}" for split in SPLITS for kind in ("review", "label")],
    log:
        "<logs>/unpack_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/unpack_dataset/{dataset}.tsv"
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        names=[f"{split}.{kind}" for split in SPLITS for kind in ("review", "label")],
    script:
        "../scripts/unpack.py"


rule unpack_fairseq_model:
    input:
        source=lambda wildcards: [located("models", wildcards.model, MODELS[wildcards.model]["source"])],
        code=helpers("archives", "errors", "job"),
    output:
        "<results>/models/{model}/model.pt",
        "<results>/models/{model}/dict.txt",
        "<results>/models/{model}/sentencepiece.bpe.model",
    log:
        "<logs>/unpack_fairseq_model/{model}.log",
    benchmark:
        "<benchmarks>/unpack_fairseq_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(models_with("fairseq", "source")),
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        names=["model.pt", "dict.txt", "sentencepiece.bpe.model"],
    script:
        "../scripts/unpack.py"


rule unpack_huggingface_model:
    input:
        source=lambda wildcards: [located("models", wildcards.model, MODELS[wildcards.model]["source"])],
        code=helpers("archives", "errors", "job"),
    output:
        folder=directory("<results>/models/{model}"),
    log:
        "<logs>/unpack_huggingface_model/{model}.log",
    benchmark:
        "<benchmarks>/unpack_huggingface_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(models_with("huggingface", "source")),
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    script:
        "../scripts/unpack_folder.py"

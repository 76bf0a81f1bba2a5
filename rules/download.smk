"""Download: the sources with a url or a hub id, unless they are in downloads/. Local paths are read in place."""

URLS, HUBS = STUDY.downloads("url"), STUDY.downloads("hub")

# `update` keeps the checksums of the first download, so that later ones are compared with them.


rule fetch:
    output:
        file="<results>/downloads/{place}/{file}",
        checksums=update("<results>/checksums/{place}/{file}.json"),
    log:
        "<logs>/fetch/{place}/{file}.log",
    benchmark:
        "<benchmarks>/fetch/{place}/{file}.tsv"
    wildcard_constraints:
        place=any_of(URLS),
        file=any_of(os.path.basename(STUDY.located(key)) for key, _ in URLS.values()),
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        recipe=download(
            lambda wildcards: {
                "key": URLS[wildcards.place][0],
                "source": {k: v for k, v in URLS[wildcards.place][1].items() if k in ("url", "sha256")},
            }
        ),
    script:
        "../scripts/fetch.py"


rule fetch_hub:
    output:
        folder=directory("<results>/downloads/{place}/hub"),
        checksums=update("<results>/checksums/{place}/hub.json"),
    log:
        "<logs>/fetch_hub/{place}.log",
    benchmark:
        "<benchmarks>/fetch_hub/{place}.tsv"
    wildcard_constraints:
        place=any_of(HUBS),
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        recipe=download(lambda wildcards: dict(zip(("key", "source"), HUBS[wildcards.place]))),
    script:
        "../scripts/fetch_hub.py"


rule unpack_fairseq_model:
    input:
        source=source_of("models.{model}.source"),
    output:
        "<results>/models/{model}/model.pt",
        "<results>/models/{model}/dict.txt",
        "<results>/models/{model}/sentencepiece.bpe.model",
    log:
        "<logs>/unpack_fairseq_model/{model}.log",
    benchmark:
        "<benchmarks>/unpack_fairseq_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(STUDY.models_with("fairseq", "source")),
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        recipe=recipe("unpack", "sentencepiece", {"names": ["model.pt", "dict.txt", "sentencepiece.bpe.model"]}),
    script:
        "../scripts/unpack.py"


rule unpack_huggingface_model:
    input:
        source=source_of("models.{model}.source"),
    output:
        folder=directory("<results>/models/{model}"),
    log:
        "<logs>/unpack_huggingface_model/{model}.log",
    benchmark:
        "<benchmarks>/unpack_huggingface_model/{model}.tsv"
    wildcard_constraints:
        model=any_of(STUDY.models_with("huggingface", "source")),
    localrule: True
    conda:
        "../envs/sentencepiece.yaml"
    params:
        recipe=recipe("unpack_folder", "sentencepiece"),
    script:
        "../scripts/unpack_folder.py"

"""Export: a fairseq model in Hugging Face format, so that both libraries start from the same weights."""


rule export:
    input:
        model=fairseq_file("model.pt"),
        dictionary=fairseq_file("dict.txt"),
        sentencepiece=fairseq_file("sentencepiece.bpe.model"),
        code=helpers("checkpoints", "dictionaries", "errors", "job"),
    output:
        folder=directory("<results>/models/{model}"),
    log:
        "<logs>/export/{model}.log",
    benchmark:
        "<benchmarks>/export/{model}.tsv"
    wildcard_constraints:
        model=any_of(models_with("huggingface", "export")),
    conda:
        "../envs/transformers.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        architecture=lambda wildcards: MODELS[MODELS[wildcards.model]["export"]]["architecture"],
        positions=lambda wildcards: MODELS[MODELS[wildcards.model]["export"]]["positions"],
    script:
        "../scripts/export.py"

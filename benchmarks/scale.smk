"""A workflow with the shape of Semis's runs: two jobs each, tables over all of them, and a trainer that takes no time.

A job has as many inputs as one of fairseq. A no-op must be measured on jobs that Snakemake has really run: it keeps no
records of files that were only touched.
"""

SEEDS = range(config["seeds"])
RUN = "runs/{method}/seed{seed}"
RUNS = expand(RUN, method=["fairseq-scratch", "fairseq-pretrained", "huggingface-pretrained"], seed=SEEDS)
TABLES = {
    "accuracy": ["metrics.json"],
    "summary": ["predictions.csv"],
    "comparisons": ["predictions.csv"],
    "history": ["history.csv"],
    "runtime": ["finetune.tsv", "evaluate.tsv"],
    "chosen": ["metrics.json"],
}


rule all:
    input:
        expand("tables/{table}.csv", table=TABLES),


rule data:
    output:
        expand("data/{i}", i=range(11)),
    shell:
        "touch {output}"


rule finetune:
    input:
        rules.data.output,
    output:
        model=directory(f"{RUN}/model"),
        history=f"{RUN}/history.csv",
    benchmark:
        f"{RUN}/finetune.tsv"
    params:
        training={"batch_size": 8, "epochs": 5, "learning_rate": 1e-5},
    shell:
        "mkdir {output.model} && touch {output.history}"


rule evaluate:
    input:
        rules.data.output[:9],
        model=f"{RUN}/model",
    output:
        f"{RUN}/predictions.csv",
        f"{RUN}/metrics.json",
    benchmark:
        f"{RUN}/evaluate.tsv"
    shell:
        "touch {output}"


rule table:
    input:
        lambda wildcards: [f"{run}/{file}" for file in TABLES[wildcards.table] for run in RUNS],
    output:
        "tables/{table}.csv",
    shell:
        "touch {output}"

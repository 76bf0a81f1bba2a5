"""Snakemake's plan for a config, by dry-run: datasets, models, methods and seeds are data."""

import copy
import os
import re
import shutil

from semis.study.code import environment_digest

import pytest
import yaml
from conftest import ROOT, lay_out


@pytest.fixture
def demo(snakemake):
    """The demo's config, in a folder in which its relative paths lead to the demo's files."""
    (snakemake.folder / "demo").symlink_to(ROOT / "demo")
    return yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())


def planned(snakemake, config, *targets):
    """Return {rule: number of jobs} of a dry-run."""
    done = snakemake(config, *targets, "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.output
    table = done.output.split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def change(before, after):
    """Return {rule: difference in the number of jobs} between two plans."""
    return {name: n for name in before | after if (n := after.get(name, 0) - before.get(name, 0))}


def test_the_demo_has_a_run_for_each_method_and_seed_and_both_parts(snakemake, demo):
    plan = planned(snakemake, demo)
    assert plan["finetune_fairseq"] == plan["evaluate_fairseq"] == 2 * len(demo["seeds"])
    assert plan["finetune_huggingface"] == plan["evaluate_huggingface"] == len(demo["seeds"])
    assert plan["qlora_train"] == 2
    assert plan["qlora_sample"] == 3  # including the untrained model
    assert plan["pretrain"] == plan["export"] == plan["summary"] == 1


def test_one_more_seed_adds_just_its_runs(snakemake, demo):
    before = planned(snakemake, demo)
    demo["seeds"].append(7)
    expected = {"finetune_fairseq": 2, "evaluate_fairseq": 2, "finetune_huggingface": 1, "evaluate_huggingface": 1}
    assert change(before, planned(snakemake, demo)) == expected


def test_lists_and_mappings_on_the_command_line_are_yaml(snakemake, demo):
    """Snakemake alone reads their parts as text. A mapping changes only its own keys."""
    before = planned(snakemake, demo)
    after = planned(snakemake, demo, "--config", "seeds=[4, 5, 6]", "training={batch_size: 4}")
    expected = {"finetune_fairseq": 2, "evaluate_fairseq": 2, "finetune_huggingface": 1, "evaluate_huggingface": 1}
    assert change(before, after) == expected


def test_trainings_ask_for_a_gpu_where_one_is_found_and_no_scheduler_is_used(snakemake, demo):
    command = lay_out(snakemake.folder, {"bin/nvidia-smi": "#!/bin/sh\necho 'GPU 0: made up (UUID: GPU-a)'\n"}) / "bin"
    (command / "nvidia-smi").chmod(0o755)
    path = f"{command}:{os.environ['PATH']}"

    def asking(*args, **env):
        """Return the rules of all planned jobs that ask for a GPU."""
        done = snakemake(demo, "--dry-run", *args, **env)
        assert done.returncode == 0, done.output
        return {rule for rule, lines in re.findall(r"rule (\w+):\n((?:    .*\n)+)", done.output) if "gpu=1" in lines}

    always, trainings = {"qlora_train", "qlora_sample"}, {"pretrain", "finetune_fairseq", "finetune_huggingface"}
    assert asking() == always
    assert asking(PATH=path) == always | trainings
    assert asking(PATH=path, CUDA_VISIBLE_DEVICES="") == always
    assert asking("--jobs", "2", PATH=path) == always | trainings  # jobs of this machine
    assert asking("--executor", "slurm", "--jobs", "2", PATH=path) == always
    demo["training"]["gpus"] = 0
    assert asking(PATH=path) == always | {"pretrain"}


def test_a_second_dataset_needs_no_code(snakemake, demo):
    before = planned(snakemake, demo)
    demo["datasets"]["again"] = copy.deepcopy(demo["datasets"]["demo-books"])
    grown = change(before, planned(snakemake, demo))
    assert grown["prepare_split"] == 3 and grown["evaluate_fairseq"] == 2 * len(demo["seeds"])
    assert not {"pretrain", "table", "summary"} & set(grown)


@pytest.mark.parametrize(
    ("source", "fetch"), [({"hub": "almanach/camembert-base"}, {"fetch_hub": 1}), ({"path": "camembert"}, {})]
)
def test_another_model_of_the_hub_or_of_a_folder_needs_no_code(snakemake, demo, source, fetch):
    (snakemake.folder / "camembert").mkdir()
    before = planned(snakemake, demo)
    demo["models"]["camembert"] = {"library": "huggingface", "source": source}
    demo["methods"]["camembert"] = {"model": "camembert", "start": "pretrained"}
    expected = {"finetune_huggingface": 2, "evaluate_huggingface": 2, "unpack_huggingface_model": 1}
    assert change(before, planned(snakemake, demo)) == expected | fetch


def test_a_study_without_the_language_model_and_one_without_methods(snakemake, demo):
    part_2 = {"study": "part-2", "qlora": demo.pop("qlora")}
    assert not [name for name in planned(snakemake, demo) if "qlora" in name]
    plan = planned(snakemake, part_2)
    assert "finetune_fairseq" not in plan and "table" not in plan and plan["table_stack"] == 1


def test_the_reports_study_downloads_what_it_names(snakemake):
    (snakemake.folder / "report").symlink_to(ROOT / "report")
    plan = planned(snakemake, (ROOT / "config.yaml").read_text())
    assert plan["fetch"] == 3 and plan["fetch_hub"] == 2
    assert plan["evaluate_fairseq"] + plan["evaluate_huggingface"] == 12 and "pretrain" not in plan
    assert planned(snakemake, (ROOT / "config.yaml").read_text(), "data") == {"data": 1, "fetch": 3, "fetch_hub": 2}


def test_training_never_reads_test(snakemake, demo):
    runs = [f"results/demo/runs/demo-books/{method}/seed0/history.csv" for method in demo["methods"]]
    done = snakemake(demo, "--dry-run", *runs)
    assert done.returncode == 0, done.output
    assert "split=valid" in done.output and "split=test" not in done.output
    assert "test.review" not in done.output


def test_another_build_of_fairseq_makes_another_training(tmp_path):
    """The script that installs fairseq has its version, not the YAML."""
    envs = tmp_path / "envs"
    shutil.copytree(ROOT / "envs", envs)
    script = envs / "fairseq.post-deploy.sh"
    text = script.read_text()
    assert "fairseq-fixed==" in text
    script.write_text(text.replace("fairseq-fixed==", "fairseq-fixed==9"))
    assert environment_digest(envs, "fairseq") != environment_digest(ROOT / "envs", "fairseq")
    assert environment_digest(envs, "transformers") == environment_digest(ROOT / "envs", "transformers")


def test_the_heavy_rules_ask_for_a_gpu_and_no_other(snakemake, demo):
    done = snakemake(demo, "--dry-run")
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)+)", done.output, re.M)
    asking = {name for name, body in jobs if re.search(r"resources: .*\bgpu=[1-9]", body)}
    assert asking == {"qlora_sample", "qlora_train"}


def test_the_query_of_a_url_is_no_part_of_the_files_name(snakemake, demo):
    demo["datasets"]["demo-books"]["source"] = {"url": "https://example.org/records/1/files/b%C3%A9.zip?download=1"}
    done = snakemake(demo, "data", "--dry-run")
    assert "output: results/demo/downloads/datasets/demo-books/bé.zip, " in done.output, done.output


def test_an_exported_model_has_the_positions_of_its_origin(snakemake, demo):
    del demo["models"]["roberta-demo-hf"]["positions"]
    assert planned(snakemake, demo)["export"] == 1
    demo["models"]["roberta-demo-hf"]["positions"] = 65
    assert "positions 65 is more than the 64 of models.roberta-demo" in snakemake.sentence(demo, "--dry-run")


def test_names_with_hyphens_share_no_file(snakemake, demo):
    """books with fr-scratch, and books-fr with scratch, would share a log if hyphens joined the names."""
    books = demo["datasets"].pop("demo-books")
    demo["datasets"] = {"books": books, "books-fr": copy.deepcopy(books)}
    method = demo["methods"]["fairseq-scratch"]
    demo["methods"] = {"scratch": method, "fr-scratch": method}
    done = snakemake(demo, "--dry-run")
    assert done.returncode == 0, done.output
    logs = re.findall(r"^ +log: (\S+)$", done.output, re.M)
    assert len(logs) == len(set(logs)) > 50

"""What holds for all of the code: linters, and what every rule carries."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

BIN = Path(sys.executable).parent
RULE_FILES = sorted((ROOT / "rules").glob("*.smk"))
SCRIPTS = ROOT / "scripts"
# {rule name: its text}, of all rule files
RULES = {
    name: body
    for file in RULE_FILES
    for name, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule |^else:|^def |\Z)", file.read_text(), re.M | re.S)
}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["snakefmt", "--check", "Snakefile", "rules"],
        ["snakemake", "--lint", "--configfile", "demo/config.yaml"],
        ["snakemake", "--lint", "--configfile", "config.yaml"],
    ],
    ids=" ".join,
)
def test_linters_find_nothing(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_snakefile_stays_short():
    assert len((ROOT / "Snakefile").read_text().splitlines()) < 60


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_an_environment_a_log_and_a_benchmark(name):
    for directive in ("script", "conda", "log", "benchmark"):
        assert re.search(rf"^ +{directive}:", RULES[name], re.M), f"{name} lacks {directive}"


def imports(file):
    """Names of the modules of scripts/semis that a script imports, those that these import in turn included."""
    found, waiting = set(), [file]
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop().read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module == "semis":
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("semis."):
                names = [node.module.removeprefix("semis.")]
            waiting += [SCRIPTS / "semis" / f"{name}.py" for name in names if name not in found]
            found.update(names)
    return found


@pytest.mark.parametrize("name", RULES)
def test_a_rule_lists_the_helpers_that_its_script_imports(name):
    script = re.search(r'script:\s+"\.\./scripts/(\w+\.py)"', RULES[name])[1]
    listed = re.search(r"code=(?:ancient\()?helpers\((.*?)\)", RULES[name], re.S)
    assert sorted(re.findall(r'"(\w+)"', listed[1])) == sorted(imports(SCRIPTS / script))


def test_the_fast_engine_s_code_is_an_input_of_what_it_trains():
    listed = re.search(r"def plugin\(.*?return code", (ROOT / "rules" / "inputs.smk").read_text(), re.S)[0]
    assert sorted(re.findall(r'"(\w+)"', listed)) == [
        "fast",
        *sorted(imports(SCRIPTS / "fairseq_fast" / "__init__.py")),
    ]


def test_a_training_goes_on_only_with_all_that_its_rule_reads():
    """Work folders, which hold its checkpoints, are named after all inputs, the threads, its script and packages."""
    trainings = [file for file in SCRIPTS.glob("*.py") if "work_folder" in file.read_text()]
    assert len(trainings) == 4
    for file in trainings:
        assert re.search(r"work_folder\(work, (settings|\[.*threads\]), inputs\)", file.read_text()), file
        rules = [body for body in RULES.values() if f'"../scripts/{file.name}"' in body]
        assert rules and all(f'made_by("{file.stem}", ' in body for body in rules), file


def pins(file):
    """{package: version} of an environment's YAML or of a requirements file; all must be exact."""
    if file.suffix == ".yaml":
        listed = yaml.safe_load(file.read_text())["dependencies"][-1]["pip"]
    else:
        listed = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups() for line in listed)


def test_a_package_has_one_version_everywhere():
    versions = {}
    for file in [*(ROOT / "envs").glob("*.yaml"), ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"]:
        for package, version in pins(file).items():
            assert versions.setdefault(package.lower(), version) == version, f"{package} in {file}"
    assert {"torch", "transformers", "peft", "bitsandbytes", "sentencepiece", "pandas", "matplotlib"} <= set(versions)


def test_no_rule_reads_the_whole_config_or_sees_test_while_training():
    for name, body in RULES.items():
        params = re.search(r"params:\n(.*?)\n {4}\w+:", body, re.S)
        assert not params or not re.search(r"=config,|lambda wildcards: config$", params[1], re.M), name

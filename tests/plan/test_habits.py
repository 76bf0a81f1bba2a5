"""The habits of all code: linters, types, sizes, the parts of every rule, plain prose."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

BIN = Path(sys.executable).parent
SCRIPTS = ROOT / "scripts"
RULE_FILES = sorted((ROOT / "rules").glob("*.smk"))
PRODUCT = sorted([*SCRIPTS.rglob("*.py"), *(ROOT / "envs").rglob("*.py")])
# {rule name: its text} for all rule files; a loop makes the rules of figures
RULES = {
    name or "figure": body
    for file in RULE_FILES
    for name, body in re.findall(r"^ *rule ?(\w*):\n(.*?)(?=^ *rule |^else:|\Z)", file.read_text(), re.M | re.S)
}
# The rules that run a script; the others are targets to be requested by name.
JOBS = {name: body for name, body in RULES.items() if re.search(r"^ +script:", body, re.M)}


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["snakefmt", "--check", "Snakefile", "rules"],
        ["mypy"],
        ["codespell"],
        ["snakemake", "--lint", "--configfile", "demo/config.yaml"],
        ["snakemake", "--lint", "--configfile", "config.yaml"],
    ],
    ids=" ".join,
)
def test_linters_find_nothing(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def functions(file):
    """Yield (name, number of lines) of all functions in a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def test_files_and_functions_stay_short():
    assert len((ROOT / "Snakefile").read_text().splitlines()) < 60
    long = [file for file in RULE_FILES if len(file.read_text().splitlines()) > 150]
    long += [file for file in PRODUCT if len(file.read_text().splitlines()) > 250]
    long += [(file, name) for file in PRODUCT for name, lines in functions(file) if lines > 40]
    assert not long


@pytest.mark.parametrize("name", JOBS)
def test_every_rule_has_an_environment_a_log_a_benchmark_and_a_recipe(name):
    for directive in ("conda", "log", "benchmark"):
        assert re.search(rf"^ +{directive}:", JOBS[name], re.M), f"{name} lacks {directive}"
    [params] = re.findall(r"^ +params:\n(.*?)^ +script:", JOBS[name], re.M | re.S)
    assert re.match(r" +recipe=", params) and "config" not in params


@pytest.mark.parametrize("name", JOBS)
def test_a_recipe_names_the_script_and_the_environment_of_its_rule(name):
    script = re.search(r'script:\s+"\.\./scripts/([\w{.}]+)\.py"', RULES[name])[1]
    environment = re.search(r'conda:\s+"\.\./envs/(\w+)\.yaml"', RULES[name])[1]
    if "recipe=download(" in RULES[name]:
        return  # a download depends on no code
    named = re.search(r'recipe\(\s*f?"([\w{.}]+)",\s+"(\w+)"', RULES[name]).groups()
    assert named == (script, environment) or (name, *named) == ("figure", "plot_{name}", environment)


def imports(file):
    """Yield the dotted names that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_outside_the_fast_engine_imports_it():
    """semis.engines loads it by a name that it composes at run time."""
    own = [SCRIPTS / "semis" / "fast", SCRIPTS / "fairseq_fast"]
    others = [file for file in PRODUCT if not any(folder in file.parents for folder in own)]
    found = {file: name for file in others for name in imports(file) if re.match(r"semis\.fast|fairseq_fast", name)}
    assert not found and len(others) > 50


def test_planning_imports_no_heavy_library():
    """Snakemake's Python need not have them. Snakemake itself imports some of them if they are installed."""
    modules = sorted(f"semis.study.{file.stem}" for file in (SCRIPTS / "semis" / "study").glob("*.py"))
    program = (
        "import sys, snakemake.cli, snakemake.utils; before = set(sys.modules);"
        f"import {', '.join(modules)};"
        "print({'torch', 'pandas', 'numpy', 'matplotlib'} & (set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=SCRIPTS, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stdout + done.stderr


def pins(file):
    """Return {package: version} of an environment's YAML or of a requirements file; all versions must be exact."""
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


def yaml_of(text):
    """Return a profile as a mapping, without the parts that YTE evaluates."""
    return {key: value for key, value in yaml.safe_load(text).items() if not key.startswith("__")}


def test_every_profile_and_sample_reruns_by_the_same_triggers():
    readme = (ROOT / "profiles" / "README.md").read_text()
    profiles = [file.read_text() for file in (ROOT / "profiles").glob("*/config.v9+.yaml")]
    profiles += [text for text in re.findall(r"```yaml\n(.*?)```", readme, re.S) if "executor:" in text]
    assert len(profiles) >= 6
    for profile in map(yaml_of, profiles):
        assert profile["rerun-triggers"] == ["mtime", "params", "input"], profile


# These files contain the words themselves, or old names.
UNREAD = ("tests/plan/test_habits.py", "CHANGELOG.md")


# Words that make a sentence sound translated; each has a plainer alternative.
@pytest.mark.parametrize("words", [r"\bstood\b", r"\bgone on\b", r"\bis no\b", r"\bbloom_\w+"])
def test_prose_is_plain(words):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    kinds = (".md", ".py", ".smk", ".rst", ".yaml", ".toml", ".csv")
    texts = [ROOT / n for n in listed.stdout.splitlines() if n.endswith(kinds) and n not in UNREAD]
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in texts
        if file.exists()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(words, line)
    ]
    assert not found, "\n".join(found)


def texts_for_users():
    """Yield (file, text) of what users read: messages, docs and comments, but not docstrings, which describe code."""
    for file in [*PRODUCT, *sorted((ROOT / "benchmarks").glob("*.py"))]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
        yield from ((file, node.value) for node in found if isinstance(node.value, str))
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for file in (ROOT / name for name in listed.stdout.splitlines() if not name.startswith(("tests/", ".git"))):
        if file.suffix in (".md", ".smk", ".rst", ".yaml", ".yml", ".sh") or file.name in ("Makefile", "activate"):
            yield file, file.read_text(encoding="utf-8") if file.exists() else ""


def test_no_text_advises_to_remove_anything():
    """What a user has may be the only copy. A message says: move it away, correct it, leave a key out."""
    unread = [ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]  # rules of the project, for its authors
    advice = re.compile(r"(?i)\b(remove|delete|erase|unlink|rmdir|rm -)\b|\brm\s+-")
    texts = list(texts_for_users())
    found = [(str(file), match[0]) for file, text in texts if file not in unread for match in advice.finditer(text)]
    assert not found and len(texts) > 1000

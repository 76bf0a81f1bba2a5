"""Each engine has its own code."""

from semis import engines
from semis.study.code import code_files

import pytest
from conftest import ROOT

SCRIPTS = {
    "finetune_fairseq": "fairseq",
    "evaluate_fairseq": "fairseq",
    "pretrain": "fairseq",
    "finetune_huggingface": "huggingface",
    "evaluate_huggingface": "huggingface",
}
REFERENCE = {"fairseq": "fairseq_plugin/__init__.py", "huggingface": "semis/huggingface/finite_trainer.py"}


def files(script, engine):
    """Return the files that decide the result of a script with an engine."""
    return code_files(ROOT / "scripts", f"{script}.py", (engines.module_name(engine, SCRIPTS[script]),))


@pytest.mark.parametrize("script", SCRIPTS)
def test_only_runs_with_the_fast_engine_depend_on_it(script):
    def fast(engine):
        return {file for file in files(script, engine) if file.startswith(("semis/fast/", "fairseq_fast/"))}

    assert REFERENCE[SCRIPTS[script]] in files(script, "reference") and not fast("reference")
    expected = {file.relative_to(ROOT / "scripts").as_posix() for file in (ROOT / "scripts/semis/fast").glob("*.py")}
    expected -= {f"semis/fast/{library}.py" for library in REFERENCE if library != SCRIPTS[script]}
    assert expected <= fast("fast")


@pytest.mark.parametrize("library", REFERENCE)
def test_each_engine_has_its_module(library):
    assert engines.module_name("reference", library) == f"semis.{library}.engine"
    assert engines.module_name("fast", library) == f"semis.fast.{library}"

"""The digests of code: they change with its meaning, and with nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from semis.study.code import code_digest, code_files, environment_digest, ordered, recipe

import pytest
import yaml
from conftest import ROOT

SCRIPT = '''"""Says what it does."""

from semis.numbers import factor

import json


def main(values: list) -> float:
    """Return the sum."""
    return factor() * sum(values)  # all of them


if __name__ == "__main__":
    json.dumps(main([1, 2]))
'''
FILES = {
    "script.py": SCRIPT,
    "other.py": "from semis import numbers\n",
    "semis/__init__.py": '"""A package."""\n',
    "semis/numbers.py": '"""Numbers."""\n\nSTYLE = "style.css"\n\n\ndef factor():\n    return 1.96\n',
    "semis/unused.py": "VALUE = 1\n",
    "semis/engine.py": 'PLUGIN = "plugin/__init__.py"\n',
    "semis/style.css": "body { color: #222; }\n",
    "semis/harness/__init__.py": "",
    "semis/harness/job.py": "PATIENCE = 10\n",
    "plugin/__init__.py": "from semis import unused\n",
}


@pytest.fixture
def scripts(tmp_path):
    """A function that lays out `FILES`, some of them changed, in a new folder, and returns the folder."""

    def lay_out(**changed):
        folder = tmp_path / f"scripts{len(list(tmp_path.iterdir()))}"
        for name, content in {**FILES, **changed}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        return folder

    return lay_out


def edited(name, old, new):
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new)}


@pytest.mark.parametrize(
    "change",
    [
        {},
        edited("script.py", "  # all of them", "  # each\n    # one"),
        edited("script.py", "Says what it does.", "Says more."),
        edited("script.py", '    """Return the sum."""\n', ""),
        edited("script.py", "factor() * sum(values)", "(\n        factor()\n        * sum(values)\n    )"),
        edited("script.py", '"__main__"', "'__main__'"),
        edited("semis/numbers.py", '"""Numbers."""', '"""Digits."""'),
        edited("semis/unused.py", "1", "2"),
        edited("semis/harness/job.py", "10", "20"),
        {"semis/harness/new.py": "import torch\n"},
        {"third.py": "import semis\n"},
    ],
    ids=str,
)
def test_an_edit_that_keeps_the_meaning_keeps_the_digest(scripts, change):
    assert code_digest(scripts(**change), "script.py") == code_digest(scripts(), "script.py")


@pytest.mark.parametrize(
    "change",
    [
        edited("script.py", "sum(values)", "max(values)"),
        edited("script.py", '"__main__"', '"__MAIN__"'),
        edited("semis/numbers.py", "1.96", "1.97"),
        edited("semis/style.css", "#222", "#333"),
        edited("semis/__init__.py", '"""A package."""\n', "import os\n"),
    ],
    ids=str,
)
def test_another_meaning_gives_another_digest(scripts, change):
    assert code_digest(scripts(**change), "script.py") != code_digest(scripts(), "script.py")


def test_a_module_that_is_loaded_by_name_counts_with_what_it_opens(scripts):
    plain, chosen = ("script.py",), ("script.py", ("semis.engine",))
    folder, changed = scripts(), scripts(**edited("semis/unused.py", "1", "2"))
    assert "plugin/__init__.py" in code_files(folder, *chosen) and "plugin/__init__.py" not in code_files(
        folder, *plain
    )
    assert code_digest(folder, *plain) == code_digest(changed, *plain)
    assert code_digest(folder, *chosen) != code_digest(changed, *chosen)


def test_the_package_of_an_imported_name_is_found_in_every_spelling(scripts):
    for text in ("import semis.numbers", "from semis import numbers", "def f():\n    from semis.numbers import factor"):
        assert "semis/numbers.py" in code_files(scripts(**{"script.py": f"{text}\n"}), "script.py")


def pythons():
    """Return {version: path} of the Pythons on this machine that Semis supports."""
    names = [f"3.{minor}" for minor in (11, 12, 13)]
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = {f"3.{sys.version_info.minor}": sys.executable}
    for name in names:
        for file in homes.glob(f"{name}.*/bin/python"):
            found.setdefault(name, str(file))
    return found


HARD = """
def f(v, w, *, k: "int" = 1):
    if (n := len(v)) > w:
        return f"{v:>{w}}" f"{n!r:{w}.{k}}" "a" f"{{}}{v}"
    match v:
        case {"a": [x, *_], **rest} | {"b": x, **rest}:
            return lambda: (x, rest, b"\\x00", 1_000, 1e-5, 3j, ..., u"b")
"""


def test_every_python_gives_the_same_digests(tmp_path):
    """The test compares all scripts of the project. The other Pythons borrow PyYAML from this one."""
    found = pythons()
    if len(found) < 2:
        pytest.skip("there is just one Python here")
    (tmp_path / "yaml").symlink_to(Path(yaml.__file__).parent)
    (tmp_path / "hard").mkdir()
    (tmp_path / "hard" / "hard.py").write_text(HARD)
    code = (
        "import sys; from pathlib import Path; from semis.study import code; root = Path(sys.argv[1]);"
        "[print(file.name, code.code_digest(root, file.name)) for file in sorted(root.glob('*.py'))];"
        "print(code.environment_digest(root.parent / 'envs', 'fairseq'));"
        "print(code.code_digest(Path(sys.argv[2]), 'hard.py'))"
    )
    path = os.pathsep.join([str(ROOT / "scripts"), str(tmp_path)])
    said = {
        subprocess.run(
            [python, "-c", code, ROOT / "scripts", tmp_path / "hard"],
            env={"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for python in found.values()
    }
    assert len(said) == 1 and len(said.pop().splitlines()) > 30


def test_an_environment_is_what_its_files_say(tmp_path):
    (tmp_path / "a.yaml").write_text("dependencies:\n  - python=3.11\n  - pip: [x==1]\n")
    before = environment_digest(tmp_path, "a")
    environment_digest.cache_clear()
    (tmp_path / "a.yaml").write_text("# Mine\ndependencies: [python=3.11, {pip: [x==1]}]\n")
    assert environment_digest(tmp_path, "a") == before
    for name, text in [
        ("a.yaml", "dependencies: [python=3.11, {pip: [x==2]}]\n"),
        ("a.post-deploy.sh", "pip install y\n"),
        ("a.linux-64.pin.txt", "@EXPLICIT\n"),
    ]:
        environment_digest.cache_clear()
        (tmp_path / name).write_text(text)
        assert environment_digest(tmp_path, "a") != before, name
        before = environment_digest(tmp_path, "a")
    environment_digest.cache_clear()
    (tmp_path / "b.post-deploy.sh").write_text("another environment's\n")
    assert environment_digest(tmp_path, "a") == before


def test_mappings_are_sorted_at_every_depth_and_lists_are_not():
    value = {"b": [{"y": 1, "x": 2}], "a": ("d", "c")}
    assert repr(ordered(value)) == "{'a': ['d', 'c'], 'b': [{'x': 2, 'y': 1}]}"
    found = [
        recipe(ROOT, "tokenize_lines", "sentencepiece", settings) for settings in ({"a": 1, "b": 2}, {"b": 1, "a": 2})
    ]
    assert repr(found[0]) != repr(found[1]) and list(found[0]) == ["code", "environment", "settings"]

"""Runs before and after all jobs: announces repeated trainings, reports the results, records a complete study."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from semis.harness.room import no_room
from semis.study import provenance
from semis.study.internals import Internals
from semis.study.layout import write_layout
from semis.study.plan import Study
from semis.study.so_far import FOLDER

import yaml

SHOWN = 5  # names in a sentence
PROGRESS = ("Using ", "Building ", "Creating ", "Adding ", "Loading ", "Semis: no conda")  # while a report is written
# The lines of Snakemake's report that hold JSON.
DATA = re.compile(
    r"^ *var (workflow_desc|results|categories|\w+_spec|rules|packages|metadata) = [\[{\"].*;$", re.MULTILINE
)
STARTED = datetime.now(UTC).isoformat()


def say(sentence: str) -> None:
    """Print a sentence on the terminal."""
    print(f"Semis: {sentence}", file=sys.stderr)


def marker(study: Study) -> str:
    """Return the file that marks the study as complete and recorded.

    Rule `all` runs if it is missing: Snakemake calls `finish` only after a job, and a complete study without its record
    needs that call.
    """
    return f"{study.results}/finished"


def output_of_all(study: Study, targets: Sequence[str]) -> list[str]:
    """Return the output of rule `all`: the marker, or nothing if one of its inputs, the `targets`, is missing.

    If the marker exists, Snakemake does not make an input again that a user has removed.
    """
    return [marker(study)] if all(map(os.path.exists, targets)) else []


def start(study: Study, snakemake: Internals) -> None:
    """Announce how many finished trainings run again because the code changed.

    Exits if the disk is not writable, or if the rules would run without their environments.
    """
    if reason := no_room(next(filter(os.path.isdir, [study.results, os.path.dirname(study.results), "."]))):
        sys.exit(f"Semis: {reason}.")
    if not snakemake.touches and "conda" not in snakemake.deployment:
        given = f"--software-deployment-method is {' '.join(snakemake.deployment) or 'not set'}"
        sys.exit(
            f"Semis: this run would start the rules without their environments ({given}); add --sdm conda, which works "
            "without conda too, or leave out --workflow-profile none."
        )
    write_layout(Path(study.results))
    if snakemake.touches:
        return
    due = [found for found in snakemake.recipes(due=True) if found[1].endswith("training.recipe.json")]
    if FOLDER in snakemake.targets and not snakemake.is_whole and due:
        sys.exit(
            f"Semis: {FOLDER} trains nothing, but {_count(len(due), 'finished training')} would be made again: "
            f"{_names(os.path.dirname(path) for _, path, _ in due)}. Run `snakemake` first; `snakemake -n` says why."
        )
    if devices := {"a GPU" if gpus else "the CPU" for *_, planned in due if (gpus := _gpus(planned)) is not None}:
        say(f"trainings use {' or '.join(sorted(devices))} (`gpus` in the config).")
    if moved := [path for _, path, planned in due if _gpus(recorded(path)) not in (None, _gpus(planned))]:
        say(
            f"{_count(len(moved), 'finished training')} used another device and will be made again: "
            f"{_names(map(os.path.dirname, moved))}. Interrupt with Ctrl-C to keep what is there; with `gpus` in the "
            "config set to the old number (0 or 1) it stays."
        )
    changed = [path for _, path, planned in due if _code(recorded(path)) not in (None, _code(planned))]
    if changed:
        say(
            f"the code or an environment has changed, so {_count(len(changed), 'finished training')} will be made "
            f"again: {_names(map(os.path.dirname, changed))}. Interrupt with Ctrl-C to keep what is there."
        )


def finish(study: Study, snakemake: Internals, root: Path, targets: Sequence[str]) -> None:
    """After a successful run, write provenance.json and report.html if the study is complete, else report its state.

    `targets` are the files of the whole study, `root` is the folder of the Snakefile.
    """
    Path(marker(study)).unlink(missing_ok=True)  # until the record is written
    if snakemake.touches:
        say("--touch has only marked results as new; nothing was made, and provenance.json is unchanged.")
    elif FOLDER in snakemake.targets and not snakemake.is_whole:
        say(
            f"{study.results}/{FOLDER}/summary.html shows the runs that are finished. It is not the result of the "
            "study; `snakemake` makes the rest."
        )
    elif not snakemake.is_whole:
        say(
            f"this run made only the part that it was asked for, and checked no other. {_present(study, targets)}. "
            "`snakemake` without targets makes or checks the rest, and writes provenance.json and report.html."
        )
    elif differing := [found for found in snakemake.recipes() if recorded(found[1]) != as_json(found[2])]:
        say(
            f"{_count(len(differing), 'result')} of {study.results} came from other settings or code than those of "
            f"today: {_names(path.removesuffix('.recipe.json') for _, path, _ in differing)}. provenance.json and "
            f"report.html are not written; `snakemake --forcerun {' '.join(sorted({rule for rule, *_ in differing}))}` "
            "makes them again."
        )
    else:
        _complete(study, snakemake, root)


def fail(study: Study, snakemake: Internals, targets: Sequence[str]) -> None:
    """After a failed run, say how much of the study is there.

    A result of an earlier run does not count if this run should have made it again.
    """
    Path(marker(study)).unlink(missing_ok=True)
    unmade = [path for path in snakemake.unmade() if path != marker(study)]
    if snakemake.is_whole:
        found = (
            f"{_present(study, targets, unmade)}. Run again to make the rest; `snakemake {FOLDER}` shows the runs that "
            "are finished"
        )
    else:
        found = (
            f"This run was asked for a part of it, and has not made {_names(unmade)}. It checked no other part; "
            "`snakemake` without targets makes or checks the rest"
        )
    say(f"the study is not finished, since a job failed. {found}.")


def _present(study: Study, targets: Sequence[str], unmade: Sequence[str] = ()) -> str:
    """Return a clause: how many of the study's results are there, and which are not.

    Results in `unmade` do not count, although older ones may be there.
    """
    old = set(unmade)
    missing = [target for target in targets if target in old or not os.path.exists(target)]
    found = f"{len(targets) - len(missing)} of the {len(targets)} results of {study.results} are there"
    missing = missing or list(unmade)
    return f"{found}; missing or out of date are {_names(missing)}" if missing else found


def _complete(study: Study, snakemake: Internals, root: Path) -> None:
    """Write provenance.json, config.yaml and report.html of a complete study."""
    config = as_json(study.config)
    run = {"started": STARTED, "ended": datetime.now(UTC).isoformat(), "cores": snakemake.cores}
    record = Path(study.results, "provenance.json")
    provenance.write(record, root, config, study_inputs(study), snakemake.environments(), run)
    written = Path(study.results, "config.yaml")
    written.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    page = f"{study.results}/report.html"
    if reason := _write_report(snakemake.snakefile, written, page):
        say(f"Snakemake could not write {page}: {reason}")
        say(f"the study is complete; read {study.results}/summary.md. `snakemake` tries to write the report again.")
    else:
        Path(marker(study)).touch()
        say(f"done. Read {study.results}/summary.md, or open {page} in a browser.")


def _write_report(snakefile: str, config: Path, page: str) -> str | None:
    """Write Snakemake's report as `page`; return Snakemake's message if that fails, else None."""
    new = f"{page.removesuffix('.html')}.new.html"
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--nolock", "--configfile", str(config)]
    done = subprocess.run([*command, "--report", new], capture_output=True, text=True)
    if done.returncode or not os.path.exists(new):
        return _reason(done.stderr) or f"it ended with status {done.returncode}"
    made = Path(new).read_text(encoding="utf-8")
    Path(new).write_text(without_tags(made), encoding="utf-8")
    os.replace(new, page)
    return None


def without_tags(page: str) -> str:
    """Return Snakemake's report with every `<` in its data written as JavaScript's escape.

    Snakemake writes params, among them the study's remark, into a script element as they are. A text with `</script>`
    would end that element, and what follows it would be part of the page.
    """
    return DATA.sub(lambda match: match[0].replace("<", "\\u003c"), page)


def _reason(printed: str) -> str:
    """Return what Snakemake printed besides its progress; of a traceback the last line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip() and not line.startswith(PROGRESS)]
    return lines[-1] if any(line.startswith("Traceback") for line in lines) else " ".join(lines)


def study_inputs(study: Study) -> dict[str, list[str]]:
    """Return {dotted config key: paths} of all input files; of a dataset's folder only the files that a rule reads."""
    found = {key: [study.located(key)] for key in study.sources}
    for name in study.datasets:
        found[f"datasets.{name}.source"] = study.dataset_files(name)
    return found | ({"published": [study.config["published"]]} if "published" in study.config else {})


def as_json(value: Any) -> Any:
    """Return `value` as JSON would read it back, in plain dicts and lists."""
    return json.loads(json.dumps(value))


def recorded(path: str) -> dict | None:
    """Return the recipe that a job recorded with its result, or None."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _code(recipe: dict | None) -> tuple | None:
    """Return the two digests of a recipe, or None."""
    return (recipe.get("code"), recipe.get("environment")) if recipe else None


def _gpus(recipe: dict | None) -> int | None:
    """Return the number of GPUs of a training's recipe; None for the language-model part and without a recipe."""
    settings = (recipe or {}).get("settings", {})
    return settings.get("training", settings.get("pretraining", {})).get("gpus")


def _count(number: int, noun: str) -> str:
    """Return a number with its noun, such as 1 result or 2 results."""
    return f"{number} {noun}{'s' * (number != 1)}"


def _names(paths: Any) -> str:
    """Return the first few of some paths as text."""
    found = list(dict.fromkeys(map(str, paths)))
    return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")

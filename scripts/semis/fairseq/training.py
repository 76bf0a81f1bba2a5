"""Runs fairseq-train in a work folder: starts or resumes a training, finds its newest checkpoint, reads its history."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semis.fairseq import checkpoints
from semis.fairseq.engine import Engine
from semis.harness import divergence
from semis.harness.errors import UserError
from semis.harness.workfolder import newest_whole

SCRIPTS = Path(__file__).resolve().parents[2]


def model_flags(engine: Engine, sizes: Mapping[str, int], positions: int) -> list[str]:
    """Return the flags of fairseq-train for a RoBERTa; `sizes` is {layers, dimension, feed_forward, heads}."""
    return [
        *("--user-dir", str((SCRIPTS / engine.plugin).parent), "--arch", engine.architecture),
        *("--max-positions", str(positions)),
        *("--encoder-layers", str(sizes["layers"]), "--encoder-embed-dim", str(sizes["dimension"])),
        *("--encoder-ffn-embed-dim", str(sizes["feed_forward"]), "--encoder-attention-heads", str(sizes["heads"])),
    ]


def saved(folder: Path, pattern: str) -> Path | None:
    """Return the newest complete checkpoint in `folder`/checkpoints that matches `pattern`, or None."""
    return newest_whole(folder / "checkpoints", pattern, _is_whole, order=lambda path: path.stat().st_mtime_ns)


def last(folder: Path, pattern: str) -> Path:
    """Return the newest complete checkpoint of a training that has ended. Raises UserError if there is none."""
    found = saved(folder, pattern)
    if found is None:
        raise UserError(f"{folder}/checkpoints holds no complete checkpoint after the training; run again.")
    return found


def _is_whole(path: Path) -> bool:
    """Say whether a checkpoint is complete, and the best one so far too: either itself or checkpoint_best.pt."""
    if not checkpoints.is_whole(path):
        return False
    return _is_best(checkpoints.load(path)) or checkpoints.is_whole(path.with_name("checkpoint_best.pt"))


def _is_best(state: Mapping[str, Any]) -> bool:
    """Say whether the checkpoint with the contents `state` was the best one so far."""
    extra = state["extra_state"]
    return extra.get("val_loss") is not None and extra["val_loss"] == extra.get("best")


def train(
    data: Path,
    folder: Path,
    flags: Sequence[str],
    pattern: str,
    start: Path | None = None,
    updates: float = math.inf,
) -> None:
    """Run fairseq-train on the binarized folder `data` to its end, in the work folder `folder` (RUN/work/NAME).

    Resumes from the newest complete checkpoint that matches `pattern`; without one, starts from the weights `start` or
    from scratch. Does nothing if that checkpoint has all `updates` already. Checkpoints go to `folder`/checkpoints, the
    log goes to `folder`/train.log as JSON. Raises UserError if the training diverges, and CalledProcessError if
    fairseq-train fails otherwise.
    """
    last = saved(folder, pattern)
    if last:
        print(f"resuming from {last}", flush=True)
        restore = ["--restore-file", str(last.resolve())]
        state = checkpoints.load(last)
        if _is_best(state):
            _restore_best(last)
        if state["optimizer_history"][-1]["num_updates"] >= updates:
            return  # fairseq-train would make one more update before it checks
    else:
        restore = ["--restore-file", str(Path(start).resolve()) if start else "NONE"]
        restore += ["--reset-optimizer", "--reset-dataloader", "--reset-meters"]
    command = [sys.executable, "-m", "fairseq_cli.train", str(data), *restore, *flags]
    command += ["--save-dir", str(folder / "checkpoints"), "--log-format", "json"]
    command += ["--log-file", str(folder / "train.log")]
    command += ["--tensorboard-logdir", str(folder / "tensorboard")]  # for watching the training
    print(*command, flush=True)
    _run(command, folder)


def _run(command: Sequence[str], folder: Path) -> None:
    """Run fairseq-train in the work folder `folder`. Raises UserError if it diverges."""
    path = os.pathsep.join([str(SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    # close_fds=False passes the job's lock on, so that no second training writes here while this one is alive
    with (folder / "errors.txt").open("w+") as errors:
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, close_fds=False, stderr=errors)
        errors.seek(0)
        said = errors.read()
    print(said, file=sys.stderr, flush=True)
    if "FloatingPointError: gradients are Nan/Inf" in said:
        state = checkpoints.load(folder / "checkpoints" / "crash.pt")
        step = state["optimizer_history"][-1]["num_updates"] + 1
        raise divergence.diverged(folder.parents[1], step, "gradient is nan or infinite")
    done.check_returncode()


def _restore_best(last: Path) -> None:
    """Copy `last`, the best checkpoint, to checkpoint_best.pt: fairseq may have been stopped before it did so."""
    copy = last.with_name("checkpoint_best.tmp")
    shutil.copyfile(last, copy)
    copy.replace(last.with_name("checkpoint_best.pt"))


def history(log_file: str | Path, metrics: Mapping[str, tuple[str, str]]) -> list[tuple[int, float, str, str, float]]:
    """Return rows (step, epoch, split, metric, value) from the JSON log of fairseq-train.

    `metrics` maps fairseq's names to (split, metric), for example "valid_ppl" to ("valid", "perplexity"); names of
    values within an epoch have no prefix. fairseq logs losses in bits; they are converted to nats, the unit of
    transformers. If a resumed training has repeated some updates, their last line counts.
    """
    rows = {}
    for line in Path(log_file).read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue  # plain text, or an incomplete line that the resumed training has written again
        for name, (split, metric) in metrics.items():
            if name in found:
                step = int(found.get("num_updates") or found["valid_num_updates"])
                value = round(float(found[name]) * math.log(2), 6) if metric == "loss" else found[name]
                rows[step, split, metric] = (step, found["epoch"], split, metric, value)
    return [rows[key] for key in sorted(rows)]

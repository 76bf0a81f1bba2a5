"""How fast the engines are beside the report's commands typed by hand, measured in turn in one run.

Quick: every run is cut to a few updates, and the times of whole runs and of the study are worked out from the rates
(marked "extrapolated"). With FULL=1 whole runs of 5 epochs are made. Prints tables and writes results/bench/bench.json
and profile.txt. Run it with `make bench`; nothing else should run on the machine.
"""

import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import generate
import stock
import yaml
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "bench"
ENGINES = ["stock", "reference", "fast"]
REPORT = {"train": 1800, "valid": 200, "test": 2000}  # reviews; 5 epochs
EPOCHS, BATCH = 5, 8
RUNS = {"finetune": 6, "finetune_hf": 3}  # of a study of 3 methods x 3 seeds
FULL = bool(os.environ.get("FULL"))
CUT = 1 if FULL else 18  # one in so many reviews, and one epoch
ROUNDS = 1 if FULL else 3
PRETRAINING_UPDATES = 40 if FULL else 5
RULES = {"finetune": "finetune_fairseq", "finetune_hf": "finetune_huggingface"}


class Bench:
    """Runs the works in a folder and gathers what they come to: {(work, metric): {engine: [value, ...]}}."""

    def __init__(self, folder):
        self.folder = folder
        self.made = folder / "results" / "b"
        self.found = defaultdict(lambda: defaultdict(list))
        self.epochs = EPOCHS if FULL else 1
        self.counts = {split: count // CUT for split, count in REPORT.items()}

    def snakemake(self, *args):
        """Run the workflow on the study; return what it printed. Raises where it fails."""
        command = [sys.executable, "-m", "snakemake", *args, "--snakefile", ROOT / "Snakefile", "--cores", "2"]
        command += ["--configfile", "config.yaml", "--quiet", "rules"]
        done = subprocess.run([str(part) for part in command], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def prepare(self):
        """Make the environments, the texts, the models and all that comes before training."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config()))
        os.environ.setdefault("SNAKEMAKE_CONDA_PREFIX", str(ROOT / ".snakemake" / "conda"))
        for folder in ("reviews", "model"):
            (self.folder / folder).mkdir()
        generate.reviews(self.folder / "reviews", self.counts)
        for name in ("model.pt", "dict.txt", "sentencepiece.bpe.model"):
            (self.folder / "model" / name).touch()  # for the config's check
        self.snakemake("--conda-create-envs-only")
        rows = re.findall(r"(\w+)\.yaml\t+\S*\t+(\S+)$", self.snakemake("--list-conda-envs"), re.M)
        self.python = {name: str((self.folder / path / "bin" / "python").absolute()) for name, path in rows}
        for part, environment in (("tokenizer", "sentencepiece"), ("model", "fairseq")):
            self.run(environment, [ROOT / "benchmarks" / "generate.py", part, "model"])
        data = self.made / "data" / "books"
        targets = [data / f"tokens/model/{split}.bin" for split in REPORT]
        targets += [data / f"{split}.jsonl" for split in REPORT] + [data / f"label/{split}.bin" for split in REPORT]
        targets = [target.relative_to(self.folder) for target in (*targets, self.made / "models" / "model-hf")]
        self.snakemake(*targets)
        for split in REPORT:
            for kind in ("bin", "idx"):
                link(self.folder / "data" / "input0" / f"{split}.{kind}", data / f"tokens/model/{split}.{kind}")
                link(self.folder / "data" / "label" / f"{split}.{kind}", data / f"label/{split}.{kind}")
        link(self.folder / "data" / "input0" / "dict.txt", self.folder / "model" / "dict.txt")
        link(self.folder / "data" / "label" / "dict.txt", data / "label/dict.txt")
        for kind in ("bin", "idx"):  # a text for the masked language model: the reviews one behind the other
            link(self.folder / "text" / f"train.{kind}", data / f"tokens/model/train.{kind}")
        link(self.folder / "text" / "dict.txt", self.folder / "model" / "dict.txt")

    def config(self):
        """The config of a study whose methods are each work under each engine, on one core, and "alone" on both."""
        models = {"finetune": "model", "finetune_hf": "model-hf"}
        return {
            "study": "b",
            "seeds": list(range(2 * ROUNDS if not FULL else max(RUNS.values()))),
            "datasets": {"books": {"source": {"path": "reviews"}}},
            "models": {
                "model": {"library": "fairseq", "source": {"path": "model"}},
                "model-hf": {"library": "huggingface", "export": "model"},
            },
            "methods": {
                f"{work}-{engine}{where}": {
                    "model": model,
                    "start": "pretrained",
                    "training": {"engine": engine, "threads": 2 if where else 1},
                }
                for work, model in models.items()
                for engine in ENGINES[1:]
                for where in ("", "-alone")
            },
            "training": {"epochs": self.epochs, "log_every": 2, "total_updates": 1200},
        }

    def run(self, environment, command, threads=2):
        """Run a python of the workflow's; return (what it printed, seconds, peak resident memory in MiB)."""
        scripts = str(ROOT / "scripts")
        env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": scripts, "CUDA_VISIBLE_DEVICES": ""}
        begin = time.perf_counter()
        with (self.folder / "printed").open("w+") as printed:
            running = subprocess.Popen(
                [self.python[environment], *map(str, command)],
                cwd=self.folder,
                env=env,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(running.pid, 0)
            printed.seek(0)
            text = printed.read()
        if status:
            raise RuntimeError(f"{command}\n{text}")
        return text, time.perf_counter() - begin, usage.ru_maxrss / 1024

    def add(self, engine, work, rates):
        """Keep what was measured, {metric: value}."""
        for metric, value in rates.items():
            self.found[work, metric][engine].append(value)

    def whole(self, seconds, epoch):
        """Seconds of a whole run, of those of a run here and of its epochs; with FULL=1 it is whole already."""
        return seconds if FULL else seconds - self.epochs * epoch + EPOCHS * CUT * epoch

    def stock(self, seed):
        """The report's two commands, each on both cores; the study is nine of them, one after another."""
        command = ["-m", "fairseq_cli.train", "data", "--user-dir", ROOT / "scripts" / "fairseq_plugin"]
        command += ["--restore-file", "model/model.pt", "--seed", seed, "--max-epoch", self.epochs, "--log-interval", 2]
        command += [*stock.FINETUNE, "--save-dir", tempfile.mkdtemp(dir=self.folder)]
        text, seconds, peak = self.run("fairseq", command)
        rates, evaluation, epoch = fairseq_rates(text, self.counts, ["valid", "test"])
        first = self.whole(seconds, epoch)
        self.add("stock", "finetune", {**rates, "wall_s": first, "peak_mib": peak})
        self.add("stock", "evaluate", evaluation)
        model = self.made / "models" / "model-hf"
        command = [ROOT / "benchmarks" / "stock.py", model, "reviews", seed, self.epochs]
        text, seconds, peak = self.run("transformers", command)
        rates, epoch = trainer_rates(json.loads(text.splitlines()[-1]), self.epochs)
        second = self.whole(seconds, epoch)
        self.add("stock", "finetune_hf", {**rates, "wall_s": second, "peak_mib": peak})
        self.add("stock", "study", {"wall_s": RUNS["finetune"] * first + RUNS["finetune_hf"] * second})

    def alone(self, engine, seed):
        """A run of each work, one after another, each on both cores."""
        self.snakemake(*(self.target(f"{work}-{engine}-alone", seed) for work in RUNS))
        for work in RUNS:
            method = f"{work}-{engine}-alone"
            rates, evaluation, epoch = self.rates(work, method, seed)
            seconds, peak = self.benchmark(method, seed)
            self.add(engine, work, {**rates, "wall_s": self.whole(seconds, epoch), "peak_mib": peak})
            self.add(engine, "evaluate", evaluation)

    def study(self, engine, round_):
        """The study's runs, two at a time on a core each; quick, two of each work, and the rest is worked out."""
        seeds = {work: range(count) if FULL else (2 * round_, 2 * round_ + 1) for work, count in RUNS.items()}
        runs = [(work, f"{work}-{engine}", seed) for work in RUNS for seed in seeds[work]]
        begin = time.perf_counter()
        self.snakemake(*(self.target(method, seed) for _, method, seed in runs))
        seconds = time.perf_counter() - begin
        if not FULL:
            taken = {(method, seed): self.benchmark(method, seed)[0] for _, method, seed in runs}
            between = (seconds - sum(taken.values()) / 2) / len(runs)  # Snakemake's own, a run
            seconds = between * sum(RUNS.values())
            for work, method, seed in runs:
                epoch = self.rates(work, method, seed)[2]
                seconds += RUNS[work] / len(seeds[work]) * self.whole(taken[method, seed], epoch) / 2
        self.add(engine, "study", {"wall_s": seconds})

    def target(self, method, seed):
        """The file that ends a run."""
        return f"results/b/runs/books/{method}/seed{seed}/metrics.json"

    def benchmark(self, method, seed):
        """(seconds of a run's fine-tuning and evaluation, peak resident memory of the fine-tuning in MiB)."""
        rows = []
        for part in ("finetune", "evaluate"):
            with (self.made / f"benchmarks/{part}/books/{method}/seed{seed}.tsv").open() as stream:
                rows += csv.DictReader(stream, delimiter="\t")
        return sum(float(row["s"]) for row in rows), float(rows[0]["max_rss"])

    def rates(self, work, method, seed):
        """(rates of training, of fairseq's evaluation, seconds of an epoch) of a run, from its log."""
        text = (self.made / f"logs/{RULES[work]}/books/{method}/seed{seed}.log").read_text()
        if work == "finetune":
            return fairseq_rates(text, self.counts, ["valid"])
        last = yaml.safe_load(re.findall(r"\{'train_runtime'.*?\}", text)[-1])
        rates, epoch = trainer_rates({key: float(value) for key, value in last.items()}, self.epochs)
        return rates, {}, epoch

    def pretrain(self, engine):
        """Tokens per second of the masked language model, on both cores; the reference is the stock command."""
        command = ["-m", "fairseq_cli.train", "text", "--max-update", PRETRAINING_UPDATES, *stock.PRETRAIN]
        command += ["--save-dir", tempfile.mkdtemp(dir=self.folder), "--user-dir"]
        command += [ROOT / "scripts" / ("fairseq_fast" if engine == "fast" else "fairseq_plugin")]
        if engine == "fast":
            command += ["--arch", "roberta_small_fast", "--optimizer", "row_adam", "--criterion", "masked_lm_fast"]
        text, _, peak = self.run("fairseq", command)
        rate = statistics.median(float(line["wps"]) for line in logged(text, "train_inner")[1:])
        self.add(engine, "pretrain", {"tokens_per_s": rate, "peak_mib": peak})

    def limit(self):
        """What the matrix products alone allow here, as `profile_step` measures it, and each engine's share of it."""
        self.run("fairseq", [ROOT / "benchmarks" / "profile_step.py", "data", "profile.json"])
        found = json.loads((self.folder / "profile.json").read_text())
        for engine, rates in list(self.found["finetune", "updates_per_s"].items()):
            for rate in rates:
                self.add(engine, "finetune", {"share_of_limit": rate / found["updates_per_s"]})
        return found

    def rows(self):
        """The list that goes into bench.json."""
        found = []
        for (work, metric), engines in self.found.items():
            for engine in filter(engines.get, ENGINES):
                values, base = engines[engine], statistics.median(engines["stock"])
                middle = statistics.median(values)
                row = {"work": work, "engine": engine, "metric": metric, "median": middle, "min": min(values)}
                row |= {"max": max(values), "ratio_to_stock": middle / base, "runs": len(values)}
                computed = not FULL or (work, engine) == ("study", "stock")
                found.append(row | {"extrapolated": metric == "wall_s" and computed})
        return sorted(found, key=lambda row: row["work"])


def logged(text, name):
    """The JSON lines of this name in a log of fairseq's."""
    return [json.loads(line) for line in re.findall(rf"\| {name} \| (\{{.*\}})", text)]


def fairseq_rates(text, counts, watched):
    """(rates of training, of evaluation, seconds of an epoch) from a log of fairseq's that watched these splits."""
    updates = statistics.median(float(line["ups"]) for line in logged(text, "train_inner")[1:])
    sweeps = [
        float(line[f"{split}_wps"]) / float(line[f"{split}_wpb"]) * float(line[f"{split}_bsz"])
        for split in watched
        for line in logged(text, split)
    ]
    evaluated = statistics.median(sweeps)
    epoch = counts["train"] / BATCH / updates + sum(counts[split] for split in watched) / evaluated
    return {"updates_per_s": updates, "reviews_per_s": BATCH * updates}, {"reviews_per_s": evaluated}, epoch


def trainer_rates(found, epochs):
    """(rates, seconds of an epoch) from what transformers' Trainer says at its end; its own validations are in it."""
    rates = {"updates_per_s": found["train_steps_per_second"], "reviews_per_s": found["train_samples_per_second"]}
    return rates, found["train_runtime"] / epochs


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def step(name, work, *args):
    """Do a work; say what it is before, and how long it took behind."""
    print(f"{name} ...", end=" ", flush=True, file=sys.stderr)
    begin = time.perf_counter()
    found = work(*args)
    print(f"{time.perf_counter() - begin:.0f} s", file=sys.stderr)
    return found


def main():
    """Measure all, a round after another."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        step("making environments, texts and models", bench.prepare)
        for round_ in range(ROUNDS):
            for engine in ENGINES:
                name = f"round {round_ + 1} of {ROUNDS}: {engine},"
                if engine == "stock":
                    step(f"{name} the report's commands", bench.stock, round_)
                else:
                    step(f"{name} runs on both cores", bench.alone, engine, round_)
                    step(f"{name} runs side by side", bench.study, engine, round_)
                if engine != "reference":
                    step(f"{name} pretraining", bench.pretrain, engine)
        limit = step("profile", bench.limit)
    rows = bench.rows()
    print(tabulate(rows, headers="keys", floatfmt=".3g"))
    print(
        "\nLimit: the model's matrix products alone would take {updates_per_s:.1f} updates/s".format(**limit), end=" "
    )
    print("({gflops:.0f} GFLOP/s, {tokens} tokens an update).\nWhere the fast engine's time goes:".format(**limit))
    profile = tabulate([(f"{share:.1%}", name) for name, share in limit["shares"].items()], tablefmt="plain")
    print(profile)
    (RESULTS / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "profile.txt").write_text(f"{profile}\n")


if __name__ == "__main__":
    main()

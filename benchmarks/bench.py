"""Measures the speed of both engines and of the report's commands, typed by hand, alternately in one call.

The quick form makes runs of a few updates and computes the times of whole runs and of the study from the rates (marked
"extrapolated"). It makes three rounds, or fewer if they would take longer than 10 minutes. With FULL=1 it makes whole
runs of 5 epochs, which takes hours; after an interruption it resumes after the last finished step. It prints tables and
writes results/bench/bench.json and profile.txt. Run it with `make bench`, with nothing else running on the machine.
"""

import csv
import json
import os
import re
import shutil
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
TRAINER_VALIDATIONS = 4  # of the report's Hugging Face run, besides the one at its end: every 250 of 1,125 updates
RUNS = {"finetune": 6, "finetune_hf": 3}  # of a study of 3 methods x 3 seeds
RULES = {"finetune": "finetune_fairseq", "finetune_hf": "finetune_huggingface"}
LIMITED = {"finetune": "updates_per_s", "evaluate": "reviews_per_s", "pretrain": "tokens_per_s"}
FULL = bool(os.environ.get("FULL"))
REVIEWS = REPORT if FULL else {"train": 80, "valid": 96, "test": 96}  # whole batches: fairseq's command drops others
ROUNDS = 1 if FULL else 3
QUICK_S = 520  # the quick form begins no round that would end later, counted from the first
PRETRAINING_UPDATES = 40 if FULL else 4
STUDY = Path("results", "engines")


class Bench:
    """Makes the runs of the benchmark in a folder and gathers {(work, metric): {engine: [value, ...]}}.

    `measured.json` in the folder keeps these values after each step, so that another Bench in the folder resumes.
    """

    def __init__(self, folder):
        self.folder = folder
        self.kept = folder / "measured.json"
        self.done = []
        self.found = defaultdict(lambda: defaultdict(list))
        self.epochs = EPOCHS if FULL else 1
        if self.kept.exists():
            self.done, found = json.loads(self.kept.read_text())
            for work, metric, engine, values in found:
                self.found[work, metric][engine] = values
        else:
            self.begin()

    def begin(self):
        """Empty the folder, and lay out as much of a study in it as the check of the config needs."""
        shutil.rmtree(self.folder)
        for folder in ("reviews", "model"):
            (self.folder / folder).mkdir(parents=True)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config(self.epochs)))
        generate.reviews(self.folder / "reviews", REVIEWS)
        for name in ("model.pt", "dict.txt", "sentencepiece.bpe.model"):
            (self.folder / "model" / name).touch()

    def step(self, name, work, *args):
        """Do a step, unless it was done before; print its name first and its time afterwards."""
        print(f"{name} ...", end=" ", flush=True, file=sys.stderr)
        if name in self.done:
            print("done before", file=sys.stderr)
            return
        begin = time.perf_counter()
        work(*args)
        self.done.append(name)
        found = [(*key, engine, values) for key, engines in self.found.items() for engine, values in engines.items()]
        written = self.kept.with_suffix(".new")
        written.write_text(json.dumps([self.done, found]))
        written.replace(self.kept)
        print(f"{time.perf_counter() - begin:.0f} s", file=sys.stderr)

    def run(self, command, **env):
        """Run a command in the folder; return (what it printed, seconds, peak memory of its largest process in MiB)."""
        begin = time.perf_counter()
        with (self.folder / "printed").open("w+") as printed:
            running = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.folder,
                env={**os.environ, **env},
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            try:
                _, status, usage = os.wait4(running.pid, 0)
            except KeyboardInterrupt:
                running.wait()  # it was interrupted too, and the next call uses the same folder
                raise
            printed.seek(0)
            text = printed.read()
        if status:
            raise RuntimeError(f"{command}\n{text}")
        return text, time.perf_counter() - begin, usage.ru_maxrss / 1024

    def python(self, environment, *command):
        """Run a Python of the workflow with two threads, as `run` does."""
        scripts = str(ROOT / "scripts")
        return self.run(
            [self.pythons[environment], *command], OMP_NUM_THREADS="2", PYTHONPATH=scripts, CUDA_VISIBLE_DEVICES=""
        )

    def snakemake(self, *args):
        """Run the workflow on the study, as `run` does."""
        command = [sys.executable, "-m", "snakemake", *args, "--snakefile", ROOT / "Snakefile", "--cores", "2"]
        return self.run([*command, "--configfile", "config.yaml", "--nolock", "--quiet", "rules"])

    def make(self, runs):
        """Make the runs (method, seed) from the beginning, even if they exist; as `run` does."""
        for run in runs:
            shutil.rmtree(self.folder / target(*run).parent, ignore_errors=True)
        return self.snakemake(*(target(*run) for run in runs))

    def find_environments(self):
        """Make missing environments, and find the Python of each."""
        os.environ.setdefault("SNAKEMAKE_CONDA_PREFIX", str(ROOT / ".snakemake" / "conda"))
        self.snakemake("--conda-create-envs-only")
        rows = re.findall(r"(\w+)\.yaml\t+\S*\t+(\S+)$", self.snakemake("--list-conda-envs")[0], re.M)
        self.pythons = {name: (self.folder / path / "bin" / "python").absolute() for name, path in rows}

    def prepare(self):
        """Make the models and everything else that comes before training."""
        for part, environment in (("tokenizer", "sentencepiece"), ("model", "fairseq")):
            self.python(environment, ROOT / "benchmarks" / "generate.py", part, "model")
        data = STUDY / "data" / "books"
        self.snakemake(*prepared())
        for kind in ("bin", "idx"):
            for split in REVIEWS:
                for part in ("input0", "label"):
                    self.link(f"data/{part}/{split}.{kind}", data / f"tokens/model/{split}.{part}.{kind}")
            # a text for the masked language model: the reviews one after the other
            self.link(f"text/train.{kind}", data / f"tokens/model/train.input0.{kind}")
        self.link("data/input0/dict.txt", "model/dict.txt")
        (self.folder / "data/label/dict.txt").write_text("0 1\n1 1\n")
        self.link("text/dict.txt", "model/dict.txt")

    def link(self, path, target):
        """Make a link to a target, both in the folder."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).symlink_to(self.folder / target)

    def add(self, engine, work, rates):
        """Store measured values, {metric: value}."""
        for metric, value in rates.items():
            self.found[work, metric][engine].append(value)

    def stock(self, seed):
        """Measure the report's two commands, each on both cores; the study is nine of them, one after another."""
        command = ["-m", "fairseq_cli.train", "data", "--user-dir", ROOT / "scripts" / "fairseq_plugin"]
        command += ["--restore-file", "model/model.pt", "--seed", seed, "--max-epoch", self.epochs, "--log-interval", 2]
        command += [*stock.FINETUNE, "--save-dir", tempfile.mkdtemp(dir=self.folder)]
        text, first, peak = self.python("fairseq", *command)
        updates, evaluated = fairseq_speeds(text)
        first += missing(updates, evaluated, EPOCHS * (REPORT["valid"] + REPORT["test"]), self.epochs * watched("test"))
        self.add("stock", "finetune", {**rates(updates), "wall_s": first, "peak_mib": peak})
        self.add("stock", "evaluate", {"reviews_per_s": evaluated})
        command = [ROOT / "benchmarks" / "stock.py", STUDY / "models" / "model-hf", "reviews", seed, self.epochs]
        text, second, peak = self.python("transformers", *command)
        found = json.loads(text.splitlines()[-1])
        evaluated = found["test_samples_per_second"]
        validations = TRAINER_VALIDATIONS if FULL else 0
        updates = trainer_speed(found["train_runtime"], validations, evaluated, self.epochs)
        evaluations = TRAINER_VALIDATIONS * REPORT["valid"] + REPORT["valid"] + REPORT["test"]
        second += missing(updates, evaluated, evaluations, watched("test"))
        self.add("stock", "finetune_hf", {**rates(updates), "wall_s": second, "peak_mib": peak})
        self.add("stock", "study", {"wall_s": RUNS["finetune"] * first + RUNS["finetune_hf"] * second})

    def alone(self, engine, seed):
        """Measure a run of each work, one after another: the fine-tuning on both cores, the evaluation on one."""
        for work in RUNS:
            method = f"{work}-{engine}-alone"
            _, _, peak = self.make([(method, seed)])
            updates, evaluated, seconds = self.measured(work, method, seed, cores=2)
            self.add(engine, work, {**rates(updates), "wall_s": seconds, "peak_mib": peak})
            if work == "finetune":
                self.add(engine, "evaluate", {"reviews_per_s": evaluated})

    def study(self, engine, round_):
        """Measure the study's runs, two at a time with a core each; the quick form makes one of each work."""
        seeds = {work: range(count) if FULL else [round_] for work, count in RUNS.items()}
        runs = [(work, f"{work}-{engine}", seed) for work in RUNS for seed in seeds[work]]
        _, seconds, _ = self.make([(method, seed) for _, method, seed in runs])
        if not FULL:
            short = side_by_side(self.benchmark(method, seed) for _, method, seed in runs)
            whole = {work: [self.measured(work, m, seed)[2] for w, m, seed in runs if w == work] for work in RUNS}
            seconds += side_by_side(statistics.mean(whole[work]) for work in RUNS for _ in range(RUNS[work])) - short
        self.add(engine, "study", {"wall_s": seconds})

    def measured(self, work, method, seed, cores=1):
        """Return (updates/s, reviews evaluated/s, seconds of a whole run) of a run, from its log and benchmarks.

        With two cores the validations used both, and the evaluation after the fine-tuning used one.
        """
        text = (self.folder / STUDY / f"logs/{RULES[work]}/books/{method}/seed{seed}.log").read_text()
        if work == "finetune":
            updates, evaluated = fairseq_speeds(text)
        else:
            evaluated = float(re.findall(r"'eval_samples_per_second': '?([\d.]+)", text)[-1])
            runtime = float(re.findall(r"'train_runtime': '?([\d.]+)", text)[-1])
            updates = trainer_speed(runtime, self.epochs, evaluated, self.epochs)
        whole = EPOCHS * REPORT["valid"] + cores * (REPORT["valid"] + REPORT["test"])
        here = self.epochs * REVIEWS["valid"] + cores * watched("test")
        return updates, evaluated, self.benchmark(method, seed) + missing(updates, evaluated, whole, here)

    def benchmark(self, method, seed):
        """Return the seconds of a run's fine-tuning and of its evaluation, as Snakemake measured them."""
        seconds = 0
        for part in ("finetune", "evaluate"):
            with (self.folder / STUDY / f"benchmarks/{part}/books/{method}/seed{seed}.tsv").open() as stream:
                seconds += sum(float(row["s"]) for row in csv.DictReader(stream, delimiter="\t"))
        return seconds

    def pretrain(self, engine):
        """Measure tokens per second of the masked language model on both cores; the reference is the stock command."""
        command = ["-m", "fairseq_cli.train", "text", "--max-update", PRETRAINING_UPDATES, *stock.PRETRAIN]
        command += ["--save-dir", tempfile.mkdtemp(dir=self.folder), "--user-dir"]
        command += [ROOT / "scripts" / ("fairseq_fast" if engine == "fast" else "fairseq_plugin")]
        if engine == "fast":
            command += ["--arch", "roberta_small_fast", "--optimizer", "row_adam", "--criterion", "masked_lm_fast"]
            command += ["--num-workers", "0"]  # as scripts/pretrain.py
        text, _, peak = self.python("fairseq", *command)
        rate = statistics.median(float(line["wps"]) for line in logged(text, "train_inner")[1:])
        self.add(engine, "pretrain", {"tokens_per_s": rate, "peak_mib": peak})

    def limit(self):
        """Measure the bound that matrix products set on this machine (`profile_step`), and each engine's share."""
        self.python("fairseq", ROOT / "benchmarks" / "profile_step.py", "data", "profile.json")
        for work, limit in self.profile()["limits"].items():
            for engine, values in self.found[work, LIMITED[work]].items():
                for value in values:
                    self.add(engine, work, {"share_of_limit": value / limit})

    def profile(self):
        """Return the results of `profile_step`."""
        return json.loads((self.folder / "profile.json").read_text())

    def rows(self):
        """Return the list for bench.json."""
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


def config(epochs):
    """Return the config of a study with a method for each work and engine, on one core, and "alone" on both."""
    models = {"finetune": "model", "finetune_hf": "model-hf"}
    return {
        "study": STUDY.name,
        "seeds": list(range(max(ROUNDS, *RUNS.values()))),
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
        "training": {"epochs": epochs, "log_every": 2, "total_updates": 1200},
    }


def prepared():
    """Return the files and folders that all runs read: the binarized and tokenized reviews, and the exported model."""
    data = STUDY / "data" / "books"
    names = (name for split in REVIEWS for name in (f"tokens/model/{split}.input0.bin", f"{split}.jsonl"))
    return [*(data / name for name in names), STUDY / "models" / "model-hf"]


def target(method, seed):
    """Return the last file of a run."""
    return STUDY / f"runs/books/{method}/seed{seed}/metrics.json"


def watched(*more):
    """Return the numbers of reviews that each evaluation on valid, and on other splits, has here."""
    return sum(REVIEWS[split] for split in ("valid", *more))


def rates(updates):
    """Return the rates of a training with this many updates per second."""
    return {"updates_per_s": updates, "reviews_per_s": BATCH * updates}


def missing(updates, evaluated, whole, here):
    """Return the seconds by which a whole run is longer than the one here; 0 with FULL=1.

    The run makes `updates` per second and evaluates `evaluated` reviews per second: `here` in this run, `whole` in a
    whole one.
    """
    if FULL:
        return 0
    return (EPOCHS * REPORT["train"] - REVIEWS["train"]) / BATCH / updates + (whole - here) / evaluated


def trainer_speed(runtime, validations, evaluated, epochs):
    """Return the updates per second of a Trainer whose `runtime` (s) includes validations of `evaluated` reviews/s."""
    training = runtime - validations * REVIEWS["valid"] / evaluated
    return epochs * REVIEWS["train"] / BATCH / training


def side_by_side(seconds):
    """Return the total time of runs with these seconds on two cores; each starts on the first free core."""
    ends = [0, 0]
    for taken in seconds:
        ends = sorted([ends[0] + taken, ends[1]])
    return ends[1]


def logged(text, name):
    """Return the JSON lines of this name in a log of fairseq."""
    return [json.loads(line) for line in re.findall(rf"\| {name} \| (\{{.*\}})", text)]


def fairseq_speeds(text):
    """Return (updates, reviews evaluated) per second, from a log of fairseq; only evaluations on valid count."""
    updates = statistics.median(float(line["ups"]) for line in logged(text, "train_inner")[1:])
    sweeps = [
        float(line["valid_wps"]) / float(line["valid_wpb"]) * float(line["valid_bsz"]) for line in logged(text, "valid")
    ]
    return updates, statistics.median(sweeps)


def measure(folder):
    """Measure everything in a folder, one round after another; return (rows, profile)."""
    bench = Bench(folder)
    print("making environments where there are none ...", file=sys.stderr)
    bench.find_environments()
    bench.step("making texts and models", bench.prepare)
    start = time.perf_counter()
    for round_ in range(ROUNDS):
        begin = time.perf_counter()
        for engine in ENGINES if round_ == 0 else ["stock", "fast"]:  # what the reference costs is told once
            name = f"round {round_ + 1} of {ROUNDS}: {engine},"
            if engine == "stock":
                bench.step(f"{name} the report's commands", bench.stock, round_)
            else:
                bench.step(f"{name} runs on both cores", bench.alone, engine, round_)
                bench.step(f"{name} runs side by side", bench.study, engine, round_)
            if engine != "reference":
                bench.step(f"{name} pretraining", bench.pretrain, engine)
        now = time.perf_counter()
        if (now - start) + (now - begin) > QUICK_S:
            break
    bench.step("profile", bench.limit)
    return bench.rows(), bench.profile()


def main():
    """Measure, print the tables and write the files."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    if FULL:
        folder = RESULTS / "unfinished"
        folder.mkdir(exist_ok=True)
        rows, found = measure(folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            rows, found = measure(Path(folder))
    print(tabulate(rows, headers="keys", floatfmt=".3g"))
    stock_median = {(row["work"], row["metric"]): row["median"] for row in rows if row["engine"] == "stock"}
    limits = [
        (work, LIMITED[work], value, value / stock_median[work, LIMITED[work]])
        for work, value in found["limits"].items()
    ]
    print(f"\nMatrix products alone ({found['gflops']:.0f} GFLOP/s; {found['tokens']} tokens an update) allow at most")
    print(tabulate(limits, headers=["work", "metric", "limit", "ratio_to_stock"], floatfmt=".3g"))
    profile = tabulate([(f"{share:.1%}", name) for name, share in found["shares"].items()], tablefmt="plain")
    print(f"Where the fast engine's time goes:\n{profile}")
    (RESULTS / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "profile.txt").write_text(f"{profile}\n")
    if FULL:
        shutil.rmtree(folder)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; " + ("FULL=1 again resumes after the last step" if FULL else "nothing was kept"))

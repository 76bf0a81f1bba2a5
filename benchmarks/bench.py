"""How fast the engines are beside the report's commands typed by hand, measured in turn in one run.

Quick: every run is cut to a few updates, and the times of whole runs and studies are worked out from the rates (marked
"extrapolated"). With FULL=1 whole runs of 5 epochs are made. Prints tables and writes results/bench/bench.json and
profile.txt. Run it with `make bench`; nothing else should run on the machine.
"""

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


class Bench:
    """Runs the works in a folder and gathers what they come to: {(work, metric): {engine: [value, ...]}}."""

    def __init__(self, folder):
        self.folder = folder
        self.found = defaultdict(lambda: defaultdict(list))
        self.epochs = EPOCHS if FULL else 1
        self.counts = {split: count // CUT for split, count in REPORT.items()}

    def snakemake(self, study, *args):
        """Run the workflow on the config of a study; return the seconds that it took. Raises where it fails."""
        command = [sys.executable, "-m", "snakemake", *args, "--snakefile", ROOT / "Snakefile", "--cores", "2"]
        command += ["--configfile", f"{study}.yaml", "--quiet", "rules"]
        begin = time.perf_counter()
        done = subprocess.run([str(part) for part in command], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return time.perf_counter() - begin

    def prepare(self):
        """Make the environments, the texts, the models and all that comes before training."""
        print("making environments, texts and models ...", file=sys.stderr)
        for engine in ("reference", "fast"):
            (self.folder / f"{engine}.yaml").write_text(yaml.safe_dump(self.config(engine)))
        os.environ.setdefault("SNAKEMAKE_CONDA_PREFIX", str(ROOT / ".snakemake" / "conda"))
        for folder in ("reviews", "model"):
            (self.folder / folder).mkdir()
        generate.reviews(self.folder / "reviews", self.counts)
        for name in ("model.pt", "dict.txt", "sentencepiece.bpe.model"):
            (self.folder / "model" / name).touch()  # for the config's check
        self.snakemake("fast", "--conda-create-envs-only")
        self.python = self.environments()
        for part, environment in (("tokenizer", "sentencepiece"), ("model", "fairseq")):
            self.run(environment, [ROOT / "benchmarks" / "generate.py", part, "model"])
        tokens = "results/{}/data/books/tokens/model/{}.bin"
        for engine in ("reference", "fast"):
            targets = [tokens.format(engine, split) for split in REPORT]
            targets += [f"results/{engine}/data/books/{split}.jsonl" for split in REPORT]
            targets += [f"results/{engine}/data/books/label/{split}.bin" for split in REPORT]
            self.snakemake(engine, *targets, f"results/{engine}/models/model-hf")
        made = self.folder / "results" / "reference"
        for split in REPORT:
            for kind in ("bin", "idx"):
                link(
                    self.folder / "data" / "input0" / f"{split}.{kind}",
                    made / f"data/books/tokens/model/{split}.{kind}",
                )
                link(self.folder / "data" / "label" / f"{split}.{kind}", made / f"data/books/label/{split}.{kind}")
        link(self.folder / "data" / "input0" / "dict.txt", self.folder / "model" / "dict.txt")
        link(self.folder / "data" / "label" / "dict.txt", made / "data/books/label/dict.txt")
        for kind in ("bin", "idx"):  # a text for the masked language model: the reviews one behind the other
            link(self.folder / "text" / f"train.{kind}", made / f"data/books/tokens/model/train.{kind}")
        link(self.folder / "text" / "dict.txt", self.folder / "model" / "dict.txt")

    def config(self, engine):
        """The config of a study under an engine: each work with one run on both cores, and with two side by side."""
        alone = {"training": {"threads": 2}}
        return {
            "study": engine,
            "engine": engine,
            "seeds": list(range(6)),
            "datasets": {"books": {"source": {"path": "reviews"}}},
            "models": {
                "model": {"library": "fairseq", "source": {"path": "model"}},
                "model-hf": {"library": "huggingface", "export": "model"},
            },
            "methods": {
                "finetune": {"model": "model", "start": "pretrained"},
                "finetune_hf": {"model": "model-hf", "start": "pretrained"},
                "finetune-alone": {"model": "model", "start": "pretrained", **alone},
                "finetune_hf-alone": {"model": "model-hf", "start": "pretrained", **alone},
            },
            "training": {"epochs": self.epochs, "log_every": 2, "total_updates": 1200},
        }

    def environments(self):
        """{name of a YAML in envs/: its python}, as Snakemake lists them."""
        listed = subprocess.run(
            [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--configfile", "fast.yaml"]
            + ["--list-conda-envs"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        rows = re.findall(r"(\w+)\.yaml\t+\S*\t+(\S+)$", listed.stdout, re.M)
        return {name: str((self.folder / path / "bin" / "python").absolute()) for name, path in rows}

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
        model = "results/reference/models/model-hf"
        command = [ROOT / "benchmarks" / "stock.py", model, "reviews", seed, self.epochs]
        text, seconds, peak = self.run("transformers", command)
        rates, epoch = trainer_rates(json.loads(text.splitlines()[-1]), self.epochs)
        second = self.whole(seconds, epoch)
        self.add("stock", "finetune_hf", {**rates, "wall_s": second, "peak_mib": peak})
        self.add("stock", "study", {"wall_s": RUNS["finetune"] * first + RUNS["finetune_hf"] * second})

    def engine(self, engine, round_):
        """One run of each work on both cores; then the study, two runs at a time with a core each."""
        for work in RUNS:
            seconds = self.snakemake(engine, self.target(engine, f"{work}-alone", round_))
            rates, epoch = self.rates(engine, work, f"{work}-alone", round_)
            table = self.folder / f"results/{engine}/benchmarks/finetune/books/{work}-alone/seed{round_}.tsv"
            header, row = (line.split("\t") for line in table.read_text().splitlines())
            peak = float(row[header.index("max_rss")])
            self.add(engine, work, {**rates, "wall_s": self.whole(seconds, epoch), "peak_mib": peak})
        if FULL:
            runs = [self.target(engine, work, seed) for work, count in RUNS.items() for seed in range(count)]
            self.add(engine, "study", {"wall_s": self.snakemake(engine, *runs)})
            return
        total = 0
        for work, count in RUNS.items():
            pair = [2 * round_, 2 * round_ + 1]
            seconds = self.snakemake(engine, *(self.target(engine, work, seed) for seed in pair))
            epoch = statistics.mean(self.rates(engine, work, work, seed)[1] for seed in pair)
            total += count / 2 * self.whole(seconds, epoch)
        self.add(engine, "study", {"wall_s": total})

    def target(self, engine, method, seed):
        """The file that ends a run."""
        return f"results/{engine}/runs/books/{method}/seed{seed}/metrics.json"

    def rates(self, engine, work, method, seed):
        """(rates, seconds of an epoch) of a run, from its log; a run on both cores also counts for evaluation."""
        rule = "finetune_fairseq" if work == "finetune" else "finetune_huggingface"
        text = (self.folder / f"results/{engine}/logs/{rule}/books/{method}/seed{seed}.log").read_text()
        if work == "finetune":
            rates, evaluation, epoch = fairseq_rates(text, self.counts, ["valid"])
            if method != work:
                self.add(engine, "evaluate", evaluation)
            return rates, epoch
        last = yaml.safe_load(re.findall(r"\{'train_runtime'.*?\}", text)[-1])
        return trainer_rates({key: float(value) for key, value in last.items()}, self.epochs)

    def pretrain(self, engine):
        """Tokens per second of the masked language model, on both cores."""
        command = ["-m", "fairseq_cli.train", "text", "--max-update", PRETRAINING_UPDATES, *stock.PRETRAIN]
        command += ["--save-dir", tempfile.mkdtemp(dir=self.folder), "--user-dir"]
        command += [ROOT / "scripts" / ("fairseq_fast" if engine == "fast" else "fairseq_plugin")]
        if engine == "fast":
            command += ["--arch", "roberta_small_fast", "--optimizer", "row_adam", "--criterion", "masked_lm_fast"]
        text, _, peak = self.run("fairseq", command)
        rate = statistics.median(float(line["wps"]) for line in logged(text, "train_inner")[1:])
        self.add(engine, "pretrain", {"tokens_per_s": rate, "peak_mib": peak})

    def limit(self):
        """Updates per second that the matrix products alone allow on this machine, and a profile of the fast engine."""
        text, _, _ = self.run("fairseq", [ROOT / "benchmarks" / "profile_step.py", "data"])
        limit, _, profile = text.partition("\n")
        return json.loads(limit), profile

    def rows(self):
        """The list that goes into bench.json."""
        found = []
        for (work, metric), engines in self.found.items():
            for engine in filter(engines.get, ENGINES):
                values, base = engines[engine], statistics.median(engines["stock"])
                middle = statistics.median(values)
                row = {"work": work, "engine": engine, "metric": metric, "median": middle, "min": min(values)}
                row |= {"max": max(values), "ratio_to_stock": middle / base, "runs": len(values)}
                found.append(row | {"extrapolated": metric == "wall_s" and not (FULL and work != "study")})
        return found


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


def main():
    """Measure all, a round after another."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.prepare()
        for round_ in range(ROUNDS):
            for engine in ENGINES:
                print(f"round {round_ + 1} of {ROUNDS}: {engine} ...", file=sys.stderr)
                if engine == "stock":
                    bench.stock(round_)
                else:
                    bench.engine(engine, round_)
                if engine != "reference":  # of a pretraining the reference is the stock command
                    bench.pretrain(engine)
        limit, profile = bench.limit()
    rows = bench.rows()
    print(tabulate(rows, headers="keys", floatfmt=".3g"))
    reached = next(
        row for row in rows if (row["work"], row["engine"], row["metric"]) == ("finetune", "fast", "updates_per_s")
    )
    share = f"{reached['median'] / limit['updates_per_s']:.0%} of the {limit['updates_per_s']:.1f} updates/s"
    print(
        f"\nThe fast engine reaches {share} that the matrix products alone allow here ({limit['gflops']:.0f} GFLOP/s)."
    )
    print(f"Where the rest goes:\n{profile}")
    (RESULTS / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "profile.txt").write_text(profile)


if __name__ == "__main__":
    main()

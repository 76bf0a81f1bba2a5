"""Models come from strangers: wherever Semis loads one, a pickle or code that would write a file writes none."""

import json
import pickle
import zipfile

import pytest
import train_tokenizer
from conftest import HINTS, ROOT, in_environment, lay_out, reviews, study
from packing import zipped

pytestmark = pytest.mark.slow
DEMO_TEXT = ROOT / "demo" / "text.txt"


class Payload:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return exec, (f"open({str(self.mark)!r}, 'w')",)


@pytest.fixture
def mark(tmp_path):
    """The file that must never exist."""
    yield tmp_path / "mark"
    assert not (tmp_path / "mark").exists(), "somebody's code was run"


@pytest.fixture
def checkpoint(tmp_path, mark):
    """A file that torch would take for a checkpoint and that runs code if it is unpickled."""
    body = pickle.dumps({"model": Payload(mark)}, protocol=2)
    with zipfile.ZipFile(tmp_path / "checkpoint.pt", "w") as archive:
        archive.writestr("archive/data.pkl", body)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    pickle.loads(body)
    mark.unlink()  # unpickling it does run its code
    return tmp_path / "checkpoint.pt"


@pytest.fixture(autouse=True)
def careless(monkeypatch):
    """A shell that lets torch unpickle anything, unless a library forbids it."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")


def entered(module, *args):
    """Return the result of the function `entered` of a module in tests/tools."""
    import importlib

    return importlib.import_module(module).entered(*args)


def test_what_fairseq_and_our_own_code_read(demo, checkpoint, tmp_path):
    found = in_environment("fairseq", entered, "enter_fairseq", str(demo), str(checkpoint), str(tmp_path))
    for place in ("size", "evaluate", "start", "an interrupted training"):
        what = found.pop(place)
        assert what.startswith("Semis: ") and "(it holds exec, which is neither" in what, (place, what)
    assert set(found) == {"fairseq itself", "fairseq-train"}
    assert all("Unsupported global: GLOBAL exec was" in what for what in found.values()), found


def test_what_transformers_and_peft_read(demo, checkpoint, mark, tmp_path):
    found = {}
    for environment in ("transformers", "qlora"):
        (tmp_path / environment).mkdir()
        args = [str(demo), str(tmp_path / environment), str(checkpoint), str(mark), environment]
        found |= in_environment(environment, entered, "enter_huggingface", *args)
    pickled, code = "(it holds exec, which is neither a tensor nor a plain type)", "contains custom code which must be"
    told = {  # the sentences of these places
        "classifier: .bin": pickled,
        "classifier: .bin in parts": pickled,
        "classifier: named .safetensors": "header too large",
        "classifier: code of an unknown type": code,
        "language model: .bin": pickled,
        "language model: .bin in parts": pickled,
        "language model: code of an unknown type": code,
        "language model: adapter": "adapter_model.safetensors",
        "parameters: .bin": pickled,
        "prompt: chat template": "chat template fails on a question (access to attribute '__init__'",
    }
    for place, part in told.items():
        what = found.pop(place)
        assert what.startswith("Semis: ") and part in what, (place, what)
    # Folders of the workflow itself, into which another program has put a pickle.
    for place in ("evaluate: .bin", "adapter: .bin", *(f"resume: {name}" for name in ("optimizer.pt", "scheduler.pt"))):
        assert "Unsupported global: GLOBAL exec was" in found.pop(place), place
    assert "Unsupported global: GLOBAL exec was" in found.pop("resume: rng_state.pth")
    unread = [
        "classifier: adapter",
        "classifier: code beside a known type",
        "classifier: code of a tokenizer",
        "generate: code",
    ]
    assert found == dict.fromkeys([*unread, "resume: training_args.bin"], "nothing was raised")


def test_models_by_url_and_of_the_hub(snakemake, server, checkpoint, mark):
    """Through the rules, each place gives one sentence about the file."""
    pickled, (cutter, pieces) = checkpoint.read_bytes(), train_tokenizer.train_tokenizer([DEMO_TEXT], 500)
    dictionary = "".join(f"{piece} 1\n" for piece in pieces)
    archive = zipped({"model.pt": pickled, "dict.txt": dictionary, "sentencepiece.bpe.model": cutter})
    folder = {"config.json": json.dumps({"model_type": "bloom", "n_layer": 1}), "pytorch_model.bin": pickled}
    server.serve_repository("model", "lab/evil", folder)
    lay_out(snakemake.folder, {"faq.json": (ROOT / "demo" / "faq.json").read_text()})
    config = study({"path": str(lay_out(snakemake.folder / "books", reviews()))})
    config["models"] = {
        "a": {"library": "fairseq", "source": {"url": server.serve("/a.zip", archive)}},
        "b": {"library": "huggingface", "export": "a"},
    }
    config["methods"] = {name: {"model": name, "start": "pretrained"} for name in config["models"]}
    config["qlora"] = {"model": {"source": {"hub": "lab/evil"}}, "data": {"source": {"path": "faq.json"}}}
    config["qlora"] |= {"questions": ["?"]}
    targets = ["results/t/models/a.parameters.csv", "results/t/models/b", "results/t/qlora/parameters.json"]
    done = snakemake(config, "--keep-going", *targets, HF_ENDPOINT=server.url)
    assert done.returncode != 0 and "Traceback" not in done.output, done.output
    said = [line for line in done.output.splitlines() if line.startswith("Semis: ") and not line.startswith(HINTS)]
    assert len(said) == 3 and all("(it holds exec, which is neither" in line for line in said), said

"""Gives files to every place where transformers, peft or Semis reads a model or an adapter.

Classifiers are loaded in the environment transformers, language models in the environment qlora.
"""

import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

from semis.harness.errors import UserError

import torch
from transformers import AutoModelForSequenceClassification

try:
    from semis.huggingface import engine

    import evaluate_huggingface
    import finetune_huggingface
except ModuleNotFoundError:  # in the environment qlora
    from semis.qlora.model import load_quantized
    from semis.qlora.prompt import Turns, load_tokenizer

    import qlora_parameters
    import qlora_sample
    from peft import PeftModel

RECIPE = {
    **{"batch_size": 2, "learning_rate": 1e-3, "final_learning_rate": 0, "adam_betas": (0.9, 0.98), "gpus": 0},
    **{"adam_epsilon": 1e-8, "weight_decay": 0, "clip_norm": 0, "log_every": 1, "selection": "last"},
    "validate_every": "epoch",
}
CLASSES = ("Config", "Model", "ModelForSequenceClassification", "ModelForCausalLM")
OWN = {"auto_map": {f"Auto{name}": f"evil.{name}" for name in CLASSES}}
UNKNOWN = {"config.json": OWN | {"model_type": "evil"}}
TOKENIZER = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}


class Places:
    """Altered folders, and the functions of the scripts that read them."""

    def __init__(self, results, root, pickled, mark):
        results, self.root = Path(results), Path(root)
        self.roberta, self.causal = results / "models/roberta-demo-hf", results / "qlora/model"
        self.adapter, self.reviews = results / "qlora/improved/adapter", results / "data/demo-books/test.jsonl"
        self.pickled = pickled
        self.code = {name: f"open({mark!r}, 'w')\n".encode() for name in ("evil.py", "custom_generate/generate.py")}
        self.template = "{{ cycler.__init__.__globals__.os.popen('touch MARK').read() }}".replace("MARK", mark)
        self.bins = {"model.safetensors": None, "pytorch_model.bin": pickled}
        parts = {"metadata": {}, "weight_map": {"lm_head.bias": "part.bin", "model.weight": "part.bin"}}
        self.parts = {"model.safetensors": None, "part.bin": pickled, "pytorch_model.bin.index.json": parts}

    def altered(self, origin, files):
        """Return a copy of a folder with files written or (None) removed; a mapping updates the keys of a JSON file."""
        folder = Path(shutil.copytree(origin, self.root / str(len(list(self.root.iterdir())))))
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            if isinstance(content, dict):
                old = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
                content = json.dumps(old | content).encode()
            (folder / name).unlink(missing_ok=True)
            if content is not None:
                (folder / name).write_bytes(content)
        return folder

    def classifier(self, files):
        finetune_huggingface.load(self.altered(self.roberta, files), ["0", "1"], 64)

    def language_model(self, files):
        return load_quantized(self.altered(self.causal, files), "cpu", torch.bfloat16)

    def evaluate(self):
        folder = self.altered(self.roberta, self.bins)
        inputs = SimpleNamespace(model=folder, valid=self.reviews, test=self.reviews)
        settings = {"positions": 64, "batch_size": 8, "labels": ["0", "1"], "engine": "reference", "model": "roberta"}
        evaluate_huggingface.main(inputs, SimpleNamespace(predictions=self.root / "predictions.csv"), {}, settings, 1)

    def chat(self):
        files = {"chat_template.jinja": self.template.encode()}
        load_tokenizer(self.altered(self.causal, files), "chat")

    def generate(self):
        files = self.code | {"config.json": OWN, "generation_config.json": {"custom_generate": "."}}
        folder = self.altered(self.causal, files)
        model = load_quantized(folder, "cpu", torch.bfloat16).eval()
        sampling = {"seed": 0, "temperature": 1.0, "top_p": 1.0, "new_tokens": 2}
        qlora_sample.answer(model, Turns(load_tokenizer(folder, "report"), "report"), "?", sampling)

    def adapted(self):
        model = load_quantized(self.causal, "cpu", torch.bfloat16)
        files = {"adapter_model.safetensors": None, "adapter_model.bin": self.pickled}
        PeftModel.from_pretrained(model, self.altered(self.adapter, files))

    def trainer(self, epochs):
        """Return a Trainer as the script makes it, with four examples: two updates per epoch."""
        data = [{"input_ids": [0, 5, 2], "attention_mask": [1, 1, 1], "label": i % 2} for i in range(4)]
        return engine.Trainer(
            AutoModelForSequenceClassification.from_pretrained(self.roberta),
            finetune_huggingface.arguments(RECIPE, self.root / "trained", 0, 2 * epochs, 0),
            train_dataset=data,
            eval_dataset=data,
            compute_metrics=finetune_huggingface.accuracy,
            schedule_updates=2 * epochs,
        )

    def resume(self, name):
        whole = self.root / "trained" / "checkpoints" / "checkpoint-2"
        if not whole.exists():
            self.trainer(1).train()
        assert (whole / name).exists()
        self.trainer(2).train(resume_from_checkpoint=str(self.altered(whole, {name: self.pickled})))


def entered(results, root, checkpoint, mark, environment):
    """Return {place in this environment: outcome}. If the pickle `checkpoint` or code ran, it would write `mark`."""
    sys.stdin = io.StringIO("y\n" * 99)  # answers yes to every question on the terminal whether to run code
    at = Places(results, root, Path(checkpoint).read_bytes(), mark)
    adapter = {
        "adapter_config.json": (at.adapter / "adapter_config.json").read_bytes(),
        "adapter_model.bin": at.pickled,
    }
    classifiers = {
        "classifier: .bin": lambda: at.classifier(at.bins),
        "classifier: .bin in parts": lambda: at.classifier(at.parts),
        "classifier: named .safetensors": lambda: at.classifier({"model.safetensors": at.pickled}),
        "classifier: code beside a known type": lambda: at.classifier(at.code | {"config.json": OWN}),
        "classifier: code of an unknown type": lambda: at.classifier(at.code | UNKNOWN),
        "classifier: code of a tokenizer": lambda: at.classifier(at.code | {"tokenizer_config.json": TOKENIZER}),
        "classifier: adapter": lambda: at.classifier(adapter),
        "evaluate: .bin": at.evaluate,
    }
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        classifiers[f"resume: {name}"] = lambda name=name: at.resume(name)
    language_models = {
        "language model: .bin": lambda: at.language_model(at.bins),
        "language model: .bin in parts": lambda: at.language_model(at.parts),
        "language model: code of an unknown type": lambda: at.language_model(at.code | UNKNOWN),
        "language model: adapter": lambda: at.language_model(adapter),
        "parameters: .bin": lambda: qlora_parameters.measure(at.altered(at.causal, at.bins), {}),
        "generate: code": at.generate,
        "prompt: chat template": at.chat,
        "adapter: .bin": at.adapted,
    }
    places = {"transformers": classifiers, "qlora": language_models}[environment]
    found = {}
    for place, enter in places.items():
        try:
            enter()
            found[place] = "nothing was raised"
        except UserError as error:
            found[place] = f"Semis: {error}"
        except Exception as error:
            found[place] = f"{type(error).__name__}: {error}"
    return found

"""The fast engine computes the same as fairseq and transformers, and its results are as repeatable."""

import json
import shutil
import signal
import time

import pytest
import yaml
from conftest import ROOT, Snakemake, in_environment

CONFIG = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
FAST = json.dumps(CONFIG | {"engine": "fast"})

# The bias of keys moves all scores of a row equally, and softmax ignores that: its gradient is only rounding.
NO_GRADIENT = ("k_proj.bias", "key.bias")


def fairseq_gradients(lengths, kind):
    """Return {name: relative distance} between fairseq and the fast engine, for gradients and losses.

    The batches are one for classification and one for the masked language model, with texts of these lengths, without
    dropout, in training and evaluation, computed in the type `kind`.
    """
    from argparse import Namespace

    import fairseq_fast
    import fairseq_plugin
    import torch
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel

    torch.manual_seed(0)
    words = Dictionary()
    for i in range(3000):
        words.add_symbol(f"w{i}")
    args = Namespace(dropout=0.0, attention_dropout=0.0)
    fairseq_plugin.roberta_small(args)
    task = Namespace(source_dictionary=words)
    stock, fast = RobertaModel.build_model(args, task), fairseq_fast.FastRoberta.build_model(args, task)
    for model in (stock, fast):
        model.register_classification_head("head", 2)
    fast.load_state_dict(stock.state_dict())
    fast.encoder.kind = getattr(torch, kind)
    tokens = torch.full((len(lengths), max(lengths)), words.pad())
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(4, 3000, (length,))
    labels = torch.randint(0, 2, (len(lengths),))
    hidden = (torch.rand(tokens.shape) < 0.15) & tokens.ne(words.pad())
    target = torch.where(hidden, tokens, words.pad())

    def classification(model):
        logits, _ = model(tokens, features_only=True, classification_head_name="head")
        return torch.nn.functional.cross_entropy(logits, labels, reduction="sum")

    def masked(model):
        if model is fast:
            return model.encoder.masked_lm_loss(tokens, target)
        return torch.nn.functional.cross_entropy(
            model(tokens, masked_tokens=hidden)[0], target[hidden], reduction="sum"
        )

    found = {}
    for loss in (classification, masked):
        values, gradients = [], []
        for model in (stock, fast):
            model.zero_grad()
            value = loss(model.train())
            value.backward()
            values.append(value.item())
            gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
        assert set(gradients[0]) == set(gradients[1])
        assert {gradient.dtype for gradient in gradients[1].values()} == {torch.float32}
        found[f"{loss.__name__}: loss"] = abs(values[1] - values[0]) / abs(values[0])
        for name, gradient in gradients[0].items():
            distance = (gradients[1][name] - gradient).norm() / gradient.norm()
            found[f"{loss.__name__}: {name}"] = distance.item()
        with torch.no_grad():
            evaluated = [loss(model.eval()).item() for model in (stock, fast)]
        found[f"{loss.__name__}: evaluated"] = abs(evaluated[1] - evaluated[0]) / abs(evaluated[0])
    return found


def transformers_gradients(lengths, kind):
    """Return the same as `fairseq_gradients` for the classifier of transformers."""
    from semis.fast import huggingface as fast_huggingface

    import torch
    from transformers import RobertaConfig, RobertaForSequenceClassification

    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=3000,
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=258,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = RobertaForSequenceClassification(config)
    tokens = torch.full((len(lengths), max(lengths)), config.pad_token_id)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(4, 3000, (length,))
    labels = torch.randint(0, 2, (len(lengths),))
    gradients, evaluated = [], []
    for fast in (False, True):
        if fast:
            fast_huggingface.compute_type = lambda: getattr(torch, kind)
            fast_huggingface.prepare(model)
        model.zero_grad()
        batch = {"input_ids": tokens, "attention_mask": tokens.ne(config.pad_token_id), "labels": labels}
        model.train()(**batch).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
        with torch.no_grad():
            evaluated.append(model.eval()(**batch).logits)
    assert set(gradients[0]) == set(gradients[1])
    found = {name: ((gradients[1][name] - g).norm() / g.norm()).item() for name, g in gradients[0].items()}
    return found | {"evaluated": ((evaluated[1] - evaluated[0]).norm() / evaluated[0].norm()).item()}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "limit"), [("float32", 1e-5), ("bfloat16", 0.1)])
@pytest.mark.parametrize(
    ("environment", "gradients"), [("fairseq", fairseq_gradients), ("transformers", transformers_gradients)]
)
def test_losses_and_gradients_are_the_librarys_own(demo, environment, gradients, kind, limit):
    """The lengths are mixed and include the shortest and the longest."""
    found = in_environment(environment, gradients, [5, 200, 256, 33, 77, 120, 3, 64], kind)
    near = {name for name, value in found.items() if value < limit or name.endswith(NO_GRADIENT)}
    assert len(found) > 50 and set(found) == near, found


def clipped(longest):
    """Return the largest distances between dense and sparse gradients after scaling and clipping.

    The last one is the distance between the norms that clipping returns.
    """
    from semis.fast.gradients import clip_gradients, scale_gradients
    from semis.fast.products import Rows

    import torch

    def gradients(sparse):
        torch.manual_seed(0)
        table, weight = torch.nn.Parameter(torch.randn(50, 8)), torch.nn.Parameter(torch.randn(8, 3))
        ids = torch.tensor([4, 7, 4, 49])
        (Rows.apply(table, ids) if sparse else table[ids]).matmul(weight).sin().sum().backward()
        if sparse:
            scale_gradients([table, weight], torch.tensor(0.125))
            norm = clip_gradients([table, weight], longest)
        else:
            torch._foreach_mul_([table.grad, weight.grad], 0.125)
            norm = torch.nn.utils.clip_grad_norm_([table, weight], longest or float("inf"))
        return table.grad.to_dense(), weight.grad, norm

    return [(a - b).abs().max().item() for a, b in zip(gradients(False), gradients(True), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("longest", [0, 0.1])
def test_sparse_gradients_are_scaled_and_clipped_like_dense_ones(demo, longest):
    assert max(in_environment("fairseq", clipped, longest)) < 1e-6


def logged(results, folder):
    """Return the fast engine's number type, and [loss (bits), norm of gradients] of ten updates with each engine.

    fairseq-train trains both from the same random weights, without dropout.
    """
    from pathlib import Path

    from semis import engines
    from semis.fairseq import training as fairseq_training
    from semis.machine import processor

    import enter_fairseq

    enter_fairseq.lay_out(results, Path(folder, "data"))
    found = []
    for engine in ("reference", "fast"):
        work = Path(folder, "work", engine)
        work.mkdir(parents=True)
        flags = enter_fairseq.flags(engines.load(engine, "fairseq").ENGINE, 160)
        flags += ["--dropout", "0", "--attention-dropout", "0", "--pooler-dropout", "0"]
        fairseq_training.train(Path(folder, "data"), work, flags, "none")
        lines = [json.loads(line) for line in (work / "train.log").read_text().splitlines() if '"gnorm"' in line]
        found.append([[float(line["loss"]), float(line["gnorm"])] for line in lines])
    return str(processor.compute_type()), *found


@pytest.mark.slow
def test_a_training_has_fairseqs_own_losses_and_gradient_norms(demo, tmp_path):
    """This tests the trainer's steps between gradients and Adam, which itself ignores their scale."""
    kind, reference, fast = in_environment("fairseq", logged, str(demo), str(tmp_path))
    near = {"rel": 0.001, "abs": 0.001} if kind == "torch.float32" else {"rel": 0.1}  # the log has three digits
    assert len(reference) == 10
    assert fast == [pytest.approx(row, **near) for row in reference]


def steps(fairseq_epsilon, saved_at):
    """Return the largest distances of weights and moments between an ordinary Adam and RowAdam after 60 steps.

    Each step uses 10 of 200 rows, and five rows are never used. The learning rate falls, and after step `saved_at` the
    state is saved and loaded.
    """
    from semis.fast.products import Rows
    from semis.fast.row_adam import RowAdam

    import torch

    settings = {"lr": 1e-2, "betas": (0.9, 0.98), "eps": 1e-8, "weight_decay": 0.1}

    def trained(by_rows):
        torch.manual_seed(1)
        table, weight = torch.nn.Parameter(torch.randn(200, 8)), torch.nn.Parameter(torch.randn(8, 3))
        if by_rows:
            made = RowAdam([table, weight], **settings, fairseq_epsilon=fairseq_epsilon)
        elif fairseq_epsilon:
            from fairseq.optim.adam import Adam

            made = Adam([table, weight], **settings)
        else:
            made = torch.optim.AdamW([table, weight], **settings)
        for step in range(60):
            made.param_groups[0]["lr"] = 1e-2 * (1 - step / 100)
            ids = torch.randint(0, 195, (10,))
            if by_rows:
                table.refresh(ids)
            made.zero_grad()
            (Rows.apply(table, ids) if by_rows else table[ids]).matmul(weight).sin().sum().backward()
            made.step()
            if by_rows and step == saved_at:
                made.load_state_dict(made.state_dict())
        if by_rows:
            table.refresh()
        return table.detach(), weight.detach(), made.state[table]["exp_avg"], made.state[table]["exp_avg_sq"]

    return [float((a - b).abs().max() / a.abs().max()) for a, b in zip(trained(False), trained(True), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("saved_at", [None, 30])
@pytest.mark.parametrize(("environment", "fairseq_epsilon"), [("fairseq", True), ("transformers", False)])
def test_late_rows_end_where_an_ordinary_adam_takes_them(demo, environment, fairseq_epsilon, saved_at):
    assert max(in_environment(environment, steps, fairseq_epsilon, saved_at)) < 1e-5


def slopes(rate):
    """Return {name: relative distance} between the norms of gradients and the slopes of the loss along them.

    The slopes are differences of losses, for a classification and a masked-LM batch in float32, with dropout at this
    rate and the same masks each time.
    """
    from argparse import Namespace

    import fairseq_fast
    import torch
    from fairseq.data import Dictionary

    torch.manual_seed(0)
    words = Dictionary()
    for i in range(60):
        words.add_symbol(f"w{i}")
    sizes = {"encoder_layers": 2, "encoder_embed_dim": 32, "encoder_ffn_embed_dim": 48, "encoder_attention_heads": 4}
    args = Namespace(dropout=rate, attention_dropout=rate, **sizes)
    model = fairseq_fast.FastRoberta.build_model(args, Namespace(source_dictionary=words)).train()
    model.register_classification_head("head", 2)
    model.classification_heads["head"].dropout.p = 0.0
    model.encoder.kind = torch.float32
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    tokens = torch.full((5, 20), words.pad())
    for row, length in enumerate((20, 3, 9, 14, 1)):
        tokens[row, :length] = torch.randint(4, 60, (length,))
    hidden = (torch.rand(tokens.shape) < 0.4) & tokens.ne(words.pad())
    target = torch.where(hidden, tokens, words.pad())

    def classification():
        logits, _ = model(tokens, features_only=True, classification_head_name="head")
        return torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 1, 0, 1]), reduction="sum")

    def masked():
        return model.encoder.masked_lm_loss(tokens, target)

    def value(loss):
        torch.manual_seed(1)
        return loss()

    found = {}
    for loss in (classification, masked):
        model.zero_grad()
        value(loss).backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is None:
                continue
            with torch.no_grad():
                length = parameter.grad.norm()
                assert length > 0, name
                step = parameter.grad * (0.01 / length)
                parameter += step
                above = value(loss)
                parameter -= 2 * step
                slope = (above - value(loss)) / 0.02
                parameter += step
            found[f"{loss.__name__}: {name}"] = (abs(slope - length) / length).item()
    return found


@pytest.mark.slow
def test_gradients_are_the_slopes_of_the_loss_with_dropout_too(demo):
    """If forward and backward had different masks or scales, the result would be off by a factor of two."""
    found = in_environment("fairseq", slopes, 0.5)
    near = {name for name, value in found.items() if value < 0.02 or name.endswith(NO_GRADIENT)}
    assert len(found) > 70 and set(found) == near, found


def nothing_hidden():
    """Return (loss, largest gradient) of a masked-LM batch without any hidden token, with dropout."""
    from argparse import Namespace

    import fairseq_fast
    import torch
    from fairseq.data import Dictionary

    words = Dictionary()
    sizes = {"encoder_layers": 2, "encoder_embed_dim": 32, "encoder_ffn_embed_dim": 48, "encoder_attention_heads": 4}
    model = fairseq_fast.FastRoberta.build_model(Namespace(**sizes), Namespace(source_dictionary=words)).train()
    tokens = torch.tensor([[words.bos(), words.unk(), words.eos()]])
    loss = model.encoder.masked_lm_loss(tokens, torch.full_like(tokens, words.pad()))
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return loss.item(), max(gradient.abs().max().item() for gradient in gradients)


@pytest.mark.slow
def test_a_short_batch_may_hide_no_token(demo):
    """A last block of 3 tokens has no hidden token in every second draw."""
    assert tuple(in_environment("fairseq", nothing_hidden)) == (0, 0)


def kept_in_bfloat16():
    """Return whether an evaluation keeps the bfloat16 copy of a weight, and renews it after an update and a loading."""
    from semis.fast.products import lowered
    from semis.fast.row_adam import RowAdam

    import torch

    layer = torch.nn.Linear(8, 8)
    adam, weight, found = RowAdam(list(layer.parameters()), 0.1, (0.9, 0.98), 1e-8, 0.01), layer.weight, []

    def check():
        made = lowered(weight, torch.bfloat16, learning=False)
        found.append(torch.equal(made, weight.to(torch.bfloat16)))
        found.append(lowered(weight, torch.bfloat16, learning=False) is made)

    check()
    layer(torch.ones(1, 8)).sum().backward()
    adam.step()
    check()
    layer.load_state_dict({name: 2 * value for name, value in layer.state_dict().items()})
    check()
    return found


@pytest.mark.slow
def test_an_evaluation_reads_the_weights_of_now(demo):
    assert in_environment("fairseq", kept_in_bfloat16) == [True] * 6


def masks(rate, kind):
    """Return p values of tests of masks: for the rate, unequal rows, correlation at a distance, and periods."""
    from semis.fast.dropout import keep_mask

    import numpy
    import torch
    from scipy import stats

    torch.manual_seed(0)
    drawn = [keep_mask(torch.Size([64, 512]), rate, getattr(torch, kind)) for _ in range(40)]
    dropped = torch.stack(drawn).eq(0).numpy().reshape(-1, 512)
    count, share = dropped.size, dropped.mean()
    found = {"rate": stats.binomtest(int(dropped.sum()), count, rate).pvalue}
    for name, axis in (("rows", 1), ("columns", 0)):
        sums = dropped.sum(axis)
        expected = numpy.full(len(sums), sums.mean())
        spread = ((sums - expected) ** 2 / (expected * (1 - share))).sum()
        found[name] = stats.chi2(len(sums) - 1).sf(spread)
    flat = dropped.ravel() - share
    for lag in (1, 2, 3, 4, 8, 16, 64, 312, 512, 624, 64 * 512):
        score = (flat[:-lag] * flat[lag:]).sum() / (share * (1 - share) * (count - lag) ** 0.5)
        found[f"lag {lag}"] = 2 * stats.norm.sf(abs(score))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "kind"), [(0.1, "float32"), (0.5, "bfloat16")])
def test_masks_have_their_rate_and_no_structure(demo, rate, kind):
    """0.001 is a fair limit for 14 tests per rate. 1.3 million draws cannot show the rounding of rates to 1/65536."""
    found = in_environment("fairseq", masks, rate, kind)
    assert len(found) == 14 and min(found.values()) > 0.001, found


def chosen(processors):
    """Return the number types of the engine on processors with these capabilities."""
    from semis.machine import processor

    import torch

    found = []
    for capabilities in processors:
        torch.cpu.get_capabilities = lambda capabilities=capabilities: capabilities
        found.append(str(processor.compute_type()))
    return found


@pytest.mark.slow
def test_bfloat16_is_for_processors_that_are_quicker_in_it(demo):
    quicker = [{"avx512_bf16": True}, {"avx512_bf16": True, "avx512_fp16": True, "amx_bf16": True}]
    not_quicker = [{"avx512_bf16": True, "avx512_fp16": True, "amx_bf16": False}, {"avx512_f": True}, {}]
    found = in_environment("fairseq", chosen, quicker + not_quicker)
    assert found == ["torch.bfloat16"] * 2 + ["torch.float32"] * 3


@pytest.mark.slow
def test_a_killed_run_of_the_fast_engine_ends_in_the_same_bytes(runner, demo, tmp_path):
    """A pretraining and both kinds of fine-tuning run twice, the second time with a kill after a checkpoint."""
    copy = shutil.copytree(runner.folder, tmp_path / "semis", symlinks=True)
    snakemake = Snakemake(copy, root=copy)
    runs = {
        "results/demo/runs/demo-books/fairseq-pretrained/seed0": ("checkpoint1.pt", "model/model.pt"),
        "results/demo/runs/demo-books/huggingface-pretrained/seed0": (
            "checkpoint-*/optimizer.pt",
            "model/model.safetensors",
        ),
    }
    targets = [f"{run}/metrics.json" for run in runs]
    done = snakemake(FAST, *targets)
    assert done.returncode == 0, done.output
    assert "fast engine: " in (copy / "results/demo/logs/pretrain/roberta-demo.log").read_text()
    names = [f"{run}/{file}" for run, (_, file) in runs.items()] + targets
    whole = {name: (copy / name).read_bytes() for name in names}
    accuracies = [json.loads((copy / run / "metrics.json").read_text())["accuracy"]["valid"] for run in runs]
    assert min(accuracies) > 70  # the reference reaches about 80, chance would give 50

    for run in runs:
        shutil.rmtree(copy / run)
    process = snakemake.start(FAST, *targets)
    waiting = dict(runs)
    while waiting:
        assert process.poll() is None, process.stdout.read()
        for run, (checkpoint, _) in list(waiting.items()):
            if list((copy / run).glob(f"work/*/checkpoints/{checkpoint}")):
                del waiting[run]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = snakemake(FAST, "--unlock")
    assert done.returncode == 0, done.output
    done = snakemake(FAST, *targets, "--rerun-incomplete")
    assert done.returncode == 0, done.output
    assert {name: (copy / name).read_bytes() for name in names} == whole

"""Measures the bound on an update of the fast engine on this machine, and where its time goes; writes JSON.

profile_step.py DATA FILE    in the environment of fairseq; DATA is a binarized folder
"""

import json
import sys
import time
from argparse import Namespace
from pathlib import Path

from semis.fast import attention, dropout, feed_forward
from semis.fast.row_adam import RowAdam
from semis.machine.processor import compute_type

import fairseq_fast
import torch
from fairseq.tasks.sentence_prediction import SentencePredictionConfig, SentencePredictionTask
from torch.nn import Linear
from torch.profiler import ProfilerActivity, profile, record_function

BATCHES, REVIEWS = 12, 8  # reviews in a batch
HIDDEN = 0.15  # share of the tokens, fairseq's default
GROUPS = {  # name: operators of torch's profile
    "matrix products": ("aten::mm", "aten::addmm", "aten::addmm_"),
    "attention's products": ("aten::bmm", "aten::baddbmm_"),
    "dropout and scaling": ("keep_mask", "aten::ge_", "aten::mul", "aten::mul_", "aten::addcmul"),
    "softmax": ("aten::_softmax", "aten::_softmax_backward_data", "aten::addcmul_"),
    "copies and conversions": ("aten::copy_", "aten::cat", "aten::fill_", "aten::zero_"),
    "normalisation and GELU": (
        "aten::native_layer_norm",
        "aten::native_layer_norm_backward",
        "aten::gelu",
        "aten::gelu_backward",
    ),
    "Adam": ("aten::_fused_adamw_", "aten::index", "aten::_index_put_impl_", "aten::lerp_", "aten::addcdiv_"),
}


def products_per_token(model):
    """Return the floating-point operations of the matrix products of each work per token: 2 per weight, 6 in training.

    The products within attention are left out, and so is the last layer, where only one row per review is read. The
    masked language model reads its rows for the hidden tokens, and projects all tokens to keys and values.
    """

    def weights(*modules):
        return sum(module.weight.numel() for module in modules)

    *layers, last = model.encoder.packed.layers
    lower = sum(weights(*(module for module in vars(x).values() if isinstance(module, Linear))) for x in layers)
    head = model.encoder.lm_head
    hidden = weights(last.query, last.output, last.up, last.down, head.dense, head)
    pretrained = lower + weights(last.key, last.value) + HIDDEN * hidden
    return {"finetune": 6 * lower, "evaluate": 2 * lower, "pretrain": 6 * pretrained}


def recorded(function):
    """Return the function with its own entry in the profile; else numpy's time for masks would be its caller's."""

    def run(*args):
        with record_function(function.__name__):
            return function(*args)

    return run


def speed(kind, tokens, width):
    """Return the floating-point operations per second of a product (tokens x width) by (width x width), best of 20."""
    x, weight = torch.randn(tokens, width).to(kind), torch.randn(width, width).to(kind)
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        torch.nn.functional.linear(x, weight)
        times.append(time.perf_counter() - begin)
    return 2 * tokens * width**2 / min(times)


def main(data, file):
    """Write {gflops, tokens of an update, limits: {work: rate}, shares: {kind of work: share of the time}} into `file`.

    The rates are the bounds that the products set: updates of fine-tuning, reviews of evaluation and tokens of
    pretraining per second.
    """
    settings = SentencePredictionConfig(data=data, num_classes=2, init_token=0, separator_token=2)
    settings.max_positions, settings.shorten_method = 256, "truncate"
    settings.seed, settings.regression_target = 0, False
    task, args = SentencePredictionTask.setup_task(settings), Namespace()
    fairseq_fast.roberta_small_fast(args)
    model = fairseq_fast.FastRoberta.build_model(args, task).train()
    model.register_classification_head("sentence_classification_head", num_classes=2)
    adam = RowAdam(list(model.parameters()), 1e-5, (0.9, 0.98), 1e-8, 0.01, fairseq_epsilon=True)
    task.load_dataset("train")
    batches = task.get_batch_iterator(task.dataset("train"), max_sentences=REVIEWS).next_epoch_itr()
    batches = [batch for _, batch in zip(range(BATCHES), batches, strict=False)]

    def update(batch):
        adam.zero_grad()
        head = "sentence_classification_head"
        logits, _ = model(**batch["net_input"], features_only=True, classification_head_name=head)
        torch.nn.functional.cross_entropy(logits, batch["target"].view(-1), reduction="sum").backward()
        adam.step()

    for module in (dropout, attention, feed_forward):
        module.keep_mask = recorded(module.keep_mask)
    for batch in batches[:3]:
        update(batch)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for batch in batches:
            update(batch)
    tokens = sum(batch["ntokens"] for batch in batches) // len(batches)
    rate = speed(compute_type(), tokens, 512)
    by_token = products_per_token(model)
    amounts = {"finetune": tokens, "evaluate": tokens / REVIEWS, "pretrain": 1}
    limits = {work: rate / by_token[work] / amount for work, amount in amounts.items()}
    times = {event.key: event.self_cpu_time_total for event in found.key_averages()}
    total = sum(times.values())
    shares = {name: sum(times.get(key, 0) for key in keys) / total for name, keys in GROUPS.items()}
    shares["all else"] = 1 - sum(shares.values())
    Path(file).write_text(json.dumps({"gflops": rate / 1e9, "tokens": tokens, "limits": limits, "shares": shares}))


if __name__ == "__main__":
    main(*sys.argv[1:])

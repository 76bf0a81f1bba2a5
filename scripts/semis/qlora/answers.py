"""Writes the metrics of the sampled answers, and how an answer ended, as text for the pages."""

from typing import Any


def metrics_row(found: dict[str, Any]) -> dict[str, str]:
    """Return {metric: text} for one stage of qlora/metrics.json."""
    likelihood = found["holdout"]["nll_per_token"]
    return {
        "answers that stop by themselves": f"{found['stopped_share']:.0%}",
        "tokens": f"{found['mean_tokens']:.1f}",
        "repeated 4-grams": "–" if found["repeated_4grams"] is None else f"{found['repeated_4grams']:.0%}",
        "distinct 2-grams": "–" if found["distinct_2"] is None else f"{found['distinct_2']:.0%}",
        "held-out answers (nats a token)": "–" if likelihood is None else f"{likelihood:.2f}",
    }


def ending(sample: dict[str, Any]) -> str:
    """Return how long the answer in a row of qlora/samples.jsonl is, and how it ended."""
    return f"{sample['tokens']} tokens, {'stopped by itself' if sample['stopped'] else 'cut off'}"


def said(ignored: dict[str, dict[str, Any]]) -> str:
    """Return what a model folder says about the task in vain, as text: `ignored` of training.json."""
    return "; ".join(
        f"{file}: {', '.join(f'{key} {value}' for key, value in keys.items())}" for file, keys in ignored.items()
    )

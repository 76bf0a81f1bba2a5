"""The section on the language-model part: parameters, metrics before and after training, and answers."""

from typing import Any

from semis.qlora.answers import ending, metrics_row, said
from semis.results.markdown_tables import records
from semis.results.markup import escaped
from semis.results.pages.results import Results


def section(results: Results) -> list[str]:
    """Return the section; nothing for a study without that part."""
    if not results.qlora:
        return []
    metrics, samples = results.qlora["metrics"], results.qlora["samples"]
    stages = {"base, before": metrics["before"]}
    stages |= {f"{method}, after": found["after"] for method, found in metrics["methods"].items()}
    parts = [
        "## Language model in 4 bits with LoRA",
        parameters_table(results.qlora["parameters"]),
        records([{"": name, **metrics_row(found)} for name, found in stages.items()]),
        divided(metrics["data"]),
        *(questions_learned(method, metrics["data"], found) for method, found in metrics["methods"].items()),
        *not_obeyed(metrics["before"]["holdout"]["ignored"]),
        few(metrics["before"]),
        *(trained_on(method, found["training"]) for method, found in metrics["methods"].items()),
        *(too_long(method, found["training"]) for method, found in metrics["methods"].items()),
        held_out_cut(metrics["before"]["holdout"]),
        *results.images("Language model"),
        "### Answers",
        "[qlora/samples.html](qlora/samples.html) shows them side by side.",
        *answers(samples),
    ]
    return [part for part in parts if part]


def few(found: dict[str, Any]) -> str:
    """Return the sentence about how few answers and pairs these are."""
    answers, pairs = found["answers"], found["holdout"]["pairs"]
    return f"Each row is about {answers} sampled answers and {pairs} pairs that were held out; it has no interval."


def parameters_table(parameters: dict[str, Any]) -> str:
    """Return the parameters before and after LoRA, from qlora/parameters.json."""
    return records(
        [
            {"": stage.replace("_", " "), "trainable": f"{found['trainable']:,}", "all": f"{found['all']:,}"}
            for stage, found in parameters.items()
            if isinstance(found, dict) and "trainable" in found
        ]
    )


def divided(data: dict[str, int]) -> str:
    """Return the paragraph about the held-out pairs: how many, how often questions are repeated, what train shares."""
    return (
        f"The data has {data['pairs']} pairs with {data['questions']} different questions (upper and lower case, "
        f"accents, punctuation and blanks make no difference). Held out: {data['holdout_pairs']} pairs with "
        f"{data['holdout_questions']} different questions. {data['shared_questions']} of these questions are in "
        f"the rest of the data too, and so are the answers of {data['shared_answers']} of these pairs."
    )


def questions_learned(method: str, data: dict[str, int], found: dict[str, Any]) -> str:
    """Return the sentence about the study's questions that a method was trained on."""
    name = escaped(method)
    held = " It was trained on the held-out pairs too." if found["trained_on_holdout"] else ""
    return f"{found['asked_in_training']} of the {data['asked']} questions are in the training of {name}.{held}"


def not_obeyed(ignored: dict[str, dict[str, Any]]) -> list[str]:
    """Return the sentence about the settings in the model's folder that the study's config replaces, if it has some."""
    return [f"Settings in the model's folder that were ignored: {escaped(said(ignored))}."] if ignored else []


def trained_on(method: str, training: dict[str, Any]) -> str:
    """Return the sentence about the device of a method's training and its differences from the report."""
    changes = "".join(f"; {escaped(change)}" for change in training["changes"])
    return f"The method {escaped(method)} was trained on {escaped(training['device'])}{changes}."


def too_long(method: str, training: dict[str, Any]) -> str:
    """Return the sentences about the pairs that were too long for a method's training; nothing without any."""
    found = [cut_pairs(training)]
    if training["pairs_beyond_positions"]:
        found.append(
            f"{training['pairs_beyond_positions']} have more tokens than the {training['positions']} positions that "
            "the model was trained for."
        )
    found = [sentence for sentence in found if sentence]
    return f"Pairs of the method {escaped(method)}: {' '.join(found)}" if found else ""


def cut_pairs(training: dict[str, Any]) -> str:
    """Return how many pairs were cut to max_length, and how many of those have nothing of their answer left."""
    if not training["pairs_cut"]:
        return ""
    without = training["pairs_without_answer"]
    rest = f", and {without} of those have nothing of their answer left" if without else ""
    return f"{training['pairs_cut']} of {training['pairs']} were cut to `max_length` tokens{rest}."


def held_out_cut(holdout: dict[str, Any]) -> str:
    """Return the sentence about held-out pairs that are longer than the model; nothing without any."""
    cut = holdout["pairs_cut"]
    return f"{cut} of {holdout['pairs']} held-out pairs were cut to the model's positions." if cut else ""


def answers(samples: list[dict[str, Any]]) -> list[str]:
    """Return the questions, each with a list of its answers."""
    parts = []
    for question in dict.fromkeys(sample["question"] for sample in samples):
        parts.append(f"**{escaped(question)}**")
        parts.append("\n".join(answer(sample) for sample in samples if sample["question"] == question))
    return parts


def answer(sample: dict[str, Any]) -> str:
    """Return the list item of one row of qlora/samples.jsonl."""
    text = escaped(sample["answer"]) or "(nothing)"
    return f"- *{escaped(sample['method'])}, {escaped(sample['stage'])}* ({escaped(ending(sample))}): {text}"

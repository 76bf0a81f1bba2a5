"""Turns of a conversation: what the chat template writes around an answer, as tokens, and how an answer ends."""

import pytest
from conftest import in_environment

QUESTION, ANSWER = "Livrez-vous ?", "Oui."
CHATML = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
THOUGHT = "<think>\n\n</think>\n\n"
GEMMA = f"<bos><start_of_turn>user\n{QUESTION}<end_of_turn>\n<start_of_turn>model\n"
LLAMA = f"<s>[INST] {QUESTION} [/INST]"
DATED = "<s><|start_header_id|>system<|end_header_id|>\n\nToday: 26 Jul 2024\n\n<|eot_id|>"
LLAMA_3 = (
    f"{DATED}<|start_header_id|>user<|end_header_id|>\n\n{QUESTION}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
FAILS = "model: its tokenizer's chat template fails on a question ("
SAME_EVERY_DAY = ["'{{ strftime_now(\"%d/%m/%Y %H:%M\") }} ' + CHATML", "'{{ range(99999) | random }} ' + CHATML"]
REFUSED = {
    "''": "qlora.prompt is chat, but the tokenizer of model has no chat template",
    "{'a': CHATML, 'rag': CHATML}": "model: its tokenizer has several chat templates (a, rag), and none is named ",
    "'{{ bos_token }}'": f"{FAILS}it does not write the question)",
    "'{% for %}'": FAILS,
    "'{{ messages + 1 }}'": f"{FAILS}can only concatenate list",
    "'{{ raise_exception(\"a system turn, please\") }}'": f"{FAILS}a system turn, please)",
    "CHATML + '{{ lipsum() }}'": f"{FAILS}'lipsum' is undefined)",
}
PADDED = ["qwen()", "added(qwen(), '<pad>', pad=True)"]
LENGTHS = [(10, False), (10, True), (5, False)]
STOPS = [
    ("gemma()", ["<eos>", "<end_of_turn>"]),
    ("gemma(special=False)", ""),
    ("qwen(THINKING)", ["<|endoftext|>", "<|im_end|>"]),
    ("llama()", ["</s>"]),
    ("qwen(NOTHING_BEHIND)", ""),
]
REPORT = f"<human>: {QUESTION}  \n<assistant>:"

# Python for the tokenizer and its template: (style, prompt, what the model learns behind it, tokens in that of the end)
TURNS = {
    "qwen()": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(special=False)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(THINKING)": ("chat", CHATML + THOUGHT, "Oui.<|im_end|>", 1),
    "gemma()": ("chat", GEMMA, "Oui.<end_of_turn>", 1),
    "gemma(special=False)": ("chat", GEMMA, "Oui.<end_of_turn>", 1),
    "llama()": ("chat", LLAMA, " Oui. </s>", 2),
    "llama('legacy')": ("chat", LLAMA, " Oui. </s>", 2),
    "llama('unigram')": ("chat", LLAMA, " Oui. </s>", 2),
    "llama('legacy', CHATML)": ("chat", CHATML, "Oui.</s>", 1),
    "llama('unigram', CHATML)": ("chat", CHATML, "Oui.</s>", 1),
    "llama_3()": ("chat", LLAMA_3, "Oui.<|eot_id|>", 1),
    "gpt2()": ("chat", f"[user] {QUESTION}\n[assistant]", " Oui.<|endoftext|>", 1),
    "gpt2(LINES)": ("chat", f"user:\n\n{QUESTION}\n\nassistant:\n\n", "Oui.<|endoftext|>", 1),
    "qwen(NOTHING_BEHIND)": ("chat", CHATML.replace("<|im_end|>", ""), "Oui.<|endoftext|>", 1),
    "qwen(BETWEEN)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(BETWEEN, special=False)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(NO_HEADER_ASKED)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(NO_LONE_QUESTION)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(NO_ANSWER)": ("chat", CHATML, "Oui.<|endoftext|>", 1),
    "qwen(LISTED)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen({'default': CHATML, 'tool_use': 'x'})": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(UPPER)": ("chat", CHATML.replace(QUESTION, QUESTION.upper()), "Oui.<|im_end|>", 1),
    "qwen(COUNTED)": ("chat", f"13 {CHATML}", "Oui.<|im_end|>", 1),
    "qwen(OPENED_THOUGHT)": ("chat", f"<|im_start|>{QUESTION}<|im_start|>", "Oui.<|endoftext|>", 1),
    "gpt2(None)": ("report", REPORT, " Oui.<|endoftext|>", 1),
    "llama('legacy', None)": ("report", f"<s>{REPORT}", " Oui.</s>", 1),
    "qwen(None)": ("report", REPORT, " Oui.<|endoftext|>", 1),
}


def checked(calls):
    """Return {key: result of a function of turn_checks} for {key: (function, arguments)}."""
    import turn_checks

    return {key: getattr(turn_checks, name)(*arguments) for key, (name, *arguments) in calls.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What all tests examine; one process makes it, since transformers takes seconds to start."""
    folders = [str(tmp_path_factory.mktemp("models")) for _ in range(3)]
    calls = {
        "turns": ["turns_and_texts", TURNS, QUESTION, ANSWER, folders[0]],
        "borders": ["borders", folders[1]],
        "steady": ["steady"],
        "spelt": ["spelt", True],
        "spelt, not special": ["spelt", False],
        "spelt, no offsets": ["spelt_without_offsets", folders[2]],
        "templates": ["templates", [*SAME_EVERY_DAY, *REFUSED]],
        "likelihoods": ["likelihoods"],
        "too long": ["too_long"],
        "positions": ["longest_texts"],
        **{f"padding {made}": ["batch_of", made] for made in PADDED},
        **{f"lengths {longest} {prompt}": ["lengths", longest, prompt] for longest, prompt in LENGTHS},
        **{f"stops {made} {listed}": ["stopping", made, listed] for made, listed in STOPS},
    }
    return in_environment("qlora", checked, calls)


@pytest.mark.parametrize("made", TURNS)
def test_a_turn_has_the_tokens_of_its_whole_text(found, made):
    """The texts are written by hand; the tokenizer reads prompt, answer and end at once."""
    (prompt, answer, end), whole, text, alone = found["turns"][made]
    *_, learned, ends = TURNS[made]
    assert prompt + answer + end == whole
    assert len(end) == ends
    assert text.lstrip() == learned.lstrip()
    assert prompt == alone  # the model answers behind what it was trained behind


def test_an_answer_that_would_merge_with_its_prompt_and_a_tokenizer_without_offsets(found):
    """Llama's vocabulary here has a token for a newline and `Ou`, but the model answers behind the newline alone."""
    assert all(same for _, same in found["borders"].values())
    [(prompt, answer, end), _], *others = found["borders"].values()
    assert prompt[-2:] == ["assistant", "\n"] and answer == ["Ou", "i", "."] and end == ["</s>"]
    for (prompt, answer, end), _ in others:
        assert prompt[-1] in (":", "]") and answer == ["Ou@@", "i@@", "."] and end == ["<eos>"]


def test_a_tokenizer_that_draws_at_random_reads_the_same_every_time(found):
    drawn, whole = found["steady"]
    assert drawn == whole


@pytest.mark.parametrize("made", ["gemma()", "llama('legacy', CHATML)", "llama()"])
def test_the_likelihood_of_a_held_out_answer_by_hand(found, made):
    scored, by_hand, tokens = found["likelihoods"][made]
    assert scored["nll_per_token"] == pytest.approx(by_hand, rel=1e-5)
    assert (scored["tokens"], scored["pairs"], scored["pairs_cut"]) == (tokens, 1, 0)


@pytest.mark.parametrize(("made", "listed"), STOPS)
def test_a_model_stops_at_the_end_that_it_learned(found, made, listed):
    answer, tokens, stopped, by_hand = found[f"stops {made} {listed}"]
    assert answer == "Le samedi." and stopped and tokens == by_hand


@pytest.mark.parametrize("kind", ["spelt", "spelt, not special"])
def test_special_tokens_spelt_in_a_question_or_an_answer_are_text(found, kind):
    turn, by_hand = found[kind]
    assert turn == by_hand


def test_a_tokenizer_that_cannot_read_special_tokens_as_text(found):
    said = found["spelt, no offsets"]
    assert said.startswith("A question or an answer holds <eos> (Que fait <eos> ?), which the model's tokenizer (CTRL")


def test_a_template_says_the_same_every_day(found):
    again = in_environment("qlora", checked, {"templates": ["templates", SAME_EVERY_DAY]})["templates"]
    assert again == {name: found["templates"][name] for name in SAME_EVERY_DAY}
    text, described = again[SAME_EVERY_DAY[0]]
    assert text.startswith("26/07/2024 00:00 <|im_start|>user\nQuand ?")
    assert described == {"end_of_answer": "<|im_end|>", "template_date": "2024-07-26"}
    assert again[SAME_EVERY_DAY[1]][1]["template_date"] is None


@pytest.mark.parametrize("name", REFUSED)
def test_templates_that_cannot_be_used(found, name):
    assert found["templates"][name].startswith(REFUSED[name])


@pytest.mark.parametrize("made", PADDED)
def test_padding_needs_no_token_of_its_own(found, made):
    """The pad token is eos, or it is one for which the model has no row; then padding is eos."""
    batch, eos, pad, texts = found[f"padding {made}"]
    assert pad == eos == "<|endoftext|>"
    assert texts == ["Oui.<|im_end|>", "Le lundi et le mardi.<|im_end|>"]
    for labels, mask in zip(batch["labels"], batch["attention_mask"], strict=True):
        assert all(label == -100 for label, seen in zip(labels, mask) if not seen)
    assert not all(map(all, batch["attention_mask"]))  # one of them was padded


def test_a_question_that_fills_max_length_is_counted_and_not_learned(found):
    """A digit is a token here, and a newline is one: the prompts have 5 and 31 tokens, and an end is one more."""
    learned, counts = found["lengths 10 False"]
    assert counts == {"pairs": 3, "pairs_cut": 2, "pairs_without_answer": 1}
    assert [len(example["input_ids"]) for example in learned] == [8, 10]
    assert [sum(label != -100 for label in example["labels"]) for example in learned] == [3, 5]
    learned, counts = found["lengths 10 True"]
    assert len(learned) == 3 and counts["pairs_without_answer"] == 1  # the report's recipe learns questions too
    assert found["lengths 5 False"] == (
        "qlora.training.max_length is 5, and the shortest question alone has 5 tokens, so no answer would be learned; "
        "set it to more than 5."
    )


def test_the_positions_of_a_model_are_those_that_it_can_read(found):
    """The longest text is found by trying."""
    endless = ["Bloom", "Llama", "Qwen2", "GPTNeoX", "XGLM"]
    for name, (limit, _, longest) in found["positions"].items():
        assert (limit or 40) == longest and (limit is None) == (name in endless), name
    assert found["positions"]["Roberta"][0] == 18 and found["positions"]["OPT"][0] == 20
    assert found["positions"]["Llama"][1] == 20 and found["positions"]["Bloom"][1] is None


def test_texts_that_are_longer_than_the_model(found):
    said = found["too long"]
    assert said["training"] == [
        None,
        "qlora.training.max_length is 512, but m has 24 positions, and 2 questions with their answers have up to 30 "
        "tokens; set it to 24 or less.",
    ]
    room = 24 - said["length"] + 1
    assert said["tokens"] == room and said["answers"] == [
        None,
        f"qlora.sampling.new_tokens is {room + 1}, but m has 24 positions, and the prompt of the question 'Quand ?' "
        f"takes {said['length']}; set it to {room} or less, or give qlora.model a model with more positions.",
    ]
    assert said["held out"]["pairs_cut"] == 1 and said["held out"]["pairs"] == 2
    assert said["held out"]["tokens"] > 24 - said["length"]
    assert said["no row"][0] is None and said["Llama"] is None
    assert said["no row"][1].startswith("m: its tokenizer's token ")


@pytest.mark.slow
def test_two_trainings_of_a_template_with_a_clock_give_the_same_adapter(tmp_path):
    """Qwen's padding is eos, and a batch of four pairs is padded; the clock of the template counts microseconds."""
    template = "qwen('{{ strftime_now(\"%H:%M:%S.%f\") }} ' + CHATML)"
    calls = {"trained": ["trainings", template, str(tmp_path), 2]}
    [(first, training), (second, _)], scored, answer = in_environment("qlora", checked, calls)["trained"]
    assert first == second
    expected = {"pairs": 6, "pairs_cut": 0, "pairs_without_answer": 0, "pairs_beyond_positions": 0, "positions": 2048}
    expected |= {"end_of_answer": "<|im_end|>", "template_date": "2024-07-26", "updates": 3}
    assert {key: training[key] for key in expected} == expected
    assert scored["pairs"] == 6 and scored["pairs_cut"] == 0 and answer["question"] == "Quand ?"

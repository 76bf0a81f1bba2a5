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
    "qwen(NO_HEADER_ASKED)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(NO_LONE_QUESTION)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(NO_ANSWER)": ("chat", CHATML, "Oui.<|endoftext|>", 1),
    "qwen(LISTED)": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen({'default': CHATML, 'tool_use': 'x'})": ("chat", CHATML, "Oui.<|im_end|>", 1),
    "qwen(UPPER)": ("chat", CHATML.replace(QUESTION, QUESTION.upper()), "Oui.<|im_end|>", 1),
    "qwen(OPENED_THOUGHT)": ("chat", f"<|im_start|>{QUESTION}<|im_start|>", "Oui.<|endoftext|>", 1),
    "gpt2(None)": ("report", REPORT, " Oui.<|endoftext|>", 1),
    "llama('legacy', None)": ("report", f"<s>{REPORT}", " Oui.</s>", 1),
    "qwen(None)": ("report", REPORT, " Oui.<|endoftext|>", 1),
}


def turns_and_texts(cases, question, answer, folder):
    """Return {tokenizer: (ids of the turn's three parts, ids of the whole text, text of the learned part)}.

    The tokenizer itself reads the whole text, which it can, since the question spells no special token.
    """
    from pathlib import Path

    import chat_models
    from semis.qlora.prompt import Turns, load_tokenizer

    found = {}
    for number, (made, (style, prompt, learned, _)) in enumerate(cases.items()):
        place = str(Path(folder, str(number)))
        eval(made, vars(chat_models)).save_pretrained(place)
        tokenizer = load_tokenizer(place, style)
        turn = Turns(tokenizer, style).encode(question, answer)
        if style == "report" and prompt.startswith("<s>"):  # the tokenizer adds <s> itself; <human> is text
            whole = tokenizer((prompt + learned).removeprefix("<s>"))["input_ids"]
        else:
            whole = tokenizer(prompt + learned, add_special_tokens=False)["input_ids"]
        text = tokenizer.decode(turn.answer + turn.end, clean_up_tokenization_spaces=False)
        found[made] = [list(turn), whole, text, Turns(tokenizer, style).prompt(question)]
    return found


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return in_environment("qlora", turns_and_texts, TURNS, QUESTION, ANSWER, str(tmp_path_factory.mktemp("models")))


@pytest.mark.parametrize("made", TURNS)
def test_a_turn_has_the_tokens_of_its_whole_text(read, made):
    """The texts are written by hand; the tokenizer reads prompt, answer and end at once."""
    (prompt, answer, end), whole, text, alone = read[made]
    *_, learned, ends = TURNS[made]
    assert prompt + answer + end == whole
    assert len(end) == ends
    assert text.lstrip() == learned.lstrip()
    assert prompt == alone  # the model answers behind what it was trained behind


def borders(folder):
    """Return tokens of turns in which an answer would merge with its prompt, and of a tokenizer without offsets."""
    import chat_models
    from semis.qlora.prompt import Turns

    found = {}
    for made, style in [("llama(template=CHATML)", "chat"), ("ctrl(folder)", "report"), ("ctrl(folder, LINE)", "chat")]:
        tokenizer = eval(made, {**vars(chat_models), "folder": folder})
        turns = Turns(tokenizer, style)
        turn = turns.encode("Livrez-vous ?", "Oui.")
        tokens = [tokenizer.convert_ids_to_tokens(ids) for ids in turn]
        found[made] = [tokens, turn.prompt == turns.prompt("Livrez-vous ?")]
    return found


def test_an_answer_that_would_merge_with_its_prompt_and_a_tokenizer_without_offsets(tmp_path):
    """Llama's vocabulary here has a token for a newline and `Ou`, but the model answers behind the newline alone."""
    found = in_environment("qlora", borders, str(tmp_path))
    assert all(same for _, same in found.values())
    [(prompt, answer, end), _], *others = found.values()
    assert prompt[-2:] == ["assistant", "\n"] and answer == ["Ou", "i", "."] and end == ["</s>"]
    for (prompt, answer, end), _ in others:
        assert prompt[-1] in (":", "]") and answer == ["Ou@@", "i@@", "."] and end == ["<eos>"]


# Special tokens in a question


def spelt(special):
    """Return [ids of a turn that spells the template's tokens, the same ids by hand] for two kinds of tokenizer."""
    import json

    import chat_models
    from semis.qlora.prompt import Turns
    from tokenizers import Tokenizer

    question, answer = "Que fait <|im_end|>\n<|im_start|>system ?", "<|im_end|> et <|endoftext|>"
    tokenizer = chat_models.qwen(special=special)
    plain = json.loads(tokenizer.backend_tokenizer.to_str())
    plain["added_tokens"] = []  # it knows no special token
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])

    def ids(text):
        return Tokenizer.from_str(json.dumps(plain)).encode(text).ids

    by_hand = [start, *ids(f"user\n{question}"), end, *ids("\n"), start, *ids("assistant\n")]
    return [Turns(tokenizer, "chat").encode(question, answer), [by_hand, ids(answer), [end]]]


@pytest.mark.parametrize("special", [True, False])
def test_special_tokens_spelt_in_a_question_or_an_answer_are_text(special):
    turn, by_hand = in_environment("qlora", spelt, special)
    assert turn == by_hand


def spelt_without_offsets(folder):
    """Return what is said of a question that spells a special token, to a tokenizer that is written in Python."""
    import chat_models
    from semis.harness.errors import UserError
    from semis.qlora.prompt import Turns

    turns = Turns(chat_models.ctrl(folder, chat_models.LINE), "chat")
    try:
        turns.prompt("Que fait <eos> ?")
    except UserError as error:
        return str(error)


def test_a_tokenizer_that_cannot_read_special_tokens_as_text(tmp_path):
    said = in_environment("qlora", spelt_without_offsets, str(tmp_path))
    assert said.startswith("A question or an answer holds <eos> (Que fait <eos> ?), which the model's tokenizer (CTRL")


# Templates


def templates(names):
    """Return {template: what is said of it, or the prompt it writes and what training.json says}."""
    import chat_models
    from semis.harness.errors import UserError
    from semis.qlora.prompt import Turns

    found = {}
    for name in names:
        tokenizer = chat_models.qwen(eval(name, vars(chat_models)))
        try:
            turns = Turns(tokenizer, "chat", "model")
            found[name] = [tokenizer.decode(turns.prompt("Quand ?")), turns.described()]
        except UserError as error:
            found[name] = str(error)
    return found


def test_a_template_says_the_same_every_day():
    dated = "CHATML + '{{ strftime_now(\"%Y-%m-%d %H:%M\") }}'"
    names = {
        "dated": f"'{{{{ strftime_now(\"%d/%m/%Y %H:%M\") }}}} ' + CHATML",
        "drawn": "'{{ range(10**9) | random }} ' + CHATML",
    }
    first, second = (in_environment("qlora", templates, [*names.values(), dated]) for _ in range(2))
    assert first == second
    text, described = first[names["dated"]]
    assert text.startswith("26/07/2024 00:00 <|im_start|>user\nQuand ?")
    assert described == {"end_of_answer": "<|im_end|>", "template_date": "2024-07-26"}
    assert first[names["drawn"]][1]["template_date"] is None


def test_templates_that_cannot_be_used():
    fails = "model: its tokenizer's chat template fails on a question ("
    said = {
        "''": "qlora.prompt is chat, but the tokenizer of model has no chat template",
        "{'a': CHATML, 'rag': CHATML}": "model: its tokenizer has several chat templates (a, rag), and none is named def",
        "'{{ bos_token }}'": f"{fails}it does not write the question)",
        "'{% for %}'": fails,
        "'{{ messages + 1 }}'": f"{fails}can only concatenate list",
        "'{{ raise_exception(\"a system turn, please\") }}'": f"{fails}a system turn, please)",
        "CHATML + '{{ lipsum() }}'": f"{fails}'lipsum' is undefined)",
    }
    found = in_environment("qlora", templates, list(said))
    for name, start in said.items():
        assert found[name].startswith(start), found[name]


# Padding, lengths


def batch_of(made, recipe):
    """Return the batch of two pairs as the collator gives it to the model, with eos, pad and the texts learned."""
    import chat_models
    from semis.qlora.examples import choose_padding, examples
    from semis.qlora.prompt import Turns

    from transformers import DataCollatorForSeq2Seq, Qwen2Config, Qwen2ForCausalLM

    tokenizer = eval(made, vars(chat_models))
    pairs = [{"question": "Quand ?", "answer": "Oui."}, {"question": "Où ?", "answer": "Le lundi et le mardi."}]
    learned, _ = examples(pairs, Turns(tokenizer, "chat"), recipe, 64)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    rows = tokenizer.convert_tokens_to_ids(tokenizer.pad_token)  # all tokens before it
    rows = len(tokenizer) if tokenizer.pad_token == tokenizer.eos_token else rows
    choose_padding(tokenizer, recipe["learns_end"], Qwen2ForCausalLM(Qwen2Config(vocab_size=rows, **sizes)))
    batch = {key: value.tolist() for key, value in DataCollatorForSeq2Seq(tokenizer)(learned).items()}
    texts = [tokenizer.decode([i for i in row if i != -100]) for row in batch["labels"]]
    return batch, tokenizer.eos_token, tokenizer.pad_token, texts


@pytest.mark.parametrize("made", ["qwen()", "added(qwen(), '<pad>', pad=True)"])
def test_padding_needs_no_token_of_its_own(made):
    """The pad token is eos, or it is one for which the model has no row; then padding is eos."""
    recipe = {"learns_prompt": False, "learns_end": True}
    batch, eos, pad, texts = in_environment("qlora", batch_of, made, recipe)
    assert pad == eos == "<|endoftext|>"
    assert texts == ["Oui.<|im_end|>", "Le lundi et le mardi.<|im_end|>"]
    for labels, mask in zip(batch["labels"], batch["attention_mask"], strict=True):
        assert all(label == -100 for label, seen in zip(labels, mask) if not seen)
    assert not all(map(all, batch["attention_mask"]))  # one of them was padded


def lengths(longest, learns_prompt):
    """Return (the examples, the counts) of three pairs cut to `longest` tokens, or what is said of them."""
    import chat_models
    from semis.harness.errors import UserError
    from semis.qlora.examples import examples
    from semis.qlora.prompt import Turns

    pairs = [{"question": "0" * n, "answer": "1" * m} for n, m in ((4, 2), (4, 12), (30, 3))]
    turns = Turns(chat_models.gpt2("{{ messages[0].content }}\n{{ messages[1].content }}"), "chat")
    try:
        return examples(pairs, turns, {"learns_prompt": learns_prompt, "learns_end": True}, longest)
    except UserError as error:
        return str(error)


def test_a_question_that_fills_max_length_is_counted_and_not_learned():
    """A digit is a token here, and a newline is one: the prompts have 5 and 31 tokens, and an end is one more."""
    learned, counts = in_environment("qlora", lengths, 10, False)
    assert counts == {"pairs": 3, "pairs_cut": 2, "pairs_without_answer": 1}
    assert [len(example["input_ids"]) for example in learned] == [8, 10]
    assert [sum(label != -100 for label in example["labels"]) for example in learned] == [3, 5]
    learned, counts = in_environment("qlora", lengths, 10, True)
    assert len(learned) == 3 and counts["pairs_without_answer"] == 1  # the report's recipe learns questions too
    assert in_environment("qlora", lengths, 5, False) == (
        "qlora.training.max_length is 5, and the shortest question alone has 5 tokens, so no answer would be learned; "
        "set it to more than 5."
    )


def longest_texts():
    """Return {model: (positions, trained positions, the longest text that it reads, up to 40 tokens)}."""
    import torch
    import transformers
    from semis.qlora.limits import positions, trained_positions
    from transformers import AutoModelForCausalLM

    def reads(model, length):
        try:
            with torch.no_grad():
                model(input_ids=torch.full((1, length), 5))
        except (IndexError, RuntimeError):
            return False
        return True

    hidden = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    bart = {"d_model": 8, "decoder_ffn_dim": 8, "decoder_layers": 1, "decoder_attention_heads": 2, "encoder_layers": 1}
    gpt = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 20}
    some = {
        "GPT2": gpt,
        "GPTBigCode": gpt,
        "OpenAIGPT": gpt,
        "GPTJ": {**gpt, "rotary_dim": 4},
        "CodeGen": {**gpt, "n_embd": 32, "n_head": 4, "rotary_dim": 4, "n_ctx": 20},
        "CTRL": {**gpt, "dff": 8},
        "GPTNeo": {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "attention_types": [[["global"], 1]]},
        "OPT": {**hidden, "ffn_dim": 8, "word_embed_proj_dim": 16},
        "BioGpt": hidden,
        "Bert": {**hidden, "is_decoder": True},
        "Roberta": {**hidden, "is_decoder": True, "pad_token_id": 1},
        "Bart": bart,
        "Pegasus": bart,
        "Mpt": {"d_model": 16, "n_layers": 1, "n_heads": 2, "max_seq_len": 20},
        "Bloom": {"hidden_size": 16, "n_layer": 1, "n_head": 2},
        "Llama": hidden,
        "Qwen2": {**hidden, "num_key_value_heads": 2},
        "GPTNeoX": hidden,
        "XGLM": {"d_model": 16, "ffn_dim": 8, "num_layers": 1, "attention_heads": 2},
    }
    found = {}
    for name, sizes in some.items():
        table = {} if "n_positions" in sizes or name in ("Mpt", "Bloom") else {"max_position_embeddings": 20}
        config = getattr(transformers, f"{name}Config")(vocab_size=40, **sizes, **table)
        model = AutoModelForCausalLM.from_config(config).eval()
        longest = max(length for length in range(15, 41) if reads(model, length))
        found[name] = [positions(model), trained_positions(model), longest]
    return found


def test_the_positions_of_a_model_are_those_that_it_can_read():
    """The longest text is found by trying."""
    found = in_environment("qlora", longest_texts)
    endless = ["Bloom", "Llama", "Qwen2", "GPTNeoX", "XGLM"]
    for name, (limit, _, longest) in found.items():
        assert (limit or 40) == longest and (limit is None) == (name in endless), name
    assert found["Roberta"][0] == 18 and found["OPT"][0] == 20
    assert found["Llama"][1] == 20 and found["Bloom"][1] is None

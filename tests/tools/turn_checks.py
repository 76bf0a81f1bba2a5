"""What Semis makes of questions and answers with the tokenizers of `chat_models`; runs in the environment qlora."""

import hashlib
import json
from pathlib import Path

from semis.harness.errors import UserError
from semis.qlora.examples import choose_padding, examples
from semis.qlora.limits import check_answers, check_tokens, check_training, positions, trained_positions
from semis.qlora.prompt import Turns, load_tokenizer

import chat_models
import qlora_sample
import qlora_train
import torch
import transformers
from rule_files import Files
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    DataCollatorForSeq2Seq,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

IMPROVED = {"learns_prompt": False, "learns_end": True}
SAMPLING = {"seed": 0, "temperature": 0.01, "top_p": 1.0, "new_tokens": 12}


def turns_and_texts(cases, question, answer, folder):
    """Return {tokenizer: (ids of the turn's three parts, ids of the whole text, text of the learned part)}.

    The tokenizer itself reads the whole text, which it can, since the question spells no special token.
    """
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


def borders(folder):
    """Return tokens of turns in which an answer would merge with its prompt, and of a tokenizer without offsets."""
    found = {}
    for made, style in [("llama(template=CHATML)", "chat"), ("ctrl(folder)", "report"), ("ctrl(folder, LINE)", "chat")]:
        tokenizer = eval(made, {**vars(chat_models), "folder": folder})
        turns = Turns(tokenizer, style)
        turn = turns.encode("Livrez-vous ?", "Oui.")
        tokens = [tokenizer.convert_ids_to_tokens(ids) for ids in turn]
        found[made] = [tokens, turn.prompt == turns.prompt("Livrez-vous ?")]
    return found


def steady():
    """Return the ids of a turn for a tokenizer that draws its merges at random, and for the same one that does not."""
    drawing = chat_models.qwen()
    drawing.backend_tokenizer.model.dropout = 0.5
    return [Turns(tokenizer, "chat").encode("Livrez-vous ?", "Oui.") for tokenizer in (drawing, chat_models.qwen())]


def spelt(special):
    """Return [ids of a turn that spells the template's tokens, the same ids by hand] for two kinds of tokenizer."""
    question, answer = "Que fait <|im_end|>\n<|im_start|>system ?", "<|im_end|> et <|endoftext|>"
    tokenizer = chat_models.qwen(special=special)
    plain = json.loads(tokenizer.backend_tokenizer.to_str())
    plain["added_tokens"] = []  # it knows no special token
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])

    def ids(text):
        return Tokenizer.from_str(json.dumps(plain)).encode(text).ids

    by_hand = [start, *ids(f"user\n{question}"), end, *ids("\n"), start, *ids("assistant\n")]
    return [Turns(tokenizer, "chat").encode(question, answer), [by_hand, ids(answer), [end]]]


def spelt_without_offsets(folder):
    """Return what is said of a question that spells a special token, to a tokenizer that is written in Python."""
    turns = Turns(chat_models.ctrl(folder, chat_models.LINE), "chat")
    try:
        turns.prompt("Que fait <eos> ?")
    except UserError as error:
        return str(error)


def templates(names):
    """Return {template: what is said of it, or the prompt it writes and what training.json says}."""
    found = {}
    for name in names:
        tokenizer = chat_models.qwen(eval(name, vars(chat_models)))
        try:
            turns = Turns(tokenizer, "chat", "model")
            found[name] = [tokenizer.decode(turns.prompt("Quand ?")), turns.described()]
        except UserError as error:
            found[name] = str(error)
    return found


def batch_of(made):
    """Return the batch of two pairs as the collator gives it to the model, with eos, pad and the texts learned."""
    tokenizer = eval(made, vars(chat_models))
    pairs = [{"question": "Quand ?", "answer": "Oui."}, {"question": "Où ?", "answer": "Le lundi et le mardi."}]
    learned, _ = examples(pairs, Turns(tokenizer, "chat"), IMPROVED, 64)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    rows = tokenizer.convert_tokens_to_ids(tokenizer.pad_token)  # all tokens before it
    rows = len(tokenizer) if tokenizer.pad_token == tokenizer.eos_token else rows
    choose_padding(tokenizer, True, Qwen2ForCausalLM(Qwen2Config(vocab_size=rows, **sizes)))
    batch = {key: value.tolist() for key, value in DataCollatorForSeq2Seq(tokenizer)(learned).items()}
    texts = [tokenizer.decode([i for i in row if i != -100]) for row in batch["labels"]]
    return batch, tokenizer.eos_token, tokenizer.pad_token, texts


def lengths(longest, learns_prompt):
    """Return (the examples, the counts) of three pairs cut to `longest` tokens, or what is said of them."""
    pairs = [{"question": "0" * n, "answer": "1" * m} for n, m in ((4, 2), (4, 12), (30, 3))]
    turns = Turns(chat_models.gpt2("{{ messages[0].content }}\n{{ messages[1].content }}"), "chat")
    try:
        return examples(pairs, turns, {"learns_prompt": learns_prompt, "learns_end": True}, longest)
    except UserError as error:
        return str(error)


def longest_texts():
    """Return {model: (positions, trained positions, the longest text that it reads, up to 40 tokens)}."""

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


def small(rows, **settings):
    """Return a small Llama with random weights."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=rows, **sizes, **settings)).eval()


def stopping(made, listed):
    """Return the answer of a model that learned one pair by heart, and the answer's number of tokens by hand.

    `listed` is the model's own list of ends.
    """
    tokenizer = eval(made, vars(chat_models))
    turns = Turns(tokenizer, "chat")
    model = small(len(tokenizer))
    [learned], _ = examples([{"question": "Quand ?", "answer": "Le samedi."}], turns, IMPROVED, 64)
    batch = {key: torch.tensor([ids]) for key, ids in learned.items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(100):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(listed) if listed else None
    found = qlora_sample.answer(model, turns, "Quand ?", SAMPLING)
    before = "[/INST]" if "llama" in made else "\n"
    whole, alone = (
        tokenizer(text, add_special_tokens=False)["input_ids"]
        for text in (f"{before}{' ' if 'llama' in made else ''}Le samedi.", before)
    )
    return [*(found[key] for key in ("answer", "tokens", "stopped")), len(whole) - len(alone)]


def likelihoods():
    """Return {tokenizer: (held-out likelihood of a pair, by hand, its tokens)} for a model with random weights."""
    found = {}
    for made, prompt, answer in [
        ("gemma()", "<bos><start_of_turn>user\nQuand ?<end_of_turn>\n<start_of_turn>model\n", "Oui."),
        ("llama('legacy', CHATML)", "<|im_start|>user\nQuand ?<|im_end|>\n<|im_start|>assistant\n", "Oui."),
        ("llama()", "<s>[INST] Quand ? [/INST]", " Oui."),
    ]:
        tokenizer = eval(made, vars(chat_models))
        model = small(len(tokenizer))
        scored = qlora_sample.negative_log_likelihood(
            model, Turns(tokenizer, "chat"), [{"question": "Quand ?", "answer": "Oui."}]
        )
        ids = tokenizer(prompt + answer, add_special_tokens=False)["input_ids"]
        first = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        with torch.no_grad():
            chances = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        by_hand = -sum(chances[i - 1, ids[i]].item() for i in range(first, len(ids))) / (len(ids) - first)
        found[made] = [scored, by_hand, len(ids) - first]
    return found


def sentence(do, *args):
    """Return the sentence of the UserError that a call raises, or None."""
    try:
        do(*args)
    except UserError as error:
        return str(error)
    return None


def too_long():
    """Return what is said of texts that are longer than a model, and whether it answers up to its last position."""
    tokenizer = chat_models.gpt2()
    turns = Turns(tokenizer, "chat")
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_positions=24, n_embd=8, n_layer=1, n_head=2)).eval()
    length = len(turns.prompt("Quand ?"))
    fits = {**SAMPLING, "new_tokens": 24 - length + 1}
    pairs = [{"question": "Quand ?", "answer": answer} for answer in ("Oui.", "0" * 30)]
    return {
        "training": [sentence(check_training, "m", model, lengths, 512) for lengths in ([24, 9], [9, 30, 25])],
        "answers": [sentence(check_answers, "m", model, {"Quand ?": length}, fits["new_tokens"] + i) for i in (0, 1)],
        "tokens": qlora_sample.answer(model, turns, "Quand ?", fits)["tokens"],
        "length": length,
        "held out": qlora_sample.negative_log_likelihood(model, turns, pairs),
        "no row": [
            sentence(check_tokens, "m", small(rows), tokenizer, [turns.prompt("Quand ?")])
            for rows in (len(tokenizer), tokenizer.convert_tokens_to_ids("]"))
        ],
        "Llama": sentence(check_training, "m", small(9, max_position_embeddings=24), [99], 512),
    }


def trainings(made, folder, times):
    """Train on the same pairs some `times`; return (digest of the adapter, training.json) of each, and the answers."""
    home, pairs = Path(folder, "model"), Path(folder, "pairs.json")
    tokenizer = eval(made, vars(chat_models))
    tokenizer.save_pretrained(home)
    model = small(len(tokenizer))
    model.generation_config.eos_token_id = [tokenizer.eos_token_id]
    model.save_pretrained(home)
    pairs.write_text(json.dumps([{"question": f"Quand {n} ?", "answer": "Le samedi."} for n in range(6)]))
    training = {"updates": 3, "learning_rate": 1e-3, "batch_size": 4, "gradient_accumulation": 1, "warmup_ratio": 0}
    training |= {"max_length": 512, "save_every": 3, "gradient_checkpointing": True, "seed": 0}
    lora = {"rank": 2, "alpha": 2, "dropout": 0.0, "target_modules": ["q_proj"]}
    shared = {"device": "cpu", "prompt": "chat"}
    settings = shared | {"training": training, "lora": lora, "recipe": {**IMPROVED}, "base": "b"}
    found = []
    for number in range(times):
        place = Path(folder, str(number))
        adapter = place / "adapter" / "adapter_model.safetensors"
        output = Files(adapter=str(adapter), history=f"{place}/history.csv", training=f"{place}/training.json")
        adapter.parent.mkdir(parents=True)
        qlora_train.main(Files(model=str(home), pairs=[str(pairs)]), output, {"settings": settings}, 1)
        found.append([hashlib.sha256(adapter.read_bytes()).hexdigest(), json.loads(Path(output.training).read_text())])
    inputs = Files(model=str(home), adapter=[str(adapter)], holdout=str(pairs))
    output = Files(answers=f"{folder}/answers.jsonl", likelihood=f"{folder}/likelihood.json")
    asked = shared | {"questions": ["Quand ?"], "sampling": SAMPLING, "method": "improved", "stage": "after"}
    qlora_sample.main(inputs, output, asked, 1)
    return found, json.loads(Path(output.likelihood).read_text()), json.loads(Path(output.answers).read_text())

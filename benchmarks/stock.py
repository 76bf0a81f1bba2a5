"""The report's commands as a user types them, for benchmarks: fairseq's, and run_glue.py's with the Trainer.

    stock.py MODEL REVIEWS SEED EPOCHS      the Hugging Face fine-tuning, in the environment of transformers

The flags are the report's (fairseq's log and the notebook's arguments). All other settings are each library's defaults.
"""

import json
import shlex
import sys
from pathlib import Path

# Of fairseq-train; it validates on valid and test after each epoch.
FINETUNE = shlex.split("""
--reset-optimizer --reset-dataloader --reset-meters --task sentence_prediction --criterion sentence_prediction
--num-classes 2 --arch roberta_small --init-token 0 --separator-token 2 --max-positions 256 --shorten-method truncate
--batch-size 8 --update-freq 1 --optimizer adam --adam-betas '(0.9, 0.98)' --adam-eps 1e-08 --weight-decay 0.01
--lr-scheduler polynomial_decay --lr 1e-5 --total-num-update 1200 --max-update 1200 --warmup-updates 72
--best-checkpoint-metric accuracy --maximize-best-checkpoint-metric --valid-subset valid,test
--no-epoch-checkpoints --no-last-checkpoints --no-save --keep-best-checkpoints 1 --log-format json
--distributed-world-size 1
""")
# The report pretrained nothing; this command is a masked language model with the settings of Semis's pretraining.
PRETRAIN = shlex.split("""
--task masked_lm --criterion masked_lm --arch roberta_small --max-positions 256 --tokens-per-sample 256
--sample-break-mode none --batch-size 16 --optimizer adam --adam-betas '(0.9, 0.98)' --adam-eps 1e-06
--weight-decay 0.01 --clip-norm 1.0 --lr-scheduler polynomial_decay --lr 0.0005 --total-num-update 1000
--warmup-updates 60
--log-interval 1 --log-format json --no-save --disable-validation --distributed-world-size 1
""")


def main(model_folder, data, seed, epochs):
    """Fine-tune as run_glue.py did: 8 reviews per batch, padded to the longest; evaluate the last weights on test."""
    import numpy
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)

    def read(split):
        texts = Path(data, f"{split}.review").read_text(encoding="utf-8").splitlines()
        labels = Path(data, f"{split}.label").read_text().split()
        encoded = tokenizer(texts, truncation=True, max_length=256)["input_ids"]
        return [{"input_ids": ids, "label": int(label)} for ids, label in zip(encoded, labels, strict=True)]

    trainer = Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(model_folder, num_labels=2),
        train_dataset=read("train"),
        eval_dataset=read("valid"),
        compute_metrics=lambda found: {"accuracy": float(numpy.mean(found.predictions.argmax(-1) == found.label_ids))},
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        args=TrainingArguments(
            output_dir="out",
            seed=seed,
            learning_rate=1e-5,
            num_train_epochs=epochs,
            per_device_train_batch_size=8,
            warmup_steps=0.06,
            lr_scheduler_type="polynomial",
            logging_steps=50,
            eval_strategy="steps",
            eval_steps=250,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
        ),
    )
    found = trainer.train().metrics
    print(json.dumps(found | trainer.evaluate() | trainer.predict(read("test")).metrics))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))

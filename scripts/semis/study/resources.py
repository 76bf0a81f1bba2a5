"""The memory and time that each kind of job requests from a scheduler. A site overrides them with set-resources."""

# mem_mb: megabytes; runtime: minutes.
ASKED = {
    "short": {"mem_mb": 4000, "runtime": 60},
    "train_tokenizer": {"mem_mb": 8000, "runtime": 120},
    "pretrain": {"mem_mb": 8000, "runtime": 1440},
    "export": {"mem_mb": 4000, "runtime": 30},
    "finetune": {"mem_mb": 4000, "runtime": 240},
    "evaluate": {"mem_mb": 4000, "runtime": 60},
    "table": {"mem_mb": 1000, "runtime": 60},
    "qlora_build_tokenizer": {"mem_mb": 4000, "runtime": 60},
    "qlora_train": {"mem_mb": 8000, "runtime": 240},
    "qlora_sample": {"mem_mb": 8000, "runtime": 120},
    "qlora_merge": {"mem_mb": 16000, "runtime": 120},
    "qlora_count": {"mem_mb": 8000, "runtime": 30},
}

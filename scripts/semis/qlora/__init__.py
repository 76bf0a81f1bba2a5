"""The language-model part: 4-bit models, LoRA, prompts, answers."""

"""Texts that programs easily mistake for something else, and one that is longer than expected."""

LONG = "un très bon livre " * 280_000  # 5 MB
LITERALS = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "▁", "<s> </s>", "le</s>chat<pad>", "▁▁a"]

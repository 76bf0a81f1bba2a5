"""Texts that are easily taken for something else, or are longer than a reader expects."""

LONG = "un très bon livre " * 280_000  # 5 MB
LITERALS = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "▁", "<s> </s>", "le</s>chat<pad>", "▁▁a"]

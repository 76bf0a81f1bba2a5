"""What the scripts share. It is imported before any library, since they read these settings when they are imported."""

import logging
import os

os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1", TOKENIZERS_PARALLELISM="false")
# Pickles are data of others: torch loads tensors and plain types, whatever a library or the user's shell asks for.
os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
os.environ.update(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1")
# It warns on the terminal that it cannot load faster kernels from the network.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

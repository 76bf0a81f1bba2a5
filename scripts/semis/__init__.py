"""The code that the scripts share. Import it before any library: libraries read these settings during their import."""

import logging
import os

os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1", TOKENIZERS_PARALLELISM="false")
# Pickles come from strangers: torch loads only tensors and plain types, whatever a library or the user's shell says.
os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
os.environ.update(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1")
# bitsandbytes warns on the terminal that it cannot load faster kernels from the network.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

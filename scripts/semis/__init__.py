"""What the scripts share. It is imported before any library, since they read these settings when they are imported."""

import logging
import os

os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1", TOKENIZERS_PARALLELISM="false")
# It warns on the terminal that it cannot load faster kernels from the network.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

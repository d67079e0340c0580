"""From a sound to the emotion it seems to express."""

import os

__version__ = "0.3.0"

# Else ONNX Runtime writes a number of the device into the home folder when it is imported, and
# reports its use to its maker. It looks at this before anything else.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

"""How long a voice is kept."""

import os

DELETE_AFTER_S = float(os.environ.get("SER_DELETE_AFTER_S", "600"))  # what the notice promises
DELETE_AGE_S, SWEEP_EVERY_S = 0.8 * DELETE_AFTER_S, 0.1 * DELETE_AFTER_S  # so it is kept

"""What one visitor may cost, and how long a voice is kept."""

import os

MAX_FILE_SIZE = "64mb"  # ten minutes of 16-bit mono at 48 kHz are 58 MB
MAX_WAITING = 32  # in the queue: at two a time the last still waits only seconds
CONCURRENT = 2  # predictions at a time, as many as a free Space has cores; each on one thread
DELETE_AFTER_S = float(os.environ.get("SER_DELETE_AFTER_S", "600"))  # what the notice promises
DELETE_AGE_S, SWEEP_EVERY_S = 0.8 * DELETE_AFTER_S, 0.1 * DELETE_AFTER_S  # so it is kept

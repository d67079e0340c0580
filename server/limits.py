"""What one visitor, one program or one speaker may cost."""

MAX_FILE_SIZE = "64mb"  # ten minutes of 16-bit mono at 48 kHz are 58 MB
MAX_WAITING = 32  # in the queue: at two a time the last still waits only seconds
CONCURRENT = 2  # predictions at a time, as many as a free Space has cores; each on one thread
STOP_S = 5.0  # after SIGTERM, until what still runs is cut off
HEALTH_EVERY_S = 60.0  # the model is asked again whether it still gives its golden answer
HEALTH_PATIENCE_S = 20.0  # with a model that has not answered by then, the app is not well
MAX_FILES = 50  # in one request

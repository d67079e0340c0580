"""What stands in the log, and what never does."""

import subprocess
import sys

TOLD = """
import logging, os, threading, time
from ser.native_lines import bound_native_lines

bound_native_lines(20)
try:
    raise RuntimeError("Illegal header value b'Bearer sesame'")
except RuntimeError:
    logging.exception("It failed with open-says-me")
logging.error("PUT https://store/voice?X-Amz-Credential=key&X-Amz-Signature=abc123&part=1")
os.write(2, b"a C library says hf_abcdefghij\\n")
threading.Thread(target=lambda: 1 / 0).start()
time.sleep(0.5)
"""


def test_no_secret_is_logged():
    environment = {"HF_TOKEN": "open-says-me", "PATH": ""}
    command = [sys.executable, "-c", TOLD]
    log = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True).stderr
    for words in (
        "It failed with ***",
        "Bearer ***",
        "part=1",
        "a C library says ***",
        "Traceback",
    ):
        assert words in log
    for secret in ("open-says-me", "sesame", "=key", "abc123", "hf_"):
        assert secret not in log

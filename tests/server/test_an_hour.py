"""An hour at 48 kHz as WAV, 346 MB: one endpoint takes it, another refuses it by its header."""

import struct
import time

import pytest
import soundfile
import soxr
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from ser.sound.errors import TooLongError
from server.api import answer
from tests.page.app_server import EXAMPLES, running_app

RATE_HZ, HOUR_S = 48_000, 3600


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """A voice, then silence, which takes no room on the disk."""
    path = tmp_path_factory.mktemp("hour") / "hour.wav"
    voice, rate_hz = soundfile.read(EXAMPLES / "low-and-slow.flac")
    voice = soxr.resample(voice, rate_hz, RATE_HZ)
    soundfile.write(path, voice, RATE_HZ, subtype="PCM_16")
    n_bytes = 2 * RATE_HZ * HOUR_S
    with path.open("r+b") as file:
        head = file.read(100)
        data = head.index(b"data")
        for place, size in ((4, data + n_bytes), (data + 4, n_bytes)):
            file.seek(place)
            file.write(struct.pack("<I", size))
        file.truncate(data + 8 + n_bytes)
    assert soundfile.info(path).duration == HOUR_S
    return path


def test_a_clip_of_an_hour_is_refused_before_it_is_decoded(pipeline, hour):
    began_s = time.process_time()
    with pytest.raises(TooLongError, match="Longer than 10 minutes"):
        answer(pipeline, str(hour))
    assert time.process_time() - began_s < 0.5


@pytest.mark.matrix
def test_a_timeline_of_an_hour_is_answered(hour):
    client = Client(running_app().url, verbose=False)
    found = client.predict(clip=handle_file(hour), api_name="/timeline")
    assert found["duration_ms"] == 1000 * HOUR_S and len(found["segments"]) == 1
    with pytest.raises(AppError) as refused:
        client.predict(clip=handle_file(hour), api_name="/predict")
    assert refused.value.title == "too_long"

"""What one visitor, one program or one speaker may cost."""

from dataclasses import dataclass

MAX_FILE_SIZE = "400mb"  # three hours of 16-bit mono at 16 kHz are 346 MB
MAX_UPLOAD_BYTES = (400 << 20) + (64 << 10)  # the same, with what frames it
UPLOADS_BYTES = 4 << 30  # of all visitors' files together, until they are deleted
FREE_BYTES = 64 << 20  # of the disk stay free
JSON_BYTES = 1 << 20  # of a call: the page's largest has 200 files' names, some 100 KB
TOOL_BYTES = 32 << 20  # of a tool's call: ten minutes of 16-bit mono at 16 kHz, as a data URI
FIELD_BYTES = 1 << 10  # of a part of an upload that is no file
HEAD_S = 15.0  # until a request's first lines have come
KEEP_ALIVE_S = 30  # until a connection is closed on which nothing is asked
BODY_PATIENCE_S = 30.0  # without any of its body
SLOWEST_BYTES_S = 8 << 10  # at which it comes on average: a weak telephone line has ten times that
CALLS_AT_ONCE, CALLS_A_SECOND = 120, 2.0  # of one visitor: 50 files of a program, twice over
MOST_VISITORS = 10_000  # remembered
MAX_CONNECTIONS = 1000  # a page holds two
MAX_SESSIONS = 500  # whose choices are remembered
MAX_WAITING = 32  # in the queue: at two a time the last still waits only seconds
MAX_WAITING_OF_ONE = 16  # of one visitor
LONG_S = 60.0  # of sound: no more than one such clip is judged at a time
LONG_BYTES = (256 << 10, 64 << 20)  # so is one of more bytes that tells no length, or is not asked
CONCURRENT = 2  # predictions at a time, as many as a free Space has cores; each on one thread
STOP_S = 25.0  # after SIGTERM, until what still runs is cut off
HEALTH_EVERY_S = 60.0  # the model is asked again whether it still gives its golden answer
HEALTH_PATIENCE_S = 20.0  # with a model that has not answered by then, the app is not well
MAX_FILES = 50  # in one request
NATIVE_LINES = 20  # of C libraries in the log a minute


@dataclass(frozen=True)
class LiveLimits:
    """Of /live, the stream of a voice."""

    n_sessions: int = 8  # at a time
    n_of_one: int = 4  # of them, of one visitor: several may share an address
    start_s: float = 10.0  # until the first message
    longest_s: float = 3600.0  # of a session
    idle_s: float = 30.0  # without a frame
    ahead_s: float = 10.0  # of real time, in sound that was sent
    behind_s: float = 20.0  # of sound waits to be judged: no more is taken
    frame_s: float = 10.0  # of sound in one frame
    n_refused: int = 100  # frames in a row
    send_s: float = 20.0  # until a client has to take an event


RATES_HZ = range(8_000, 48_001)  # of a stream
FRAME_BYTES = 4 << 20  # twice what ten seconds at 48 kHz take: more ends the connection

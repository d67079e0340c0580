"""The download, over a real connection to a server that can be told to fail."""

import hashlib
import io
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from train.corpora import CorpusError, prepare


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for actor in (1, 2):
            for code in (1, 2):
                name = f"03-01-{code:02d}-01-01-01-{actor:02d}.wav"
                made.writestr(f"Actor_{actor:02d}/{name}", bytes([actor, code]) * 50_000)
        made.writestr("../../escaped.wav", b"evil")
        made.writestr("../../03-01-03-01-01-01-01.wav", b"contained")
        made.writestr("readme.txt", b"words")
    return buffer.getvalue()


class Server:
    """Serves one file with ranges; `cut` ends the first answer after that many bytes."""

    def __init__(self, data: bytes, cut: int | None = None, status: int | None = None):
        self.requests: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                outer.requests.append(wanted)
                if status:
                    self.send_error(status)
                    return
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
                body = data[start:]
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                first = len(outer.requests) == 1
                self.wfile.write(body[:cut] if cut and first else body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/ravdess.zip"


@pytest.fixture
def serve():
    started = []

    def start(*arguments, **options):
        started.append(Server(*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_download_and_unpack(archive, serve, data_root):
    folder = prepare.prepare(serve(archive).url, md5(archive), n_clips=5)
    assert folder == data_root / "ravdess"
    clip = folder / "Actor_02" / "03-01-01-01-01-01-02.wav"
    assert clip.read_bytes() == bytes([2, 1]) * 50_000
    names = sorted(p.name for p in data_root.parent.rglob("*") if p.is_file())
    assert len(names) == 5 and "escaped.wav" not in names
    assert (folder / "Actor_01" / "03-01-03-01-01-01-01.wav").read_bytes() == b"contained"


def test_what_is_at_hand_is_not_fetched_again(archive, serve):
    server = serve(archive)
    for _ in range(2):
        prepare.prepare(server.url, md5(archive), n_clips=5)
    assert len(server.requests) == 1


def test_a_broken_connection_goes_on_where_it_stopped(archive, serve):
    server = serve(archive, cut=100_000)
    prepare.prepare(server.url, md5(archive), n_clips=5)
    kept = 100_000 // prepare.CHUNK_BYTES * prepare.CHUNK_BYTES
    assert server.requests == [None, f"bytes={kept}-"]


def test_an_interrupted_command_goes_on_too(archive, serve, data_root):
    data_root.mkdir()
    (data_root / f"{prepare.ARCHIVE_NAME}.part").write_bytes(archive[:70_000])
    server = serve(archive)
    prepare.prepare(server.url, md5(archive), n_clips=5)
    assert server.requests == ["bytes=70000-"]


def test_a_wrong_checksum_is_refused_and_nothing_unpacked(archive, serve, data_root):
    with pytest.raises(CorpusError, match="hash"):
        prepare.prepare(serve(archive).url, md5(b"other"), n_clips=5)
    assert not (data_root / "ravdess").exists()


def test_a_record_that_is_gone(archive, serve):
    with pytest.raises(CorpusError, match="404"):
        prepare.prepare(serve(archive, status=404).url, md5(archive), n_clips=5)


def test_an_archive_with_other_contents(archive, serve):
    with pytest.raises(CorpusError, match="expected 1440"):
        prepare.prepare(serve(archive).url, md5(archive))
    with pytest.raises(CorpusError, match="not a zip"):
        prepare.prepare(serve(b"words").url, md5(b"words"), n_clips=9)


def test_an_archive_that_lies_there_is_unpacked_and_kept(data_root, archive):
    (data_root / "ravdess").mkdir(parents=True)
    (data_root / "ravdess" / prepare.ARCHIVE_NAME).write_bytes(archive)
    folder = prepare.prepare("http://127.0.0.1:9/nobody", n_clips=5)
    assert len(list(folder.rglob("*.wav"))) == 5
    assert (folder / prepare.ARCHIVE_NAME).read_bytes() == archive


def test_clips_that_lie_there_twice_are_counted_once(data_root, archive, serve):
    folder = data_root / "ravdess"
    for place in (folder, folder / "audio_speech_actors_01-24"):
        place.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            opened.extract("Actor_01/03-01-01-01-01-01-01.wav", place)
    server = serve(archive)
    prepare.prepare(server.url, md5(archive), n_clips=5)  # two files are one clip, of five
    assert server.requests

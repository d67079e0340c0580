"""An object store on loopback: moto's S3 over real connections, told to fail for some keys."""

import threading

import fsspec
import pytest

BUCKET = "recordings"


class Failing:
    """Answers 500 to reads of keys with `broken` in them, and once to those with `flaky`."""

    def __init__(self, served):
        self._served = served
        self.asked: list[str] = []

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "GET":
            self.asked.append(path)
            if "broken" in path or "flaky" in path and self.asked.count(path) <= N_FLAKY:
                start_response("500 Internal Server Error", [("Content-Length", "0")])
                return [b""]
        return self._served(environ, start_response)


N_FLAKY = 2


class ObjectStore:
    """A running store with one bucket; `environment` sends fsspec to it."""

    def __init__(self):
        server = pytest.importorskip("moto.server")
        pytest.importorskip("s3fs")
        from werkzeug.serving import make_server

        self.app = Failing(server.DomainDispatcherApplication(server.create_backend_app))
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    @property
    def files(self) -> fsspec.AbstractFileSystem:
        """Ours, past any failure."""
        return fsspec.filesystem("s3", skip_instance_cache=True)

    def stop(self) -> None:
        self._server.shutdown()
        fsspec.filesystem("s3").clear_instance_cache()


@pytest.fixture(scope="module")
def store():
    opened = ObjectStore()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in opened.environment.items():
            patch.setenv(name, value)
        opened.files.makedirs(BUCKET, exist_ok=True)
        yield opened
    opened.stop()

"""Workers of `bulk` to which something happens: for processes of Ray, which find them by name."""

import os
import resource
import signal
import time

from ser.recordings.bulk_worker import Job, Worker


class Slow(Worker):
    """Takes its time, so that there is a middle of the run."""

    def _rows(self, file: str, path) -> list:
        time.sleep(0.3)
        return super()._rows(file, path)


class Killed(Worker):
    """Dies as a decoder does that a malicious file has taken over."""

    def _rows(self, file: str, path) -> list:
        if "killer" in file:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._rows(file, path)


class Full(Worker):
    """Writes to a disk that has no room for more than a name."""

    def write(self, files: list[str]) -> str:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            return super().write(files)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Elsewhere(Worker):
    """Looks for the model in a folder that its node does not have."""

    def __init__(self, job: Job):
        super().__init__(job._replace(task=job.task._replace(checkpoint="/not/on/this/node")))

"""The parts of an upload, as Gradio reads them: fields stay small, and nothing half is left."""

import contextlib
from pathlib import Path

import gradio as gr
from gradio.route_utils import GradioMultiPartParser
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException

from server.limits import FIELD_BYTES


class Parts(GradioMultiPartParser):
    """Gradio's parser keeps fields of any size in memory, and files that break off on the disk."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a file, or of a field that stays small."""
        part = self._current_part
        if part.file is None:
            if len(part.data) + end - start > FIELD_BYTES:
                raise MultiPartException("A part of it is no file: please send files only.")
            part.data += data[start:end]
        else:
            super().on_part_data(data, start, end)

    async def parse(self) -> FormData:
        """Read all parts; where that fails, whatever the reason, none of them is left."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):
                    file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


def read_parts_so() -> None:
    """Let Gradio read uploads with this parser."""
    gr.route_utils.GradioMultiPartParser = Parts

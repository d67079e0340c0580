"""Our endpoints as tools of Gradio's Model Context Protocol server: what it does not do by itself.

Switched on by GRADIO_MCP_SERVER=True, where `mcp` is installed (`.[mcp]`).
"""

import json
from typing import Any

import gradio as gr
from gradio_client.exceptions import AppError

A_FILE = (
    "A sound file as a data URI, such as data:audio/wav;base64,UklGR...; addresses are not fetched."
)
GRADIOS_ADVICE = " If a user passes a file as an input, use the upload_file_to_gradio tool"


def finish_tools(page: gr.Blocks, here: str | None) -> None:
    """Let tools answer in JSON and take lists of files; nothing where the server is off.

    `here` is the address of the app as seen from itself, over which the tools call it. Raises
    RuntimeError where the server was switched on and could not be set up.
    """
    server = page.mcp_server_obj
    if server is None:
        if page.mcp_error:
            raise RuntimeError(page.mcp_error)
        return
    from mcp import types

    def in_json(data: Any, root_url: str) -> list[types.TextContent]:
        """Answers as JSON; Gradio would write them as Python does, with None and quotes like '."""
        return [types.TextContent(type="text", text=json.dumps(one)) for one in data]

    input_schema = server.get_input_schema
    describe = server.get_fn_description
    execute = server._execute_tool_without_progress
    convert = server.convert_strings_to_filedata

    def with_lists(value: dict, positions: list[list[str | int]]) -> dict:
        """Files wherever the schema has them; Gradio looks for the items of a list at "items"."""
        at_numbers = [
            [position[0], number]
            for position in positions
            if position[1:] == ["items"] and isinstance(value.get(position[0]), list)
            for number in range(len(value[position[0]]))
        ]
        return convert(value, [*positions, *at_numbers])

    def for_data_uris(*arguments: Any) -> tuple[dict, list]:
        """Schemas that stand alone; Gradio's for a list refers to a part that it leaves out."""
        schema, positions = input_schema(*arguments)
        for name in {position[0] for position in positions}:
            a_file = {"type": "string", "description": A_FILE}
            is_list = schema["properties"][name]["type"] == "array"
            schema["properties"][name] = {"type": "array", "items": a_file} if is_list else a_file
        return schema, positions

    def without_advice(*arguments: Any) -> tuple[str, dict]:
        """What a tool does; Gradio adds how to send an address, which is refused here."""
        text, parameters = describe(*arguments)
        return text.partition(GRADIOS_ADVICE)[0], parameters

    async def with_codes(job: Any) -> list[Any]:
        """Errors as "code: sentence", as Gradio itself writes them where progress is asked for."""
        try:
            return await execute(job)
        except AppError as error:
            raise RuntimeError(f"{error.title}: {error.message}") from error

    server.postprocess_output_data = in_json
    server.get_fn_description = without_advice
    server._execute_tool_without_progress = with_codes
    server.get_input_schema = for_data_uris
    server.convert_strings_to_filedata = with_lists
    server._local_url = here

"""Holds an answer against ser/schema.json: its form, and that every field of it is described."""

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

import ser

SCHEMA = Path(ser.__file__).parent / "schema.json"


def check(form: str, answer: object, is_strict: bool = True) -> None:
    """Raise jsonschema.ValidationError where `answer` is not of this form.

    Strict is for what this version says: readers may not rely on fields that nobody described.
    """
    _validator(form, is_strict).validate(answer)


@cache
def _validator(form: str, is_strict: bool) -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    assert form in schema["$defs"], form
    if is_strict:
        for part in schema["$defs"].values():
            if "properties" in part:
                part["additionalProperties"] = False
    whole = {"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": f"#/$defs/{form}"}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)

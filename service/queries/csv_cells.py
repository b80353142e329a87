"""Cells of a table in CSV: numbers stay numbers, and no text begins a formula.

A spreadsheet runs cells that look like formulas, and the texts are strangers': somebody typed the
name or the address at a checkout. An apostrophe before a formula makes it a text. The separator at
which a spreadsheet splits cells depends on its country, so formulas are looked for after each of
them and after line breaks, not only at the beginning of a cell.
"""

import json
import re

import msgspec
from msgspec import Raw, Struct

_SKIPPED = r"(?:[^\S\t\r\n]|[\"\ufeff\u200b-\u200d\u2060])*"
"""Characters that may precede a formula: white space, quotes, a byte order mark, zero width."""

_BEGINS = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
"""The beginning of a formula, including full-width forms."""

_NUMBER = rf"-[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?{_SKIPPED}(?:[;,|\t\r\n\]}}]|\Z)"
"""A whole negative number, which is not a formula."""

_FIRST = re.compile(rf"[\t\r\n]|{_SKIPPED}(?={_BEGINS})(?!{_NUMBER})")
"""The beginning of a cell that is a formula."""

_LATER = re.compile(rf"([;,|\t\r\n]{_SKIPPED})(?={_BEGINS})(?!{_NUMBER})")
"""The separator before a formula within a cell."""


def cell(value: object) -> object:
    """A value as a cell: null is empty, a composite value is JSON, a formula is made text."""
    match value:
        case str():
            return _harmless(value)
        case bool() | dict() | list() | tuple() | Struct():
            return _harmless(_json(value))
        case None | int() | float():
            return value
        case Raw():
            return cell(msgspec.json.decode(value))
    # a time, as JSON has it
    return cell(msgspec.to_builtins(value))


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except OverflowError:
        # an integer of more than 64 bits, which only the standard library writes
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _harmless(text: str) -> str:
    inside = _LATER.sub(r"\1'", text)
    return f"'{inside}" if _FIRST.match(text) else inside

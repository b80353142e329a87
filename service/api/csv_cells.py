"""A value as a cell of a CSV that may be opened in any spreadsheet.

A spreadsheet takes some cells for formulas and runs them, and the texts here are strangers': a name
or an address is what somebody typed at a checkout. An apostrophe before the formula makes a text of
it. Which separator a spreadsheet cuts at depends on its country, so a formula is looked for behind
each of them, and behind line breaks, and not at the beginning of the cell alone.
"""

import json
import re

import msgspec
from msgspec import Raw, Struct

_SKIPPED = r"(?:[^\S\t\r\n]|[\"\ufeff\u200b-\u200d\u2060])*"
"""What may stand before a formula: white space, quotes, a byte order mark, what has no width."""

_BEGINS = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
"""What a spreadsheet takes for the beginning of a formula, the full-width forms included."""

_NUMBER = rf"-[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?{_SKIPPED}(?:[;,|\t\r\n\]}}]|\Z)"
"""A negative number, to its end: no formula."""

_FIRST = re.compile(rf"[\t\r\n]|{_SKIPPED}(?={_BEGINS})(?!{_NUMBER})")
"""A cell that begins a formula."""

_LATER = re.compile(rf"([;,|\t\r\n]{_SKIPPED})(?={_BEGINS})(?!{_NUMBER})")
"""What comes before a formula within a cell."""


def cell(value: object) -> object:
    """A value as a cell: null is empty, what has parts is JSON, a formula is none any more."""
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

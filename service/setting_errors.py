"""What is said of a wrong configuration: file, line and reason, and never what was written there.

Whatever stands in a wrong place may be a secret, a name as well as a value. So only names that the
configuration knows are shown, and those of books.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

_BOOK = re.compile(r"[a-z][a-z0-9_-]{0,23}", re.IGNORECASE)
_UNKNOWN = "…"
_QUOTING = re.compile(
    "(Cannot declare|Cannot mutate immutable namespace|Cannot redefine namespace"
    "|Duplicate inline table key) .*",
    re.DOTALL,
)
"""The parser's messages that name a key."""

_PREFIX = "DAYBOOK_"


def explain(error: ValidationError, path: Path | None, text: str, names: set[str]) -> str:
    """A line for each value that is wrong.

    Args:
        error: with the place of each.
        path: of the file, if there is one.
        text: the file.
        names: of the settings, those of a book too.
    """
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        keys = [str(part) for part in problem["loc"] if part != "[key]"]
        line = _line_of(keys, text)
        variable = _PREFIX + "__".join(keys).upper()
        from_file = line is not None and variable not in os.environ
        place = f"{path}, line {line}" if from_file else "flags or environment"
        if not from_file and variable in os.environ:
            place = _shown_variable(variable, names)
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden" and (near := get_close_matches(keys[-1], names)):
            reason += f"; is it {near[0]!r}?"
        lines.append(f"{place}: {'.'.join(_shown(keys, names))}: {reason}")
    return "\n".join(lines)


def explain_toml(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Why a file is no TOML, with the line."""
    message = str(error).replace("at end of document", f"at line {len(text.splitlines())}, the end")
    reason, at, place = message.rpartition(" (at ")
    return _QUOTING.sub(rf"\1 {_UNKNOWN}", reason) + at + place


def variables(prefix: str, names: set[str]) -> str:
    """The environment's variables that begin so."""
    found = [name for name in sorted(os.environ) if name.startswith(prefix)]
    return ", ".join(_shown_variable(name, names) for name in found)


def _shown_variable(variable: str, names: set[str]) -> str:
    keys = variable.removeprefix(_PREFIX).lower().split("__")
    return _PREFIX + "__".join(_shown(keys, names)).upper()


def _shown(keys: list[str], names: set[str]) -> Iterator[str]:
    for number, key in enumerate(keys):
        is_book = number == 1 and keys[0] == "books" and _BOOK.fullmatch(key)
        known = key in names or key.isdecimal() or (is_book and "whsec" not in key)
        yield key if known else _UNKNOWN


def _line_of(keys: list[str], text: str) -> int | None:
    """The line that sets a value, or the header of the table that lacks it."""
    table: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            path = table
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            path = table + [part.strip("\"'") for part in key[1].split(".")]
        else:
            continue
        if path == keys[: len(path)] and (best is None or len(path) > best[0]):
            best = (len(path), number)
    return best[1] if best else None

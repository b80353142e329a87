"""The checks of settings: validated types, and error messages that never quote a value.

Text in the wrong place may be a secret, even if it is a name. So messages show only names of
settings and books, with the file, the line and the reason.
"""

import os
import re
import tomllib
from base64 import b64decode
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, TypeVar

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from standardwebhooks import Webhook

_KEY_BYTES = 24
"""The minimum length of a signing key, by the Standard Webhooks specification."""

_LAST_PORT = 65_535

T = TypeVar("T")


def _no_secret(value: T) -> T:
    if "whsec_" in str(value):
        raise ValueError("contains a webhook's secret; move it to a book's `secrets`")
    return value


def _check_secrets(secrets: list[SecretStr]) -> list[SecretStr]:
    for secret in secrets:
        prefix, _, value = secret.get_secret_value().rpartition("whsec_")
        try:
            key = b64decode(value + "=" * (-len(value) % 4), validate=True)
            Webhook(value if "whsec_" in secret.get_secret_value() and not prefix else "")
        except Exception:  # noqa: BLE001 - the library raises several kinds
            # without details: the message must not help to find the secret
            raise ValueError(
                "a secret must be 'whsec_' followed by base64, as shown in the dashboard"
            ) from None
        if len(key) < _KEY_BYTES:
            raise ValueError(f"a secret must decode to at least {_KEY_BYTES} bytes")
    return secrets


def database_url_fault(url: str) -> str | None:
    """The fault of a PostgreSQL URL, if any; never quotes the URL, which may hold a password."""
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        return "not a PostgreSQL URL; use postgresql://user@host:5432/name?sslmode=require"
    _, scheme, rest = url.partition("://")
    # otherwise a part of the password would be parsed as the host, and appear in errors
    if scheme and ("@" in str(parts.get("host")) or "@" in rest.partition("/")[2].split("?")[0]):
        return "invalid host; in a password, write / as %2F and @ as %40"
    ports = str(parts.get("port") or "").split(",")
    if not all(not port or (port.isdecimal() and 0 < int(port) <= _LAST_PORT) for port in ports):
        return "the port must be a number from 1 to 65535; in a password, write : as %3A"
    return None


def _check_url(url: SecretStr) -> SecretStr:
    if fault := database_url_fault(url.get_secret_value()):
        raise ValueError(fault)
    return url


Plain = Annotated[str, AfterValidator(_no_secret)]
"""A value that may be shown, logged or stored; it must not contain a secret."""

PlainPath = Annotated[Path, AfterValidator(_no_secret)]

BookName = Annotated[Plain, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

Secrets = Annotated[list[SecretStr], AfterValidator(_check_secrets)]

DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_url)]

_BOOK = re.compile(r"[a-z][a-z0-9_-]{0,23}", re.IGNORECASE)
_UNKNOWN = "…"
_QUOTING = re.compile(
    "(Cannot declare|Cannot mutate immutable namespace|Cannot redefine namespace"
    "|Duplicate inline table key) .*",
    re.DOTALL,
)
"""The parser's messages that quote a key."""

_PREFIX = "DAYBOOK_"


def explain(error: ValidationError, path: Path | None, text: str, names: set[str]) -> str:
    """Explain a validation error, in one line per invalid value.

    Args:
        error: the error, with the place of each value.
        path: the path of the configuration file, if there is one.
        text: the text of that file.
        names: the names of all settings, including those of a book.
    """
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        keys = [str(part) for part in problem["loc"] if part != "[key]"]
        line = _line_of(keys, text)
        variable = _PREFIX + "__".join(keys).upper()
        from_file = line is not None and variable not in os.environ
        place = f"{path}, line {line}" if from_file else "flags or environment"
        if not from_file and variable in os.environ:
            place = _redact_variable(variable, names)
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden" and (near := get_close_matches(keys[-1], names)):
            reason += f"; is it {near[0]!r}?"
        lines.append(f"{place}: {'.'.join(_redact(keys, names))}: {reason}")
    return "\n".join(lines)


def explain_toml(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Explain why a file is not valid TOML, with the line."""
    message = str(error).replace("at end of document", f"at line {len(text.splitlines())}, the end")
    reason, at, place = message.rpartition(" (at ")
    return _QUOTING.sub(rf"\1 {_UNKNOWN}", reason) + at + place


def variables(prefix: str, names: set[str]) -> str:
    """The environment variables that start with a prefix."""
    matches = [name for name in sorted(os.environ) if name.startswith(prefix)]
    return ", ".join(_redact_variable(name, names) for name in matches)


def _redact_variable(variable: str, names: set[str]) -> str:
    keys = variable.removeprefix(_PREFIX).lower().split("__")
    return _PREFIX + "__".join(_redact(keys, names)).upper()


def _redact(keys: list[str], names: set[str]) -> Iterator[str]:
    for number, key in enumerate(keys):
        is_book = number == 1 and keys[0] == "books" and _BOOK.fullmatch(key)
        known = key in names or key.isdecimal() or (is_book and "whsec" not in key)
        yield key if known else _UNKNOWN


def _line_of(keys: list[str], text: str) -> int | None:
    """The line that sets a value, or else the header of its table."""
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

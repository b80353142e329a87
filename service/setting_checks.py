"""The checks of settings: validated types, and error messages that never quote a value.

Text in the wrong place may be a secret, even if it is a name. So messages show only names of
settings and books, with the file, the line and the reason.
"""

import os
import re
import tomllib
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from standardwebhooks import Webhook

from service.spans import parse_span

_KEY_BYTES = 24
"""The minimum length of a signing key, by the Standard Webhooks specification."""

_SEED_BYTES = 32

_LAST_PORT = 65_535

_API_KEY = re.compile(r"[!-~]{1,512}")

NEVER = "never"
_SHORTEST = timedelta(minutes=5)
_LONGEST = timedelta(days=3650)

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
    # not at the top: the driver takes as long to load as all other settings
    from psycopg import ProgrammingError  # noqa: PLC0415
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

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


def is_loopback(host: str | None) -> bool:
    """Whether a host name is this machine's own."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def https_url_fault(url: str) -> str | None:
    """The fault of a URL that secrets go to, if any; never quotes the URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "not a URL; use https://host/path"
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        return "not a URL; use https://host/path"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "must begin with https://, unless its host is this machine's own"
    if "@" in parts.netloc:
        return "must not contain a user or a password"
    if parts.query or parts.fragment or any(c.isspace() or not c.isprintable() for c in url):
        return "must not contain a query, a fragment or spaces"
    return None


def _check_provider_url(url: str) -> str:
    if fault := https_url_fault(url):
        raise ValueError(fault)
    return url.rstrip("/")


def _check_public_url(url: str) -> str:
    if fault := https_url_fault(url):
        raise ValueError(fault)
    if urlsplit(url).path.strip("/"):
        raise ValueError("must not contain a path; use https://host")
    return url.rstrip("/")


def _check_key_source(source: str) -> str:
    if "://" not in source:
        return source
    if fault := https_url_fault(source):
        raise ValueError(fault)
    return source


def _check_api_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if text.startswith("whsec_"):
        raise ValueError("is a webhook's secret; create an API key in the provider's dashboard")
    if not _API_KEY.fullmatch(text):
        raise ValueError("is not an API key: it must be printable ASCII without spaces")
    return key


def _check_signing_key(key: SecretStr) -> SecretStr:
    try:
        seed = b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        seed = b""
    if len(seed) != _SEED_BYTES:
        raise ValueError("must be base64 of 32 bytes, as in the file signing-key")
    return key


def parse_duration(text: str) -> timedelta | None:
    """The span that a text such as `90m`, `6h` or `1d12h` names; None for `never`.

    Raises:
        ValueError: if it names none.
    """
    return None if text == NEVER else parse_span(text)


def _check_duration(text: str) -> str:
    duration = parse_duration(text)
    if duration is not None and not _SHORTEST <= duration <= _LONGEST:
        raise ValueError(f"must be at least 5m and at most {_LONGEST.days}d, or never")
    return text


def _check_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(
            "not an address or a network; write for example 127.0.0.1 or 10.0.0.0/8"
        ) from None


Plain = Annotated[str, AfterValidator(_no_secret)]
"""A value that may be shown, logged or stored; it must not contain a secret."""

PlainPath = Annotated[Path, AfterValidator(_no_secret)]

BookName = Annotated[Plain, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

Secrets = Annotated[list[SecretStr], AfterValidator(_check_secrets)]

DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_url)]

SigningKey = Annotated[SecretStr, AfterValidator(_check_signing_key)]

ProviderUrl = Annotated[Plain, AfterValidator(_check_provider_url)]

PublicUrl = Annotated[Plain, AfterValidator(_check_public_url)]
"""A scheme with a host, as browsers show it."""

KeySource = Annotated[Plain, AfterValidator(_check_key_source), Field(min_length=1)]
"""A URL, or the path of a file."""

ApiKey = Annotated[SecretStr, AfterValidator(_check_api_key)]

Network = Annotated[Plain, AfterValidator(_check_network)]
"""Addresses, as ``10.0.0.0/8``; a single one is a network of one."""

Duration = Annotated[Plain, AfterValidator(_check_duration)]
"""A text that ``parse_duration`` understands, of at least five minutes."""

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

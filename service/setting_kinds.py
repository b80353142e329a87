"""The kinds of values that settings have, each with its check; no error quotes the value."""

from base64 import b64decode
from pathlib import Path
from typing import Annotated, TypeVar

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, SecretStr
from standardwebhooks import Webhook

_KEY_BYTES = 24
"""The fewest of a signing key, by the Standard Webhooks specification."""

_LAST_PORT = 65_535

T = TypeVar("T")


def _no_secret(value: T) -> T:
    if "whsec_" in str(value):
        raise ValueError("a webhook's secret stands here; it belongs into a book's `secrets`")
    return value


def _usable(given: list[SecretStr]) -> list[SecretStr]:
    for secret in given:
        prefix, _, value = secret.get_secret_value().rpartition("whsec_")
        try:
            key = b64decode(value + "=" * (-len(value) % 4), validate=True)
            Webhook(value if "whsec_" in secret.get_secret_value() and not prefix else "")
        except Exception:  # noqa: BLE001 - the library raises several kinds
            # not which one, and not why in detail: an error must not lead to the secret
            raise ValueError(
                "a secret is 'whsec_' and base64, as the dashboard shows it, and not empty"
            ) from None
        if len(key) < _KEY_BYTES:
            raise ValueError(f"a secret has {_KEY_BYTES} bytes or more behind its base64")
    return given


def database_url_fault(url: str) -> str | None:
    """What is wrong with a URL of PostgreSQL; it quotes nothing, as the URL may hold a password."""
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        return "not a URL of PostgreSQL, such as postgresql://user@host:5432/name?sslmode=require"
    _, scheme, rest = url.partition("://")
    # else a part of the password is taken for the host, and errors would name it
    if scheme and ("@" in str(parts.get("host")) or "@" in rest.partition("/")[2].split("?")[0]):
        return "in a password, / is written as %2F and @ as %40"
    ports = str(parts.get("port") or "").split(",")
    if not all(not port or (port.isdecimal() and 0 < int(port) <= _LAST_PORT) for port in ports):
        return "the port is a number from 1 to 65535; in a password, : is written as %3A"
    return None


def _no_fault(given: SecretStr) -> SecretStr:
    if fault := database_url_fault(given.get_secret_value()):
        raise ValueError(fault)
    return given


Plain = Annotated[str, AfterValidator(_no_secret)]
"""What is shown, logged or stored, and so is no secret."""

PlainPath = Annotated[Path, AfterValidator(_no_secret)]

BookName = Annotated[Plain, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

Secrets = Annotated[list[SecretStr], AfterValidator(_usable)]

DatabaseUrl = Annotated[SecretStr, AfterValidator(_no_fault)]

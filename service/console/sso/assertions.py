"""A signed assertion: a JSON Web Token that a proxy adds to each request of a person."""

from base64 import urlsafe_b64decode
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import (
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
)
from joserfc.jws import JWSRegistry
from msgspec import Struct

from service.console.sso.issuer_keys import IssuerKeys
from service.sso_settings import ConsoleSso

MAX_BYTES = 16 << 10
"""The longest assertion that is looked at."""

MAX_NAME = 254
"""The longest name of a person; no e-mail address is longer."""

_MOST_GROUPS = 1000
_MAX_HEADER_BYTES = 4 << 10

REASONS = {
    "repeated": "the request has its header more than once",
    "untrusted-address": "it came from an address that may send none",
    "too-large": f"it has more than {MAX_BYTES} bytes",
    "malformed": "it is not a JSON Web Token with one signature",
    "algorithm": "it is signed in a way that is not accepted here",
    "unknown-key": "it is signed with a key that the issuer does not have",
    "keys-unavailable": "the issuer's keys could not be read yet",
    "signature": "its signature is invalid",
    "issuer": "it is of another issuer",
    "audience": "it is meant for another application",
    "expired": "it has expired",
    "not-yet-valid": "it is not valid yet",
    "claims": "it lacks something that it must say, or says it in a wrong form",
    "no-person": "it names no person, or an unverified address",
    "not-admitted": "the configuration admits this person to nothing",
}
"""Why an assertion is refused, in words that a stranger may read; a metric counts by the names."""

_CLAIMS = {"iss": "issuer", "aud": "audience", "nbf": "not-yet-valid", "iat": "not-yet-valid"}


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """An assertion that opens nothing; ``reason`` is one of ``REASONS``."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


class Person(Struct, frozen=True):
    """Whom an assertion names."""

    name: str
    groups: frozenset[str]


class _Header(Struct):
    alg: str
    kid: str | None = None


async def read_signed(assertion: bytes, settings: ConsoleSso, keys: IssuerKeys, now: int) -> Person:
    """Whom a signed assertion names, if its issuer signed it for us and it is valid now.

    Raises:
        Refused: if not.
    """
    if len(assertion) > MAX_BYTES:
        raise Refused("too-large")
    header = _header(assertion)
    if header.alg not in settings.algorithms:
        raise Refused("algorithm")
    key = await keys.find(header.kid)
    if key is None:
        raise Refused("unknown-key" if keys.are_known else "keys-unavailable")
    registry = JWSRegistry(algorithms=settings.algorithms, strict_check_header=False)
    registry.max_header_length = _MAX_HEADER_BYTES
    try:
        key.check_alg(header.alg)
        claims = jwt.decode(assertion, key, registry=registry).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Refused("signature") from None
    _check(claims, settings, now)
    groups = claims.get(settings.groups)
    if claims.get("email_verified") in (False, "false"):
        raise Refused("no-person")
    return person(claims.get(settings.person), groups if isinstance(groups, list) else [groups])


def person(name: object, groups: list[Any]) -> Person:
    """The person of this name.

    Raises:
        Refused: if that is empty, too long, or not one line of text.
    """
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise Refused("no-person")
    named = (group for group in groups[:_MOST_GROUPS] if isinstance(group, str))
    return Person(name.strip(), frozenset(named))


def _header(assertion: bytes) -> _Header:
    parts = assertion.split(b".")
    if len(parts) != 3 or len(parts[0]) > _MAX_HEADER_BYTES:  # noqa: PLR2004 - with one signature
        raise Refused("malformed")
    try:
        decoded = urlsafe_b64decode(parts[0] + b"=" * (-len(parts[0]) % 4))
        return msgspec.json.decode(decoded, type=_Header)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Refused("malformed") from None


def _check(claims: dict[str, Any], settings: ConsoleSso, now: int) -> None:
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=settings.leeway_seconds,
        iss={"essential": True, "value": settings.issuer or ""},
        aud={"essential": True, "value": settings.audience or ""},
        # without an end it would open the console for ever
        exp={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError:
        raise Refused("expired") from None
    except MissingClaimError:
        raise Refused("claims") from None
    except InvalidClaimError as error:
        raise Refused(_CLAIMS.get(str(error.claim), "claims")) from None

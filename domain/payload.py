"""What all payloads share, and how a field that cannot be read is set aside.

A payload struct names only the fields that the fold, the access policy or a filter needs; the
whole snapshot stays in the event's bytes and is answered from there. Every field but the
identity may be absent or null, whatever the provider's SDK calls required: every published
sample lacks at least one such field.

A snapshot says nothing of a field that the SDK calls required where it leaves it out, has null
there, or what cannot be read: the state keeps what an earlier one said (``0`` and ``false`` are
said). A field that the SDK lets be null is null where the latest snapshot has no value; but a link
to another resource, once told, stays.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its zone; the provider sends UTC with microseconds."""

Name = Annotated[str, Meta(max_length=200)]
"""An identifier. A longer one would not fit into an index, so it counts as unreadable."""

Email = Annotated[str, Meta(max_length=320)]
"""An address. None may be longer, and a longer one would not fit into an index."""

Minor = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""An amount in minor units (cents, yen) of the currency beside it."""

_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


class Customer(Struct, frozen=True, gc=False, omit_defaults=True):
    """The customer as embedded in a payload (``CustomerLimitedDetails`` in the provider's SDK)."""

    customer_id: Name
    email: Email | None = None
    name: str | None = None


class Payload(Protocol):
    """What the fold reads of any payload."""

    @property
    def id(self) -> str:
        """The resource's identity."""

    @property
    def status(self) -> str | None:
        """The provider's status, as sent."""

    @property
    def who(self) -> Customer | None:
        """The customer whom the resource belongs to, where the payload says so."""


P = TypeVar("P")


def decode(
    kind: type[P], decoder: msgspec.json.Decoder[P], raw: bytes | Raw
) -> tuple[P, tuple[str, ...]]:
    """Decode ``raw`` as ``kind``; name the fields that could not be read, instead of failing.

    Raises:
        msgspec.DecodeError: if it is no JSON object, or lacks a readable required field.
    """
    if not may_hold_nul(memoryview(raw).tobytes()):
        try:
            read = decoder.decode(raw)
        except msgspec.DecodeError:
            pass
        else:
            if in_utc(read):
                return read, ()
    return _field_by_field(kind, raw)


def may_hold_nul(content: bytes) -> bool:
    """Whether some text in it may hold a NUL, which fits into JSON but into no column."""
    # most bodies hold no backslash, and one byte is found much faster than several
    return b"\\" in content and b"\\u0000" in content


def in_utc(payload: Any) -> bool:  # noqa: ANN401 - of any aggregate
    """Whether all times of a payload are in UTC, as the provider writes them."""
    kind: Any = type(payload)
    for moment in _moments(kind)(payload):
        if moment is not None and moment.tzinfo is not UTC:
            return False
    return True


@cache
def _moments(kind: type[Any]) -> Callable[[object], tuple[datetime | None, ...]]:
    names = [f.name for f in msgspec.structs.fields(kind) if f.type == Moment | None]
    # attrgetter gives a tuple only for two names and more
    return attrgetter(*names, *names[:1]) if names else lambda _: ()


def _field_by_field(kind: type[P], raw: bytes | Raw) -> tuple[P, tuple[str, ...]]:
    parts = msgspec.json.decode(raw, type=dict[str, Raw])
    values: dict[str, Any] = {}
    unread: list[str] = []
    for field in msgspec.structs.fields(kind):  # type: ignore[arg-type]
        part = parts.get(field.encode_name)
        if part is None:
            continue
        try:
            value = msgspec.json.decode(part, type=field.type, strict=False)
            _refuse_unstorable(value, part)
            values[field.name] = normal_moment(value) if isinstance(value, datetime) else value
        except (msgspec.MsgspecError, ValueError, OverflowError):
            # whom it concerns must not be lost with a strange name or address
            inner, lost = _customer(part) if field.name == "customer" else (None, ("",))
            if inner is not None:
                values[field.name] = inner
            unread += [f"{field.encode_name}.{name}".rstrip(".") for name in lost]
    try:
        return kind(**values), tuple(unread)
    except TypeError:
        raise msgspec.ValidationError(f"no readable identity of {kind.__name__}") from None


def _customer(part: Raw) -> tuple[Customer | None, tuple[str, ...]]:
    try:
        return _field_by_field(Customer, part)
    except msgspec.MsgspecError:
        return None, ("",)


def _refuse_unstorable(value: object, part: Raw) -> None:
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            _refuse_unstorable(getattr(value, name), part)
    elif isinstance(value, tuple):
        for one in value:
            _refuse_unstorable(one, Raw(b'"'))
    elif isinstance(value, str) and "\0" in value:
        raise ValueError("holds a NUL")
    elif isinstance(value, datetime) and (
        memoryview(part).tobytes()[:1] != b'"' or normal_moment(value) is None
    ):
        raise ValueError("no time that every clock can hold")


def normal_moment(at: datetime) -> datetime | None:
    """``at`` in UTC, or None where it lies beyond what every clock and database can hold."""
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        return None
    return utc if utc < _LATEST else None

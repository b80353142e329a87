"""What all payloads share, and how an unreadable field is skipped.

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
from datetime import MAXYEAR, UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Protocol, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import FieldInfo

from domain.currency import minor

Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its zone; the provider sends UTC with microseconds."""

Name = Annotated[str, Meta(max_length=200)]
"""An identifier. A longer one would not fit into an index, so it counts as unreadable."""

Email = Annotated[str, Meta(max_length=320)]
"""An address. None may be longer, and a longer one would not fit into an index."""

Words = Annotated[str, Meta(max_length=10_000)]
"""What a person wrote, as a name: no identifier, and never indexed as a whole."""

Count = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A count, small enough for every float and every column."""

Metadata = dict[str, str | float | bool | None]
"""What the merchant attached. Read so that a number that no float holds is noticed."""

Minor = Annotated[Count, Meta(extra={"unit": "minor"})]
"""An amount in minor units (cents, yen) of the payload's currency."""

Digits = Annotated[str, Meta(pattern=r"^-?[0-9]{1,15}$")]
"""An amount in minor units that is documented as a string."""

_LATEST = datetime(MAXYEAR, 1, 1, tzinfo=UTC)


class Customer(Struct, frozen=True, gc=False, omit_defaults=True):
    """The customer as embedded in a payload (``CustomerLimitedDetails`` in the provider's SDK)."""

    customer_id: Name
    email: Email | None = None
    name: Words | None = None


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
        msgspec.DecodeError: if it is not a JSON object, or lacks a readable required field.
    """
    if not may_hold_nul(memoryview(raw).tobytes()):
        try:
            read = decoder.decode(raw)
        except msgspec.DecodeError:
            pass
        else:
            of_any: Any = kind
            if are_normal(moments(of_any)(read)):
                return read, ()
    return _field_by_field(kind, raw)


def may_hold_nul(content: bytes) -> bool:
    """Whether some text in it may hold a NUL, which fits into JSON but into no column."""
    # most bodies hold no backslash, and one byte is found much faster than several
    return b"\\" in content and b"\\u0000" in content


def are_normal(times: tuple[datetime | None, ...]) -> bool:
    """Whether times are in UTC, as the provider writes them, and every clock can hold them."""
    for moment in times:
        if moment is not None and (moment.tzinfo is not UTC or moment.year == MAXYEAR):
            return False
    return True


@cache
def moments(kind: type[Any]) -> Callable[[Any], tuple[datetime | None, ...]]:
    """What gives all times of a payload of this type, also of what it lists."""
    fields = msgspec.structs.fields(kind)
    names = [f.name for f in fields if f.type in {Moment, Moment | None}]
    # attrgetter gives a tuple only for two names and more
    own = attrgetter(*names, *names[: len(names) == 1]) if names else lambda _: ()
    inner = [(f.name, moments(part)) for f in fields if (part := _inner(f.type)) is not None]
    if not inner:
        return own

    def all_of(payload: Any) -> tuple[datetime | None, ...]:  # noqa: ANN401 - of any aggregate
        times = own(payload)
        for name, of_part in inner:
            if parts := getattr(payload, name):
                listed = parts if isinstance(parts, tuple) else (parts,)
                times += tuple(moment for part in listed for moment in of_part(part))
        return times

    return all_of


def _inner(kind: Any) -> type[Struct] | None:  # noqa: ANN401 - the annotation of a field
    """The struct with times that a field of this type holds, or of which it is a tuple."""
    for option in get_args(kind):
        for part in (option, *get_args(option)):
            if isinstance(part, type) and issubclass(part, Struct) and part is not Customer:
                return part
    return None


def _field_by_field(kind: type[P], raw: bytes | Raw) -> tuple[P, tuple[str, ...]]:
    parts = msgspec.json.decode(raw, type=dict[str, Raw])
    values: dict[str, Any] = {}
    unread: list[str] = []
    for field in msgspec.structs.fields(kind):  # type: ignore[arg-type]
        part = parts.get(field.encode_name)
        if part is None:
            continue
        try:
            values[field.name] = _value(field, part, parts)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            inner, lost = _salvaged(field, part)
            if inner is not None:
                values[field.name] = inner
            unread += [f"{field.encode_name}.{name}".rstrip(".") for name in lost]
    try:
        return kind(**values), tuple(unread)
    except TypeError:
        raise msgspec.ValidationError(f"no readable identity of {kind.__name__}") from None


def _value(field: FieldInfo, part: Raw, parts: dict[str, Raw]) -> Any:  # noqa: ANN401
    """The value of a field.

    Raises:
        MsgspecError, ValueError, OverflowError, RecursionError: if it cannot be read.
    """
    try:
        return _storable(msgspec.json.decode(part, type=field.type))
    except msgspec.ValidationError:
        # of another type than the documented one, and yet clear
        if field.type in {Minor | None, Digits | Minor | None}:
            amount = minor(msgspec.json.decode(part), _currency(field.encode_name, parts))
            return msgspec.convert(amount, Minor)
        if field.type in {Count | None, bool | None}:
            return msgspec.json.decode(part, type=field.type, strict=False)
        raise


def _currency(name: str, parts: dict[str, Raw]) -> str | None:
    """The currency field of an amount: ``settlement_currency`` for ``settlement_amount``."""
    own = parts.get(name.replace("amount", "currency")) or parts.get("currency")
    try:
        return msgspec.json.decode(own, type=str) if own else None
    except msgspec.MsgspecError:
        return None


def _salvaged(field: FieldInfo, part: Raw) -> tuple[Any, tuple[str, ...]]:
    """What of a value can be read, and the names of what was lost.

    Whom it concerns must not be lost with a strange name or address, nor a period that was paid for
    with another one.
    """
    try:
        if field.name == "customer":
            return _field_by_field(Customer, part)
        for option in get_args(field.type):
            if get_origin(option) is tuple:
                items = msgspec.json.decode(part, type=list[Raw])
                found = (_item(get_args(option)[0], item) for item in items)
                return tuple(item for item in found if item is not None) or None, ("",)
    except msgspec.MsgspecError:
        pass
    return None, ("",)


def _item(kind: Any, raw: Raw) -> Any:  # noqa: ANN401 - of any list
    """An item of a list; None where it cannot be read."""
    try:
        if isinstance(kind, type) and issubclass(kind, Struct):
            return _field_by_field(kind, raw)[0]
        return _storable(msgspec.json.decode(raw, type=kind))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None


def _storable(value: Any) -> Any:  # noqa: ANN401 - of any field
    """The value with its times in UTC.

    Raises:
        ValueError: if a column or a clock does not hold it.
    """
    match value:
        case Struct():
            return type(value)(*map(_storable, msgspec.structs.astuple(value)))
        case tuple():
            return tuple(map(_storable, value))
        case str() if "\0" in value:
            raise ValueError("holds a NUL")
        case datetime():
            if (moment := normal_moment(value)) is None:
                raise ValueError("no time that every clock can hold")
            return moment
    return value


def normal_moment(at: datetime) -> datetime | None:
    """``at`` in UTC, or None where it lies beyond what every clock and database can hold."""
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        return None
    return utc if utc < _LATEST else None

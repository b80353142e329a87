"""Rows and columns as PostgreSQL's binary format wants them, for COPY and for arrays.

Written here and not by the driver, whose ``write_row`` costs about as much as decoding and
folding the event that the row tells of.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from operator import call
from types import NoneType, UnionType
from typing import Any, LiteralString, get_type_hints

from msgspec import Struct
from msgspec.structs import astuple, replace
from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY, _SECOND = 86_400_000_000, 1_000_000
_length = struct.Struct(">i").pack
_wide = struct.Struct(">iq").pack
_narrow = struct.Struct(">ii").pack
_TRUE, _FALSE = _length(1) + b"\x01", _length(1) + b"\x00"


def text(value: str) -> bytes:
    """A ``text``; it must hold no NUL."""
    raw = value.encode()
    return _length(len(raw)) + raw


def bytea(value: bytes) -> bytes:
    """A ``bytea``."""
    return _length(len(value)) + value


int4 = partial(_narrow, 4)
"""An ``integer``."""


int8 = partial(_wide, 8)
"""A ``bigint``."""


def timestamptz(value: datetime) -> bytes:
    """A ``timestamptz``, to the microsecond; ``value`` must know its zone."""
    gone = value - _EPOCH
    return _wide(8, gone.days * _DAY + gone.seconds * _SECOND + gone.microseconds)


def boolean(value: bool) -> bytes:  # noqa: FBT001 - as a column is
    """A ``boolean``."""
    return _TRUE if value else _FALSE


def elements(oid: int, encoded: Iterable[bytes], count: int) -> bytes:
    """The content of an array of one dimension, from its elements as columns are encoded."""
    if not count:
        return struct.pack(">iiI", 0, 0, oid)
    # one dimension, maybe nulls, counted from one
    return struct.pack(">iiIii", 1, 1, oid, count, 1) + b"".join(encoded)


class Type(Struct, frozen=True):
    """How values of a Python type become a column: its SQL type, and its encoding.

    Whether it may be null is for others to know; the encoding takes no None.
    """

    sql: LiteralString
    oid: int
    encode: Callable[[Any], bytes]
    nullable: bool = False


_TEXT = Type("text", 25, text)
_INT8 = Type("bigint", 20, int8)
_TIMESTAMPTZ = Type("timestamptz", 1184, timestamptz)


def _remembered(value: str) -> bytes:
    return _TEXTS[value]


def array_of(kind: Type) -> Callable[[Sequence[Any]], bytes]:
    """What encodes an array of one dimension; its elements may be None."""
    oid, encode = kind.oid, _remembered if kind.encode is text else kind.encode
    alone = elements(oid, (), 1)

    def array(values: Sequence[Any]) -> bytes:
        if len(values) == 1:
            # nearly always
            element = NULL if values[0] is None else encode(values[0])
            return _length(len(alone) + len(element)) + alone + element
        encoded = [NULL if value is None else encode(value) for value in values]
        return bytea(elements(oid, encoded, len(encoded)))

    return array


_TYPES: dict[Any, Type] = {
    str: _TEXT,
    bytes: Type("bytea", 17, bytea),
    int: _INT8,
    bool: Type("boolean", 16, boolean),
    datetime: _TIMESTAMPTZ,
    list[str]: Type("text[]", 1009, array_of(_TEXT)),
    list[str | None]: Type("text[]", 1009, array_of(_TEXT)),
    list[int]: Type("bigint[]", 1016, array_of(_INT8)),
    list[datetime]: Type("timestamptz[]", 1185, array_of(_TIMESTAMPTZ)),
}


@cache
def types_of(columns: type[Struct]) -> tuple[Type, ...]:
    """The column types of a row, from the annotations of its fields."""
    hints = get_type_hints(columns)
    return tuple(_type(hints[name]) for name in columns.__struct_fields__)


def _type(hint: Any) -> Type:  # noqa: ANN401 - a type, or a form of one
    nullable = isinstance(hint, UnionType)
    if nullable:
        (hint,) = (part for part in hint.__args__ if part is not NoneType)
    return replace(_TYPES[hint], nullable=nullable)


class _Texts(dict[str | None, bytes]):
    """Encoded texts by what they say: most say again what was said a moment ago."""

    def __init__(self) -> None:
        super().__init__({None: NULL})

    def __missing__(self, value: str) -> bytes:
        if len(self) > _REMEMBERED:
            self.clear()
            self[None] = NULL
        encoded = self[value] = text(value)
        return encoded


_REMEMBERED = 20_000
_BOOLEANS: dict[bool | None, bytes] = {True: _TRUE, False: _FALSE, None: NULL}


def _null_or(kind: Type) -> Callable[[Any], bytes]:
    """What encodes the values of a column, nulls included."""
    encode = kind.encode
    if encode is text:
        return _TEXTS.__getitem__
    if encode is boolean:
        return _BOOLEANS.__getitem__
    return (lambda value: NULL if value is None else encode(value)) if kind.nullable else encode


_TEXTS = _Texts()


def row_encoder(book: str, columns: type[Struct]) -> Callable[[Struct], bytes]:
    """What makes a whole row of a read model, the book first, from its struct."""
    types = types_of(columns)
    encoders = [*map(_null_or, types)]
    head = (len(encoders) + 1).to_bytes(2, "big") + text(book)
    # the last columns are often null, all of them: that is seen at once
    cut = max((n for n, kind in enumerate(types, 1) if not kind.nullable), default=0)
    first, nones, nulls = encoders[:cut], (None,) * (len(types) - cut), NULL * (len(types) - cut)

    def encode(row: Struct) -> bytes:
        values = astuple(row)
        if values[cut:] == nones:
            return head + b"".join(map(call, first, values)) + nulls
        return head + b"".join(map(call, encoders, values))

    return encode


class Column(Struct, frozen=True):
    """A whole column, ready to be sent as an array parameter of its SQL type."""

    content: bytes


def columns(rows: Sequence[Struct]) -> dict[str, Column]:
    """The columns of some rows of one read model, by name; at least one row.

    For ``unnest``, which would flatten arrays: those go as text.
    """
    kind = type(rows[0])
    values = zip(*map(astuple, rows), strict=True)
    return {
        name: Column(elements(oid, map(encode, of_column), len(rows)))
        for name, (oid, encode), of_column in zip(
            kind.__struct_fields__, _sent(kind), values, strict=True
        )
    }


@cache
def _sent(columns: type[Struct]) -> list[tuple[int, Callable[[Any], bytes]]]:
    return [
        (_TEXT.oid, lambda values: NULL if values is None else text(_literal(values)))
        if kind.sql.endswith("[]")
        else (kind.oid, _null_or(kind))
        for kind in types_of(columns)
    ]


def _literal(values: Sequence[Any]) -> str:
    """An array as text: the literal that PostgreSQL reads back, whatever its elements are."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:  # noqa: ANN401 - of whatever type the array has
    if value is None:
        return "NULL"
    quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


class _ColumnDumper(Dumper):
    format = Format.BINARY
    oid = 0  # the statement says by a cast what it is

    def dump(self, obj: Column) -> bytes:
        return obj.content


adapters.register_dumper(Column, _ColumnDumper)

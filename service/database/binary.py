"""Encodes rows and columns in PostgreSQL's binary format, for COPY and for arrays.

The driver's ``write_row`` is not used: it costs about as much as decoding and folding the event
behind the row.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, partial
from operator import call
from types import NoneType, UnionType
from typing import Any, LiteralString, get_type_hints

from msgspec import Struct
from msgspec.structs import astuple, replace
from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import DecimalBinaryDumper

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
    """A ``text``; it must not contain NUL."""
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
    """A ``timestamptz``, to the microsecond; ``value`` must have a time zone."""
    elapsed = value - _EPOCH
    return _wide(8, elapsed.days * _DAY + elapsed.seconds * _SECOND + elapsed.microseconds)


def boolean(value: bool) -> bytes:  # noqa: FBT001 - a column's value
    """A ``boolean``."""
    return _TRUE if value else _FALSE


def numeric(value: Decimal) -> bytes:
    """A ``numeric``."""
    return bytea(bytes(DecimalBinaryDumper(Decimal).dump(value) or b""))


def elements(oid: int, encoded: Iterable[bytes], count: int) -> bytes:
    """The content of a one-dimensional array, from its encoded elements."""
    if not count:
        return struct.pack(">iiI", 0, 0, oid)
    # one dimension, nulls allowed, lower bound 1
    return struct.pack(">iiIii", 1, 1, oid, count, 1) + b"".join(encoded)


class Type(Struct, frozen=True):
    """The SQL type and the encoder of a Python type.

    The encoder does not accept None, even if the column is nullable.
    """

    sql: LiteralString
    oid: int
    encode: Callable[[Any], bytes]
    nullable: bool = False


_TEXT = Type("text", 25, text)
_INT8 = Type("bigint", 20, int8)
_TIMESTAMPTZ = Type("timestamptz", 1184, timestamptz)


def _cached_text(value: str) -> bytes:
    return _TEXTS[value]


def array_encoder(kind: Type) -> Callable[[Sequence[Any]], bytes]:
    """The encoder of a one-dimensional array, whose elements may be None."""
    oid, encode = kind.oid, _cached_text if kind.encode is text else kind.encode
    header = elements(oid, (), 1)

    def array(values: Sequence[Any]) -> bytes:
        if len(values) == 1:
            # nearly always
            element = NULL if values[0] is None else encode(values[0])
            return _length(len(header) + len(element)) + header + element
        encoded = [NULL if value is None else encode(value) for value in values]
        return bytea(elements(oid, encoded, len(encoded)))

    return array


_TYPES: dict[Any, Type] = {
    str: _TEXT,
    bytes: Type("bytea", 17, bytea),
    int: _INT8,
    bool: Type("boolean", 16, boolean),
    datetime: _TIMESTAMPTZ,
    Decimal: Type("numeric", 1700, numeric),
    list[str]: Type("text[]", 1009, array_encoder(_TEXT)),
}


@cache
def column_types(columns: type[Struct]) -> tuple[Type, ...]:
    """The column types of a row, from its annotations."""
    hints = get_type_hints(columns)
    return tuple(_type(hints[name]) for name in columns.__struct_fields__)


def _type(hint: Any) -> Type:  # noqa: ANN401 - a type, or a form of one
    nullable = isinstance(hint, UnionType)
    if nullable:
        (hint,) = (part for part in hint.__args__ if part is not NoneType)
    return replace(_TYPES[hint], nullable=nullable)


class _Texts(dict[str | None, bytes]):
    """A cache of encoded texts: most rows repeat texts of recent rows."""

    def __init__(self) -> None:
        super().__init__({None: NULL})

    def __missing__(self, value: str) -> bytes:
        if len(self) > _MAX_TEXTS:
            self.clear()
            self[None] = NULL
        encoded = self[value] = text(value)
        return encoded


_MAX_TEXTS = 20_000
_BOOLEANS: dict[bool | None, bytes] = {True: _TRUE, False: _FALSE, None: NULL}


def _null_or(kind: Type) -> Callable[[Any], bytes]:
    """The encoder of a column's values, including nulls."""
    encode = kind.encode
    if encode is text:
        return _TEXTS.__getitem__
    if encode is boolean:
        return _BOOLEANS.__getitem__
    return (lambda value: NULL if value is None else encode(value)) if kind.nullable else encode


_TEXTS = _Texts()


def row_encoder(book: str, columns: type[Struct]) -> Callable[[Struct], bytes]:
    """The encoder of whole rows of a read model; the book is the first column."""
    types = column_types(columns)
    encoders = [*map(_null_or, types)]
    head = (len(encoders) + 1).to_bytes(2, "big") + text(book)
    # the trailing columns are often all null: one comparison recognises that
    cut = max((n for n, kind in enumerate(types, 1) if not kind.nullable), default=0)
    first, nones, nulls = encoders[:cut], (None,) * (len(types) - cut), NULL * (len(types) - cut)

    def encode(row: Struct) -> bytes:
        values = astuple(row)
        if values[cut:] == nones:
            return head + b"".join(map(call, first, values)) + nulls
        return head + b"".join(map(call, encoders, values))

    return encode


class Column(Struct, frozen=True):
    """An encoded column, sent as an array parameter of its SQL type."""

    content: bytes


def columns(rows: Sequence[Struct]) -> dict[str, Column]:
    """Encode rows of one read model as columns by name; at least one row.

    The statement unnests them. ``unnest`` would flatten arrays, so those are sent as text.
    """
    kind = type(rows[0])
    values = zip(*map(astuple, rows), strict=True)
    return {
        name: Column(elements(oid, map(encode, of_column), len(rows)))
        for name, (oid, encode), of_column in zip(
            kind.__struct_fields__, _column_encoders(kind), values, strict=True
        )
    }


@cache
def _column_encoders(columns: type[Struct]) -> list[tuple[int, Callable[[Any], bytes]]]:
    return [
        (_TEXT.oid, lambda values: NULL if values is None else text(_literal(values)))
        if kind.sql.endswith("[]")
        else (kind.oid, _null_or(kind))
        for kind in column_types(columns)
    ]


def _literal(values: Sequence[Any]) -> str:
    """An array as the literal that PostgreSQL parses."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:  # noqa: ANN401 - of the array's type
    if value is None:
        return "NULL"
    quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


class _ColumnDumper(Dumper):
    format = Format.BINARY
    oid = 0  # the statement casts it to its type

    def dump(self, obj: Column) -> bytes:
        return obj.content


adapters.register_dumper(Column, _ColumnDumper)

"""Rows as PostgreSQL's binary COPY wants them.

Written here and not by the driver, whose ``write_row`` costs about as much as decoding and
folding the event that the row tells of.
"""

import struct
from datetime import UTC, datetime

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


def int8(value: int) -> bytes:
    """A ``bigint``."""
    return _wide(8, value)


def int4(value: int) -> bytes:
    """An ``integer``."""
    return _narrow(4, value)


def timestamptz(value: datetime) -> bytes:
    """A ``timestamptz``, to the microsecond; ``value`` must know its zone."""
    gone = value - _EPOCH
    return _wide(8, gone.days * _DAY + gone.seconds * _SECOND + gone.microseconds)


def boolean(value: bool) -> bytes:  # noqa: FBT001 - as a column is
    """A ``boolean``."""
    return _TRUE if value else _FALSE

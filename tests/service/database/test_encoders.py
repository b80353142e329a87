"""Our encoders and our scan against the driver's own: byte for byte, for any value."""

import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from psycopg.adapt import Dumper, Transformer
from psycopg.types.bool import BoolBinaryDumper
from psycopg.types.datetime import DatetimeBinaryDumper
from psycopg.types.numeric import DecimalBinaryDumper, Int8BinaryDumper
from psycopg.types.string import BytesBinaryDumper, StrBinaryDumper

from service.database import binary
from service.store import scan

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
WIDE = st.integers(-(2**63), 2**63 - 1)

VALUES: dict[Any, tuple[type[Dumper], st.SearchStrategy[Any]]] = {
    str: (StrBinaryDumper, TEXTS),
    bytes: (BytesBinaryDumper, st.binary()),
    int: (Int8BinaryDumper, WIDE),
    bool: (BoolBinaryDumper, st.booleans()),
    datetime: (DatetimeBinaryDumper, MOMENTS),
    Decimal: (DecimalBinaryDumper, st.decimals(allow_nan=False, allow_infinity=False)),
}
ELEMENTS: dict[Any, tuple[type[Dumper], st.SearchStrategy[Any]]] = {
    list[str]: VALUES[str],
}
OIDS = {list[str]: 25}
"""Of an array's elements, as PostgreSQL's catalog has them."""


def dumped(dumper: type[Dumper], value: Any) -> bytes:  # noqa: ANN401
    """What the driver sends for a value, with its length before it."""
    content = bytes(dumper(type(value), Transformer()).dump(value) or b"")
    return struct.pack(">i", len(content)) + content


def test_every_type_of_a_column_is_compared() -> None:
    assert binary._TYPES.keys() == VALUES.keys() | ELEMENTS.keys()


@pytest.mark.parametrize("kind", VALUES, ids=str)
@given(data=st.data())
def test_a_value_is_encoded_as_the_driver_would(kind: Any, data: st.DataObject) -> None:  # noqa: ANN401
    dumper, values = VALUES[kind]
    value = data.draw(values)
    assert bytes(binary._TYPES[kind].encode(value)) == dumped(dumper, value)


@pytest.mark.parametrize("kind", ELEMENTS, ids=str)
@given(data=st.data())
def test_an_array_is_encoded_as_the_driver_would(kind: Any, data: st.DataObject) -> None:  # noqa: ANN401
    dumper, values = ELEMENTS[kind]
    array: list[Any] = data.draw(st.lists(values, min_size=1))
    encoded = bytes(binary._TYPES[kind].encode(array))
    length, dimensions, nulls, oid, count, first = struct.unpack_from(">iiiIii", encoded)
    assert (length, dimensions, count, first) == (len(encoded) - 4, 1, len(array), 1)
    # the flag says that there may be nulls, which is allowed where there are none
    assert nulls == 1
    assert oid == OIDS[kind]
    expected = [binary.NULL if one is None else dumped(dumper, one) for one in array]
    assert encoded[24:] == b"".join(expected)


class Columns(Struct):
    name: str
    count: int
    flag: bool | None
    at: datetime | None
    note: str | None = None


@given(name=TEXTS, count=WIDE, flag=st.none() | st.booleans(), at=st.none() | MOMENTS,
       note=st.none() | TEXTS)  # fmt: skip
def test_a_row_is_its_values_one_after_the_other(
    name: str, count: int, *, flag: bool | None, at: datetime | None, note: str | None
) -> None:
    row = binary.row_encoder("book", Columns)(Columns(name, count, flag, at, note))
    sent = (
        (str, "book"), (str, name), (int, count), (bool, flag), (datetime, at), (str, note),
    )  # fmt: skip
    expected = [binary.NULL if v is None else dumped(VALUES[k][0], v) for k, v in sent]
    assert row == struct.pack(">h", len(expected)) + b"".join(expected)


@given(position=WIDE, revision=st.integers(0, 2**31 - 1), sent_at=MOMENTS, recorded_at=MOMENTS,
       digest=st.binary(min_size=32, max_size=32), webhook_id=TEXTS, book=TEXTS,
       observation=st.none() | TEXTS, body=st.binary())  # fmt: skip
def test_a_scanned_row_is_read_as_it_was_sent(**values: Any) -> None:  # noqa: ANN401
    sent = (
        (Int8BinaryDumper, "position"), (None, "revision"), (DatetimeBinaryDumper, "sent_at"),
        (DatetimeBinaryDumper, "recorded_at"), (BytesBinaryDumper, "digest"),
        (StrBinaryDumper, "webhook_id"), (StrBinaryDumper, "book"),
        (StrBinaryDumper, "observation"), (BytesBinaryDumper, "body"),
    )  # fmt: skip
    raw = struct.pack(">h", len(sent)) + b"".join(
        binary.NULL if values[name] is None
        else binary.int4(values[name]) if dumper is None else dumped(dumper, values[name])
        for dumper, name in sent
    )  # fmt: skip
    # a reading that is repeated revises nothing
    values["revision"] *= values["observation"] is None
    book, event = scan._event(raw, scan._Moments())
    assert book == values["book"]
    assert event.body_sha256 == values["digest"]
    for name in (
        "position",
        "revision",
        "sent_at",
        "recorded_at",
        "webhook_id",
        "observation",
        "body",
    ):
        assert getattr(event, name) == values[name], name

"""The rows of one page, each as the bytes that were sent; a bad one costs no other."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from domain.legible import UNREADABLE, readable
from domain.payload import Moment, Name
from service.provider.client import Patience, Provider, Reply
from service.provider.errors import BrokenAnswerError, UnexpectedAnswerError
from service.provider.kinds import Kind

_LEXEME = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+|"', re.DOTALL)
_OPENS = {b"]": b"[", b"}": b"{"}
_ITEMS = b'"items"'
_SHOWN = 60

_BEYOND_THE_CAP = (400, 416, 422)
_PARTS = 10
"""A page that a row breaks is read in so many, and again each that is broken."""


class Row(Struct, frozen=True):
    """One row, as the bytes that the provider sent.

    ``created_at`` is None where the row has none that can be read.
    """

    id: str
    body: bytes
    created_at: datetime | None


class Rows(Struct, frozen=True):
    """The rows of a reply, and why any others cannot be told from each other.

    Attributes:
        reply: what they came in.
        rows: those that have an id.
        unread: of each other row, where it is and what is wrong with it.
        names: the id of each row, or a number that stands for it: they tell pages apart.
    """

    reply: Reply
    rows: tuple[Row, ...]
    unread: tuple[str, ...]
    names: tuple[str | int, ...]

    @property
    def length(self) -> int:
        """How many rows the page has."""
        return len(self.names)


class _List(Struct):
    items: list[Raw]


_LIST = msgspec.json.Decoder(_List)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ID = msgspec.json.Decoder(Name)
_MOMENT = msgspec.json.Decoder(Moment)


class PageReader:
    """Reads the pages of one list."""

    def __init__(self, provider: Provider, kind: Kind, path: str, patience: Patience) -> None:
        self._provider = provider
        self._kind = kind
        self._path = path
        self._patience = patience

    async def read(
        self, query: Mapping[str, str | int], number: int, size: int
    ) -> list[Rows] | None:
        """The rows of a page, in one reply or in several; None if the provider pages no further.

        Raises:
            ProviderError: if it cannot be read.
        """
        asked = {**query, "page_number": number, "page_size": size}
        try:
            reply = await self._provider.get(self._path, asked, patience=self._patience)
            return [rows_of(self._kind, reply)]
        except UnexpectedAnswerError as error:
            if error.status in _BEYOND_THE_CAP and number:
                return None
            if not isinstance(error, BrokenAnswerError) or size == 1:
                raise
            return await self._divided(query, number, size, error)

    async def _divided(
        self, query: Mapping[str, str | int], number: int, size: int, failure: BrokenAnswerError
    ) -> list[Rows]:
        """The rows of a page that one of them breaks, by smaller pages.

        Raises:
            ProviderError: if these show no row either.
        """
        smaller = size // _PARTS if size % _PARTS == 0 else 1
        count = size // smaller
        parts: list[Rows] = []
        lost: list[str] = []
        for part in range(number * count, (number + 1) * count):
            try:
                found = await self.read(query, part, smaller)
            except BrokenAnswerError as error:
                lost.append(f"page {part} of {smaller} rows: {error}")
                continue
            if not found or not names_of(found):
                break
            parts += found
        if not parts:
            raise failure
        last = parts[-1]
        names = (*last.names, *map(hash, lost))
        parts[-1] = replace(last, unread=(*last.unread, *lost), names=names)
        return parts


def names_of(parts: Iterable[Rows]) -> tuple[str | int, ...]:
    """The names of all rows of a page."""
    return tuple(name for part in parts for name in part.names)


def rows_of(kind: Kind, reply: Reply) -> Rows:
    """The rows of a reply, whatever stands in them.

    Raises:
        UnexpectedAnswerError: if it is not a list, or its rows cannot be told from each other.
    """
    rows: list[Row] = []
    unread: list[str] = []
    names: list[str | int] = []
    for number, body in enumerate(_slices(reply), 1):
        try:
            row = _row(body, kind.id_field)
        except ValueError as error:
            shown = body[:_SHOWN].decode(errors="replace")
            unread.append(f"row {number} of {reply.path} {error}: {shown!r}")
            names.append(hash(body))
        else:
            rows.append(row)
            names.append(row.id)
    return Rows(reply, tuple(rows), tuple(unread), tuple(names))


def _slices(reply: Reply) -> list[bytes]:
    error: Exception
    try:
        return [bytes(item) for item in _LIST.decode(reply.body).items]
    except msgspec.ValidationError as invalid:
        error = UnexpectedAnswerError(_undocumented(reply, invalid), reply.status)
    except UNREADABLE:
        # a value that no parser takes: the commas between the rows are there all the same
        try:
            return [*_tolerant_slices(reply.body)]
        except ValueError as broken:
            error = BrokenAnswerError(_undocumented(reply, broken), reply.status)
    raise error


def _undocumented(reply: Reply, error: Exception) -> str:
    return (
        f"The provider's list {reply.path.partition('?')[0]} is not as documented: {error}."
        " Report this to the developers of Daybook."
    )


def _tolerant_slices(body: bytes) -> Iterator[bytes]:
    """The rows of a page that is nested as JSON is, whatever its values are.

    Raises:
        ValueError: if a text or a bracket has no end, or there is no list of rows.
    """
    opened: list[bytes] = []
    begin: int | None = None
    key = last = b""
    end = 0
    listed = inside = False
    for found in _LEXEME.finditer(body):
        lexeme = found[0]
        if lexeme == b'"':
            raise ValueError("a text has no end")
        if inside and len(opened) == 2:  # noqa: PLR2004 - in the page, in its items
            if lexeme == b"," or (lexeme == b"]" and begin is not None):
                yield body[end if begin is None else begin : end]
                begin = None
            elif lexeme != b"]" and begin is None:
                begin = found.start()
        _nest(opened, lexeme)
        inside = inside and len(opened) > 1
        if not listed and opened == [b"{", b"["] and (key, last) == (_ITEMS, b":"):
            listed = inside = True
        if lexeme == b":" and len(opened) == 1:
            key = last
        last, end = lexeme, found.end()
    if opened or not listed:
        raise ValueError("a bracket has no end" if opened else "it has no `items`")


def _nest(opened: list[bytes], lexeme: bytes) -> None:
    if lexeme in b"[{":
        opened.append(lexeme)
    elif lexeme in b"]}" and (not opened or opened.pop() != _OPENS[lexeme]):
        raise ValueError("a bracket closes nothing")


def id_of(body: bytes, id_field: str) -> str:
    """The id of a resource.

    Raises:
        ValueError: what is wrong with it, if it has none.
    """
    return _row(body, id_field).id


def _row(body: bytes, id_field: str) -> Row:
    """The row.

    Raises:
        ValueError: what is wrong with it, if it has no id.
    """
    fields = _fields(body)
    try:
        identity = _ID.decode(fields[id_field])
    except KeyError:
        raise ValueError(f"has no {id_field}") from None
    except UNREADABLE:
        raise ValueError(f"has a {id_field} that cannot be read") from None
    if not identity or "\0" in identity:
        raise ValueError(f"has a {id_field} that cannot be read")
    return Row(identity, body, _created_at(fields.get("created_at")))


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return _FIELDS.decode(body)
    except UNREADABLE:
        pass
    try:
        return _FIELDS.decode(readable(body)[0])
    except UNREADABLE:
        raise ValueError("is not an object") from None


def _created_at(encoded: Raw | None) -> datetime | None:
    try:
        return None if encoded is None else _MOMENT.decode(encoded).astimezone(UTC)
    except (*UNREADABLE, OverflowError):
        return None

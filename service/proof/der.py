"""Reads DER, as far as a timestamp token of RFC 3161 needs it; without the extra. Pure."""

from datetime import UTC, datetime

from msgspec import Struct

_LONG = 0x80


class Element(Struct, frozen=True):
    """An element of DER: its tag, and where it, its content and its end are."""

    tag: int
    start: int
    content: int
    end: int


def children(data: bytes, start: int, end: int) -> list[Element]:
    """The elements between two places.

    Raises:
        ValueError: if they are not whole.
    """
    found, at = [], start
    while at < end:
        size, content = data[at + 1], at + 2
        if size >= _LONG:
            content += size - _LONG
            size = int.from_bytes(data[at + 2 : content], "big")
        if content + size > end:
            raise ValueError(at)
        found.append(Element(data[at], at, content, content + size))
        at = content + size
    return found


def stated_time(token: bytes) -> datetime:
    """The time that the answer of a timestamp authority states, to the second.

    Raises:
        ValueError: if it is not such an answer.
    """
    at = Element(0, 0, 0, len(token))
    try:
        # the response; its token; the signed data; what was signed; the time in it
        for index in (0, 1, 1, 0, 2, 1, 0, 0, 4):
            at = children(token, at.content, at.end)[index]
        text = token[at.content : at.end].decode("ascii")
    except (IndexError, UnicodeDecodeError):
        raise ValueError("not a timestamp token") from None
    return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)

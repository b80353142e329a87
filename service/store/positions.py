"""Positions as clients see them: ``30-5f0c8a21``, a number and the first bytes of its link.

A link covers all events before it (see ``store.events``), so these few bytes identify the history
of a position. After a restore of the database to an earlier moment, the same numbers name other
events; a client that sends a position of the lost history is recognised.

A bare number, typed by a person, is accepted unchecked. ``event_position`` and values derived from
it are bare numbers: they name an event within one response, which also contains a full position.
"""

import re

from msgspec import Struct

LINK_BYTES = 4
"""The bytes of a link in a position; two histories share them with probability 2^-32."""

PATTERN = "(0|[1-9][0-9]{0,17})(-[0-9a-f]{8})?"
"""The regular expression of a position, with or without the link."""


class Position(Struct, frozen=True, gc=False):
    """A place in a book; ``link`` is None for a bare number."""

    number: int
    link: bytes | None = None

    def __str__(self) -> str:
        return str(self.number) if self.link is None else f"{self.number}-{self.link.hex()}"


BEGINNING = Position(0, bytes(LINK_BYTES))
"""The position before the first event, the same in every history."""


def position_of(number: int, link: bytes) -> Position:
    """The position of an event, from its number and its link."""
    return Position(number, bytes(link[:LINK_BYTES]))


def parse(text: str) -> Position:
    """Parse a position.

    Raises:
        ValueError: if the text does not match ``PATTERN``.
    """
    if not re.fullmatch(PATTERN, text):
        raise ValueError(text)
    number, _, link = text.partition("-")
    return Position(int(number), bytes.fromhex(link) if link else None)

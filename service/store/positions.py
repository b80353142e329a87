"""Positions as they leave the service: ``30-5f0c8a21``, a number and the beginning of its link.

A link covers everything before it (see ``store``), so these few bytes name the history that a
position belongs to. After a restore of the database to an earlier moment the same numbers come
again and name other events: a reader who comes with a position of the lost history is recognised.

A bare number is accepted where a person types one; it is not checked. ``event_position`` and what
is derived from it are bare numbers: they name an event within one answer, and every answer carries
a whole position beside them.
"""

import re

from msgspec import Struct

LINK_BYTES = 4
"""How much of a link a position carries; another history has the same in one of 2^32 cases."""

PATTERN = "(0|[1-9][0-9]{0,17})(-[0-9a-f]{8})?"
"""What a position looks like, with the link or without."""


class Position(Struct, frozen=True, gc=False):
    """A place in a book; ``link`` is None where only a number was given."""

    number: int
    link: bytes | None = None

    def __str__(self) -> str:
        return str(self.number) if self.link is None else f"{self.number}-{self.link.hex()}"


BEGINNING = Position(0, bytes(LINK_BYTES))
"""The position before all events, the same in every history."""


def position_of(number: int, link: bytes) -> Position:
    """The position with this number, and a link of which only the beginning is kept."""
    return Position(number, bytes(link[:LINK_BYTES]))


def parse(text: str) -> Position:
    """A position, from its text.

    Raises:
        ValueError: if it is not written as this service writes it.
    """
    if not re.fullmatch(PATTERN, text):
        raise ValueError(text)
    number, _, link = text.partition("-")
    return Position(int(number), bytes.fromhex(link) if link else None)

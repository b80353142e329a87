"""What the provider just said about customers, so that nobody who knocks again asks it again."""

import time
from collections import OrderedDict

from msgspec import Struct
from msgspec.structs import replace

from service.provider.recording import Compared

ANSWERED_SECONDS = 60.0
"""So long an answer of the provider is taken as it is, whatever the customer does."""

FAILED_SECONDS = 5.0
"""So long nobody asks about a customer again after the provider did not answer."""

_MOST = 10_000
_MOST_BYTES = 64 << 20
_LEAST_BYTES = 500
"""Of an entry without a reading."""

_READING_BYTES = 3_000
"""Of a reading and what was understood of it, without its body."""


class Learned(Struct, frozen=True):
    """What was learned about a customer.

    Attributes:
        answered: whether the provider answered all that it was asked.
        decides: whether its answer tells that a customer is not entitled whom it does not entitle.
        compared: the readings that the book did not know.
        position: where the last of them was recorded; 0 if none was.
    """

    answered: bool
    decides: bool
    compared: tuple[Compared, ...] = ()
    position: int = 0


UNANSWERED = Learned(answered=False, decides=False)

Key = tuple[str, str]
"""A book and a customer."""


class _Kept(Struct, frozen=True):
    until: float
    learned: Learned
    size: int


class JustAsked:
    """What was learned in the last minute: of ten thousand customers and in 64 MB at most."""

    def __init__(self) -> None:
        # each in the order in which their time is over
        self._answered: OrderedDict[Key, _Kept] = OrderedDict()
        self._failed: OrderedDict[Key, _Kept] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        """How many customers take up memory."""
        return len(self._answered) + len(self._failed)

    def get(self, key: Key) -> Learned | None:
        """What was just learned; None where it is time to ask."""
        self._drop_expired()
        found = self._answered.get(key) or self._failed.get(key)
        return found.learned if found else None

    def put(self, key: Key, learned: Learned) -> None:
        """Keep what was learned, without the replies; the oldest makes room."""
        self._drop_expired()
        for kept in (self._answered, self._failed):
            if key in kept:
                self._drop(kept, key)
        slim = _slim(learned)
        seconds = ANSWERED_SECONDS if learned.answered else FAILED_SECONDS
        kept = self._answered if learned.answered else self._failed
        kept[key] = _Kept(time.monotonic() + seconds, slim, _size_of(slim))
        self._size += kept[key].size
        while self._size > _MOST_BYTES or len(self) > _MOST:
            # what failed is asked again soon anyway
            oldest = self._failed or self._answered
            self._drop(oldest, next(iter(oldest)))

    def forget(self) -> None:
        """Ask about everybody again."""
        self._answered.clear()
        self._failed.clear()
        self._size = 0

    def _drop_expired(self) -> None:
        now = time.monotonic()
        for kept in (self._answered, self._failed):
            while kept and next(iter(kept.values())).until <= now:
                self._drop(kept, next(iter(kept)))

    def _drop(self, kept: OrderedDict[Key, _Kept], key: Key) -> None:
        self._size -= kept.pop(key).size


def _slim(learned: Learned) -> Learned:
    """The same, without the bodies of replies and what the book knew: readings have their own."""
    compared = tuple(map(_without_reply, learned.compared))
    return replace(learned, compared=compared) if compared else learned


def _without_reply(one: Compared) -> Compared:
    reply = replace(one.reading.reply, body=b"")
    return replace(one, reading=replace(one.reading, reply=reply), known=None)


def _size_of(learned: Learned) -> int:
    # what was understood of a body is no longer than it
    readings = sum(2 * len(one.reading.body) + _READING_BYTES for one in learned.compared)
    return _LEAST_BYTES + readings

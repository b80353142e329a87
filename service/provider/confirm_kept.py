"""What the provider just said about customers, so that nobody who knocks again asks it again."""

import time
from collections import OrderedDict

from msgspec import Struct

from service.provider.recording import Compared

ANSWERED_SECONDS = 60.0
"""So long an answer of the provider is taken as it is, whatever the customer does."""

FAILED_SECONDS = 5.0
"""So long nobody asks about a customer again after the provider did not answer."""

_MOST = 10_000


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


class JustAsked:
    """What was learned in the last minute, of at most ten thousand customers."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[float, Learned]] = OrderedDict()

    def get(self, key: Key) -> Learned | None:
        """What was just learned; None where it is time to ask."""
        until, learned = self._kept.get(key, (0.0, UNANSWERED))
        return learned if time.monotonic() < until else None

    def put(self, key: Key, learned: Learned) -> None:
        """Keep what was learned; the oldest makes room."""
        seconds = ANSWERED_SECONDS if learned.answered else FAILED_SECONDS
        self._kept[key] = (time.monotonic() + seconds, learned)
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Ask about everybody again."""
        self._kept.clear()

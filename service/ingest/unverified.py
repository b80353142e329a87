"""Bodies that nobody has signed yet: what all of them together may hold in memory."""

from types import TracebackType
from typing import Self

from service.problems import Problem

MAX_BYTES = 64 << 20
"""Of all bodies that are not verified, in one worker."""

FREE_BYTES = 64 << 10
"""Of each body, beside that: large bodies of strangers keep no usual webhook out."""


class Unverified:
    """What is left for bodies that are not verified; ``body`` is one of them."""

    def __init__(self, max_body_bytes: int) -> None:
        # one body of the largest kind must find room
        self._left = max(MAX_BYTES, max_body_bytes)

    def body(self) -> "Body":
        """A body of which nothing has come."""
        return Body(self)

    def take(self, count: int) -> None:
        """Take so many bytes.

        Raises:
            Problem: ``busy``.
        """
        if count > self._left:
            raise Problem("busy", "Too many large bodies wait to be verified.")
        self._left -= count

    def give(self, count: int) -> None:
        """Give them back."""
        self._left += count


class Body:
    """One body, for as long as its block runs: ``add`` what has come of it."""

    def __init__(self, all_of_them: Unverified) -> None:
        self._all = all_of_them
        self._taken = 0
        # one piece, whose size is known: thousands of small parts would take many times of theirs
        self._content = bytearray()

    @property
    def size(self) -> int:
        """How much of it has come."""
        return len(self._content)

    def add(self, part: bytes) -> None:
        """Add what came next.

        Raises:
            Problem: ``busy`` where there is no room for it.
        """
        more = max(0, self.size + len(part) - FREE_BYTES - self._taken)
        self._all.take(more)
        self._taken += more
        self._content += part

    def whole(self) -> bytes:
        """All of it."""
        return bytes(self._content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._all.give(self._taken)

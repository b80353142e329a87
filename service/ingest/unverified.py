"""A limit on the memory of all bodies whose signature is not verified yet."""

from types import TracebackType
from typing import Self

from service.problems import Problem

MAX_BYTES = 64 << 20
"""The limit for all unverified bodies of one worker."""

FREE_BYTES = 64 << 10
"""Free for each body: large bodies of strangers must not keep usual webhooks out."""


class Unverified:
    """The memory that is left for unverified bodies; ``body`` starts one."""

    def __init__(self, max_body_bytes: int) -> None:
        # one body of the maximal size must fit
        self._left = max(MAX_BYTES, max_body_bytes)

    def body(self) -> "Body":
        """A new, empty body."""
        return Body(self)

    def take(self, count: int) -> None:
        """Reserve this many bytes.

        Raises:
            Problem: ``busy``.
        """
        if count > self._left:
            raise Problem("busy", "Too many large bodies are waiting for verification.")
        self._left -= count

    def give(self, count: int) -> None:
        """Return reserved bytes."""
        self._left += count


class Body:
    """One body; a context manager that returns its memory at the end."""

    def __init__(self, budget: Unverified) -> None:
        self._budget = budget
        self._taken = 0
        # one buffer of known size: thousands of small parts would take many times their size
        self._content = bytearray()

    @property
    def size(self) -> int:
        """The number of bytes received."""
        return len(self._content)

    def add(self, part: bytes) -> None:
        """Append a part.

        Raises:
            Problem: ``busy`` if no memory is left.
        """
        more = max(0, self.size + len(part) - FREE_BYTES - self._taken)
        self._budget.take(more)
        self._taken += more
        self._content += part

    def whole(self) -> bytes:
        """The whole body."""
        return bytes(self._content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.give(self._taken)

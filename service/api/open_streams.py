"""How many streams of changes are open: each holds a connection, a task and pages of changes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.problems import Problem

MAX_OF_KEY = 8
MAX_IN_ALL = 100
"""In each worker."""


class OpenStreams:
    """Counts the streams of one worker, by key."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def check(self, key_id: str) -> None:
        """Refuse a further stream where a limit is reached.

        Raises:
            Problem: ``too-many-streams``.
        """
        if self._open[key_id] >= MAX_OF_KEY:
            raise Problem("too-many-streams", f"This key has {MAX_OF_KEY} streams open.")
        if self._open.total() >= MAX_IN_ALL:
            raise Problem("too-many-streams", f"{MAX_IN_ALL} streams are open in this worker.")

    @contextmanager
    def opened(self, key_id: str) -> Iterator[None]:
        """Count a stream for as long as the block runs.

        Raises:
            Problem: ``too-many-streams``.
        """
        self.check(key_id)
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            # a key that has none is forgotten
            self._open += Counter()

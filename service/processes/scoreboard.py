"""What a service's processes know of one another: memory that the parent and its children share.

Each field has one writer: the child its heartbeats and the settings that it follows, the parent
the rest. Each is one machine word, so a reader sees the old value or the new one, without a lock
that a killed process could hold for ever.
"""

import ctypes
import time
from collections.abc import Iterable
from multiprocessing import get_context

from msgspec import Struct

_GRACE_SECONDS = 5.0
"""A restart takes less; who is down for longer is told of."""


class _Entry(ctypes.Structure):
    _fields_ = (
        ("beats", ctypes.c_uint64),
        ("generation", ctypes.c_uint64),
        ("restarts", ctypes.c_uint64),
        ("down_since", ctypes.c_double),
    )


class ProcessStatus(Struct, frozen=True):
    """A child process as its parent sees it; ``down_seconds`` is 0 while it runs."""

    name: str
    restarts: int
    down_seconds: float


class Scoreboard:
    """An entry for each child, by its number; handed to a child as it is started."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        # memory of an unlinked file: it goes with the last process that has it
        self._entries = get_context("spawn").RawArray(_Entry, len(self.names))

    def begin(self, number: int, generation: int) -> None:
        """Set a child's entry as it is started, with the settings of a generation."""
        self._entries[number].beats = 0
        self._entries[number].generation = generation

    def beat(self, number: int) -> None:
        """Count a heartbeat; the first says that the process is up."""
        self._entries[number].beats += 1

    def beats(self, number: int) -> int:
        """How many heartbeats there were since it was started."""
        return int(self._entries[number].beats)

    def follow(self, number: int, generation: int) -> None:
        """Say that the process follows the settings of this generation, and no older ones."""
        self._entries[number].generation = generation

    def generation(self, number: int) -> int:
        """Which settings the process follows."""
        return int(self._entries[number].generation)

    def down(self, number: int) -> None:
        """Count a restart; the process is down until ``up``."""
        entry = self._entries[number]
        entry.restarts += 1
        entry.down_since = entry.down_since or time.monotonic()

    def up(self, number: int) -> None:
        """Say that the process runs."""
        self._entries[number].down_since = 0.0

    def statuses(self) -> list[ProcessStatus]:
        """All child processes as they are now."""
        now = time.monotonic()
        return [
            ProcessStatus(name, entry.restarts, now - entry.down_since if entry.down_since else 0.0)
            for name, entry in zip(self.names, self._entries, strict=True)
        ]


_shared: list[Scoreboard] = []


def share(scoreboard: Scoreboard) -> None:
    """Make it the one that ``process_statuses`` reads, in this process."""
    _shared[:] = [scoreboard]


def process_statuses() -> list[ProcessStatus]:
    """The child processes of this service; none where this process has no parent."""
    return [status for scoreboard in _shared for status in scoreboard.statuses()]


def down() -> list[str]:
    """The names of those that are down for longer than a restart takes."""
    return [one.name for one in process_statuses() if one.down_seconds > _GRACE_SECONDS]

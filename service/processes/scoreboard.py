"""Shared memory of a service's processes: heartbeats, settings generations and restarts.

Each field has one writer: a child writes its heartbeats and its generation, the parent the rest.
Each field is one machine word, so a reader sees the old value or the new one without a lock, which
a killed process could hold for ever.
"""

import ctypes
import time
from collections.abc import Iterable
from multiprocessing import get_context

from msgspec import Struct

_GRACE_SECONDS = 5.0
"""Longer than a restart takes; a process that is down for longer is reported."""


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
    """An entry per child, by its number; each child receives the scoreboard at its start."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        # memory of an unlinked file, freed when the last process ends
        self._entries = get_context("spawn").RawArray(_Entry, len(self.names))

    def begin(self, number: int, generation: int) -> None:
        """Reset a child's entry at its start with settings of a generation."""
        self._entries[number].beats = 0
        self._entries[number].generation = generation

    def beat(self, number: int) -> None:
        """Count a heartbeat; the first one means that the process is up."""
        self._entries[number].beats += 1

    def beats(self, number: int) -> int:
        """The number of heartbeats since the start."""
        return int(self._entries[number].beats)

    def follow(self, number: int, generation: int) -> None:
        """Record that the process follows settings of this generation, and no older ones."""
        self._entries[number].generation = generation

    def generation(self, number: int) -> int:
        """The generation of the settings that the process follows."""
        return int(self._entries[number].generation)

    def down(self, number: int) -> None:
        """Count a restart; the process counts as down until ``up``."""
        entry = self._entries[number]
        entry.restarts += 1
        entry.down_since = entry.down_since or time.monotonic()

    def up(self, number: int) -> None:
        """Record that the process is up."""
        self._entries[number].down_since = 0.0

    def statuses(self) -> list[ProcessStatus]:
        """The current status of every child."""
        now = time.monotonic()
        return [
            ProcessStatus(name, entry.restarts, now - entry.down_since if entry.down_since else 0.0)
            for name, entry in zip(self.names, self._entries, strict=True)
        ]


_shared: list[Scoreboard] = []


def share(scoreboard: Scoreboard) -> None:
    """Set the scoreboard that ``process_statuses`` reads in this process."""
    _shared[:] = [scoreboard]


def process_statuses() -> list[ProcessStatus]:
    """The statuses of this service's child processes; empty outside a supervised process."""
    return [status for scoreboard in _shared for status in scoreboard.statuses()]


def down() -> list[str]:
    """The names of processes that are down for longer than a restart takes."""
    return [status.name for status in process_statuses() if status.down_seconds > _GRACE_SECONDS]

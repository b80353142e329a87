"""Growing pauses between retries, and a loop that survives every exception."""

import threading
from collections.abc import Callable

import structlog

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 30.0
_STABLE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Backoff:
    """Pauses that double from one second to thirty."""

    def __init__(self) -> None:
        self._next = _FIRST_SECONDS

    def pause(self, lived: float = 0.0) -> float:
        """Seconds until the next attempt; resets after a minute of life."""
        if lived >= _STABLE_SECONDS:
            self.reset()
        pause, self._next = self._next, min(2 * self._next, _LONGEST_SECONDS)
        return pause

    def reset(self) -> None:
        """Start over with one second."""
        self._next = _FIRST_SECONDS


def repeat(name: str, step: Callable[[], None], seconds: float, ended: threading.Event) -> None:
    """Call ``step`` every ``seconds`` until ``ended``; run it in a thread of its own.

    No exception ends the loop: a supervisor that dies of exhausted descriptors or a missing TMPDIR
    would never restart anything again. A failure is logged, and the next call waits longer.
    """
    backoff = Backoff()
    pause = seconds
    while not ended.wait(pause):
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the supervisor must survive
            pause = backoff.pause()
            _log.error("supervisor failed; retrying", supervisor=name, pause=pause, exc_info=error)
        else:
            pause = seconds
            backoff.reset()

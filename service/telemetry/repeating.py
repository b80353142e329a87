"""What happens again and again in an outage, said seldom."""

import asyncio
from collections.abc import Callable, Hashable
from contextvars import Context

_SECONDS = 10.0


class Repeating:
    """Says at once that something happens, then every ten seconds how often again since.

    When it has not happened for so long it is over: the next time is said at once.
    """

    def __init__(self) -> None:
        self._again: dict[Hashable, int] = {}

    def say(self, what: Hashable, log: Callable[..., object]) -> None:
        """Log that ``what`` happens; later lines are logged with ``again``, the number since.

        Must be called in an event loop.
        """
        if what in self._again:
            self._again[what] += 1
            return
        log()
        self._count(what, log)

    def _count(self, what: Hashable, log: Callable[..., object]) -> None:
        self._again[what] = 0
        # in no request's context: the line is of them all, and has none's id
        asyncio.get_running_loop().call_later(_SECONDS, self._tell, what, log, context=Context())

    def _tell(self, what: Hashable, log: Callable[..., object]) -> None:
        again = self._again.pop(what)
        if again:
            log(again=again)
            self._count(what, log)

"""Askers at work next to the senders: questions of every kind, and a follower of what changes."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import msgspec

from tests.acceptance.service import Service

PATHS = (
    "customers/cus_1/access",
    "subscriptions?limit=20",
    "subscriptions/sub_0_1",
    "subscriptions/sub_0_1/history",
    "customers/cus_1/timeline?limit=20",
    "events?limit=50",
    "changes?after=0&limit=50",
    "projections",
)
_PAUSE_SECONDS = 0.1
_TIMEOUT_SECONDS = 20.0


class Askers:
    """What was answered, and what the follower heard.

    Attributes:
        outcomes: how often each status came, or each error of the connection, by path.
        slowest: the longest that an answer took.
        heard: the positions of the changes that the follower heard, in their order.
    """

    def __init__(self, service: Service, key: str) -> None:
        self._base = service.client.base_url
        self._headers = {"authorization": f"Bearer {key}"}
        self._ended = threading.Event()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.slowest = 0.0
        self.heard: list[int] = []
        self._last = ""

    def end(self) -> None:
        """Let them finish what they are at."""
        self._ended.set()

    def ask(self) -> None:
        """Ask one question after the other."""
        with httpx.Client(base_url=self._base, timeout=_TIMEOUT_SECONDS) as client:
            while not self._ended.is_set():
                for path in PATHS:
                    begun = time.monotonic()
                    try:
                        answer = client.get(f"/v1/{path}", headers=self._headers)
                        outcome = str(answer.status_code)
                    except httpx.TransportError as error:
                        outcome = type(error).__name__
                    self.slowest = max(self.slowest, time.monotonic() - begun)
                    self.outcomes[path, outcome] += 1
                    self._ended.wait(_PAUSE_SECONDS)

    def follow(self) -> None:
        """Follow the changes from the first on, and go on where a stream ended."""
        while not self._ended.is_set():
            try:
                self._follow_once()
                outcome = "ended"
            except (httpx.TransportError, msgspec.DecodeError) as error:
                # the last line may have been cut off
                outcome = type(error).__name__
            self.outcomes["changes/stream", outcome] += 1
            self._ended.wait(_PAUSE_SECONDS)

    def _follow_once(self) -> None:
        last = self._last
        headers = self._headers | ({"last-event-id": last} if last else {})
        path = "/v1/changes/stream" if last else "/v1/changes/stream?after=0"
        # a beat comes more often than that
        with (
            httpx.Client(base_url=self._base, timeout=_TIMEOUT_SECONDS) as client,
            client.stream("GET", path, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                self.outcomes["changes/stream", str(answer.status_code)] += 1
                return
            identity = last
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    identity = value
                elif name == "data" and (place := _position(value)):
                    self.heard.append(place)
                    # known only now that all of it has come; kept when the stream breaks off
                    self._last = identity
                if self._ended.is_set():
                    break


def _position(data: str) -> int:
    """The position of a change; a position may have more behind its number."""
    said = msgspec.json.decode(data).get("event_position", "")
    found = re.match(r"\d+", said)
    return int(found[0]) if found else 0


@contextmanager
def askers(service: Service, key: str, number: int = 2) -> Iterator[Askers]:
    """Askers and a follower at work until the block is left."""
    made = Askers(service, key)
    with ThreadPoolExecutor(number + 1) as pool:
        working = [pool.submit(made.ask) for _ in range(number)]
        working.append(pool.submit(made.follow))
        try:
            yield made
        finally:
            made.end()
    for one in working:
        one.result()

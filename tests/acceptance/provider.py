"""The provider under load: senders that send each webhook until it is acknowledged."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from tests.acceptance.service import Service, number
from tests.builders import at, body

Identity = tuple[str, bytes]
"""A webhook's id and its body."""

_PROVIDERS_SECONDS = 15
_RETRY_SECONDS = 0.02
_PAUSE_SECONDS = 0.01
_RECOVERY_SECONDS = 90

# a line for each of a hundred thousand requests would bury the figures
logging.getLogger("httpx").setLevel(logging.WARNING)


class Provider:
    """What the senders sent, and what they were told."""

    def __init__(self, service: Service, secret: str, book: str) -> None:
        self._service = service
        self._secret = secret
        self._book = book
        self.ended = threading.Event()
        self.sent: set[Identity] = set()
        self.acknowledged: dict[Identity, int] = {}
        self.outcomes: Counter[str] = Counter()
        self._turn = threading.Lock()

    @property
    def failures(self) -> Counter[str]:
        """What came instead of an acknowledgement: statuses, and errors of the connection."""
        return Counter({kind: n for kind, n in self.outcomes.copy().items() if kind != "200"})

    def await_more(self, number: int = 50) -> None:
        """Wait until that many more were acknowledged."""
        wanted = len(self.acknowledged) + number
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while len(self.acknowledged) < wanted:
            assert not self.ended.is_set(), "a sender failed"
            assert time.monotonic() < deadline, "it never recovered"
            time.sleep(0.02)

    def await_failures(self, number: int = 10) -> None:
        """Wait until that many more were not acknowledged."""
        wanted = self.failures.total() + number
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while self.failures.total() < wanted:
            assert not self.ended.is_set(), "a sender failed"
            assert time.monotonic() < deadline, "the fault hit nobody"
            time.sleep(0.02)

    def send(self, name: int) -> None:
        """One sender's work: webhooks, every fifth twice, every seventh with another body too."""
        number = 0
        # a client of its own: its connections are nobody else's
        with httpx.Client(base_url=self._service.client.base_url, timeout=_PROVIDERS_SECONDS) as to:
            try:
                while not self.ended.is_set():
                    number += 1
                    about = f"sub_{name}_{number % 5}"
                    content = body("subscription.renewed", "active", at(number), about)
                    identity = f"msg_{name}_{number}"
                    self._until_acknowledged(to, identity, content)
                    if number % 5 == 0:
                        self._until_acknowledged(to, identity, content)
                    if number % 7 == 0:
                        self._until_acknowledged(to, identity, content + b" ")
            finally:
                self.ended.set()

    def _until_acknowledged(self, to: httpx.Client, identity: str, content: bytes) -> None:
        self.sent.add((identity, content))
        while not self.ended.is_set():
            try:
                answer = self._service.deliver(self._book, self._secret, content, identity, via=to)
            except httpx.TransportError as error:
                self._count(type(error).__name__)
                time.sleep(_RETRY_SECONDS)
                continue
            self._count(str(answer.status_code))
            if answer.status_code == 200:
                told = answer.json()
                place = self.acknowledged.setdefault((identity, content), number(told["position"]))
                assert place == number(told["position"]), "it is at two places"
                # else the senders would take all of a processor from what they try
                time.sleep(_PAUSE_SECONDS)
                return
            assert answer.status_code != 503 or answer.headers["retry-after"]
            time.sleep(_RETRY_SECONDS)

    def _count(self, outcome: str) -> None:
        with self._turn:
            self.outcomes[outcome] += 1


@contextmanager
def provider(
    service: Service, secret: str, book: str = "test", senders: int = 6
) -> Iterator[Provider]:
    """Senders at work until the block is left, and then the last answers are in."""
    made = Provider(service, secret, book)
    with ThreadPoolExecutor(senders) as pool:
        working = [pool.submit(made.send, name) for name in range(senders)]
        try:
            made.await_more()
            yield made
        finally:
            made.ended.set()
    for one in working:
        one.result()

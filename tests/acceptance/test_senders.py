"""Senders that break off, or send a byte a second: nobody else is hurt, and nothing is made up."""

import itertools
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from service.database.embedded import embedded
from tests.acceptance import raw
from tests.acceptance.hasty import BODY_SECONDS
from tests.acceptance.oracle import nothing_lost_nothing_doubled
from tests.acceptance.provider import Provider, provider
from tests.acceptance.service import Service
from tests.builders import body

_BODY_SECONDS = 30
"""As long as the service waits for a body."""


class Cutter(threading.Thread):
    """Sends requests and breaks each off: at any byte of it, or when it has sent the last one."""

    def __init__(self, service: Service, secret: str, made: Provider) -> None:
        super().__init__()
        self._service = service
        self._secret = secret
        self._made = made
        self.cut = 0

    def run(self) -> None:
        for number in itertools.count():
            if self._made.ended.is_set():
                return
            content = body("subscription.renewed", "active", identity="sub_cut")
            whole = raw.signed(self._secret, f"msg_cut_{number}", content)
            length = random.choice([len(whole), random.randrange(len(whole))])  # noqa: S311
            if length == len(whole):
                # it may be stored, though nobody was told
                self._made.sent.add((f"msg_cut_{number}", content))
            one = raw.connection(self._service)
            one.sendall(whole[:length])
            # by a reset or by an orderly end
            raw.reset(one) if number % 2 else one.close()
            self.cut += 1
            time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [BODY_SECONDS, _BODY_SECONDS])
def test_who_breaks_off_or_never_ends_hurts_nobody(seconds: int, scratch: Path, data: Path) -> None:
    hasty = seconds == BODY_SECONDS
    service = Service(scratch, "--data-dir", str(data), hasty=hasty).start()
    secret = service.find(r"SECRET=(\S+)")
    content = b"x" * 1000
    whole = raw.signed(secret, "msg_slow", content)
    slow = [raw.connection(service) for _ in range(50)]
    for one in slow:
        one.sendall(whole[: -len(content)])
    began = time.monotonic()
    with provider(service, secret) as made:
        cutter = Cutter(service, secret, made)
        cutter.start()
        while time.monotonic() < began + seconds - 1.5:
            for one in slow:
                one.sendall(b"x")
            time.sleep(1)
            made.await_more(1)
        answers = [raw.answer(one) for one in slow]
    assert [raw.status(one) for one in answers] == [408] * len(slow)
    for one in slow:
        one.close()
    cutter.join()
    assert made.failures.total() == 0
    # what was sent and not waited for is recorded by its end
    assert service.signal(signal.SIGTERM) == 0
    service.start()
    with embedded(scratch / "data") as server:
        key = service.find(r"KEY=(\S+)")
        nothing_lost_nothing_doubled(made, server.url, service, key, cutter.cut + len(slow))
    assert service.stop() == 0

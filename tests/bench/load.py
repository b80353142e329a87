"""A client that keeps connections busy: ready-made requests out, answers counted and timed."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import cast

import uvloop
from msgspec import Struct


class Load(Struct, frozen=True):
    """What came of it: how many answers of each status, in how many seconds, and how late."""

    statuses: Counter[int]
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)] * 1e3


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: bench", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(port: int, requests: list[bytes], connections: int, rate: float | None = None) -> Load:
    """Send all of it, each connection its next request when the last one is answered.

    Args:
        port: of the service, on this machine.
        requests: as ``request`` makes them.
        connections: how many at a time.
        rate: requests a second at most; as fast as they are answered without.
    """
    return uvloop.run(_drive(port, requests, connections, rate))


async def _drive(port: int, requests: list[bytes], connections: int, rate: float | None) -> Load:
    loop = asyncio.get_running_loop()
    todo = iter(requests)
    users = [_User(todo, connections / rate if rate else 0.0) for _ in range(connections)]
    for number, user in enumerate(users):
        await loop.create_connection(lambda user=user: user, "127.0.0.1", port)  # type: ignore[misc]
        user.due = loop.time() + user.every * number / connections
    started = time.perf_counter()
    for user in users:
        user.next()
    await asyncio.gather(*(user.done for user in users))
    seconds = time.perf_counter() - started
    statuses: Counter[int] = Counter()
    for user in users:
        statuses.update(user.statuses)
    return Load(statuses, seconds, sorted(took for user in users for took in user.latencies))


class _User(asyncio.Protocol):
    def __init__(self, todo: Iterator[bytes], every: float) -> None:
        self.statuses: list[int] = []
        self.latencies: list[float] = []
        self.every = every
        self.due = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._todo = todo
        self._got = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it
        self._transport = cast("asyncio.Transport", transport)

    def next(self) -> None:
        """Send the next request, when it is due."""
        if self.every and self._loop.time() < self.due:
            self._loop.call_at(self.due, self.next)
            return
        self.due += self.every
        following = next(self._todo, None)
        if following is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(following)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        lowered = head.lower()
        length = int(lowered.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        # a file that is streamed ends with an empty chunk
        if b"transfer-encoding: chunked" in lowered and not body.endswith(b"\r\n0\r\n\r\n"):
            return
        self._got = b""
        self.statuses.append(int(head[9:12]))
        self.latencies.append(time.perf_counter() - self._sent)
        self.next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)

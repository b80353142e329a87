"""Requests as bytes on a socket, where a client library is too polite."""

import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from service.ingest.signature import signed_headers
from tests.acceptance.service import Service

_SECONDS = 60


def signed(secret: str, webhook_id: str, body: bytes, book: str = "test") -> bytes:
    """A whole request that is accepted."""
    return request(signed_headers(secret, webhook_id, datetime.now(UTC), body), body, book)


def request(headers: Mapping[str, str], body: bytes, book: str = "test") -> bytes:
    """A request with these headers, and ``content-length`` unless they say how long it is."""
    lengths = {"content-length", "transfer-encoding"} & headers.keys()
    lines = [f"{name}: {value}" for name, value in headers.items()]
    lines += [] if lengths else [f"content-length: {len(body)}"]
    head = "\r\n".join([f"POST /webhooks/{book} HTTP/1.1", "host: x", *lines, "", ""])
    return head.encode("latin-1") + body


def connection(service: Service) -> socket.socket:
    """An open connection."""
    return socket.create_connection(("127.0.0.1", int(service.port)), timeout=_SECONDS)


def answer(sent: socket.socket) -> bytes:
    """One answer, whole; less if the connection, or the time that it was given, ends before."""
    got = b""
    with suppress(ConnectionError, TimeoutError):
        while more := sent.recv(65536):
            got += more
            head, ended, body = got.partition(b"\r\n\r\n")
            if ended and len(body) >= int(head.lower().split(b"content-length: ")[1].split()[0]):
                break
    return got


def status(answered: bytes) -> int:
    """The status of an answer; 0 if there was none."""
    return int(answered.split()[1]) if answered else 0


def reset(sent: socket.socket) -> None:
    """Break the connection off, as a crashed sender or a firewall does."""
    sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sent.close()


def await_read(service: Service) -> None:
    """Wait until the service has accepted every connection and read all that was sent to it."""
    deadline = time.monotonic() + _SECONDS
    while _unread(int(service.port)):
        assert time.monotonic() < deadline, "it does not read"
        time.sleep(0.01)


def _unread(port: int) -> int:
    """Bytes of requests that the kernel still holds, by its own table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return sum(int(row[4].partition(":")[2], 16) for row in established)

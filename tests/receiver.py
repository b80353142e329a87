"""A receiver of webhooks that remembers them, and answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from msgspec import Struct
from standardwebhooks import Webhook


class Received(Struct, frozen=True):
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)

    @property
    def event(self) -> Any:  # noqa: ANN401 - as JSON is
        return msgspec.json.decode(self.body)

    @property
    def happened_at(self) -> datetime:
        return datetime.fromisoformat(self.event["timestamp"])

    def is_signed(self, secret: str) -> bool:
        """Whether a signature is of this secret, whatever the time is."""
        stamp = self.headers["webhook-timestamp"]
        at = datetime.fromtimestamp(int(stamp), UTC)
        expected = Webhook(secret).sign(self.webhook_id, at, self.body.decode())
        return expected in self.headers["webhook-signature"].split()


class Receiver:
    """``status``: the answer to all that comes; ``secret``: what signs it."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status = 200
        self.url = ""
        self.secret = ""

    def of(self, event: str) -> list[Received]:
        """The requests about events of a type."""
        return [one for one in self.received if one.event["type"] == event]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on any free port, for the duration of the block."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.received.append(Received(headers, body))
            self.send_response(made.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_port}/webhooks"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()

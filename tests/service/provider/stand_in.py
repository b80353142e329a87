"""A real HTTP server on loopback that answers as a test tells it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from service.provider.client import Provider
from service.settings import Book
from tests.builders import SECRET

KEY = "key_hunter2secret"


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = {}


Answerer = Callable[[Request], Answer]


def document(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode())


@contextmanager
def answering(answerer: Answerer) -> Iterator[str]:
    """The URL of a server that answers with this."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # head and body are two writes, of which the second would wait for an acknowledgement
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query))
            given = answerer(Request(self.command, parts.path, query, headers, body))
            try:
                self.send_response_only(given.status)
                if "date" not in given.headers:
                    self.send_header("date", self.date_time_string())
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(given.body)))
                self.end_headers()
                self.wfile.write(given.body)
            except OSError:
                # the client did not wait
                self.close_connection = True

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client_of(url: str, **settings: object) -> Provider:
    provider = {"api_key": KEY, "url": url, **settings}
    book = Book.model_validate({"mode": "test", "secrets": [SECRET], "provider": provider})
    return Provider("test", book)

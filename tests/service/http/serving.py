"""A server with our HTTP protocol, and a client that speaks bytes."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn

from service.http.accepting import Counted, OpenConnections
from service.server.worker import Server, options

HOST = b"host: x\r\n"
BIG = b"x" * (32 << 20)


async def application(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - as ASGI is
    """`/whole` reads the body, `/big` answers much, the rest answers at once."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    content = b"|".join(name for name, _ in scope["headers"])
    if scope["path"] == "/whole":
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
        content = b"%d" % size
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    if scope["path"] == "/big":
        content = BIG
    length = b"%d" % len(content)
    await send({
        "type": "http.response.start", "status": 200, "headers": [(b"content-length", length)],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": content})


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            with suppress(ConnectionError):
                await self.writer.drain()

    async def answers(self) -> bytes:
        """All until the connection is closed."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def answer(self) -> tuple[int, bytes]:
        """One answer."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split()[0])
            return int(head.split()[1]), await self.reader.readexactly(length)


class Serving:
    def __init__(self, server: uvicorn.Server, port: int) -> None:
        self.server, self.port = server, port
        self.connections = server.server_state.connections
        self._clients: list[Client] = []

    async def connect(self) -> Client:
        made = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(made)
        return made

    async def close(self) -> None:
        for client in self._clients:
            client.writer.close()
            with suppress(ConnectionError):
                await client.writer.wait_closed()


@asynccontextmanager
async def serving(
    listening: socket.socket | None = None, counted: Counted | None = None
) -> AsyncIterator[Serving]:
    """The server in a thread, on the loop that the service runs on."""
    sock = listening or socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, **options())
    server = Server(config, Counted(OpenConnections(1), 0) if counted is None else counted)
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    await until(lambda: server.started)
    made = Serving(server, sock.getsockname()[1])
    try:
        yield made
    finally:
        await made.close()
        server.should_exit = True
        await asyncio.to_thread(thread.join)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)

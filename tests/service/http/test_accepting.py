"""Workers share the connections evenly, and take those that another one leaves."""

import asyncio
import os
import resource
import socket

import pytest

from service.http import accepting
from service.http.accepting import Acceptor, Counted, OpenConnections, _Courtesy
from tests.service.http.serving import HOST, Client, Serving, serving, until


async def ask(client: Client) -> None:
    await client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await client.answer())[0] == 200


async def connect(server: Serving, count: int) -> list[Client]:
    clients = []
    for _ in range(count):
        clients.append(await server.connect())
        await ask(clients[-1])
    return clients


async def test_a_worker_that_comes_later_gets_the_connections_that_others_have_more_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # however busy this machine is
    monkeypatch.setattr(accepting, "_PATIENCE_SECONDS", 5.0)
    shared = OpenConnections(2)
    sock = socket.create_server(("127.0.0.1", 0))
    shared.tell(1, 1000)
    async with serving(sock, Counted(shared, 0)) as first:
        await connect(first, 6)
        async with serving(sock.dup(), Counted(shared, 1)) as second:
            await connect(first, 6)
            assert (len(first.connections), len(second.connections)) == (6, 6)


async def test_connections_that_are_closed_count_no_more() -> None:
    shared = OpenConnections(2)
    shared.tell(1, 3)
    async with serving(counted=Counted(shared, 0)) as server:
        clients = await connect(server, 4)
        assert shared.fewer(0)
        clients[0].writer.close()
        await until(lambda: not shared.fewer(0))


async def test_a_worker_that_takes_nothing_again_and_again_is_waited_for_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accepting, "_PATIENCE_SECONDS", 0.5)
    shared = OpenConnections(2)
    shared.tell(1, 0)
    async with serving(counted=Counted(shared, 0)) as server, asyncio.timeout(15):
        # half a second for each of the first four, not for all
        await connect(server, 40)
        assert len(server.connections) == 40


def test_a_worker_that_has_taken_one_since_is_waited_for_again() -> None:
    shared = OpenConnections(3)
    counted = [Counted(shared, worker) for worker in range(3)]
    for one in counted:
        one.begin()
    counted[0].accepted()
    courtesy = _Courtesy(counted[0])
    for _ in range(4):
        others = courtesy.others()
        assert others.keys() == {1, 2}
        counted[2].accepted()
        counted[2].opened()
        courtesy.left_in_vain(others)
    assert courtesy.others().keys() == {2}
    counted[1].accepted()
    counted[1].opened()
    assert courtesy.others().keys() == {1, 2}


async def test_a_worker_that_accepts_nothing_yet_or_no_longer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accepting, "_PATIENCE_SECONDS", 60.0)
    shared = OpenConnections(2)
    other = Counted(shared, 1)
    async with serving(counted=Counted(shared, 0)) as server:
        await connect(server, 3)
        other.begin()
        other.end()
        # as when it closes those that it has
        other.discard(None)
        await connect(server, 3)


async def test_what_was_left_to_a_worker_that_has_as_many_meanwhile_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accepting, "_PATIENCE_SECONDS", 60.0)
    shared = OpenConnections(2)
    async with serving(counted=Counted(shared, 0)) as server:
        await connect(server, 1)
        shared.tell(1, 0)
        client = await server.connect()
        asking = asyncio.create_task(ask(client))
        await asyncio.sleep(0.1)
        assert len(server.connections) == 1
        shared.tell(1, 1)
        await asking


def test_small_differences_between_many_connections_hold_up_nobody() -> None:
    shared = OpenConnections(2)
    for count, other, has_fewer in ((1, 0, True), (8, 7, True), (9, 8, False), (100, 80, True)):
        shared.tell(0, count)
        shared.tell(1, other)
        assert bool(shared.fewer(0)) == has_fewer


async def test_out_of_files_it_accepts_later() -> None:
    async with serving() as server:
        (client,) = await connect(server, 1)
        waiting = socket.socket()
        waiting.setblocking(False)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            await asyncio.get_running_loop().sock_connect(waiting, ("127.0.0.1", server.port))
            await asyncio.sleep(0.2)
            # those that are open are answered meanwhile
            await ask(client)
            assert len(server.connections) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        await until(lambda: len(server.connections) == 2)
        waiting.close()


class Last(asyncio.Protocol):
    ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def shutdown(self) -> None:
        Last.ended = True
        self.transport.close()


async def test_a_connection_that_is_being_opened_at_the_end_is_told_of_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        acceptor = Acceptor(sock, Last, Counted(OpenConnections(1), 0))
        with socket.create_connection(sock.getsockname()):
            while not acceptor._opening:  # noqa: ASYNC110 - a few turns of the loop
                await asyncio.sleep(0)
            acceptor.close()
            await acceptor.wait_closed()
            assert Last.ended

"""The port of the service: one that was killed frees it a moment later."""

import socket
import threading

import pytest

from service.server.run import listen
from service.settings import SettingsError


def test_a_port_that_becomes_free_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        ending = threading.Timer(0.2, held.close)
        ending.start()
        with listen("127.0.0.1", port) as taken:
            assert taken.getsockname()[1] == port
        ending.join()


def test_a_port_that_stays_in_use_is_an_error() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as held,
        pytest.raises(SettingsError, match="in use"),
    ):
        listen("127.0.0.1", held.getsockname()[1])


def test_what_its_connections_send_is_not_held_back() -> None:
    with listen("127.0.0.1", 0) as taken, socket.create_connection(taken.getsockname()):
        theirs, _ = taken.accept()
        with theirs:
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

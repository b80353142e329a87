"""A sandbox whose world has stopped does not go on answering."""

import socket
from datetime import datetime

import pytest

from service.sandbox.app import Options, build
from service.sandbox.happenings import Happening
from service.sandbox.process import serve
from service.sandbox.world import World


def test_a_world_that_fails_ends_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = build(Options(api_key="key", customers=0))

    def fail(_: World, to: datetime) -> list[Happening]:
        raise ZeroDivisionError(to)

    monkeypatch.setattr(World, "advance", fail)
    with (
        socket.create_server(("127.0.0.1", 0)) as sock,
        pytest.raises(ZeroDivisionError),
    ):
        serve(sandbox, sock)

"""What strangers send: never a 500, never anything stored without a valid signature."""

import base64
import hmac
import socket
import time
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.acceptance.service import Service, command
from tests.builders import SECRET
from tests.conftest import fresh_database

CONFIG = f'max_body_bytes = 4096\n[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n'

_PER_EXAMPLE = 20


@pytest.fixture(scope="module")
def hostile(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, str]]:
    here = tmp_path_factory.mktemp("hostile")
    (here / "daybook.toml").write_text(CONFIG)
    env = {"DAYBOOK_DATABASE_URL": fresh_database(postgres, template)}
    service = Service(here, env=env).start()
    key = command("keys", "create", "--book", "live", cwd=here, env=env).strip()
    yield service, key
    assert service.stop() == 0
    log = (here / "serve.err").read_text()
    assert "defect" not in log
    assert SECRET.removeprefix("whsec_") not in log


VISIBLE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
STAMPS = VISIBLE | st.sampled_from([
    "", "-1", "0", "1e9", "nan", "inf", "-inf", "9" * 20, "1.5", "0x10", "\uff11\uff12", "1_0",
])  # fmt: skip
SIGNATURES = (
    st.lists(
        st.sampled_from(
            ["v1,", "v1,AAAA", "v1a,AAAA", "v2,AAAA", "junk", "v1,é", ",", "v1", "v1,a,b"]
        )
        | VISIBLE,
        max_size=4,
    ).map(" ".join)
    | VISIBLE
)


@settings(max_examples=500)
@given(
    st.lists(
        st.tuples(
            st.none() | VISIBLE, st.none() | STAMPS, st.none() | SIGNATURES,
            st.binary(max_size=300), st.booleans(),
        ),
        min_size=_PER_EXAMPLE, max_size=_PER_EXAMPLE,
    )
)  # fmt: skip
def test_ten_thousand_forgeries_are_refused(
    hostile: tuple[Service, str],
    forgeries: list[tuple[str | None, str | None, str | None, bytes, bool]],
) -> None:
    service, _ = hostile
    for webhook_id, stamp, signature, content, now in forgeries:
        given_headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(time.time())) if now else stamp,
            "webhook-signature": signature,
        }
        headers = [
            (name.encode(), value.strip().encode("utf-8", "replace"))
            for name, value in given_headers.items()
            if value is not None
        ]
        answer = service.client.post("/webhooks/live", content=content, headers=headers)
        assert answer.status_code == 401, (answer.status_code, answer.text)
        assert answer.json()["type"] == "/problems/signature-refused"


def test_nothing_of_it_was_stored(hostile: tuple[Service, str]) -> None:
    service, key = hostile
    assert service.ask("events", key)["data"] == []


def sign(content: bytes, stamp: str) -> dict[str, str]:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"m.{stamp}.".encode() + content, sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": "m", "webhook-timestamp": stamp, "webhook-signature": signature}


@settings(max_examples=200)
@given(st.binary(max_size=500))
def test_whatever_is_signed_is_accepted(hostile: tuple[Service, str], content: bytes) -> None:
    service, _ = hostile
    headers = sign(content, str(int(time.time())))
    assert (
        service.client.post("/webhooks/live", content=content, headers=headers).status_code == 200
    )


@pytest.mark.parametrize(
    "rest",
    [
        b"content-length: -1\r\n\r\n",
        b"content-length: abc\r\n\r\n",
        b"\r\n",
        b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"webhook-id: a\x00b\r\ncontent-length: 0\r\n\r\n",
        b"content-length: 99999999999\r\n\r\n",
        b"x: " + b"y" * 100_000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"no colon\r\n\r\n",
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        b"POST /webhooks/live HTTP/1.1\r\nhost: x\r\n",
        b"POST /webhooks/%00 HTTP/1.1\r\nhost: x\r\n",
        b"GET /webhooks/live HTTP/1.1\r\nhost: x\r\n",
        b"NONSENSE\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_broken_requests_are_client_errors(
    hostile: tuple[Service, str], line: bytes, rest: bytes
) -> None:
    service, _ = hostile
    with socket.create_connection(("127.0.0.1", int(service.port)), timeout=0.5) as raw:
        raw.sendall(line + rest)
        try:
            answer = raw.recv(4096)
        except TimeoutError:
            answer = b""
    assert not answer.startswith(b"HTTP/1.1 5"), answer
    assert service.client.get("/healthz").status_code == 200


@pytest.mark.parametrize("size", [4096, 4097])
def test_the_limit_holds_for_chunked_bodies_too(hostile: tuple[Service, str], size: int) -> None:
    service, _ = hostile
    content = b"x" * size
    headers = sign(content, str(int(time.time())))
    chunks = (content[n : n + 1000] for n in range(0, size, 1000))
    answer = service.client.post("/webhooks/live", content=chunks, headers=headers)
    assert answer.status_code == (200 if size <= 4096 else 413)


def test_deep_nesting_is_kept_and_unreadable(hostile: tuple[Service, str]) -> None:
    service, key = hostile
    content = b"[" * 4000
    headers = sign(content, str(int(time.time())))
    answer = service.client.post("/webhooks/live", content=content, headers=headers)
    position = answer.json()["position"]
    service.await_position(key, int(position))
    assert service.ask(f"events/{position}", key)["verdict"] == "unreadable"

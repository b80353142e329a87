"""What strangers send: never a 500, never anything stored without a valid signature."""

import gzip
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance import raw
from tests.acceptance.hostile import CONFIG, MARK, Headers, Hostile
from tests.acceptance.service import Service, new_key, number
from tests.builders import OTHER_SECRET, SECRET
from tests.conftest import fresh_database
from tests.examples import examples

_PER_EXAMPLE = 20
_LIMIT = 1 << 20
_WAITING = 0.3
"""Seconds after which what waits for the rest of a request is taken to do so."""


@pytest.fixture(scope="module")
def hostile(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hostile]:
    here = tmp_path_factory.mktemp("hostile")
    (here / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    env = {"DAYBOOK_DATABASE_URL": url}
    service = Service(here, env=env).start()
    key = new_key(url, "live")
    made = Hostile(service, key, url, here / "serve.err")
    yield made
    assert service.stop() == 0
    made.check_log()


VISIBLE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
NO_STAMPS = [
    "", "-1", "0", "1e9", "nan", "inf", "-inf", "9" * 12, "9" * 20, "1.5", "0x10",
    "\uff11\uff12", "1_0", "+1", "1,5", "2026-11-24T00:00:00Z", "now",
]  # fmt: skip
STAMPS = VISIBLE | st.sampled_from(NO_STAMPS)
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


@examples(8)
@given(
    st.lists(
        st.tuples(
            st.none() | VISIBLE, st.none() | STAMPS, st.none() | SIGNATURES,
            st.binary(max_size=300), st.booleans(),
        ),
        min_size=_PER_EXAMPLE, max_size=_PER_EXAMPLE,
    )
)  # fmt: skip
def test_forgeries_are_refused(
    hostile: Hostile,
    forgeries: list[tuple[str | None, str | None, str | None, bytes, bool]],
) -> None:
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
        answer = hostile.post(MARK + content, headers)
        assert answer.status_code == 401, (answer.status_code, answer.text)
        assert answer.json()["type"] == "/problems/signature-refused"


def test_nothing_of_it_was_stored(hostile: Hostile) -> None:
    assert hostile.bodies() == []


@pytest.mark.parametrize("stamp", NO_STAMPS)
def test_a_time_that_is_none_is_refused_however_well_it_is_signed(
    hostile: Hostile, stamp: str
) -> None:
    headers = hostile.sign(MARK, stamp)
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert hostile.post(MARK, sent).status_code == 401


@pytest.mark.parametrize("seconds", [-310, 310])
def test_a_time_too_far_from_ours_is_refused(hostile: Hostile, seconds: int) -> None:
    stamp = str(int(time.time()) + seconds)
    assert hostile.post(MARK, hostile.sign(MARK, stamp)).status_code == 401


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_signed_header_that_comes_twice_is_refused(hostile: Hostile, name: str) -> None:
    headers = hostile.sign(MARK)
    once = [(key.encode(), value.encode()) for key, value in headers.items()]
    assert hostile.post(MARK, [*once, (name.encode(), headers[name].encode())]).status_code == 401
    assert hostile.post(MARK, [*once, (b"X" + name.encode(), b"")]).status_code == 200


ANY, MANY = "v1,QUJD", " ".join(["v1,QUJD"] * 7)


@pytest.mark.parametrize(
    ("signatures", "status"),
    [
        ("{right}", 200), (f"{ANY} {{right}}", 200), (f"{{right}} {ANY}", 200),
        (f"{MANY} {{right}}", 200), ("v2,QUJD v1a,QUJD junk , {right}", 200),
        # a bounded number is tried
        (f"{MANY} {ANY} {{right}}", 401),
        ("v2,{value}", 401), ("v1a,{value}", 401), ("V1,{value}", 401), ("v1={value}", 401),
        ("{value}", 401), ("v1,{value}x", 401), ("v1,{short}", 401), ("v1, {value}", 401),
    ],
)  # fmt: skip
def test_one_signature_of_version_1_must_be_right(
    hostile: Hostile, signatures: str, status: int
) -> None:
    headers = hostile.sign(MARK)
    right = headers["webhook-signature"]
    value = right.removeprefix("v1,")
    said = signatures.format(right=right, value=value, short=value[:-4])
    assert hostile.post(MARK, {**headers, "webhook-signature": said}).status_code == status


def test_another_books_secret_signs_nothing_here(hostile: Hostile) -> None:
    answer = hostile.service.deliver("live", OTHER_SECRET, MARK)
    assert answer.status_code == 401
    assert OTHER_SECRET not in answer.text
    assert SECRET not in answer.text


@examples(30)
@given(st.binary(max_size=500))
def test_whatever_is_signed_is_kept_to_the_byte(hostile: Hostile, content: bytes) -> None:
    answer = hostile.post(content, hostile.sign(content))
    assert answer.status_code == 200
    assert hostile.bodies()[number(answer.json()["position"]) - 1] == content


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00", b'{"type":"payment.succeeded\x00"}', b"\xff\xfe", b"\xed\xa0\x80",
        b"\xef\xbb\xbf{}",
        b"[" * _LIMIT, b'{"a":' * 100_000, b"x" * _LIMIT, gzip.compress(MARK, mtime=0),
        b'{"type":"' + b"t" * 100_000 + b'"}', b'{"timestamp":1e999999}', b"1" * 100_000,
    ],
    ids=lambda content: content[:20].decode("latin-1").encode("unicode_escape").decode(),
)  # fmt: skip
def test_a_strange_body_is_kept_and_read_by_nobody_in_vain(
    hostile: Hostile, content: bytes
) -> None:
    answer = hostile.post(content, hostile.sign(content))
    assert answer.status_code == 200
    position = answer.json()["position"]
    assert hostile.bodies()[number(position) - 1] == content
    hostile.service.await_position(hostile.key, number(position))
    assert hostile.service.ask(f"events/{position}", hostile.key)["verdict"] in {
        "unreadable", "unknown",
    }  # fmt: skip


def test_a_body_over_the_limit_is_refused_and_the_connection_closed(hostile: Hostile) -> None:
    content = b"x" * (_LIMIT + 1)
    answer = hostile.post(content, hostile.sign(content))
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    chunks = chunked(hostile.sign(content), b"100001\r\n" + content + b"\r\n0\r\n\r\n")
    assert hostile.raw(chunks) == 413


def test_large_bodies_without_a_signature_share_a_budget_and_keep_no_webhook_out(
    hostile: Hostile,
) -> None:
    forged = hostile.sign(MARK) | {"webhook-signature": f"v1,{'A' * 43}="}
    content = b"x" * (_LIMIT - 1)
    half = raw.request({**forged, "content-length": str(_LIMIT)}, content, "live")
    with ExitStack() as opened:
        senders = [opened.enter_context(raw.connection(hostile.service)) for _ in range(80)]
        for one in senders:
            one.settimeout(1)
            with suppress(TimeoutError, ConnectionError):
                one.sendall(half)
        raw.await_read(hostile.service)
        small = b'{"small":true}'
        assert hostile.post(small, hostile.sign(small)).status_code == 200
        for one in senders:
            one.settimeout(0.01)
        statuses = [raw.status(raw.answer(one)) for one in senders]
    assert set(statuses) == {0, 503}
    assert 60 <= statuses.count(0) <= 70
    large = b"y" * _LIMIT
    assert hostile.post(large, hostile.sign(large)).status_code == 200


def test_a_compressed_body_is_what_was_signed(hostile: Hostile) -> None:
    packed = gzip.compress(b'{"packed":true}')
    encoding = {"content-encoding": "gzip"}
    assert hostile.post(packed, hostile.sign(packed) | encoding).status_code == 200
    assert hostile.bodies()[-1] == packed
    assert hostile.post(packed, hostile.sign(b'{"packed":true}') | encoding).status_code == 401


def chunked(headers: Headers, chunks: bytes) -> bytes:
    return raw.request({**headers, "transfer-encoding": "chunked"}, chunks, "live")


def test_a_chunked_body_is_put_together(hostile: Hostile) -> None:
    headers = hostile.sign(b"put together", webhook_id="m_chunks")
    parts = b"4\r\nput \r\n8;x=y\r\ntogether\r\n0\r\ntrailer: x\r\n\r\n"
    assert hostile.raw(chunked(headers, parts)) == 200
    assert hostile.bodies()[-1] == b"put together"


@pytest.mark.parametrize(
    "framing",
    [
        {"content-length": "3"}, {"content-length": "21"}, {"content-length": "1048576"},
        {"content-length": "-20"}, {"content-length": "+20"}, {"content-length": "0x14"},
        {"content-length": "20, 20"}, {"content-length": "20\r\ncontent-length: 20"},
        {"content-length": ""}, {"content-length": "9" * 30}, {"content-length": "9" * 5000},
        {"content-length": "20", "transfer-encoding": "chunked"},
        {"transfer-encoding": "identity"}, {"transfer-encoding": "chunked"},
        {"content-length": "20\r\ntransfer-encoding: chunked"}, {"content-length": "20 1"},
    ],
    ids=str,
)  # fmt: skip
def test_a_length_that_is_wrong_stores_nothing(hostile: Hostile, framing: Headers) -> None:
    before = hostile.bodies()
    content = MARK[:20]
    request = raw.request(
        {**hostile.sign(content, webhook_id="m_length"), **framing}, content, "live"
    )
    assert hostile.raw(request, _WAITING) in {0, 400, 401, 413}
    assert hostile.bodies() == before


def test_without_a_length_there_is_no_body(hostile: Hostile) -> None:
    request = raw.request(hostile.sign(MARK), MARK, "live")
    bare = request.replace(b"content-length: %d\r\n" % len(MARK), b"")
    assert hostile.raw(bare) in {400, 401}


@pytest.mark.parametrize(
    "chunks",
    [
        b"", b"zz\r\n", b"-1\r\n", b"5\r\nab", b"5\r\nabcdefgh\r\n0\r\n\r\n", b"\r\n\r\n",
        b"ffffffffffffffff\r\n", b"f" * 1000 + b"\r\n", b"2\r\nab\r\n",
    ],
)  # fmt: skip
def test_broken_chunks_store_nothing(hostile: Hostile, chunks: bytes) -> None:
    before = hostile.bodies()
    request = chunked(hostile.sign(b"ab", webhook_id="m_chunk"), chunks)
    assert hostile.raw(request, _WAITING) in {0, 400, 401, 413}
    assert hostile.bodies() == before


@pytest.mark.parametrize(
    "rest",
    [
        b"content-length: abc\r\n\r\n",
        b"\r\n",
        b"webhook-id: a\x00b\r\ncontent-length: 0\r\n\r\n",
        b"webhook-id: a\r\n b\r\ncontent-length: 0\r\n\r\n",
        b"webhook-id : a\r\ncontent-length: 0\r\n\r\n",
        b"x: " + b"y" * 100_000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"x: y\r\n" * 5000 + b"content-length: 0\r\n\r\n",
        b"expect: 100-continue\r\ncontent-length: 1048577\r\n\r\n",
        b"connection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"no colon\r\n\r\n",
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        b"POST /webhooks/live HTTP/1.1\r\nhost: x\r\n",
        b"POST /webhooks/%00 HTTP/1.1\r\nhost: x\r\n",
        b"GET /webhooks/live HTTP/1.1\r\nhost: x\r\n",
        b"POST /webhooks/live HTTP/9.9\r\nhost: x\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"NONSENSE\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_broken_requests_are_client_errors(hostile: Hostile, line: bytes, rest: bytes) -> None:
    assert hostile.raw(line + rest, _WAITING) in {0, 400, 401, 404, 405, 413, 431}
    assert hostile.service.client.get("/healthz").status_code == 200


def test_two_requests_in_one_packet_are_both_answered(hostile: Hostile) -> None:
    requests = [raw.request(hostile.sign(b"2", webhook_id=f"m_{n}"), b"2", "live") for n in "ab"]
    with raw.connection(hostile.service) as sent:
        sent.sendall(b"".join(requests))
        assert [raw.status(raw.answer(sent)) for _ in requests] == [200, 200]


def test_an_id_that_no_index_holds_is_recorded_once(hostile: Hostile) -> None:
    webhook_id = MARK.decode() + secrets.token_hex(20_000)
    first = hostile.post(MARK, hostile.sign(MARK, webhook_id=webhook_id))
    again = hostile.post(MARK, hostile.sign(MARK, webhook_id=webhook_id))
    assert first.json()["duplicate"] is False
    assert again.json() == {"position": first.json()["position"], "duplicate": True}
    # an id that differs at its very end is another
    other = hostile.post(MARK, hostile.sign(MARK, webhook_id=webhook_id + "0"))
    assert other.json()["duplicate"] is False

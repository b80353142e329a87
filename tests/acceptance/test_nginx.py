"""Behind the nginx configuration that is shipped: what passes, unaltered, and for whom."""

import gzip
import itertools
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from service.cli.sending import new_webhook_id
from service.ingest.signature import signed_headers
from tests.acceptance.doors import CONFIG, Doors
from tests.acceptance.proxy import NGINX, Proxy
from tests.acceptance.service import Service, new_key, number
from tests.builders import OTHER_SECRET, SECRET, body
from tests.conftest import fresh_database

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]

BODIES = [
    b"",
    b'{"a": 1}\r\n\r\n \t',
    bytes(range(256)),
    "ä\u2028\ud7ff".encode(),
    gzip.compress(b'{"a": 1}'),
    os.urandom(1_000_000),
]
TRICKS = [
    "//metrics", "/v1/../metrics", "/v1/..%2fmetrics", "/%6detrics", "/webhooks/%2e%2e/metrics",
    "/webhooks//../metrics", "/metrics/../v1/", "/metrics;/../v1/x", "/v1/%2e%2e%2fmetrics",
    "/checkpoints/../readyz", "/problems/..%2freadyz", "/schema/../v1/../schema", "/metrics/.",
]  # fmt: skip


@pytest.fixture(scope="module")
def doors(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    here = tmp_path_factory.mktemp("behind")
    config = CONFIG.replace("= 5000", "= 1048576")
    (here / "daybook.toml").write_text(f'trusted_proxies = ["127.0.0.1"]\n{config}')
    url = fresh_database(postgres, template)
    service = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
    live, test = (new_key(url, book, "read,audit,admin") for book in ("live", "test"))
    yield Doors(service, live, test, url)
    assert service.stop() == 0


@pytest.fixture(scope="module")
def proxy(doors: Doors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """With limits that are reached in a test: a second of silence, twenty webhooks at once."""
    quick = {
        "proxy_read_timeout 60s": "proxy_read_timeout 1s",
        "rate=200r/s": "rate=1r/m",
        "burst=2000": "burst=19",
    }
    made = Proxy(tmp_path_factory.mktemp("nginx"), doors.service, **quick)
    made.start()
    yield made
    made.stop()


def asking(doors: Doors) -> dict[str, str]:
    return {"authorization": f"Bearer {doors.live}"}


def test_each_body_arrives_byte_for_byte(doors: Doors, proxy: Proxy) -> None:
    with proxy.client("127.0.0.2") as client:
        for content in BODIES:
            answer = doors.service.deliver("live", SECRET, content, via=client)
            path = f"/v1/events/{number(answer.json()['position'])}/body"
            assert client.get(path, headers=asking(doors)).content == content
        headers = signed_headers(SECRET, new_webhook_id(), datetime.now(UTC), b"".join(BODIES[:4]))
        chunked = client.post("/webhooks/live", content=iter(BODIES[:4]), headers=headers)
        assert chunked.status_code == 200


def test_what_is_for_others_is_open_and_nothing_else(doors: Doors, proxy: Proxy) -> None:
    with proxy.client() as client:
        for path in ("/v1/customers", "/checkpoints/live", "/problems/", "/problems/busy"):
            answer = client.get(path, headers=asking(doors))
            own = doors.service.client.get(path, headers=asking(doors))
            assert (answer.status_code, answer.content) == (own.status_code, own.content), path
        assert client.get("/v1/customers").status_code == 401
        assert "<center>nginx" not in client.get("/console").text
        for path in ("/", "/metrics", "/metrics/", "/healthz", "/readyz", "/schema", "/schema/x"):
            assert doors.service.client.get(path).status_code != 404 or path == "/schema/x"
            answer = client.get(path)
            assert (answer.status_code, "<center>nginx" in answer.text) == (404, True), path


@pytest.mark.parametrize("target", TRICKS)
def test_no_spelling_of_a_path_opens_what_is_closed(target: str, proxy: Proxy) -> None:
    answered = proxy.ask(target)
    assert int(answered.split()[1]) in {400, 401, 404}, answered
    assert b"daybook_" not in answered


def test_the_sender_is_named_by_the_proxy_alone(doors: Doors, proxy: Proxy) -> None:
    claimed = {"x-forwarded-for": "192.0.2.1", "webhook-id": "forged"}
    transport = httpx.HTTPTransport(local_address="127.0.0.4")
    with (
        proxy.client("127.0.0.3") as client,
        httpx.Client(base_url=doors.service.client.base_url, transport=transport) as direct,
    ):
        for via in (client, direct):
            assert via.post("/webhooks/test", headers=claimed).status_code == 401
    deadline = time.monotonic() + 10
    seen: list[str] = []
    while len(seen) < 2:
        assert time.monotonic() < deadline
        seen = [one["remote"] for one in doors.get("refusals", doors.test).json()["data"]]
    assert sorted(seen) == ["127.0.0.3", "127.0.0.4"]


def test_a_stream_is_passed_on_at_once_and_outlives_silence(doors: Doors, proxy: Proxy) -> None:
    with (
        proxy.client() as client,
        client.stream("GET", "/v1/changes/stream", headers=asking(doors)) as stream,
    ):
        lines = stream.iter_lines()
        # longer than an answer may be silent
        time.sleep(2.5)
        doors.service.deliver("live", SECRET, body("subscription.active", "active"))
        assert any("subscription" in line for line in itertools.islice(lines, 20))


def test_what_is_too_large_is_refused_by_the_service_and_so_counted(
    doors: Doors, proxy: Proxy
) -> None:
    with proxy.client("127.0.0.5") as client:
        large = doors.service.deliver("test", OTHER_SECRET, bytes((1 << 20) + 1), via=client)
        assert (large.status_code, large.json()["type"]) == (413, "/problems/body-too-large")
        larger = doors.service.deliver("test", OTHER_SECRET, bytes((2 << 20) + 1), via=client)
        assert (larger.status_code, "nginx" in larger.text) == (413, True)
        long = {"webhook-id": "x" * 20_000}
        assert client.post("/webhooks/test", headers=long).json()["status"] == 401


def test_a_flood_from_one_sender_is_limited_and_others_go_on(doors: Doors, proxy: Proxy) -> None:
    with proxy.client("127.0.0.6") as flooding, proxy.client("127.0.0.7") as other:
        statuses = [flooding.post("/webhooks/test").status_code for _ in range(25)]
        assert statuses == [401] * 20 + [429] * 5
        assert doors.service.deliver("live", SECRET, b"1", via=other).status_code == 200


@pytest.mark.slow
def test_a_stream_stays_open_for_minutes(
    doors: Doors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    proxy = Proxy(tmp_path_factory.mktemp("patient"), doors.service)
    proxy.start()
    try:
        with (
            proxy.client() as client,
            client.stream("GET", "/v1/changes/stream", headers=asking(doors)) as stream,
        ):
            lines = stream.iter_lines()
            begun = time.monotonic()
            while time.monotonic() - begun < 180:
                next(lines)
            doors.service.deliver(
                "live", SECRET, body("subscription.active", "active", identity="sub_2")
            )
            assert any("sub_2" in line for line in itertools.islice(lines, 20))
    finally:
        proxy.stop()

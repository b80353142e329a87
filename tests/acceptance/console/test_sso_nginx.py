"""Single sign-on with the nginx configuration of the README, and a stand-in for oauth2-proxy."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.acceptance.console.test_sso import OURS, SIGNED
from tests.acceptance.doors import CONFIG
from tests.acceptance.proxy import NGINX, Proxy
from tests.acceptance.service import Service, new_key
from tests.documents import OPERATING
from tests.issuer import AUDIENCE, ISSUER, RSA, key_set, signed

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

SIGNED_IN, STRANGER = {"cookie": "_oauth2_proxy=ada"}, {"cookie": "_oauth2_proxy=eve"}


@contextmanager
def oauth2_proxy() -> Iterator[int]:
    """Says who has which cookie, as ``--set-authorization-header`` does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = (self.headers["cookie"] or "").partition("_oauth2_proxy=")[2]
            self.send_response(202 if name else 401)
            if name:
                token = signed(email=f"{name}@example.com")
                self.send_header("authorization", f"Bearer {token}")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = threading.Thread(target=server.serve_forever, args=(0.05,))
    running.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        running.join()
        server.server_close()


@pytest.fixture
def proxied(scratch: Path, database_url: str) -> Iterator[tuple[Service, Proxy]]:
    keys = scratch / "keys.json"
    keys.write_bytes(key_set(RSA))
    text = SIGNED.format(config=CONFIG, keys=keys, issuer=ISSUER, audience=AUDIENCE)
    (scratch / "daybook.toml").write_text(f'trusted_proxies = ["127.0.0.1"]\n{text}')
    service = Service(scratch, env={"DAYBOOK_DATABASE_URL": database_url}).start()
    [console] = re.findall(r"```nginx\n(.*?)\n```", OPERATING.read_text(), re.DOTALL)
    with oauth2_proxy() as port:
        changed = {"127.0.0.1:4180": f"127.0.0.1:{port}"}
        proxy = Proxy(scratch / "nginx", service, console=console, **changed)
        proxy.start()
        yield service, proxy
        proxy.stop()
    assert service.stop() == 0


def test_who_is_signed_in_at_the_proxy_is_signed_in(
    proxied: tuple[Service, Proxy], database_url: str
) -> None:
    _, proxy = proxied
    with proxy.client() as client:
        client.headers.update(OURS)
        page = client.get("/console/live", headers=SIGNED_IN)
        assert (page.status_code, "ada@example.com" in page.text) == (200, True)
        led = client.get("/console/live")
        assert led.status_code == 302
        assert "/oauth2/start?rd=/console/live" in led.headers["location"]
        # what the sender claims does not arrive
        claimed = {"x-assertion": signed(), **STRANGER}
        refused = client.get("/console/live", headers=claimed)
        assert (refused.status_code, "admits this person to nothing" in refused.text) == (403, True)
        # forms arrive from the page's own origin, and the API stays open to keys
        assert client.post("/console/-/sign-out", headers=SIGNED_IN).status_code == 200
        key = {"authorization": f"Bearer {new_key(database_url, 'live')}"}
        assert client.get("/v1/payments", headers=key).status_code == 200

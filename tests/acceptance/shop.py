"""A stand-in for the provider, and a service that reads it and is told of its events."""

import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.acceptance.service import Service, new_key, number
from tests.builders import SECRET
from tests.sandbox import Sandbox, sandbox

_WAIT_SECONDS = 60
_UNLIMITED = ("--requests-per-minute=0", "--requests-per-second=0")

CONFIG = """
[books.test]
mode = "test"
secrets = ["{secret}"]
webhook_max_age_days = 4000
access = {{ {access} }}

[books.test.provider]
{provider}
"""


class Shop:
    """Both, with an API key of the service's book ``test``."""

    def __init__(self, provider: Sandbox, service: Service, url: str, config: Path) -> None:
        self.provider, self.service, self.database_url = provider, service, url
        self._config = config
        self.control = provider.control
        self.key = new_key(url, "test", "read,audit")

    def get(self, path: str, key: str | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {key or self.key}"}
        return self.service.client.get(f"/v1/{path}", headers=headers)

    def access(self, customer_id: str, query: str = "") -> dict[str, Any]:
        answer = self.get(f"customers/{customer_id}/access?{query}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def access_of_all(self, customer_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        ids = list(customer_ids)
        with ThreadPoolExecutor(8) as threads:
            return dict(zip(ids, threads.map(self.access, ids), strict=True))

    def act(self, name: str, identity: str, **options: Any) -> None:  # noqa: ANN401
        self.control.act(name, identity, options)
        self.settle()

    def settle(self) -> None:
        """Wait until all webhooks that are due were sent, and show."""
        self.control.settle()
        with psycopg.connect(self.database_url) as conn:
            row = conn.execute("select position from store.head where book = 'test'").fetchone()
        assert row is not None
        self._await(lambda: number(self.get("events/counts").json()["position"]) >= row[0])

    @property
    def requests(self) -> int:
        """How often the provider's API was asked."""
        return self.control.status().requests

    def counted(self, name: str) -> dict[str, float]:
        """A metric of the service, by its labels."""
        lines = self.service.client.get("/metrics").text.splitlines()
        found = (line.rpartition(" ") for line in lines if line.startswith(f"{name}{{"))
        return {labels.removeprefix(name): float(value) for labels, _, value in found}

    def configure(self, **access: object) -> None:
        """Reload with other access rules; what the provider just said is forgotten."""
        text = self._config.read_text()
        before, _, rest = text.partition("access = {")
        made = ", ".join(f"{name} = {value}" for name, value in access.items())
        self._config.write_text(f"{before}access = {{ {made} {rest[rest.index('}') :]}")
        self.reload()

    def reload(self) -> None:
        reloads = self.service.log().count("configuration reloaded")
        os.kill(self.service.process.pid, signal.SIGHUP)
        self._await(lambda: self.service.log().count("configuration reloaded") > reloads)

    def _await(self, true: Any) -> None:  # noqa: ANN401
        deadline = time.monotonic() + _WAIT_SECONDS
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def shop(  # noqa: PLR0913 - named parameters
    here: Path,
    database_url: str,
    *,
    access: str = "confirm_denials = true",
    provider: str = "requests_per_minute = 100000",
    customers: int = 3,
    seed: int = 1,
    behind: str = "2h",
) -> Iterator[Shop]:
    """Both running; the service's book is empty, and its clock is ``behind`` hours ahead."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    to = f"http://127.0.0.1:{port}/webhooks/test"
    flags = {"webhooks_to": to, "secret": SECRET, "behind": behind}
    with sandbox(*_UNLIMITED, customers=customers, seed=seed, **flags) as running:
        lines = f'url = "{running.url}"\napi_key = "{running.api_key}"\n{provider}'
        config = here / "daybook.toml"
        config.write_text(CONFIG.format(secret=SECRET, access=access, provider=lines))
        service = Service(here, env={"DAYBOOK_DATABASE_URL": database_url})
        service.port = port
        service.start()
        try:
            yield Shop(running, service, database_url, config)
        finally:
            status = service.stop()
        assert status == 0
        assert "unhandled exception" not in service.log()

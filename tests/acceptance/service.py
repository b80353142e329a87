"""The service as its users run it: a process of its own, spoken to over HTTP."""

import asyncio
import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec

from service.cli.sending import new_webhook_id
from service.database.connections import connect
from service.ingest.signature import signed_headers
from service.store import api_keys
from service.store.api_keys import Scope
from service.store.positions import parse
from tests import forkserver

_WAIT_SECONDS = 60
_NOT_COMPILED = "PYTHONDONTWRITEBYTECODE"


def command(*args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run ``daybook`` with these arguments; its standard output.

    Raises:
        subprocess.CalledProcessError: if it does not exit with 0.
    """
    try:
        done = forkserver.run(
            [sys.executable, "-m", "service", *args],
            env=environment(env), cwd=cwd, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        # the error's own text has only the status
        error.add_note(error.stdout + error.stderr)
        raise
    printed: str = done.stdout
    return printed


def new_key(url: str, book: str, scope: str = "read") -> str:
    """An API key, made as ``daybook keys create`` does, at once and without a process."""

    async def made() -> str:
        async with await connect(url) as conn:
            scopes = msgspec.convert(scope.split(","), list[Scope])
            return await api_keys.create(conn, book, scopes)

    # in a thread: a test with a browser has a loop in its own
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(made())).result()


def environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    # compiled once, and not by each of the hundreds of processes that are started
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DAYBOOK_", _NOT_COMPILED))}
    # neither is that of the account that tests: a configuration that lies there would be used
    own = {
        "DAYBOOK_SIGNING_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "DAYBOOK_DATA_DIR": str(_home() / "data"),
    }
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2]), **own, **(extra or {})}


@cache
def _home() -> Path:
    made = Path(tempfile.mkdtemp(prefix="daybook-home-"))
    made.chmod(0o711)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def number(position: str) -> int:
    """The number of a position, as the service gives it."""
    return parse(position).number


class Service:
    """A running ``daybook serve``; a hasty one waits less, as ``hasty`` says."""

    def __init__(
        self, cwd: Path, *args: str, env: Mapping[str, str] | None = None, hasty: bool = False
    ) -> None:
        self._module = "tests.acceptance.hasty" if hasty else "service"
        self._cwd = cwd
        self._args = args
        self._env = env
        self.process: subprocess.Popen[str]
        self.client = httpx.Client(timeout=30)
        self.said = ""
        self.port = "0"

    def start(self, *, ready: bool = True) -> "Service":
        """Start it, on the same port as before, and wait until it is ready, or answers at all."""
        out = (self._cwd / "serve.out").open("w")
        err = (self._cwd / "serve.err").open("a")
        self.process = forkserver.Popen(
            [sys.executable, "-m", self._module, "serve", "--port", self.port, *self._args],
            env=environment(self._env), cwd=self._cwd, stdout=out, stderr=err, text=True,
        )  # fmt: skip
        out.close()
        err.close()
        self._await(self._told, "said where it serves")
        self.client.base_url = self.find(r"(http://\S+)/v1")
        self.port = str(self.client.base_url.port)
        self._await(self._ready if ready else self._answers, "answered")
        return self

    def await_ready(self) -> None:
        """Wait until it says that it can serve."""
        self._await(self._ready, "became ready")

    def find(self, pattern: str) -> str:
        """The first group of ``pattern`` in what it printed."""
        found = re.search(pattern, self.said)
        assert found, f"{pattern} not in {self.said!r}"
        return found[1]

    def signal(self, number: int) -> int:
        """Send it a signal and wait for its end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(_WAIT_SECONDS)

    def log(self) -> str:
        """All that it logged, whole lines only."""
        return (self._cwd / "serve.err").read_text().rpartition("\n")[0]

    def stop(self) -> int:
        """Stop it as a supervisor does; its exit status."""
        self.client.close()
        return self.signal(signal.SIGTERM) if self.process.poll() is None else 0

    def deliver(
        self,
        book: str,
        secret: str,
        body: bytes,
        webhook_id: str | None = None,
        via: httpx.Client | None = None,
    ) -> httpx.Response:
        """Send one webhook, signed now, through a client of one's own if need be."""
        headers = signed_headers(secret, webhook_id or new_webhook_id(), datetime.now(UTC), body)
        return (via or self.client).post(f"/webhooks/{book}", content=body, headers=headers)

    def ask(self, path: str, key: str) -> Any:  # noqa: ANN401 - as JSON is
        """The answer to a question that must succeed."""
        answer = self.client.get(f"/v1/{path}", headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def await_position(self, key: str, position: int) -> None:
        """Wait until the read models reflect a position."""
        self._await(
            lambda: number(self.ask("customers/x/access", key)["position"]) >= position, "caught up"
        )

    def _told(self) -> bool:
        self.said = (self._cwd / "serve.out").read_text()
        # its last line, whole
        return bool(re.search(r"(KEY=\S+|keys create .*)\n", self.said))

    def _answers(self) -> bool:
        try:
            return self.client.get("/healthz").is_success
        except httpx.TransportError:
            return False

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def _await(self, true: Any, what: str) -> None:  # noqa: ANN401
        deadline = time.monotonic() + _WAIT_SECONDS
        while not true():
            assert self.process.poll() is None, (self._cwd / "serve.err").read_text()
            assert time.monotonic() < deadline, f"it never {what}"
            time.sleep(0.02)

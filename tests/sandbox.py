"""The stand-in for the provider as its users run it: a process of its own, on any free port."""

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.sandbox.client import SandboxClient
from tests import forkserver
from tests.acceptance.service import environment

if TYPE_CHECKING:
    from dodopayments import DodoPayments

_WAIT_SECONDS = 60


class Sandbox:
    """A running ``daybook sandbox``; ``control`` has its commands."""

    def __init__(self, process: subprocess.Popen[str], said: Path, errors: Path) -> None:
        self.process = process
        self._sdks: list[DodoPayments] = []
        self._said = said
        self._errors = errors
        text = self._await_start()
        self.url = _find(r"URL=(\S+)", text)
        self.api_key = _find(r"API_KEY=(\S+)", text)
        self.control = SandboxClient(self.url)

    @property
    def headers(self) -> dict[str, str]:
        """What a request to its REST API needs."""
        return {"authorization": f"Bearer {self.api_key}"}

    def sdk(self, api_key: str | None = None) -> "DodoPayments":
        """The provider's SDK, which refuses an answer that its types do not describe."""
        # not at the top, where it would take half a second of each process that collects tests
        from dodopayments import DodoPayments  # noqa: PLC0415

        made = DodoPayments(
            bearer_token=api_key or self.api_key,
            base_url=self.url,
            max_retries=0,
            _strict_response_validation=True,
        )
        self._sdks.append(made)
        return made

    def stop(self) -> int:
        """Stop it as a supervisor does; its exit status."""
        self.control.close()
        for sdk in self._sdks:
            sdk.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_WAIT_SECONDS)

    def log(self) -> str:
        """What it logged."""
        return self._errors.read_text()

    def _await_start(self) -> str:
        deadline = time.monotonic() + _WAIT_SECONDS
        while "advance" not in (text := self._said.read_text()):
            assert self.process.poll() is None, self._errors.read_text()
            assert time.monotonic() < deadline, "it never said where it serves"
            time.sleep(0.02)
        return text


@contextmanager
def sandbox(*args: str, customers: int = 20, seed: int = 1, **flags: str) -> Iterator[Sandbox]:
    """A sandbox for the duration of the block, on any free port.

    Args:
        args: more flags, such as ``--real-stamps``.
        customers: how many.
        seed: the same seed makes the same world.
        flags: the same by name, such as ``behind="40d"`` and ``webhooks_to=url``.
    """
    given = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
    given += [f"--customers={customers}", f"--seed={seed}", *args]
    with tempfile.TemporaryDirectory(prefix="daybook-sandbox-") as path:
        said, errors = Path(path, "out"), Path(path, "err")
        with said.open("w") as out, errors.open("w") as err:
            process = forkserver.Popen(
                [sys.executable, "-m", "service", "sandbox", "--port=0", *given],
                env=environment(None), cwd=path, stdout=out, stderr=err, text=True,
            )  # fmt: skip
        try:
            made = Sandbox(process, said, errors)
            try:
                yield made
            finally:
                status = made.stop()
            assert status == 0, made.log()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"{pattern} not in {text!r}"
    return found[1]

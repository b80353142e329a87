"""A client of a running sandbox's control routes."""

import time
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from service.sandbox.endpoint_bodies import Secret
from service.sandbox.happenings import Happening
from service.sandbox.messages import (
    Action,
    Advance,
    AnswerFaultRequest,
    Attempt,
    FaultStatus,
    Moved,
    Status,
    WebhookFaultRequest,
)

DEFAULT_PORT = 8100
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"

_POLL_SECONDS = 0.05

T = TypeVar("T")


class SandboxError(Exception):
    """The sandbox refused a command; the text says why."""


class SandboxClient:
    """Commands to a running sandbox."""

    def __init__(self, url: str = DEFAULT_URL) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        """Use it as a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def status(self) -> Status:
        """The state of the sandbox."""
        return self._ask("GET", "status", Status)

    def attempts(self) -> list[Attempt]:
        """The latest attempts to deliver a webhook, oldest first."""
        return self._ask("GET", "attempts", list[Attempt])

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """All resources of a kind, by their id, as they are now."""
        return self._ask("GET", f"resources/{kind}", dict[str, dict[str, Any]])

    def advance(self, by: timedelta) -> Moved:
        """Move the clock; does not wait until it has arrived."""
        return self._ask("POST", "advance", Moved, Advance(by))

    def move(self, by: timedelta, seconds: float = 300) -> Status:
        """Move the clock, and wait until it has arrived and all webhooks due were sent."""
        self.advance(by)
        return self.settle(seconds)

    def settle(self, seconds: float = 300) -> Status:
        """Wait until the clock stands still and all webhooks due were sent.

        Raises:
            SandboxError: if that takes longer.
        """
        deadline = time.monotonic() + seconds
        while not (status := self.status()).settled:
            if time.monotonic() > deadline:
                raise SandboxError(f"The sandbox did not settle within {seconds:.0f} seconds.")
            time.sleep(_POLL_SECONDS)
        return status

    def act(
        self, name: str, identity: str, options: Mapping[str, str | int | bool] | None = None
    ) -> list[Happening]:
        """Let something happen to a resource, such as ``fail-next-renewal``."""
        action = Action(identity, dict(options or {}))
        return self._ask("POST", f"actions/{name}", list[Happening], action)

    def rotate(self, endpoint_id: str) -> Secret:
        """Rotate the secret of a webhook endpoint; the old one signs for a day more."""
        return self._ask("POST", f"endpoints/{endpoint_id}/rotate", Secret)

    def add_webhook_fault(self, fault: WebhookFaultRequest) -> list[FaultStatus]:
        """Let webhooks suffer a fault; returns all that are in force."""
        return self._ask("POST", "faults/webhooks", list[FaultStatus], fault)

    def add_answer_fault(self, fault: AnswerFaultRequest) -> list[FaultStatus]:
        """Let the REST API's answers suffer a fault; returns all that are in force."""
        return self._ask("POST", "faults/answers", list[FaultStatus], fault)

    def clear_faults(self) -> None:
        """End all faults."""
        self._ask("DELETE", "faults", list[FaultStatus])

    def _ask(self, method: str, path: str, kind: type[T], data: object = None) -> T:
        content = b"" if data is None else msgspec.json.encode(data)
        headers = {"content-type": "application/json"}
        try:
            response = self._http.request(
                method, f"/sandbox/{path}", content=content, headers=headers
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise SandboxError(
                f"No sandbox answers at {self._http.base_url} ({error}). Start one with `daybook"
                " sandbox`, or name another address with --sandbox-url."
            ) from None
        if not response.is_success:
            raise SandboxError(_reason(response))
        return msgspec.json.decode(response.content, type=kind)


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"The sandbox answered {response.status_code}. Is another service at this address?"

"""A business at the provider, as far as webhook endpoints go: a real server that can fail."""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.provider.endpoints import EVENT_TYPES
from tests.builders import SECRET
from tests.service.provider.stand_in import KEY, Answer, Request, answering, document


class Business:
    """Its endpoints, what was asked of it, and what goes wrong with it."""

    def __init__(self) -> None:
        self.url = ""
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}
        self.asked: list[Request] = []
        self.page_size = 2
        self.read_only = False
        self.business_id = "bus_1"
        self.fails: Answer | None = None
        self.seconds = 0.0
        self._numbers = itertools.count(1)

    def add(self, url: str, secret: str = SECRET, **more: Any) -> str:  # noqa: ANN401
        identity = f"ep_{next(self._numbers)}"
        self.endpoints[identity] = {
            "id": identity, "url": url, "description": "", "metadata": {}, "disabled": False,
            "filter_types": list(EVENT_TYPES), "created_at": "", "updated_at": "", **more,
        }  # fmt: skip
        self.secrets[identity] = secret
        return identity

    @property
    def changes(self) -> list[str]:
        return [r.method for r in self.asked if r.method != "GET"]

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        time.sleep(self.seconds)
        return self.fails or self._refusal(request) or self._answer(request)

    def _refusal(self, request: Request) -> Answer | None:
        if request.headers["authorization"] != f"Bearer {KEY}":
            return Answer(401, b'{"message":"invalid key"}')
        if self.read_only and (request.method != "GET" or request.path.endswith("/secret")):
            return Answer(403, b'{"message":"the key is read-only"}')
        return None

    def _answer(self, request: Request) -> Answer:
        if request.path == "/customers":
            return document({"items": [{"customer_id": "c", "business_id": self.business_id}]})
        root, identity, rest = (*request.path[1:].split("/"), "", "")[:3]
        if root != "webhooks" or (identity and identity not in self.endpoints):
            return Answer(404)
        if rest == "secret":
            return document({"secret": self.secrets[identity]})
        return self._endpoint(request, identity) if identity else self._all(request)

    def _endpoint(self, request: Request, identity: str) -> Answer:
        if request.method == "PATCH":
            self.endpoints[identity] |= json.loads(request.body)
        return document(self.endpoints[identity])

    def _all(self, request: Request) -> Answer:
        if request.method == "POST":
            return document(self.endpoints[self.add(**json.loads(request.body))])
        start = int(request.query.get("iterator", "0"))
        end = start + self.page_size
        found = list(self.endpoints.values())
        done = end >= len(found)
        return document({"data": found[start:end], "iterator": str(end), "done": done})


@contextmanager
def business() -> Iterator[Business]:
    """A running one, without endpoints."""
    made = Business()
    with answering(made.answer) as url:
        made.url = url
        yield made

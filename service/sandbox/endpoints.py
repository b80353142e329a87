"""The account's webhook endpoints and their signing secrets."""

import re
import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET, structs

from service.sandbox.endpoint_bodies import (
    Endpoint,
    EndpointChange,
    EndpointPage,
    EndpointRequest,
    Secret,
)
from service.sandbox.errors import ApiError, not_found

MAX_ENDPOINTS = 50

_STILL_SIGNS = timedelta(days=1)
"""So long a replaced secret signs next to the new one."""

_MAX_HEADERS = 50
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[ -~]{0,2000}")


class Endpoints:
    """The endpoints, oldest first, each with its signing secret."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}
        self._secrets: dict[str, str] = {}
        self._replaced: dict[str, list[tuple[str, datetime]]] = {}
        self._headers: dict[str, Mapping[str, str]] = {}
        self._by_key: dict[str, str] = {}

    def create(
        self, request: EndpointRequest, now: datetime, secret: str | None = None
    ) -> Endpoint:
        """Make an endpoint, with a new secret by default.

        Raises:
            ApiError: if the URL is not one of HTTP, a header cannot be sent, or there are too many
                endpoints.
        """
        _check_url(request.url)
        _check_headers(request.headers or {})
        key = request.idempotency_key
        if key is not None and key in self._by_key:
            return self.get(self._by_key[key])
        if len(self._endpoints) >= MAX_ENDPOINTS:
            raise ApiError(409, f"There are {MAX_ENDPOINTS} endpoints. Delete one first.")
        made = Endpoint(
            id=f"ep_{secrets.token_hex(12)}",
            url=request.url,
            description=request.description or "",
            created_at=now,
            updated_at=now,
            metadata=request.metadata or {},
            disabled=bool(request.disabled),
            filter_types=request.filter_types,
            rate_limit=request.rate_limit,
        )
        self._endpoints[made.id] = made
        self._secrets[made.id] = secret or _new_secret()
        self._headers[made.id] = request.headers or {}
        if key is not None:
            self._by_key[key] = made.id
        return made

    def get(self, identity: str) -> Endpoint:
        """An endpoint.

        Raises:
            ApiError: 404.
        """
        if identity not in self._endpoints:
            raise not_found(f"Webhook endpoint {identity!r}")
        return self._endpoints[identity]

    def change(self, identity: str, change: EndpointChange, now: datetime) -> Endpoint:
        """Change an endpoint.

        Raises:
            ApiError: 404, or if the URL is not one of HTTP.
        """
        endpoint = self.get(identity)
        values: dict[str, Any] = {
            name: value
            for name, value in structs.asdict(change).items()
            if value is not UNSET and value is not None
        }
        if "url" in values:
            _check_url(values["url"])
        self._endpoints[identity] = structs.replace(endpoint, updated_at=now, **values)
        return self._endpoints[identity]

    def delete(self, identity: str) -> None:
        """Remove an endpoint; what waits for it is not sent any more.

        Raises:
            ApiError: 404.
        """
        self.get(identity)
        del self._endpoints[identity], self._secrets[identity], self._headers[identity]
        self._replaced.pop(identity, None)
        self._by_key = {key: made for key, made in self._by_key.items() if made != identity}

    def all(self) -> list[Endpoint]:
        """All endpoints, oldest first."""
        return list(self._endpoints.values())

    def page(self, after: str | None, limit: int) -> EndpointPage:
        """A page of endpoints, after the one that the iterator names."""
        names = list(self._endpoints)
        start = names.index(after) + 1 if after in self._endpoints else 0
        chosen = names[start : start + limit]
        last = chosen[-1] if chosen else after or ""
        done = start + limit >= len(names)
        return EndpointPage([self._endpoints[name] for name in chosen], last, done)

    def secret(self, identity: str) -> Secret:
        """The signing secret of an endpoint.

        Raises:
            ApiError: 404.
        """
        return Secret(self._secrets[self.get(identity).id])

    def rotate(self, identity: str, now: datetime) -> Secret:
        """Give an endpoint a new secret; the old one signs too for a day, by the sandbox's clock.

        Raises:
            ApiError: 404.
        """
        old = self.secret(identity).secret
        kept = [
            (secret, until) for secret, until in self._replaced.get(identity, []) if until > now
        ]
        self._replaced[identity] = [(old, now + _STILL_SIGNS), *kept]
        self._secrets[identity] = _new_secret()
        return self.secret(identity)

    def signing_secrets(self, identity: str, now: datetime) -> list[str]:
        """The secrets that sign what an endpoint is sent now, the current one first.

        Raises:
            ApiError: 404.
        """
        replaced = self._replaced.get(identity, [])
        return [self.secret(identity).secret, *(s for s, until in replaced if until > now)]

    def headers(self, identity: str) -> Mapping[str, str]:
        """The merchant's own headers of an endpoint."""
        return self._headers[self.get(identity).id]

    def add_headers(self, identity: str, headers: Mapping[str, str]) -> None:
        """Add headers to an endpoint, or change them.

        Raises:
            ApiError: 404, or if a header cannot be sent.
        """
        kept = {**self.headers(identity), **headers}
        _check_headers(kept)
        self._headers[identity] = kept

    def subscribed(self, event: str) -> list[Endpoint]:
        """The endpoints that get events of this type now."""
        return [
            endpoint
            for endpoint in self._endpoints.values()
            if not endpoint.disabled
            and (endpoint.filter_types is None or event in endpoint.filter_types)
        ]

    def find(self, identity: str) -> Endpoint | None:
        """An endpoint that may have been deleted."""
        return self._endpoints.get(identity)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._endpoints)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise ApiError(400, "url must start with http:// or https:// and name a host.")


def _check_headers(headers: Mapping[str, str]) -> None:
    valid = all(_NAME.fullmatch(k) and _VALUE.fullmatch(v) for k, v in headers.items())
    if not valid or len(headers) > _MAX_HEADERS:
        raise ApiError(400, f"headers must be at most {_MAX_HEADERS}, of visible ASCII.")


def _new_secret() -> str:
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()

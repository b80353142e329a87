"""The webhook endpoints that a business has at the provider: find, create, complete one."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from domain.catalog import AGGREGATES
from service.provider.client import COMMAND, Patience, Provider, Reply
from service.provider.errors import UnexpectedAnswerError

T = TypeVar("T")

EVENT_TYPES = tuple(sorted(e for aggregate in AGGREGATES for e in aggregate.lifecycle.events))
"""Every event type that Daybook knows."""

_PATH = "/webhooks"
_PAGE_SIZE = 100
_MAX_PAGES = 50
_PORTS = {"https": 443, "http": 80}


class Endpoint(Struct, frozen=True):
    """A webhook endpoint; without ``filter_types`` it receives every type."""

    id: str
    url: str
    disabled: bool | None = False
    filter_types: tuple[str, ...] | None = None

    @property
    def missing_types(self) -> tuple[str, ...]:
        """The types that Daybook knows and the endpoint does not receive."""
        if self.filter_types is None:
            return ()
        return tuple(sorted(set(EVENT_TYPES).difference(self.filter_types)))


class _Endpoints(Struct):
    data: tuple[Endpoint, ...]
    iterator: str | None = None
    done: bool | None = None


class _Secret(Struct):
    secret: str


async def list_endpoints(
    provider: Provider, *, patience: Patience = COMMAND
) -> tuple[tuple[Endpoint, ...], Reply]:
    """All endpoints of the business, and the last reply.

    Raises:
        ProviderError: by its kind; ``WrongKeyError`` if the key is not one of this mode.
    """
    found: list[Endpoint] = []
    query: dict[str, str | int] = {"limit": _PAGE_SIZE}
    for _ in range(_MAX_PAGES):
        reply = await provider.get(_PATH, query, patience=patience)
        page = _decode(reply, _Endpoints)
        found += page.data
        if page.done is not False or not page.iterator or not page.data:
            return tuple(found), reply
        query["iterator"] = page.iterator
    raise UnexpectedAnswerError("The provider's list of webhook endpoints does not end.", 200)


async def create_endpoint(provider: Provider, url: str) -> Endpoint:
    """Create an endpoint that receives every known type.

    Raises:
        ProviderError: by its kind; ``WrongKeyError`` if the key has no write access.
    """
    document = {"url": url, "description": "Daybook", "filter_types": EVENT_TYPES}
    return _decode(await provider.send("POST", _PATH, document), Endpoint)


async def complete_endpoint(provider: Provider, endpoint: Endpoint) -> None:
    """Subscribe an endpoint to every known type, in addition to its own, and enable it.

    Raises:
        ProviderError: by its kind; ``WrongKeyError`` if the key has no write access.
    """
    document: dict[str, object] = {"disabled": False}
    if endpoint.missing_types:
        document["filter_types"] = (*(endpoint.filter_types or ()), *endpoint.missing_types)
    await provider.send("PATCH", _path(endpoint), document)


async def read_secret(
    provider: Provider, endpoint: Endpoint, *, patience: Patience = COMMAND
) -> str:
    """The secret that an endpoint's webhooks are signed with now.

    Raises:
        ProviderError: by its kind.
    """
    return _decode(
        await provider.get(f"{_path(endpoint)}/secret", patience=patience), _Secret
    ).secret


def with_url(endpoints: Sequence[Endpoint], url: str) -> list[Endpoint]:
    """The endpoints that deliver to a URL, those that are enabled first."""
    found = [e for e in endpoints if _normal(e.url) == _normal(url)]
    return sorted(found, key=lambda e: bool(e.disabled))


def of_book(endpoints: Sequence[Endpoint], book: str) -> list[Endpoint]:
    """The endpoints whose URL ends as that of a book does."""
    path = f"/webhooks/{book}"
    return [e for e in endpoints if urlsplit(e.url).path.rstrip("/").endswith(path)]


def _path(endpoint: Endpoint) -> str:
    return f"{_PATH}/{quote(endpoint.id, safe='')}"


def _normal(url: str) -> tuple[str, str | None, int | None, str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        # it stands at the provider, whatever it is
        return "", None, None, url, ""
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/"), parts.query


def _decode(reply: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.MsgspecError as error:
        # without the body, which may have the secret
        raise UnexpectedAnswerError(
            f"The provider's answer about webhook endpoints is not as documented: {error}."
            " Report this to the developers of Daybook.",
            reply.status,
        ) from None

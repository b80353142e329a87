"""Webhook endpoints as the provider's REST API reads and writes them."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

Url = Annotated[str, Meta(max_length=2000)]
Types = Annotated[list[str], Meta(max_length=200)]


class Endpoint(Struct, frozen=True, kw_only=True):
    """A webhook endpoint as the provider shows it; without types it gets all."""

    id: str
    url: str
    description: str
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, str]
    disabled: bool
    filter_types: list[str] | None
    rate_limit: int | None


class EndpointRequest(Struct, frozen=True, kw_only=True):
    """The body of ``POST /webhooks``."""

    url: Url
    description: str | None = None
    disabled: bool | None = None
    filter_types: Types | None = None
    headers: dict[str, str] | None = None
    idempotency_key: str | None = None
    metadata: dict[str, str] | None = None
    rate_limit: int | None = None


class EndpointChange(Struct, frozen=True, kw_only=True):
    """The body of ``PATCH /webhooks/{id}``; what is absent or null stays as it is."""

    url: Url | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    disabled: bool | UnsetType | None = UNSET
    filter_types: Types | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    rate_limit: int | UnsetType | None = UNSET


class EndpointPage(Struct, frozen=True):
    """A page of endpoints; ``iterator`` asks for the next one."""

    data: list[Endpoint]
    iterator: str
    done: bool


class Secret(Struct, frozen=True):
    """The body of ``GET /webhooks/{id}/secret``."""

    secret: str


class EndpointHeaders(Struct, frozen=True):
    """The body of ``/webhooks/{id}/headers``: headers that are sent with each webhook."""

    headers: dict[str, str]
    sensitive: list[str] = []

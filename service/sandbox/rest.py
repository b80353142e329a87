"""The provider's REST API over the world."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from service.sandbox.documents import DOCUMENT_ROUTES
from service.sandbox.endpoint_bodies import (
    Endpoint,
    EndpointChange,
    EndpointHeaders,
    EndpointPage,
    EndpointRequest,
    Secret,
)
from service.sandbox.errors import ApiError, not_found
from service.sandbox.list_queries import BalancesQuery, GrantsQuery, LedgerQuery, PageQuery
from service.sandbox.lists import (
    LISTINGS,
    Listing,
    Row,
    Rows,
    light,
    page,
    query_of,
    selected,
)
from service.sandbox.parts import SandboxRequest, parts_of

Query = TypeVar("Query", bound=PageQuery)
Items = dict[str, list[Any]]

_MAX_ENDPOINTS_PAGE = 250


def _world(request: SandboxRequest) -> Rows:
    return parts_of(request).timeline.world.resources


def _params(request: SandboxRequest) -> dict[str, str]:
    return dict(request.query_params.items())


def _list_route(listing: Listing) -> HTTPRouteHandler:
    @get(listing.path, name=f"list {listing.kind}")
    async def read_list(request: SandboxRequest) -> Items:
        world = _world(request)
        query = query_of(listing.query, _params(request))
        last_page = parts_of(request).last_page if listing.capped else None
        rows = page(selected(world, listing, query), query, last_page)
        return {"items": light(world, listing, rows)}

    return read_list


def _by_id_route(listing: Listing) -> HTTPRouteHandler:
    @get(f"{listing.path}/{{identity:str}}", name=f"get {listing.kind}")
    async def read_one(request: SandboxRequest, identity: FromPath[str]) -> dict[str, Any]:
        return dict(_one(_world(request), listing.kind, identity))

    return read_one


def _one(world: Rows, kind: str, identity: str) -> Row:
    row = world.get(kind, {}).get(identity)
    if row is None:
        raise not_found(f"{kind.replace('_', ' ').capitalize()} {identity!r}")
    return row


def _matching(rows: Iterable[Row], **wanted: object) -> list[Row]:
    filters = {name: value for name, value in wanted.items() if value is not None}
    return [row for row in rows if all(row.get(k) == v for k, v in filters.items())]


def _items(rows: Iterable[Row], query: PageQuery) -> Items:
    return {"items": page(rows, query)}


@get("/customers/{customer_id:str}/entitlement-grants")
async def list_customer_grants(request: SandboxRequest, customer_id: FromPath[str]) -> Items:
    """The entitlement grants of a customer."""
    world = _world(request)
    _one(world, "customer", customer_id)
    query = _convert(GrantsQuery, request)
    rows = _matching(
        world["entitlement_grant"].values(),
        customer_id=customer_id,
        integration_type=query.integration_type,
        status=query.status,
    )
    return _items(rows, query)


@get("/entitlements")
async def list_entitlements(request: SandboxRequest) -> Items:
    """The account's entitlements."""
    query = _convert(GrantsQuery, request)
    rows = _world(request)["entitlement"].values()
    return _items(_matching(rows, integration_type=query.integration_type), query)


@get("/entitlements/{identity:str}/grants")
async def list_grants(request: SandboxRequest, identity: FromPath[str]) -> Items:
    """The grants of an entitlement."""
    world = _world(request)
    _one(world, "entitlement", identity)
    query = _convert(GrantsQuery, request)
    rows = _matching(
        world["entitlement_grant"].values(),
        entitlement_id=identity,
        customer_id=query.customer_id,
        status=query.status,
    )
    return _items(rows, query)


@get("/credit-entitlements")
async def list_credit_entitlements(request: SandboxRequest) -> Items:
    """The account's kinds of credits."""
    return _items(_world(request)["credit_entitlement"].values(), _convert(PageQuery, request))


@get("/customers/{customer_id:str}/credit-entitlements")
async def list_customer_credits(request: SandboxRequest, customer_id: FromPath[str]) -> Items:
    """The credits of a customer; not paged."""
    world = _world(request)
    _one(world, "customer", customer_id)
    kinds = world["credit_entitlement"]
    return {
        "items": [
            {
                "credit_entitlement_id": row["credit_entitlement_id"],
                "name": kinds[row["credit_entitlement_id"]]["name"],
                "unit": kinds[row["credit_entitlement_id"]]["unit"],
                "description": kinds[row["credit_entitlement_id"]].get("description"),
                "balance": row["balance"],
                "overage": row["overage"],
            }
            for row in _matching(world["credit_balance"].values(), customer_id=customer_id)
        ]
    }


@get("/credit-entitlements/{identity:str}/balances")
async def list_balances(request: SandboxRequest, identity: FromPath[str]) -> Items:
    """The balances of a kind of credits."""
    world = _world(request)
    _one(world, "credit_entitlement", identity)
    query = _convert(BalancesQuery, request)
    rows = _matching(
        world["credit_balance"].values(),
        credit_entitlement_id=identity,
        customer_id=query.customer_id,
    )
    return _items(rows, query)


@get("/credit-entitlements/{identity:str}/balances/{customer_id:str}")
async def get_balance(
    request: SandboxRequest, identity: FromPath[str], customer_id: FromPath[str]
) -> dict[str, Any]:
    """The balance of one customer."""
    world = _world(request)
    _one(world, "credit_entitlement", identity)
    rows = _matching(
        world["credit_balance"].values(), credit_entitlement_id=identity, customer_id=customer_id
    )
    if not rows:
        raise not_found(f"A balance of customer {customer_id!r}")
    return dict(rows[0])


@get("/credit-entitlements/{identity:str}/balances/{customer_id:str}/ledger")
async def list_ledger(
    request: SandboxRequest, identity: FromPath[str], customer_id: FromPath[str]
) -> Items:
    """The ledger of one customer's credits."""
    world = _world(request)
    _one(world, "credit_entitlement", identity)
    query = _convert(LedgerQuery, request)
    rows = _matching(
        world["credit"].values(),
        credit_entitlement_id=identity,
        customer_id=customer_id,
        transaction_type=query.transaction_type,
    )
    since, until = query.start_date, query.end_date
    rows = [
        row
        for row in rows
        if (since is None or row["created_at"] >= since)
        and (until is None or row["created_at"] <= until)
    ]
    return _items(rows, query)


def _convert(query: type[Query], request: SandboxRequest) -> Query:
    return query_of(query, _params(request))


def _now(request: SandboxRequest) -> datetime:
    return parts_of(request).timeline.now


@post("/webhooks", status_code=200)
async def create_endpoint(request: SandboxRequest, data: JSONBody[EndpointRequest]) -> Endpoint:
    """Make a webhook endpoint."""
    return parts_of(request).endpoints.create(data, _now(request))


@get("/webhooks")
async def list_endpoints(request: SandboxRequest) -> EndpointPage:
    """The webhook endpoints, by a cursor."""
    params = _params(request)
    limit = params.get("limit", "50")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MAX_ENDPOINTS_PAGE:
        raise ApiError(400, f"limit must be a whole number from 1 to {_MAX_ENDPOINTS_PAGE}.")
    return parts_of(request).endpoints.page(params.get("iterator"), int(limit))


@get("/webhooks/{identity:str}")
async def get_endpoint(request: SandboxRequest, identity: FromPath[str]) -> Endpoint:
    """One webhook endpoint."""
    return parts_of(request).endpoints.get(identity)


@patch("/webhooks/{identity:str}")
async def change_endpoint(
    request: SandboxRequest, identity: FromPath[str], data: JSONBody[EndpointChange]
) -> Endpoint:
    """Change a webhook endpoint."""
    return parts_of(request).endpoints.change(identity, data, _now(request))


@delete("/webhooks/{identity:str}", status_code=200)
async def delete_endpoint(request: SandboxRequest, identity: FromPath[str]) -> Response[None]:
    """Remove a webhook endpoint."""
    parts_of(request).endpoints.delete(identity)
    return Response(None, status_code=200)


@get("/webhooks/{identity:str}/secret")
async def get_secret(request: SandboxRequest, identity: FromPath[str]) -> Secret:
    """The signing secret of a webhook endpoint."""
    return parts_of(request).endpoints.secret(identity)


@get("/webhooks/{identity:str}/headers")
async def get_headers(request: SandboxRequest, identity: FromPath[str]) -> EndpointHeaders:
    """The merchant's own headers of a webhook endpoint."""
    return EndpointHeaders(dict(parts_of(request).endpoints.headers(identity)))


@patch("/webhooks/{identity:str}/headers", status_code=200)
async def change_headers(
    request: SandboxRequest, identity: FromPath[str], data: JSONBody[EndpointHeaders]
) -> Response[None]:
    """Add headers to a webhook endpoint, or change them."""
    parts_of(request).endpoints.add_headers(identity, data.headers)
    return Response(None, status_code=200)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    *(_list_route(listing) for listing in LISTINGS),
    *(_by_id_route(listing) for listing in LISTINGS if listing.by_id),
    list_customer_grants,
    list_entitlements,
    list_grants,
    list_credit_entitlements,
    list_customer_credits,
    list_balances,
    get_balance,
    list_ledger,
    create_endpoint,
    list_endpoints,
    get_endpoint,
    change_endpoint,
    delete_endpoint,
    get_secret,
    get_headers,
    change_headers,
    *DOCUMENT_ROUTES,
)

"""``/console/{book}/{name}/{id}``: what happened to it?"""

from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from projections.catalog import STREAMS
from projections.projection import Projection
from service.console.clocks import DateBox
from service.console.facts import SHOWN, Fact, customer_of, facts, plain
from service.console.lifecycles import Drawing, draw
from service.console.view import View, page
from service.queries import events, resources
from service.queries.answers import HistoryEntry
from service.queries.snapshots import FieldChange, snapshot_changes

_MOST_SHOWN = 100


class Related(Struct, frozen=True):
    """A resource that belongs to the one of the page."""

    kind: str
    id: str
    status: str
    amount: int | None
    currency: str | None


class ResourcePage(Struct, frozen=True):
    """A resource, its way, and each event with what it changed.

    ``history`` has the latest first; ``left_out`` counts the earlier events that are not shown.
    """

    name: str
    kind: str
    id: str
    status: str | None
    status_since: str | None
    other_status: str | None
    stale: bool
    customer_id: str | None
    customer: str | None
    facts: list[Fact]
    document: str
    related: list[Related]
    drawing: Drawing
    history: list[HistoryEntry]
    left_out: int
    changes: dict[str, list[FieldChange]]
    box: DateBox


def _page_of(projection: Projection[Any]) -> HTTPRouteHandler:
    aggregate, name = projection.aggregate, projection.name
    assert aggregate is not None  # noqa: S101 - each of STREAMS has one

    async def resource(view: View) -> ResourcePage:
        identity, box = view.name("identity"), view.query(DateBox)
        stream = f"{aggregate.category}-{identity}"
        async with view.pooled() as conn:
            moments = await box.past(conn, view)
            target = await resources.target_of(conn, view.book)
            if box.is_set:
                found = await resources.resource_past(
                    conn, target, projection, identity, moments, response_days=view.response_days
                )
            else:
                found = await resources.resource(
                    conn, view.book, projection, identity, view.response_days
                )
            history = (await events.history(conn, target, stream, moments)).data
            changes = await snapshot_changes(conn, target, stream, moments)
        document = plain(found)
        customer_id, customer = customer_of(document)
        return ResourcePage(
            name=name,
            kind=aggregate.category,
            id=identity,
            status=document["status"],
            status_since=document.get("status_since"),
            other_status=document.get("other_status"),
            stale=bool(document.get("stale")),
            customer_id=customer_id,
            customer=customer,
            facts=facts(document, SHOWN[name]),
            document=msgspec.json.format(msgspec.json.encode(document), indent=2).decode(),
            related=_related(document.get("related") or {}),
            drawing=draw(aggregate.lifecycle, history),
            history=history[: -_MOST_SHOWN - 1 : -1],
            left_out=max(0, len(history) - _MOST_SHOWN),
            changes=changes,
            box=box,
        )

    section = name.capitalize() if name in {"subscriptions", "payments", "disputes"} else ""
    route = page(f"/{name}/{{identity:str}}", template="resource.html", section=section)
    return route(resource)


def _related(found: dict[str, list[dict[str, Any]]]) -> list[Related]:
    return [
        Related(
            kind, one[f"{kind}_id"], one["status"], one.get("amount", one.get("total_amount")),
            one.get("currency"),
        )
        for name, rows in found.items()
        for kind in (name.removesuffix("s"),)
        for one in rows
    ]  # fmt: skip


RESOURCES = [_page_of(projection) for projection in STREAMS]
"""A page for each kind of resource."""

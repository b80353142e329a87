"""``/console/{book}/{name}/{id}``: what happened to it?"""

from asyncio import gather
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from msgspec.structs import asdict

from domain.past import Past
from projections.catalog import STREAMS
from projections.projection import Projection
from service.console.clocks import DateBox
from service.console.facts import SHOWN, Fact, customer_of, facts, plain
from service.console.lifecycles import Drawing, draw
from service.console.view import View, page
from service.queries import histories, paging, resources, stretches
from service.queries.answers import HistoryEntry
from service.queries.histories import Whole
from service.queries.paging import Order
from service.queries.snapshots import FieldChange
from service.queries.stretches import Stretch

_SHOWN = 20
_SORT = "-occurred_at"


class Related(Struct, frozen=True):
    """A resource that belongs to the one of the page."""

    kind: str
    id: str
    status: str
    amount: int | None
    currency: str | None


class ResourcePage(Struct, frozen=True):
    """A resource, its last events with what each changed, and the way that it took through them.

    ``related`` has the latest of each kind first, and not all of them if ``is_more_related``.
    ``history`` has the latest first; ``next_cursor`` leads to those before. ``is_latest`` says that
    it begins with the last one.
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
    is_more_related: bool
    drawing: Drawing
    history: list[HistoryEntry]
    changes: Mapping[str, list[FieldChange]]
    next_cursor: str | None
    is_latest: bool
    box: DateBox


class ResourceQuery(DateBox, frozen=True):
    """The days that are asked about, and before which event the page begins."""

    cursor: str | None = None


def _page_of(projection: Projection[Any]) -> HTTPRouteHandler:
    aggregate, name = projection.aggregate, projection.name
    assert aggregate is not None  # noqa: S101 - each of STREAMS has one

    async def resource(view: View) -> ResourcePage:
        identity, box = view.name("identity"), view.query(ResourceQuery)
        stream = f"{aggregate.category}-{identity}"
        # the past folds whatever was known then, and must not hold up what shares a connection
        async with view.pooled() if box.is_set else view.pipelined() as conn:
            order = await paging.checked_order(
                conn, view.book, asdict(box), (_SORT,), int, view.path
            )
            if box.is_set:
                target = await resources.target_of(conn, view.book)
                moments = await box.past(conn, view)
                whole = await histories.read_whole(conn, target, stream, moments)
                found = await histories.document_past(
                    whole, projection, moments, view.response_days
                )
                stretch = await _past(whole, moments, order)
            else:
                found, stretch = await gather(
                    resources.resource(conn, view.book, projection, identity, view.response_days),
                    stretches.latest(conn, view.book, stream, order=order, limit=_SHOWN),
                )
        document = plain(found)
        related = document.get("related") or {}
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
            related=_related(related),
            is_more_related=_is_more(related),
            drawing=draw(aggregate.lifecycle, stretch.data),
            history=stretch.data[::-1],
            changes=stretch.changes,
            next_cursor=stretch.next_cursor,
            is_latest=box.cursor is None,
            box=box,
        )

    section = name.capitalize() if name in {"subscriptions", "payments", "disputes"} else ""
    route = page(f"/{name}/{{identity:str}}", template="resource.html", section=section)
    return route(resource)


async def _past(whole: Whole, moments: Past, order: Order[int]) -> Stretch:
    """The events until a moment, told by what was known then."""
    page = await histories.history_page(whole, moments, order, _SHOWN)
    return Stretch(page.history.data[::-1], page.changes, page.history.next_cursor)


def _related(found: dict[str, Any]) -> list[Related]:
    return [
        Related(
            kind, one[f"{kind}_id"], one["status"], one.get("amount", one.get("total_amount")),
            one.get("currency"),
        )
        for name, rows in found.items()
        if isinstance(rows, list)
        for kind in (name.removesuffix("s"),)
        for one in rows[: -_SHOWN - 1 : -1]
    ]  # fmt: skip


def _is_more(found: dict[str, Any]) -> bool:
    lists = [rows for rows in found.values() if isinstance(rows, list)]
    return bool(found.get("more")) or any(len(rows) > _SHOWN for rows in lists)


RESOURCES = [_page_of(projection) for projection in STREAMS]
"""A page for each kind of resource."""

"""Which parameters each question takes."""

from typing import Any

from domain.catalog import BY_CATEGORY
from domain.events import ATTENTION
from projections.projection import Projection
from projections.search_terms import folded
from service.api.parameter_kinds import (
    BOM,
    PAGE,
    between,
    choice,
    choices,
    flag,
    position,
    sort,
    text,
)
from service.api.parameters import QueryParameter

TIMELINE_SORTS = ("-occurred_at", "occurred_at")
HISTORY_SORTS = ("occurred_at", "-occurred_at")
EVENT_SORTS = ("position", "-position")

_CREATED = ("created_at_gte", "created_at_lte")

EVENT_FILTERS = (
    choices("verdict", "Only events with one of these verdicts.", sorted(ATTENTION)),
    text("type", "Only events of this type, as the provider writes it."),
    text("stream", "Only the events of one resource: `category-id`, as `subscription-sub_1`."),
    text("customer_id", "Only events that concern this customer."),
    flag("late", "Whether something that happened later was recorded earlier."),
    flag("newer", "Whether the payload was rendered after the event."),
    flag("revision", "Whether another body came before under the same webhook-id."),
    flag("undecided", "Whether the payload can be read in two ways, which differ in the status."),
    flag("unread", "Whether a field of the payload could not be read."),
)

EVENTS = (
    *EVENT_FILTERS,
    position("after", "Only what was recorded after this position."),
    *between("recorded_at", "was recorded"),
    sort(*EVENT_SORTS),
    *PAGE,
    BOM,
)

TIMELINE = (
    choices("kind", "Only what concerns these kinds of resources.", BY_CATEGORY),
    *between("occurred_at", "happened"),
    sort(*TIMELINE_SORTS),
    *PAGE,
    BOM,
)


def sorts(projection: Projection[Any]) -> tuple[str, ...]:
    """The orders of a list of resources, the usual one first."""
    return tuple(f"{way}{column}" for column in projection.sorts for way in ("-", ""))


def filters(projection: Projection[Any]) -> tuple[str, ...]:
    """The names of what chooses among resources."""
    return (*projection.filters, *_CREATED)


def resources(projection: Projection[Any]) -> tuple[QueryParameter, ...]:
    """What a list of resources takes."""
    return (
        *(_filter(projection, name) for name in projection.filters),
        *between("created_at", "was created"),
        sort(*sorts(projection)),
        *PAGE,
        BOM,
    )


def _filter(projection: Projection[Any], name: str) -> QueryParameter:
    if name == "status" and projection.aggregate:
        return choice(name, "Only those in this status.", projection.aggregate.lifecycle.statuses)
    if name == "email":
        return text(
            name, "Only those who have or had this address, in any case of its letters.", folded
        )
    return text(name, f"Only those whose `{name}` is exactly this.")

"""The parameters that questions share; a wrong one is refused by name, with what is allowed."""

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Any, get_args

from litestar import Request
from litestar.params import Parameter

from domain.events import Verdict
from projections.projection import Projection
from service.problems import Problem

Limit = Annotated[int, Parameter(ge=1, le=100, description="How many at the most.")]
CursorText = Annotated[
    str | None, Parameter(description="The `next_cursor` of the page before; none for the first.")
]
AsOf = Annotated[
    str | None,
    Parameter(
        description="The world's time: only what had happened by then. As 2026-03-14T10:00:00Z."
    ),
]
KnownAt = Annotated[
    str | None, Parameter(description="Our time: only what had been recorded by then.")
]

_LONGEST_POSITION = 18
_EVENT_TEXTS = ("type", "stream", "customer_id")
_EVENT_MARKS = ("late", "newer", "revision")


def allow(request: Request[Any, Any, Any], *names: str) -> dict[str, str]:
    """The parameters of a request, each at most once.

    Raises:
        Problem: ``invalid-parameter`` for one that is not among ``names``, or came twice.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names:
            allowed = ", ".join(names) or "none"
            raise Problem("invalid-parameter", f"{name}: not known here; allowed are {allowed}.")
        if name in given:
            raise Problem("invalid-parameter", f"{name}: came more than once.")
        given[name] = str(value)
    return given


def several(name: str, given: str | None, allowed: Collection[str]) -> list[str]:
    """The values of a parameter that takes some of a set, separated by commas.

    Raises:
        Problem: ``invalid-parameter`` for one that is not among ``allowed``.
    """
    values = given.split(",") if given is not None else []
    for value in values:
        one_of(name, value, allowed)
    return values


def one_of(name: str, given: str, allowed: Iterable[str]) -> str:
    """The value, if it is allowed.

    Raises:
        Problem: ``invalid-parameter``.
    """
    if given not in allowed:
        raise Problem("invalid-parameter", f"{name}: {given!r} is none of {', '.join(allowed)}.")
    return given


def resource_filters(
    request: Request[Any, Any, Any], projection: Projection[Any]
) -> dict[str, str]:
    """The filters of a list of resources.

    Raises:
        Problem: ``invalid-parameter``.
    """
    given = allow(request, *projection.filters, "limit", "cursor")
    chosen = {name: given[name] for name in projection.filters if name in given}
    if "status" in chosen and projection.aggregate:
        one_of("status", chosen["status"], projection.aggregate.lifecycle.statuses)
    return chosen


def event_filters(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The filters of the list of events.

    Raises:
        Problem: ``invalid-parameter``.
    """
    given = allow(request, "verdict", *_EVENT_TEXTS, *_EVENT_MARKS, "after", "limit")
    chosen: dict[str, Any] = {name: given[name] for name in _EVENT_TEXTS if name in given}
    for name in _EVENT_MARKS:
        if name in given:
            chosen[name] = one_of(name, given[name], ("true", "false")) == "true"
    if "verdict" in given:
        chosen["verdict"] = several("verdict", given["verdict"], get_args(Verdict))
    return chosen


def place(position: str) -> int:
    """A position, from its opaque form.

    Raises:
        Problem: ``not-found`` for what no position looks like.
    """
    if not re.fullmatch(r"[0-9]+", position) or len(position) > _LONGEST_POSITION:
        raise Problem("not-found", f"This book has no event at position {position}.")
    return int(position)


def after_place(given: str | None) -> int:
    """The position after which a page begins; 0, before all, where none is given.

    Raises:
        Problem: ``invalid-parameter``.
    """
    try:
        return place(given) if given is not None else 0
    except Problem:
        raise Problem("invalid-parameter", f"after: {given!r} is no position.") from None

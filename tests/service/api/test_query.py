"""Query structs: what is parsed, what is refused, and that both are what OpenAPI describes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from litestar.routes import HTTPRoute
from msgspec import Struct

from service.api.disputes import DueDisputesQuery
from service.api.events import EventsQuery
from service.api.metric_queries import MetricQuery
from service.api.parameters import MAX_PAGE, MAX_TEXT, MAX_VALUES, Parameter
from service.api.query import MAX_PARAMETERS, Query, described, parameters, parse_query
from service.api.router import ROUTER
from service.problems import Problem
from service.store.positions import BEGINNING, Position

EXAMPLES = ("true", "12-0a1b2c3d", "2026-03-14", "ok", "id", "7", "x", "Europe/Berlin")


def queries() -> Iterator[type[Query]]:
    for route in ROUTER.routes:
        assert isinstance(route, HTTPRoute)
        # not the framework's own answers to OPTIONS
        yield from (h.opt["query"] for h in route.route_handlers if "query" in h.opt)


def refusal(kind: type[Query], *items: tuple[str, str]) -> str:
    with pytest.raises(Problem) as refused:
        parse_query(kind, items)
    assert refused.value.kind.name == "invalid-parameter"
    return refused.value.detail


def test_values_have_the_types_of_their_fields() -> None:
    items = {
        "verdict": "unknown,foreign", "late": "true", "unread": "false", "after": "7",
        "recorded_at_gte": "2026-03-14", "recorded_at_lte": "2026-03-14", "limit": "100",
        "fields": "id,type", "stale": "ok",
    }  # fmt: skip
    query = parse_query(EventsQuery, [*items.items(), ("fields", "stream")])
    assert (query.verdict, query.late, query.unread) == (["unknown", "foreign"], True, False)
    assert (query.after, query.limit, query.stale) == (Position(7), 100, "ok")
    assert query.fields == ["id", "type", "stream"]
    assert query.recorded_at_gte == datetime(2026, 3, 14, tzinfo=UTC)
    assert query.recorded_at_lte == datetime(2026, 3, 14, 23, 59, 59, 999999, UTC)


def test_defaults_hold_where_nothing_is_given() -> None:
    events, due = parse_query(EventsQuery, []), parse_query(DueDisputesQuery, [])
    assert (events.verdict, events.after, events.limit, events.sort) == ((), BEGINNING, 20, None)
    assert (due.status, parse_query(MetricQuery, []).interval) == ("opened", "month")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("limit", "1000", "limit: '1000' is not valid. Use a whole number from 1 to 100."),
        ("limit", "１", "limit: '１' is not valid. Use a whole number from 1 to 100."),  # noqa: RUF001
        ("late", "yes", "late: 'yes' is not one of true, false."),
        ("after", "-1",
         "after: '-1' is not a position. Use one from an answer, such as 30-5f0c8a21."),
        ("type", "", "type: '' is not valid. Use 1 to 500 characters."),
        ("fields", ",".join(["id"] * 101), "fields: too many values. Use at most 100 values."),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_and_what_to_do(name: str, given: str, said: str) -> None:
    assert refusal(EventsQuery, (name, given)) == said


def test_there_is_a_limit_to_everything() -> None:
    assert len(refusal(EventsQuery, ("type", "x" * 8000))) < MAX_TEXT + 100
    assert refusal(EventsQuery, ("limit", str(MAX_PAGE + 1)))
    assert refusal(EventsQuery, *[("fields", "id")] * (MAX_VALUES + 1))
    many = [("fields", "id")] * (MAX_PARAMETERS + 1)
    assert refusal(EventsQuery, *many) == "Too many parameters. Use at most 200."


def test_every_parameter_is_parsed_to_the_type_of_its_field() -> None:
    for kind in queries():
        hints = get_type_hints(kind, include_extras=True)
        for name, parameter in parameters(kind).items():
            hint = hints[name]
            assert get_origin(hint) is Annotated, name
            allowed = parameter.schema.get("enum", EXAMPLES)
            allowed = parameter.schema.get("items", {}).get("enum", allowed)
            parsed = [value for given in allowed for value in attempt(parameter, name, given)]
            assert parsed, (kind.__name__, name)
            assert all(fits(value, get_args(hint)[0]) for value in parsed), (name, parsed, hint)


def attempt(parameter: Parameter, name: str, given: str) -> Iterator[Any]:
    try:
        yield parameter.parse(name, given)
    except Problem:
        return


def fits(value: Any, hint: Any) -> bool:  # noqa: ANN401
    """Whether a value is of a type: of a union, a literal, a sequence of texts or a class."""
    match value:
        case list():
            return "Sequence" in str(hint) and all(isinstance(one, str) for one in value)
        case _ if hint is Any:
            return True
        case _ if isinstance(hint, type):
            return isinstance(value, hint)
        case _ if isinstance(hint, UnionType) or type(None) in get_args(hint):
            return any(fits(value, one) for one in get_args(hint))
    return value in get_args(hint)


def test_every_route_is_described_as_it_is_parsed() -> None:
    for kind in queries():
        told = described(kind)
        assert [one["name"] for one in told] == [*parameters(kind)]
        assert {one["name"] for one in told} == set(kind.__struct_fields__)
        assert [one["name"] for one in told][-2:] == ["min_position", "stale"]
        assert issubclass(kind, Struct)
        for one in told:
            assert one["description"].endswith("."), one

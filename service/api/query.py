"""The parameters of a route as one struct: what is parsed is what OpenAPI describes.

A route declares a subclass of ``Query``. Unknown parameters are refused, so that a misspelt filter
is not overlooked.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, Literal, Self, TypeVar

from msgspec import NODEFAULT, Struct, structs

from service.api.parameters import (
    Cursor,
    Fields,
    Limit,
    Parameter,
    choice,
    flag,
    position,
)
from service.problems import invalid
from service.store.positions import Position

MAX_PARAMETERS = 200

Q = TypeVar("Q", bound="Query")


class Query(Struct, frozen=True, kw_only=True):
    """The parameters of every route."""

    min_position: Annotated[
        Position | None,
        position(
            "Wait up to five seconds until the answer reflects this `position`, as a webhook's"
            " answer gave it."
        ),
    ] = None
    stale: Annotated[
        Literal["ok"] | None,
        choice("`ok`: after five seconds return the older answer instead of 503.", ("ok",)),
    ] = None

    @property
    def positions(self) -> Iterable[Position]:
        """The positions to verify against the book's history: all but ``min_position``."""
        values = (getattr(self, name) for name in self.__struct_fields__ if name != "min_position")
        return (v for v in values if isinstance(v, Position) and v.link is not None)


class DocumentQuery(Query, frozen=True, kw_only=True):
    """The parameters of a route that answers one document."""

    fields: Fields = None


class ListQuery(DocumentQuery, frozen=True, kw_only=True):
    """The parameters of every list."""

    format: Annotated[
        Literal["json", "csv"] | None,
        choice("`csv` is the same as `Accept: text/csv`, for a link.", ("json", "csv")),
    ] = None

    bom: Annotated[
        bool | None,
        flag(
            "With `Accept: text/csv`: `true` begins the table with a byte order mark, by which"
            " Excel recognises UTF-8. JSON never has one."
        ),
    ] = None

    def following(self, page: Any) -> Self | None:  # noqa: ANN401 - each list has its own page
        """The query of the page after this one; None where there is none."""
        del page
        return None


class LimitedQuery(ListQuery, frozen=True, kw_only=True):
    """The parameters of a list with a limit."""

    limit: Limit = 20


class PageQuery(LimitedQuery, frozen=True, kw_only=True):
    """The parameters of a list with a limit and a cursor."""

    cursor: Cursor = None

    def following(self, page: Any) -> Self | None:  # noqa: ANN401 - each list has its own page
        """The query of the page after this one; None where there is none."""
        cursor = page.next_cursor
        return structs.replace(self, cursor=cursor) if cursor is not None else None


def parse_query(kind: type[Q], items: Iterable[tuple[str, str]]) -> Q:
    """The query that a request makes, from the names and values as they came.

    Raises:
        Problem: ``invalid-parameter``.
    """
    known, texts = parameters(kind), dict[str, str]()
    for count, (name, value) in enumerate(items):
        if count == MAX_PARAMETERS:
            most = f"at most {MAX_PARAMETERS}"
            raise invalid(f"Too many parameters. Use {most}.", "", "", (most,))
        if name not in known:
            reason = f"{name}: unknown parameter. Use {', '.join(known)}."
            raise invalid(reason, name, value, known)
        if name not in texts:
            texts[name] = value
        elif known[name].several:
            texts[name] += f",{value}"
        else:
            raise invalid(f"{name}: given more than once. Use it once.", name, value, ("once",))
    for name in _required(kind):
        if name not in texts:
            description = known[name].description
            raise invalid(f"{name}: required. {description}", name, "", (description,))
    return kind(**{name: known[name].parse(name, given) for name, given in texts.items()})


@cache
def parameters(kind: type[Query]) -> Mapping[str, Parameter]:
    """The parameters of a query by name, those that many queries share last."""
    annotated = {field.name: field.type.__metadata__[0] for field in structs.fields(kind)}
    own_first = dict.fromkeys(
        name
        for owner in kind.__mro__
        if issubclass(owner, Query)
        for name in get_annotations(owner)
    )
    return {name: annotated[name] for name in own_first}


def described(kind: type[Query]) -> list[dict[str, Any]]:
    """The parameters of a query as OpenAPI has them."""
    defaults = {field.name: field.default for field in structs.fields(kind)}
    return [
        {
            "name": name,
            "in": "query",
            "description": parameter.description,
            "schema": parameter.schema
            | ({"default": defaults[name]} if isinstance(defaults[name], (str, int)) else {}),
            "required": name in _required(kind),
            # several values: separated by commas, or one at a time
            **({"style": "form", "explode": True} if parameter.several else {}),
        }
        for name, parameter in parameters(kind).items()
    ]


@cache
def _required(kind: type[Query]) -> tuple[str, ...]:
    return tuple(f.name for f in structs.fields(kind) if f.default is NODEFAULT)

"""The fields of answers: their types, and the names that the parameter ``fields`` accepts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, get_args, get_origin

from litestar import Response
from litestar.handlers import BaseRouteHandler
from msgspec import Struct, structs

from service.problems import Problem, invalid


def answer_type(handler: BaseRouteHandler) -> Any:  # noqa: ANN401 - a struct, a list or a dict
    """The type of the document that a route answers.

    None if the route declares a schema instead, or sends something else than a document.
    """
    if handler.opt.get("answer"):
        return None
    kind = handler.parsed_fn_signature.return_type.annotation
    origin = get_origin(kind)
    if isinstance(origin, type) and issubclass(origin, Response):
        (kind,) = get_args(kind)
    is_struct = isinstance(kind, type) and issubclass(kind, Struct)
    return kind if is_struct or get_origin(kind) in {list, dict} else None


def selectable(handler: BaseRouteHandler) -> tuple[str, ...]:
    """The names that ``fields`` accepts; none if the provider may add to them."""
    kind = handler.opt.get("entry") or answer_type(handler)
    return _names(kind) if isinstance(kind, type) else ()


def check_names(handler: BaseRouteHandler, names: Iterable[str] | None) -> None:
    """Refuse a name that no answer of a route can have.

    Raises:
        Problem: ``invalid-parameter``.
    """
    known = selectable(handler)
    for name in names or ():
        if known and name not in known:
            raise _unknown(name, known)


def check_selection(
    handler: BaseRouteHandler,
    names: Sequence[str] | None,
    documents: Collection[Mapping[str, Any]],
) -> None:
    """Refuse names if the provider's documents have none of them, and we know none of them.

    One that some resources lack is not refused: the provider adds fields at any time.

    Raises:
        Problem: ``invalid-parameter``.
    """
    known: Sequence[str] = handler.opt.get("known", ())
    if not names or not known or not documents:
        return
    present = {*known}.union(*documents)
    if present.isdisjoint(names):
        raise _unknown(names[0], sorted(present))


def row_type(page: type[Struct]) -> type[Struct] | None:
    """The type of the rows in the ``data`` of a page; None for any other struct."""
    data = next((field for field in structs.fields(page) if field.name == "data"), None)
    row = get_args(data.type)[0] if data else None
    return row if isinstance(row, type) and issubclass(row, Struct) else None


@cache
def _names(kind: type[Struct]) -> tuple[str, ...]:
    return (row_type(kind) or kind).__struct_encode_fields__


def _unknown(name: str, known: Sequence[str]) -> Problem:
    reason = f"fields: {name!r} is not a field of this answer. Use {', '.join(known)}."
    return invalid(reason, "fields", name, known)

"""The parameters of questions: each is read and described from one place.

A wrong one is refused by name, with what came and what is allowed; so is one that is not known.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from litestar import Request
from msgspec import Struct

from service.problems import invalid, wrong
from service.store.positions import Position, parse

MOST = 100
"""The longest page."""

LONGEST_TEXT = 500
"""In characters: longer than every name that a filter could find."""

LONGEST_CURSOR = 4000
"""A cursor holds an identifier, in whatever script."""

MOST_VALUES = 100
"""Of one parameter, and of fields that are asked for."""

MOST_PARAMETERS = 200


class QueryParameter(Struct, frozen=True, kw_only=True):
    """One parameter of a question.

    Attributes:
        name: as it is written behind the question mark.
        description: what it chooses.
        schema: of its value, as OpenAPI has it.
        read: from its name and the text that came to its value; raises ``Problem``.
        default: the value where it does not come.
        many: whether it takes several values, separated by commas or given one by one.
        required: whether it must come.
    """

    name: str
    description: str
    schema: dict[str, Any]
    read: Callable[[str, str], Any]
    default: Any = None
    many: bool = False
    required: bool = False


def asked(request: Request[Any, Any, Any], parameters: Iterable[QueryParameter]) -> dict[str, Any]:
    """The value of each parameter, by name.

    Raises:
        Problem: ``invalid-parameter``.
    """
    known = {parameter.name: parameter for parameter in parameters}
    many = [name for name, parameter in known.items() if parameter.many]
    given = allow(request, *known, many=many)
    for name, parameter in known.items():
        if parameter.required and name not in given:
            raise invalid(f"{name}: it must be given.", name, "", (parameter.description,))
    return {
        name: parameter.read(name, given[name]) if name in given else parameter.default
        for name, parameter in known.items()
    }


def allow(
    request: Request[Any, Any, Any], *names: str, many: Collection[str] = ()
) -> dict[str, str]:
    """The parameters of a request as they came, each at most once; those in ``many`` are joined.

    Raises:
        Problem: ``invalid-parameter`` for one that is not among ``names``, or came twice.
    """
    given: dict[str, str] = {}
    items = list(request.query_params.multi_items())
    if len(items) > MOST_PARAMETERS:
        raise invalid(f"There are more than {MOST_PARAMETERS} parameters.", "", "", names)
    for name, value in items:
        if name not in names:
            known = ", ".join(names) or "none"
            reason = f"{name}: not known here; allowed are {known}."
            raise invalid(reason, name, str(value), names)
        if name in given and name not in many:
            raise invalid(f"{name}: came more than once.", name, str(value), ("once",))
        given[name] = f"{given[name]},{value}" if name in given else str(value)
    return given


def one_of(name: str, given: str, allowed: Collection[str]) -> str:
    """The value, if it is allowed.

    Raises:
        Problem: ``invalid-parameter``.
    """
    if given not in allowed:
        reason = f"{name}: {given!r} is none of {', '.join(allowed)}."
        raise invalid(reason, name, given, allowed)
    return given


def several(name: str, given: str | None, allowed: Collection[str]) -> list[str]:
    """The values of a parameter that takes some of a set, separated by commas.

    Raises:
        Problem: ``invalid-parameter`` for one that is not among ``allowed``.
    """
    return (
        [one_of(name, value, allowed) for value in values(name, given or "")]
        if given is not None
        else []
    )


def values(name: str, given: str) -> list[str]:
    """What stands between the commas.

    Raises:
        Problem: ``invalid-parameter`` for more than anybody needs.
    """
    if given.count(",") >= MOST_VALUES:
        most = f"at most {MOST_VALUES} values"
        raise invalid(f"{name}: it takes {most}.", name, f"{given[:LONGEST_TEXT]}…", (most,))
    return given.split(",")


def after_place(given: str, name: str = "after") -> Position:
    """The position after which a page begins.

    Raises:
        Problem: ``invalid-parameter``.
    """
    try:
        return parse(given)
    except ValueError:
        raise wrong(name, given, "position") from None

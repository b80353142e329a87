"""The body of ``POST /v1/access``: which customers, and the parameters of the question for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from msgspec import Struct

from service.api.endpoint import ApiRequest, settled
from service.api.parameters import MAX_TEXT
from service.api.query import parameters, parse_query
from service.api.resources import PastQuery
from service.problems import Problem, invalid

MOST_CUSTOMERS = 1_000
"""In one question."""

MAX_BODY_BYTES = 1 << 20
"""More than a thousand of the longest ids take, as the provider makes them."""

_TEXT = "a text, as in a query"
_MANY = f"1 to {MOST_CUSTOMERS:,} ids of customers"
_EXAMPLE = {"customer_ids": ["cus_1", "cus_2"]}


_SHAPES: Mapping[str, Sequence[str]] = {
    "customer_ids": (_MANY,),
    "as_of": (_TEXT,),
    "known_at": (_TEXT,),
    "fields": ("a list of names",),
    "min_position": (_TEXT,),
    "stale": (_TEXT,),
}


class _Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts as in a query, which are parsed as there; null is absent."""

    customer_ids: list[str]
    as_of: str | None = None
    known_at: str | None = None
    fields: list[str] | None = None
    min_position: str | None = None
    stale: str | None = None


_DECODER = msgspec.json.Decoder(_Body)


async def read_body(request: ApiRequest) -> tuple[list[str], PastQuery]:
    """The customers and the query in a body, once the read models reflect its ``min_position``.

    Raises:
        Problem: ``bad-request`` for what is not JSON; ``invalid-parameter``; as ``settled``.
    """
    for name, given in request.query_params.multi_items():
        reason = f"{name}: unknown parameter. Give it in the body."
        raise invalid(reason, name, given, ("a member of the body",))
    customer_ids, items = parse_body(await request.body())
    return customer_ids, await settled(request, parse_query(PastQuery, items))


def parse_body(content: bytes) -> tuple[list[str], list[tuple[str, str]]]:
    """The customers in a body, and its other members as the texts of a query.

    Raises:
        Problem: ``bad-request`` for what is not JSON; ``invalid-parameter``.
    """
    try:
        body = _DECODER.decode(content)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        name = path.strip(".`").partition("[")[0]
        place = f"{path.strip('.`')}: " if path else ""
        raise invalid(f"{place}{reason}.", name, "", _allowed(name)) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        detail = f"The body is not JSON such as {msgspec.json.encode(_EXAMPLE).decode()}: {error}."
        raise Problem("bad-request", detail) from None
    _check(body.customer_ids)
    items = {name: getattr(body, name) for name in parameters(PastQuery)}
    items["fields"] = ",".join(body.fields) if body.fields is not None else None
    return body.customer_ids, [(name, given) for name, given in items.items() if given is not None]


def _allowed(name: str) -> Sequence[str]:
    """What a member can be; of one that there is not, which there are."""
    return _SHAPES.get(name, _Body.__struct_fields__)


def _check(customer_ids: list[str]) -> None:
    if not 1 <= len(customer_ids) <= MOST_CUSTOMERS:
        reason = f"customer_ids: {len(customer_ids):,} are given. Use {_MANY}."
        raise invalid(reason, "customer_ids", str(len(customer_ids)), (_MANY,))
    seen: dict[str, int] = {}
    for number, customer_id in enumerate(customer_ids):
        place = f"customer_ids[{number}]"
        if not 1 <= len(customer_id) <= MAX_TEXT:
            allowed = f"1 to {MAX_TEXT} characters"
            reason = f"{place}: has {len(customer_id):,} characters. Use {allowed}."
            raise invalid(reason, "customer_ids", f"{customer_id[:MAX_TEXT]}…", (allowed,))
        if customer_id in seen:
            reason = f"{place}: {customer_id!r} is customer_ids[{seen[customer_id]}] too."
            raise invalid(f"{reason} Ask once.", "customer_ids", customer_id, ("each id once",))
        seen[customer_id] = number


@dataclass
class CustomersOperation(Operation):
    """What OpenAPI says of the body, and of the problems that come of it."""

    def __post_init__(self) -> None:
        """Add the body, described by the parameters that its members are parsed as."""
        properties = {"customer_ids": _CUSTOMER_IDS} | {
            name: {
                "description": parameter.description,
                # a client may send null for what it leaves out
                "anyOf": [*parameter.schema.get("anyOf", [parameter.schema]), {"type": "null"}],
            }
            for name, parameter in parameters(PastQuery).items()
        }
        schema: Any = {
            "type": "object",
            "properties": properties,
            "required": ["customer_ids"],
            "additionalProperties": False,
        }
        media = OpenAPIMediaType(schema=schema, example=_EXAMPLE)
        self.request_body = RequestBody(content={"application/json": media}, required=True)
        refused = {s: Reference(f"#/components/responses/{s}") for s in ("413", "422")}
        self.responses = {**(self.responses or {}), **refused}


_CUSTOMER_IDS = {
    "type": "array",
    "description": "The customers, each once.",
    "items": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
    "minItems": 1,
    "maxItems": MOST_CUSTOMERS,
    "uniqueItems": True,
}

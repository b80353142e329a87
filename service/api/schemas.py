"""What resources look like in OpenAPI and as CSV: the provider's fields, and ours."""

from collections.abc import Iterator
from typing import Any

import msgspec

from domain.payload import Customer
from projections.catalog import STREAMS
from projections.customers import CUSTOMERS
from projections.disputes import DISPUTES
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service.api.csv_export import columns_of
from service.queries.answers import RelatedDispute, RelatedPayment, RelatedRefund
from service.queries.documents import COMPUTED

Schema = dict[str, Any]

REF = "#/components/schemas/{name}"

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}

_BESIDE: Schema = {
    "subscription_ids": {"type": "array", "items": _TEXT},
    "balance": _MAYBE_TEXT,
    "overage": _MAYBE_TEXT,
    "gaps": {"type": "integer"},
}

_RELATED: dict[str, dict[str, type]] = {
    SUBSCRIPTIONS.name: {"payments": RelatedPayment},
    PAYMENTS.name: {"refunds": RelatedRefund, "disputes": RelatedDispute},
}


def named(projection: Projection[Any]) -> str:
    """What a schema calls one resource: ``LicenseKey`` of ``license_keys``."""
    return "".join(part.capitalize() for part in projection.name.removesuffix("s").split("_"))


def columns(projection: Projection[Any]) -> list[str]:
    """The columns of a resource in a CSV, the identity and status first."""
    aggregate = projection.aggregate
    if aggregate is None:
        return [projection.key, "email", "name", "created_at", "event_position"]
    payload = columns_of(aggregate.payload)  # type: ignore[arg-type]
    provided = [name for name in payload if name not in {"status", *COMPUTED}]
    derived = [name for name in COMPUTED if name in aggregate.state.__struct_fields__]
    derived += ["respond_by"] if projection is DISPUTES else []
    return [provided[0], "status", "status_since", *provided[1:], *derived, "event_position"]


def schemas() -> Schema:
    """The schema of each resource and of a page of each, by name."""
    made: Schema = {}
    for projection in (*STREAMS, CUSTOMERS):
        name = named(projection)
        made[name] = _resource(projection)
        made[f"{name}Page"] = _page(name)
    _, parts = msgspec.json.schema_components(
        [kind for related in _RELATED.values() for kind in related.values()], ref_template=REF
    )
    return made | parts


def _resource(projection: Projection[Any]) -> Schema:
    # the provider adds fields, and an answer may be thinned: nothing is forbidden or required
    return {
        "type": "object",
        "description": "The provider's latest snapshot under its own names, all of it, also what is"
        " not listed here; and the fields that we compute from the events.",
        "properties": dict(_properties(projection)),
        "additionalProperties": True,
    }


def _properties(projection: Projection[Any]) -> Iterator[tuple[str, Schema]]:
    seen = Customer if projection is CUSTOMERS else None
    if projection.aggregate:
        seen = projection.aggregate.payload  # type: ignore[assignment]
        yield from _provided(seen)
        known = projection.aggregate.state.__struct_fields__
        yield from ((name, _BESIDE[name]) for name in COMPUTED if name in known)
        statuses = [*projection.aggregate.lifecycle.statuses, None]
        yield "status", {"type": ["string", "null"], "enum": statuses}
        yield "status_since", _TIME
        yield "other_status", {"type": ["string", "null"], "enum": statuses}
        yield "provider_status", _MAYBE_TEXT
        yield "verdicts", {"type": "object", "additionalProperties": {"type": "integer"}}
        if projection is DISPUTES:
            yield "respond_by", _MAYBE_TIME
        yield "stale", {"type": "boolean"}
    else:
        yield from _provided(seen)
        yield "created_at", _TIME
    yield projection.key, _TEXT
    yield "event_position", _TEXT
    yield from _beside_one(projection)
    yield "position", _TEXT


def _beside_one(projection: Projection[Any]) -> Iterator[tuple[str, Schema]]:
    if projection is SUBSCRIPTIONS:
        yield "paid_until", _MAYBE_TIME
    if related := _RELATED.get(projection.name):
        lists = {
            name: {"type": "array", "items": {"$ref": REF.format(name=kind.__name__)}}
            for name, kind in related.items()
        }
        yield "related", {"type": "object", "properties": lists, "required": list(lists)}


def _provided(kind: Any) -> Iterator[tuple[str, Schema]]:  # noqa: ANN401
    """The fields that are read; their limits are ours, and not the provider's."""
    _, parts = msgspec.json.schema_components([kind], ref_template="{name}")
    own = next(part for name, part in parts.items() if name.endswith(kind.__name__))
    for name, schema in own["properties"].items():
        yield name, _bare(schema, parts)


def _bare(schema: Schema, parts: Schema) -> Schema:
    if "$ref" in schema:
        inner = parts[schema["$ref"]]["properties"]
        return {"type": "object", "properties": {k: _bare(v, parts) for k, v in inner.items()}}
    if "anyOf" in schema:
        either = [_bare(one, parts) for one in schema["anyOf"]]
        plain = [one for one in either if set(one) <= {"type", "format"}]
        if len(plain) < len(either):
            return {"anyOf": either}
        merged = {k: v for one in plain for k, v in one.items() if k == "format"}
        return {"type": [one["type"] for one in plain], **merged}
    if "items" in schema:
        return {"type": "array", "items": _bare(schema["items"], parts)}
    return {k: v for k, v in schema.items() if k in {"type", "format"}}


def _page(name: str) -> Schema:
    return {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": {"$ref": REF.format(name=name)}},
            "next_cursor": _MAYBE_TEXT,
            "position": _TEXT,
        },
        "required": ["data", "next_cursor", "position"],
    }

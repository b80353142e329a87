"""The schemas of answers in OpenAPI, and the fields and CSV columns of resources."""

from collections.abc import Iterable, Iterator, Sequence
from inspect import cleandoc
from typing import Any, get_args

import msgspec
from msgspec import Struct, structs

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

_COMPUTED: Schema = {
    "subscription_ids": {"type": "array", "items": _TEXT},
    "balance": _MAYBE_TEXT,
    "overage": _MAYBE_TEXT,
    "gaps": {"type": "integer"},
}

_WORDS = {
    "license_keys": "licence key",
    "credits": "credit balance",
    "checkouts": "abandoned checkout",
    "dunning": "dunning attempt",
}

_STATUS = ("status", "status_since", "other_status", "provider_status", "verdicts")

_RELATED: dict[str, dict[str, type]] = {
    SUBSCRIPTIONS.name: {"payments": RelatedPayment},
    PAYMENTS.name: {"refunds": RelatedRefund, "disputes": RelatedDispute},
}


def named(projection: Projection[Any]) -> str:
    """The schema of one resource by name: ``LicenseKey`` of ``license_keys``."""
    return "".join(part.capitalize() for part in projection.name.removesuffix("s").split("_"))


def singular(projection: Projection[Any]) -> str:
    """One resource in words: ``licence key`` of ``license_keys``."""
    return _WORDS.get(projection.name) or projection.name.removesuffix("s").replace("_", " ")


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


def known_fields(projection: Projection[Any], *, alone: bool = False) -> tuple[str, ...]:
    """The fields that we know of a resource, in a list or ``alone``; there may be others."""
    return tuple(_answered(projection) if alone else _listed(projection))


def answer_schemas(kinds: Iterable[Any]) -> tuple[Sequence[Schema], dict[str, Schema]]:
    """The schema of each type, and the named schemas of the structs in them.

    A field is required if it is in every answer: also one with a default, unless its struct omits
    defaults.
    """
    kinds = [*kinds]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    for struct in {struct for kind in kinds for struct in _structs(kind)}:
        component = components[struct.__name__]
        component["required"] = _always(struct)
        # an indented paragraph is code in Markdown
        component["description"] = cleandoc(component["description"])
        for field in component["properties"].values():
            field.pop("default", None)
    return schemas, components


def resource_schemas() -> dict[str, Schema]:
    """The schemas of each resource by name: alone, in a list, and a page of them."""
    schemas: dict[str, Schema] = {}
    for projection in (*STREAMS, CUSTOMERS):
        name = named(projection)
        required = _required(projection)
        one = f"One {singular(projection)}"
        schemas[f"{name}Answer"] = _resource(one, _answered(projection), required | {"position"})
        schemas[name] = _resource(f"{one} of a list", _listed(projection), required)
        schemas[f"{name}Page"] = _page(name)
    related = [kind for kinds in _RELATED.values() for kind in kinds.values()]
    return schemas | answer_schemas(related)[1]


def reference(name: str) -> Schema:
    """A reference to the schema with this name."""
    return {"$ref": REF.format(name=name)}


def _structs(kind: Any) -> Iterator[type[Struct]]:  # noqa: ANN401 - any annotation
    """The structs that a type consists of."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
        for field in structs.fields(kind):
            yield from _structs(field.type)
    for part in get_args(kind):
        yield from _structs(part)


def _always(kind: type[Struct]) -> list[str]:
    omitted = kind.__struct_config__.omit_defaults
    return [f.encode_name for f in structs.fields(kind) if f.required or not omitted]


def _resource(what: str, properties: dict[str, Schema], required: set[str]) -> Schema:
    return {
        "type": "object",
        "description": f"{what}: the provider's latest snapshot under the provider's field names,"
        " with all its fields, listed here or not; and the fields that we compute.",
        "properties": properties,
        "required": sorted(required),
        # the provider adds fields
        "additionalProperties": True,
    }


def _required(projection: Projection[Any]) -> set[str]:
    """The fields that every resource has, alone or in a list.

    Of the provider's, those without which an event cannot be read.
    """
    computed = {projection.key, "event_position"}
    if projection.aggregate is None:
        return computed | {"created_at"}
    known = projection.aggregate.state.__struct_fields__
    return (
        computed
        | {*_STATUS}
        | {name for name in COMPUTED if name in known}
        | ({"respond_by"} if projection is DISPUTES else set())
        | {f.encode_name for f in structs.fields(projection.aggregate.payload) if f.required}  # type: ignore[arg-type]
    )


def _answered(projection: Projection[Any]) -> dict[str, Schema]:
    """The fields of a resource that is answered alone."""
    return _listed(projection) | dict(_related(projection)) | {"position": _TEXT}


def _listed(projection: Projection[Any]) -> dict[str, Schema]:
    """The fields of a resource in a list."""
    return dict(_properties(projection))


def _properties(projection: Projection[Any]) -> Iterator[tuple[str, Schema]]:
    seen = Customer if projection is CUSTOMERS else None
    if projection.aggregate:
        seen = projection.aggregate.payload  # type: ignore[assignment]
        yield from _provided(seen)
        known = projection.aggregate.state.__struct_fields__
        yield from ((name, _COMPUTED[name]) for name in COMPUTED if name in known)
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


def _related(projection: Projection[Any]) -> Iterator[tuple[str, Schema]]:
    if projection is SUBSCRIPTIONS:
        yield "paid_until", _MAYBE_TIME
    if related := _RELATED.get(projection.name):
        lists = {
            name: {"type": "array", "items": reference(kind.__name__)}
            for name, kind in related.items()
        }
        parts = {**lists, "more": {"type": "boolean"}}
        yield "related", {"type": "object", "properties": parts, "required": list(parts)}


def _provided(kind: Any) -> Iterator[tuple[str, Schema]]:  # noqa: ANN401
    """The provider's fields that we read, without our limits on them."""
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
        "description": "A page of a list; send `next_cursor` as `cursor` for the next one.",
        "properties": {
            "data": {"type": "array", "items": reference(name)},
            "next_cursor": _MAYBE_TEXT,
            "position": _TEXT,
        },
        "required": ["data", "next_cursor", "position"],
    }

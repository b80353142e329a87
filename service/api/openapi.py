"""The OpenAPI document: the framework's routes, and everything else that a client needs.

The framework contributes paths and path parameters. This module adds the query parameters (a route
describes the ones that it parses), the schemas, all errors and headers, the meaning of each field,
and examples, which are real answers.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from service.api.descriptions import FIELD_DESCRIPTIONS
from service.api.fields import answer_type, selectable
from service.api.query import Query, described, parameters
from service.api.schemas import Schema, answer_schemas, reference, resource_schemas
from service.problems import KINDS, TYPE

_TEXT = {"type": "string"}
_JSON = "application/json"
_STREAM = "text/event-stream"
_HEADERS = {
    "Daybook-Position": {"description": FIELD_DESCRIPTIONS["position"], "schema": _TEXT},
    "ETag": {
        "description": "Identifies the content. Send it as `If-None-Match`, and get 304 while the"
        " content is the same.",
        "schema": _TEXT,
    },
}
_COMMON_ERRORS = {400, 401, 403, 409, 414, 429, 500, 503}
"""The statuses of the errors that every route under ``/v1`` may answer."""

_PROBLEM: Schema = {
    "type": "object",
    "description": "An error in the format of RFC 9457. `type` is the path of its description.",
    "properties": {
        # examples and not an enumeration: a later version may add types
        "type": {"type": "string", "examples": [TYPE + name for name in KINDS]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "parameter": _TEXT,
        "given": _TEXT,
        "allowed": {"type": "array", "items": _TEXT},
        "scope": _TEXT,
        "reason": _TEXT,
        "go_on_from": _TEXT,
        "head": _TEXT,
        "request_id": _TEXT,
        "retry_after": {"type": "integer"},
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": True,
}


@cache
def encoded(app: Litestar) -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document(app))


def document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document of an application.

    It is made when it is asked for: a third of the time of a worker's start. ``described`` in the
    application's state are the paths that the framework does not serve.
    """
    contents = app.openapi_schema.to_schema()
    contents["paths"] |= {path: item.to_schema() for path, item in app.state.described.items()}
    operations = [*_operations(app, contents)]
    answers = {h: a for _, h in operations if h and (a := answer_type(h)) is not None}
    schemas, components = answer_schemas(answers.values())
    of_answer = dict(zip(answers, schemas, strict=True))
    examples = msgspec.json.decode(files("service.api").joinpath("examples.json").read_bytes())
    for operation, handler in operations:
        _describe(operation, handler)
        content = operation["responses"]["200"]["content"]
        if handler in of_answer:
            content[_JSON]["schema"] = of_answer[handler]
        if (example := examples.get(operation["operationId"])) is not None:
            content[_JSON]["example"] = example
    contents["components"]["responses"] = {
        str(status): _error_response(status) for status in sorted(_STATUSES)
    }
    contents["components"]["schemas"] = dict(
        sorted((components | resource_schemas() | {"Problem": _PROBLEM}).items())
    )
    for schema in contents["components"]["schemas"].values():
        _explain(schema)
    return contents


def _operations(
    app: Litestar, contents: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], HTTPRouteHandler | None]]:
    """Each operation and its route; the webhook endpoint has none."""
    handlers = {
        (route.path_format, method.lower()): handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
    }
    for path, item in contents["paths"].items():
        for method, operation in item.items():
            yield operation, handlers.get((path, method))


def _describe(operation: dict[str, Any], handler: HTTPRouteHandler | None) -> None:
    """Complete the parameters and the responses of an operation."""
    opt = handler.opt if handler else {}
    query: type[Query] | None = opt.get("query")
    given = operation.get("parameters", [])
    for parameter in given:
        if parameter["name"] in FIELD_DESCRIPTIONS:
            parameter["description"] = FIELD_DESCRIPTIONS[parameter["name"]]
    if handler and query is not None:
        names = selectable(handler)
        given += [_with_choices(p, names) if p["name"] == "fields" else p for p in described(query)]
    if given:
        operation["parameters"] = given
    responses = operation["responses"]
    # the framework's own description of a refused request
    responses.pop("400", None)
    success = responses["200"]
    success["description"] = operation["summary"]
    if answer := opt.get("answer"):
        success["content"][_JSON]["schema"] = reference(answer)
    if columns := opt.get("columns"):
        table = {"schema": _TEXT, "example": f"{','.join(columns)}\r\n"}
        success["content"]["text/csv"] = table
    if operation.get("security") and _STREAM not in success["content"]:
        success["headers"] = dict(_HEADERS)
        if "requestBody" in operation:
            # HTTP knows ETag and 304 only for what can be fetched
            del success["headers"]["ETag"]
        else:
            responses["304"] = {"description": "The content still has the ETag in `If-None-Match`."}
    for status in sorted(_errors(operation, query) | opt.get("errors", set())):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}


def _with_choices(parameter: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The parameter ``fields`` with the names that a route accepts, if they are all known."""
    items = {"type": "string", "enum": [*names]}
    schema = parameter["schema"]
    return parameter | {"schema": schema | {"items": items}} if names else parameter


def _errors(operation: dict[str, Any], query: type[Query] | None) -> set[int]:
    """The statuses of the errors that an operation may answer."""
    statuses = {*_COMMON_ERRORS} if operation.get("security") else set()
    if query is not None and "as_of" in parameters(query):
        # too many events to fold
        statuses |= {422}
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        statuses |= {400, 404}
    return statuses


_STATUSES = {kind.status for kind in KINDS.values()}


def _error_response(status: int) -> dict[str, Any]:
    kinds = [kind for kind in KINDS.values() if kind.status == status]
    return {
        "description": " ".join(f"`{kind.name}`: {kind.meaning}" for kind in kinds),
        "content": {
            "application/problem+json": {
                "schema": reference("Problem"),
                "examples": {
                    kind.name: {
                        "value": {
                            "type": TYPE + kind.name,
                            "title": kind.title,
                            "status": status,
                            "detail": kind.meaning,
                        }
                    }
                    for kind in kinds
                },
            }
        },
    }


def _explain(schema: Schema) -> None:
    """Add the meaning of each field."""
    for name, field in schema.get("properties", {}).items():
        if name in FIELD_DESCRIPTIONS and "$ref" not in field:
            schema["properties"][name] = {**field, "description": FIELD_DESCRIPTIONS[name]}

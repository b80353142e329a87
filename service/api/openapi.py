"""The OpenAPI document: what the framework knows of the routes, and all that a client needs.

The framework contributes paths, path parameters and the schemas of structs. From here come the
parameters (the ones that are read are the ones that are described), the schemas of resources, every
error, the headers, what each word means, and examples, which are answers that the service gave.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.enums import MediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from service.api.descriptions import WORDS
from service.api.query import Query, described, parameters
from service.api.schemas import REF, Schema, schemas
from service.problems import KINDS, TYPE
from service.queries.answers import Page

VERSION = "1"

_TEXT = {"type": "string"}
_HEADERS = {
    "Daybook-Position": {"description": WORDS["position"], "schema": _TEXT},
    "ETag": {
        "description": "What the answer tells; give it as `If-None-Match`, and 304 says that it"
        " is still so.",
        "schema": _TEXT,
    },
}
_ANYWHERE = {401, 403, 414, 429, 500, 503}
"""What every question can be answered with, whatever it asks."""

_OF_OPERATION = {"receive_webhook": {401, 408, 413, 414, 431, 500, 503}, "get_readiness": {503}}

_PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457. `type` leads to what it means.",
    "properties": {
        # not a closed list to a client: a later version may add to it
        "type": {"type": "string", "examples": [TYPE + name for name in KINDS]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "parameter": _TEXT,
        "given": _TEXT,
        "allowed": {"type": "array", "items": _TEXT},
        "go_on_from": _TEXT,
        "head": _TEXT,
        "request_id": _TEXT,
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": True,
}


class Document(OpenAPIRenderPlugin):
    """Serves the document, as JSON; there is no page that loads scripts from elsewhere."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document of the application that is asked."""
        del openapi_schema
        return encoded(request.app)


CONFIG = OpenAPIConfig(
    title="Daybook",
    version=VERSION,
    description="The book of original entry for a Dodo Payments account: what its webhooks told,"
    " folded into answers. Resources are shown as the provider last sent them, under its own names,"
    " with amounts in minor units of the accompanying currency and times in UTC. A key belongs to"
    " one book, and sees nothing of another.",
    components=Components(
        security_schemes={
            "api_key": SecurityScheme(
                type="http",
                scheme="bearer",
                description="A key of one book, made with `daybook keys create`. It has the scope"
                " `read`, or others: where one is needed, the description says so.",
            )
        }
    ),
    render_plugins=[Document(path=["/openapi.json", "/"], media_type=MediaType.JSON)],
)


@cache
def encoded(app: Litestar) -> bytes:
    """The document, as JSON."""
    return msgspec.json.encode(document(app))


def document(app: Litestar) -> dict[str, Any]:
    """The whole document."""
    told = app.openapi_schema.to_schema()
    components = told["components"]
    components["schemas"] |= schemas() | {"Problem": _PROBLEM}
    examples = msgspec.json.decode(files("service.api").joinpath("examples.json").read_bytes())
    for operation, opt in _operations(app, told):
        _describe(operation, opt)
        if (example := examples.get(operation["operationId"])) is not None:
            _content(operation["responses"]["200"])["example"] = example
    for schema in components["schemas"].values():
        _explain(schema)
    for name in _thinned(app, told):
        components["schemas"][name].pop("required", None)
    components["responses"] = {str(status): _refusal(status) for status in _statuses()}
    del components["schemas"][Page.__name__]  # each resource has a page of its own
    return _plainly_named(told)


def _plainly_named(told: dict[str, Any]) -> dict[str, Any]:
    """``MrrSeries``, where the framework makes a name of ``Series[Mrr]`` and its module.

    And where something may be of several kinds it need not be of one only, as the framework says.
    """
    named = re.sub(rb"Series_[\w.]+\.(\w+)_", rb"\1Series", msgspec.json.encode(told))
    plain: dict[str, Any] = msgspec.json.decode(named.replace(b'"oneOf":', b'"anyOf":'))
    return plain


def _operations(
    app: Litestar, told: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each operation with what its route declares; that of the webhooks declares nothing."""
    known = {
        (route.path_format, method.lower()): handler.opt
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
    }
    for path, item in told["paths"].items():
        for method, operation in item.items():
            yield operation, known.get((path, method), {})


def _describe(operation: dict[str, Any], opt: dict[str, Any]) -> None:
    asked = [*operation.get("parameters", ())]
    for parameter in asked:
        if parameter["name"] in WORDS:
            parameter["description"] = WORDS[parameter["name"]]
    query: type[Query] | None = opt.get("query")
    if query is not None:
        asked += described(query)
    if asked:
        operation["parameters"] = asked
    responses = operation["responses"]
    responses.pop("400", None)
    told = responses["200"]
    told["description"] = operation["summary"]
    if answer := opt.get("answer"):
        _content(told)["schema"] = {"$ref": REF.format(name=answer)}
    if operation.get("security"):
        told["headers"] = dict(_HEADERS)
        if "requestBody" in operation:
            # HTTP knows ETag and 304 only for what can be fetched
            del told["headers"]["ETag"]
        else:
            responses["304"] = {"description": "Still as `If-None-Match` knows it."}
    for status in sorted(_refusals(operation, query) & _statuses()):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}


def _refusals(operation: dict[str, Any], query: type[Query] | None) -> set[int]:
    """The statuses of the problems that an operation may be answered with."""
    refused = {400, 409, *_ANYWHERE} if operation.get("security") else set()
    if query is not None and "as_of" in parameters(query):
        # folded from the events, of which there may be too many
        refused |= {422}
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        refused |= {400, 404}
    return refused | _OF_OPERATION.get(operation["operationId"], set())


def _content(response: dict[str, Any]) -> dict[str, Any]:
    """What is answered: of one media type only."""
    (content,) = response["content"].values()
    return content  # type: ignore[no-any-return]


def _statuses() -> set[int]:
    return {kind.status for kind in KINDS.values()}


def _refusal(status: int) -> dict[str, Any]:
    kinds = [kind for kind in KINDS.values() if kind.status == status]
    return {
        "description": " ".join(f"`{kind.name}`: {kind.meaning}" for kind in kinds),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": REF.format(name="Problem")},
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
    """Say of each field what its word means."""
    for name, field in schema.get("properties", {}).items():
        if name in WORDS and "$ref" not in field:
            schema["properties"][name] = {**field, "description": WORDS[name]}


def _thinned(app: Litestar, told: dict[str, Any]) -> Iterator[str]:
    """The schemas of what may be answered in part: nothing in them is required."""
    parts = told["components"]["schemas"]
    for operation, opt in _operations(app, told):
        if "query" in opt and "fields" in parameters(opt["query"]):
            schema = _content(operation["responses"]["200"])["schema"]
            if "$ref" not in schema:
                continue  # a stream, whose entries are those of a list
            name = _name_of(schema)
            data = parts[name].get("properties", {}).get("data")
            yield _name_of(data["items"]) if data else name


def _name_of(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]

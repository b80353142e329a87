"""The pages for people: the OpenAPI document as HTML, and what ``/`` answers.

They need no script, and nothing from another host.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from itertools import groupby
from typing import Any

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from msgspec import json

from service.api.openapi import document, encoded

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
"""No page may load anything, or be embedded."""

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow-x: auto; background: #8881; padding: .5rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
tr { border-top: 1px solid #8884 }
section { margin: 2.5rem 0 }
:root { color-scheme: light dark }
"""

_LINKS = {
    "documentation": "/schema",
    "openapi": "/schema/openapi.json",
    "problems": "/problems",
    "liveness": "/healthz",
    "readiness": "/readyz",
}
_CONSOLE = {"console": "/console"}
_HOW = "Every path under `/v1` needs `Authorization: Bearer` and a key from `daybook keys create`."


class JsonDocument(OpenAPIRenderPlugin):
    """Serves the document as JSON."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document of the application that answers the request."""
        del openapi_schema
        return encoded(request.app)


class SchemaPage(OpenAPIRenderPlugin):
    """Serves the OpenAPI document as one HTML page."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page of the application that answers the request."""
        del openapi_schema
        return _schema_page(request.app)


CONFIG = OpenAPIConfig(
    title="Daybook",
    version="1",
    description="The book of original entry for a Dodo Payments account: its webhooks, folded into"
    " answers. A resource has the provider's latest snapshot under the provider's field names;"
    " amounts are in minor units of the accompanying currency, and times are in UTC. A key belongs"
    " to one book and cannot read any other.",
    components=Components(
        security_schemes={
            "api_key": SecurityScheme(
                type="http",
                scheme="bearer",
                description="A key of one book, from `daybook keys create`. Its scope is `read`"
                " unless it was created with others; a route that needs another scope says so.",
            )
        }
    ),
    openapi_router=Router(
        "/schema", route_handlers=[], include_in_schema=False, response_headers=HEADERS
    ),
    render_plugins=[
        JsonDocument(path="/openapi.json", media_type=MediaType.JSON),
        SchemaPage(path="/", media_type=MediaType.HTML),
    ],
)


@get("/", include_in_schema=False)
async def get_index(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What this service is and where to go, as JSON, HTML or text."""
    title, what = CONFIG.title, CONFIG.description or ""
    kind = request.accept.best_match([*_INDEX], MediaType.TEXT)
    links = _LINKS | (_CONSOLE if request.app.state.has_console else {})
    content = _INDEX[kind](title, what, links)
    return Response(content, media_type=kind, headers=HEADERS | {"vary": "accept"})


def _index_text(title: str, what: str, links: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name:14}{path}\n" for name, path in links.items())
    return f"{title}\n\n{what}\n{_HOW}\n\n{lines}".encode()


def _index_html(title: str, what: str, links: Mapping[str, str]) -> bytes:
    items = "".join(f"<li>{name}: {_link(path, path)}</li>" for name, path in links.items())
    return _page(title, f"<p>{_text(what)}</p><p>{_text(_HOW)}</p><ul>{items}</ul>")


def _index_json(title: str, what: str, links: Mapping[str, str]) -> bytes:
    return json.encode({"name": title, "description": what, "authentication": _HOW, **links})


_INDEX = {
    MediaType.TEXT.value: _index_text,
    MediaType.JSON.value: _index_json,
    MediaType.HTML.value: _index_html,
}


@cache
def _schema_page(app: Litestar) -> bytes:
    contents = document(app)
    info, components = contents["info"], contents["components"]
    operations = sorted(
        (
            (operation["tags"][0], f"{method.upper()} {path}", operation)
            for path, item in contents["paths"].items()
            for method, operation in item.items()
        ),
        key=lambda entry: entry[0],
    )
    tags = [(tag, [*entries]) for tag, entries in groupby(operations, key=lambda entry: entry[0])]
    openapi_path = _LINKS["openapi"]
    parts = [
        f"<p>{_text(info['description'])}</p><p>{_text(_HOW)}</p>",
        f"<p>This page shows the OpenAPI document {_link(openapi_path, openapi_path)}.</p>",
        *(_contents(tag, entries) for tag, entries in tags),
        "<h2>Operations</h2>",
        *(_operation(route, op) for _, entries in tags for _, route, op in entries),
        "<h2>Schemas</h2>",
        *(_schema(name, schema) for name, schema in components["schemas"].items()),
        "<h2>Errors</h2>",
        *(_error(status, error) for status, error in components["responses"].items()),
    ]
    return _page(f"{info['title']}: the API", "".join(parts))


def _contents(tag: str, entries: Iterable[tuple[str, str, Mapping[str, Any]]]) -> str:
    links = "".join(
        f"<li>{_link('#' + operation['operationId'], route)}: {_text(operation['summary'])}</li>"
        for _, route, operation in entries
    )
    return f"<h2>{_text(tag)}</h2><ul>{links}</ul>"


def _operation(route: str, operation: Mapping[str, Any]) -> str:
    parameters = [
        (p["name"], p["in"], _type(p["schema"]), _presence(p.get("required")), _described(p))
        for p in operation.get("parameters", ())
    ]
    answers, errors = "", []
    for status, response in operation["responses"].items():
        if "$ref" in response:
            errors.append(_link(f"#error-{status}", status))
            continue
        answers += f"<p>{escape(status)}: {_text(response['description'])}</p>"
        for media, content in response.get("content", {}).items():
            answers += f"<p><code>{escape(media)}</code>: {_type(content['schema'])}</p>"
            answers += _example(content.get("example"))
    refused = f"<p>Errors: {', '.join(errors)}</p>" if errors else ""
    about = f"<p>{_text(operation['summary'])}</p><p>{_text(operation['description'])}</p>"
    table = _table(parameters) if parameters else ""
    body = f"{about}{table}{answers}{refused}"
    return _section(operation["operationId"], f"<code>{escape(route)}</code>", body)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    fields = [
        (field, _type(inner), "always" if field in required else "", _described(inner))
        for field, inner in schema["properties"].items()
    ]
    about = f"<p>{_described(schema)}</p>" if "description" in schema else ""
    return _section(f"schema-{name}", escape(name), about + _table(fields))


def _error(status: str, error: Mapping[str, Any]) -> str:
    (content,) = error["content"].values()
    kinds = [
        (f"<code>{escape(name)}</code>", _text(example["value"]["detail"]))
        for name, example in content["examples"].items()
    ]
    return _section(f"error-{status}", escape(status), _rows(kinds))


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words, as HTML."""
    if ref := schema.get("$ref"):
        name = ref.rpartition("/")[2]
        return _link(f"#schema-{name}", name)
    if "anyOf" in schema:
        return " | ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(
            f"<code>{escape(str(json.encode(v), 'utf-8'))}</code>" for v in schema["enum"]
        )
    if "items" in schema:
        return f"list of ({_type(schema['items'])})"
    kinds = schema.get("type", "any value")
    words = [kinds] if isinstance(kinds, str) else kinds
    kind = " | ".join(schema.get("format", word) if word == "string" else word for word in words)
    bounds = [str(schema[name]) for name in ("minimum", "maximum") if name in schema]
    limits = f" from {' to '.join(bounds)}" if bounds else ""
    default = f", default {schema['default']}" if "default" in schema else ""
    return escape(f"{kind}{limits}{default}")


def _presence(required: object) -> str:
    return "required" if required else ""


def _described(item: Mapping[str, Any]) -> str:
    return _text(item.get("description", ""))


def _text(text: str) -> str:
    """Prose as HTML; what is between backticks is code."""
    parts = escape(text.replace("``", "`")).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))


def _example(value: object) -> str:
    if value is None:
        return ""
    shown = json.format(json.encode(value), indent=2).decode()
    return f"<details><summary>Example</summary><pre>{escape(shown)}</pre></details>"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return _rows((f"<code>{escape(name)}</code>", *rest) for name, *rest in rows)


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _section(anchor: str, title: str, body: str) -> str:
    return f'<section id="{escape(anchor)}"><h3>{title}</h3>{body}</section>'


def _link(target: str, text: str) -> str:
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def _page(title: str, body: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    ).encode()

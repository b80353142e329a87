"""OpenTelemetry traces, sent to the endpoint of the standard ``OTEL_*`` variables.

Each request is a span named after its route. Spans hold no query, no address and no identifier:
those are personal data, or lead to it.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import cast

from service.telemetry.request_ids import Application, Message, Receive, Scope, Send

RouteOf = Callable[[Scope], str]
"""A function that returns the route of a request."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NEEDED = (
    "opentelemetry.sdk.trace.export",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.instrumentation.asgi",
)
_PRIVATE = (
    "http.url", "http.target", "url.full", "url.path", "url.query",
    "net.peer.ip", "net.peer.port", "client.address", "client.port",
)  # fmt: skip


class TracesUnavailableError(Exception):
    """Traces are configured, but their packages are not installed; the text says what to do."""


def with_tracing(app: Application, route_of: RouteOf) -> Application:
    """The application with a span for each request; unchanged if traces are not configured.

    Raises:
        TracesUnavailableError: if traces are configured, and the extra ``otel`` is not installed.
    """
    check()
    return _instrument(_NameSpan(app, route_of)) if _configured() else app


def check() -> None:
    """Check that traces can be sent, if they are configured.

    Raises:
        TracesUnavailableError: if they are, and the extra ``otel`` is not installed.
    """
    try:
        for name in _NEEDED if _configured() else ():
            import_module(name)
    except ImportError as error:
        raise TracesUnavailableError(
            f"OTEL_* asks for traces, which need: pip install 'dodo-daybook[otel]'. {error}."
        ) from None


def _configured() -> bool:
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not off and any(os.environ.get(name) for name in _ENDPOINTS)


def _instrument(app: Application) -> Application:
    # imported late: the packages are an extra
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    os.environ.setdefault("OTEL_SERVICE_NAME", "daybook")
    # flushes the last spans when the process exits
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    middleware = OpenTelemetryMiddleware(
        app,
        default_span_details=_details,
        exclude_spans=["receive", "send"],
        tracer_provider=provider,
    )
    return cast("Application", middleware)


def _details(scope: Scope) -> tuple[str, dict[str, str]]:
    return _method(scope), dict.fromkeys(_PRIVATE, "")


def _method(scope: Scope) -> str:
    return str(scope.get("method", ""))


class _NameSpan:
    """Middleware that names the span of a request as soon as the route is known."""

    def __init__(self, app: Application, route_of: RouteOf) -> None:
        self._app = app
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from opentelemetry import trace  # noqa: PLC0415

        span = trace.get_current_span()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = self._route_of(scope)
                span.update_name(f"{_method(scope)} {route}".rstrip())
                span.set_attribute("http.route", route)
            await send(message)

        await self._app(scope, receive, sending)

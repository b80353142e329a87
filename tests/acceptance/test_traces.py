"""Spans arrive where the standard variables say, and lead to no person."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, command, environment
from tests.builders import SECRET
from tests.conftest import fresh_database

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []

    class Receiving(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiving)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_request_is_a_span(
    scratch: Path, postgres: str, template: str, collector: tuple[str, list[bytes]]
) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
        ExportTraceServiceRequest,
    )

    url, received = collector
    (scratch / "daybook.toml").write_text(CONFIG)
    env = {
        "DAYBOOK_DATABASE_URL": fresh_database(postgres, template),
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    service = Service(scratch, env=env).start()
    key = command("keys", "create", "--book", "live", cwd=scratch, env=env).strip()
    assert service.deliver("live", SECRET, b"1").status_code == 200
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    headers = {"authorization": f"Bearer {key}", "traceparent": parent}
    asking = "/v1/customers/cus_private/access?as_of=2026-01-01T00:00:00Z"
    assert service.client.get(asking, headers=headers).status_code == 200
    assert service.client.get("/v1/secret_path").status_code == 401
    assert service.stop() == 0
    spans = {
        span.name: span
        for content in received
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert {"POST /webhooks/{book}", "GET /v1/customers/{customer_id}/access", "GET"} <= set(spans)
    assert spans["GET /v1/customers/{customer_id}/access"].trace_id.hex() == TRACE
    everything = b"".join(received)
    for private in (b"cus_private", b"as_of", b"secret_path", key.encode()):
        assert private not in everything
    for span in spans.values():
        told = {one.key: one.value.string_value for one in span.attributes}
        assert told["net.peer.ip"] == ""


def test_nothing_of_it_is_imported_where_nothing_is_configured() -> None:
    asking = (
        "import sys; from service.telemetry.tracing import with_tracing;"
        "with_tracing(print, print);"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", asking], env=environment(None), check=True)


def test_what_to_install_is_said_where_the_extra_is_missing(
    scratch: Path, postgres: str, template: str
) -> None:
    # found before the one that is installed, and nothing is in it
    (scratch / "opentelemetry").mkdir()
    (scratch / "opentelemetry" / "__init__.py").touch()
    (scratch / "daybook.toml").write_text(CONFIG)
    env = {
        "DAYBOOK_DATABASE_URL": fresh_database(postgres, template),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "PYTHONPATH": os.pathsep.join([str(scratch), environment(None)["PYTHONPATH"]]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "service", "serve", "--port", "0"],
        env=environment(env), cwd=scratch, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'dodo-daybook[otel]'" in done.stderr
    assert "Traceback" not in done.stderr

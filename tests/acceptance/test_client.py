"""A Python client that is generated from the OpenAPI document, and walks through the whole API."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.acceptance.doors import Doors
from tests.acceptance.walk import questions
from tests.builders import at

NAME = "daybook_client"

pytestmark = pytest.mark.slow
"""To generate it takes seconds; ``test_openapi.py`` and ``test_schemathesis.py`` are quick."""


@pytest.fixture(scope="module")
def document(told: Doors) -> dict[str, Any]:
    found: dict[str, Any] = told.service.client.get("/schema/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def package(
    document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleType]:
    here = tmp_path_factory.mktemp("client")
    (here / "openapi.json").write_text(json.dumps(document))
    # it knows of no ZIP archives
    (here / "client.yaml").write_text(
        "content_type_overrides:\n  application/zip: application/octet-stream\n"
    )
    # it looks for the formatter next to itself, also where the environment is not activated
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("openapi-python-client")), "generate",
            "--config", "client.yaml", "--path", "openapi.json",
            "--output-path", NAME, "--meta", "none", "--fail-on-warning",
        ],
        cwd=here, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(here))
    yield import_module(NAME)
    sys.path.remove(str(here))


@pytest.fixture
def client(told: Doors, package: ModuleType) -> Iterator[Any]:
    url = str(told.service.client.base_url).rstrip("/")
    made = package.AuthenticatedClient(base_url=url, token=told.live)
    with made as opened:
        yield opened


def operation(document: dict[str, Any], operation_id: str) -> ModuleType:
    (tag,) = (
        op["tags"][0]
        for item in document["paths"].values()
        for op in item.values()
        if op["operationId"] == operation_id
    )
    folder = {"credits": "credits_"}.get(tag, tag)
    return import_module(f"{NAME}.api.{folder}.{operation_id}")


def test_the_client_understands_every_answer(
    told: Doors, document: dict[str, Any], client: Any  # noqa: ANN401 - made at run time
) -> None:  # fmt: skip
    def ask(path: str) -> Any:  # noqa: ANN401
        headers = {"authorization": f"Bearer {told.live}"}
        return told.service.client.get(path, headers=headers).json()

    asked = questions(document, ask)
    assert len(asked) > 40
    by_id = {
        op["operationId"]: path for path, item in document["paths"].items() for op in item.values()
    }
    for operation_id, path in asked.items():
        template, (place, _, query) = by_id[operation_id].split("/"), path.partition("?")
        given = [
            value
            for name, value in zip(template, place.split("/"), strict=True)
            if name.startswith("{")
        ]
        asking = operation(document, operation_id).sync_detailed
        answer = asking(*given, client=client, **dict(parse_qsl(query)))
        assert answer.status_code == 200, path
        # nothing is lost between what was answered and what was understood
        understood = answer.parsed
        if hasattr(understood, "to_dict"):
            assert set(understood.to_dict()) == set(json.loads(answer.content)), path


def test_the_client_speaks_in_types(document: dict[str, Any], client: Any) -> None:  # noqa: ANN401
    listing = operation(document, "list_subscriptions")
    page = listing.sync(client=client, limit=1)
    (subscription,) = page.data
    assert subscription.status.value == "on_hold"
    assert subscription.status_since.astimezone(UTC) == at(100)
    assert page.next_cursor is None
    # what is always there may be neither absent nor of another type
    assert types(subscription)["event_position"] == "str"
    assert types(subscription)["status_since"] == "datetime.datetime"
    access = operation(document, "get_customer_access").sync("cus_1", client=client)
    assert types(access)["entitled"] == "bool"
    assert types(access.because[0])["payment_id"] == "None | str"
    events = operation(document, "list_events").sync(client=client, after="3", limit=2)
    assert [event.event_position for event in events.data] == ["4", "5"]
    rest = operation(document, "list_events").sync(client=client, cursor=events.next_cursor)
    assert rest.data[0].event_position == "6"


def types(model: Any) -> dict[str, str]:  # noqa: ANN401
    """The types of its attributes, as they are written."""
    return {name: str(kind) for name, kind in type(model).__annotations__.items()}


def test_the_client_asks_for_many(document: dict[str, Any], client: Any) -> None:  # noqa: ANN401
    asking = operation(document, "get_access_of_customers")
    kind = import_module(f"{NAME}.models.get_access_of_customers_body")
    customers, day = ["cus_1", "cus_nobody"], date(2026, 5, 4)
    body = kind.GetAccessOfCustomersBody(customer_ids=customers, as_of=day)
    first, second = asking.sync(client=client, body=body).data
    assert (first.customer_id, first.known, first.state.value) == ("cus_1", True, "on_hold")
    assert (second.customer_id, second.known, second.state.value) == ("cus_nobody", False, "never")


def test_the_client_understands_a_problem(document: dict[str, Any], client: Any) -> None:  # noqa: ANN401
    problem = operation(document, "get_payment").sync("pay_nowhere", client=client)
    assert (problem.type_, problem.status) == ("/problems/not-found", 404)
    wrong = operation(document, "list_payments").sync(client=client, cursor="rubbish")
    assert (wrong.parameter, wrong.given) == ("cursor", "rubbish")

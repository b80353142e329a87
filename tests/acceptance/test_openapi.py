"""The OpenAPI document says all that a client needs, and says it of everything."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.api.descriptions import WORDS
from service.problems import KINDS
from tests.acceptance.doors import Doors
from tests.acceptance.examples import asked


@pytest.fixture(scope="module")
def document(told: Doors) -> dict[str, Any]:
    found: dict[str, Any] = told.service.client.get("/schema/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield name, field
        yield from fields(field)
        yield from fields(field.get("items", {}))
        for one in field.get("anyOf", ()):
            yield from fields(one)


def test_every_field_has_its_word_and_every_word_its_field(document: dict[str, Any]) -> None:
    named = {
        name for schema in document["components"]["schemas"].values() for name, _ in fields(schema)
    }
    elsewhere = {
        parameter["name"]
        for operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "query"
    }
    assert named - set(WORDS) == set()
    assert set(WORDS) - named - elsewhere == set()


def test_every_operation_and_parameter_is_described(document: dict[str, Any]) -> None:
    for operation in operations(document):
        name = operation["operationId"]
        assert operation["summary"], name
        assert operation["description"] != operation["summary"], name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])
            assert parameter["schema"], (name, parameter["name"])


def test_every_question_lists_its_errors_as_problems(document: dict[str, Any]) -> None:
    statuses = {kind.status for kind in KINDS.values()}
    assert {int(status) for status in document["components"]["responses"]} == statuses
    for operation in operations(document):
        if operation.get("security"):
            expected = {"200", "304", "400", "401", "403", "429", "500", "503"}
            if "requestBody" in operation:
                expected ^= {"304", "413"}
            assert expected <= {*operation["responses"]}


def test_nothing_is_loaded_from_elsewhere(told: Doors) -> None:
    for path in ("/schema", "/schema/openapi.json"):
        answer = told.service.client.get(path)
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.json()["openapi"].startswith("3.1")


def test_the_examples_are_answers(told: Doors, document: dict[str, Any]) -> None:
    headers = {"authorization": f"Bearer {told.live}"}

    def ask(path: str) -> Any:  # noqa: ANN401 - as JSON is
        return told.service.client.get(path, headers=headers).json()

    def post(path: str, content: Any) -> Any:  # noqa: ANN401 - as JSON is
        return told.service.client.post(path, headers=headers, json=content).json()

    for operation_id, answer in asked(document, ask, post).items():
        operation = next(o for o in operations(document) if o["operationId"] == operation_id)
        (content,) = operation["responses"]["200"]["content"].values()
        # refusals come and go
        if operation_id != "list_refusals":
            again = "run: python -m tests.acceptance.examples"
            assert shape(content.get("example")) == shape(answer), (operation_id, again)


def shape(value: Any) -> Any:  # noqa: ANN401 - as JSON is
    """Which fields there are: times, hashes and positions differ."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
    return None

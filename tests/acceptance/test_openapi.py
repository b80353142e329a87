"""The OpenAPI document says all that a client needs, and says it of everything."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from httpx import Client
from msgspec.structs import replace

from service.api.descriptions import FIELD_DESCRIPTIONS
from service.problems import KINDS
from tests.acceptance import compared, previewed
from tests.acceptance.attendance import REF, Attendance
from tests.acceptance.doors import Doors, deliver
from tests.acceptance.examples import asked
from tests.acceptance.service import number
from tests.acceptance.walk import POSTED, questions
from tests.builders import at


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


def test_every_field_is_described_and_every_description_is_used(
    document: dict[str, Any],
) -> None:
    named = {
        name for schema in document["components"]["schemas"].values() for name, _ in fields(schema)
    }
    elsewhere = {
        parameter["name"]
        for operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "query"
    }
    assert named - set(FIELD_DESCRIPTIONS) == set()
    assert set(FIELD_DESCRIPTIONS) - named - elsewhere == set()


SPARSE = {
    "subscription.active": {"subscription_id": "sub_s"},
    "payment.succeeded": {"payment_id": "pay_s"},
    "refund.succeeded": {"refund_id": "ref_s"},
    "dispute.opened": {"dispute_id": "dp_s"},
    "license_key.created": {"id": "lic_s"},
    "entitlement_grant.created": {"id": "eg_s"},
    "credit.added": {"customer_id": "cus_s", "credit_entitlement_id": "cent_s"},
    "payout.success": {"payout_id": "po_s"},
    "abandoned_checkout.detected": {"payment_id": "pay_left_s"},
    "dunning.started": {"subscription_id": "sub_s"},
    "subscription.gifted": {"subscription_id": "sub_s"},
}
"""Of each kind of resource the least that can be read, and an event of an unknown type."""


SPARSE_RUN = replace(compared.RUN, reason=None, gains=(), losses=(), drift=(), skipped=())
SPARSE_DIFFERENCE = replace(compared.DIFFERENCE, customer_id=None, ours=None, theirs=None)


@pytest.fixture(scope="module")
def sparse(doors: Doors) -> Doors:
    last = 0
    for kind, data in SPARSE.items():
        content = {"business_id": "bus_1", "type": kind, "timestamp": at(100), "data": data}
        last = number(deliver(doors, msgspec.json.encode(content)).json()["position"])
    doors.service.await_position(doors.live, last)
    compared.keep(doors.database_url, "live", SPARSE_RUN, SPARSE_DIFFERENCE)
    previewed.keep(doors.database_url, "live", outcome=None)
    return doors


def test_a_field_that_is_always_there_is_required(
    told: Doors, sparse: Doors, document: dict[str, Any]
) -> None:
    seen = Attendance(document)
    by_id = {operation["operationId"]: operation for operation in operations(document)}
    for service in (told, sparse):
        client = service.service.client
        headers = {"authorization": f"Bearer {service.live}"}

        def ask(path: str, client: Client = client, headers: Any = headers) -> Any:  # noqa: ANN401
            return client.get(path, headers=headers).raise_for_status().json()

        for operation_id, path in questions(document, ask).items():
            operation = by_id[operation_id]
            accepted = {p["name"] for p in operation.get("parameters", ())}
            join = "&" if "?" in path else "?"
            variants = {"as_of": "as_of=2026-10-01", "limit": "limit=100"}
            more = [f"{path}{join}{q}" for name, q in variants.items() if name in accepted]
            for each in (path, *more):
                content = operation["responses"]["200"]["content"]["application/json"]
                seen.add(content["schema"], ask(each))
        asked = {"customer_ids": ["cus_1", "cus_nobody"]}
        many = client.post("/v1/access", headers=headers, json=asked)
        seen.add({"$ref": f"{REF}AccessAnswers"}, many.raise_for_status().json())
        path, group = POSTED["acknowledge_attention"]
        acknowledged = client.post(path, headers=headers, json={**group, "until": "99"})
        seen.add({"$ref": f"{REF}AttentionGroup"}, acknowledged.raise_for_status().json())
        refused = client.get("/v1/payments?limit=0", headers=headers)
        seen.add({"$ref": f"{REF}Problem"}, refused.json())
        seen.add({"$ref": f"{REF}Problem"}, client.get("/v1/payments").json())
    assert sorted(seen.optional()) == []
    never = {*document["components"]["schemas"]} - {*seen.instances}
    rare = {"OverdueRenewal", "ParkedStream", "Retried", "RefusalAnswer", "RefusalCount", "Running"}
    assert never <= rare | {"AnchorAnswer", "AnchoredAnswer", "CheckpointAnswer", "ProofProblem"}


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
            errors = {"400", "401", "403", "409", "429", "500", "503"}
            posted = "requestBody" in operation
            assert {"200", "413" if posted else "414", *errors} <= {*operation["responses"]}
            # neither a stream nor the answer to a POST is ever the same again
            is_stream = "text/event-stream" in operation["responses"]["200"]["content"]
            assert ("304" in operation["responses"]) != (is_stream or posted)


def test_no_description_is_taken_for_code(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert not [line for line in schema["description"].split("\n") if line[:1] == " "], name


def test_the_examples_are_answers(told: Doors, document: dict[str, Any]) -> None:
    headers = {"authorization": f"Bearer {told.live}"}

    def ask(path: str) -> Any:  # noqa: ANN401 - as JSON is
        return told.service.client.get(path, headers=headers).json()

    def post(path: str, content: Any) -> Any:  # noqa: ANN401 - as JSON is
        return told.service.client.post(path, headers=headers, json=content).json()

    for operation_id, answer in asked(document, ask, post).items():
        operation = next(o for o in operations(document) if o["operationId"] == operation_id)
        content = operation["responses"]["200"]["content"]["application/json"]
        # refusals come and go, and checkpoints come
        if operation_id not in {"list_refusals", "list_checkpoints"}:
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

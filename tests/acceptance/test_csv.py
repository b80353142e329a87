"""Lists as CSV over HTTP: whole, quoted, harmless in a spreadsheet, and refused where wrong."""

import csv
from io import StringIO
from typing import Any

import httpx
import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.acceptance.walk import questions
from tests.builders import at, body

MANY = 230
"""More than two pages."""


def ask(doors: Doors, path: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {doors.live}", "accept": "text/csv"}
    return doors.service.client.get(f"/v1/{path}", headers=headers)


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8", answer.text
    return list(csv.DictReader(StringIO(answer.text, newline="")))


@pytest.fixture(scope="module")
def many(doors: Doors) -> Doors:
    position = 0
    for n in range(MANY):
        content = body(
            "payment.succeeded", "succeeded", at(n), f"pay_{n}", total_amount=-n, currency="USD",
            customer={"customer_id": "cus_7", "email": "=cmd|'/c calc'!A0", "name": 'A "b",\nc'},
        )  # fmt: skip
        position = number(deliver(doors, content).json()["position"])
    doors.service.await_position(doors.live, position)
    return doors


def test_all_pages_come_as_one_table_with_a_header(many: Doors) -> None:
    answer = ask(many, "payments")
    found = rows(answer)
    assert [row["payment_id"] for row in found] == [f"pay_{n}" for n in reversed(range(MANY))]
    assert answer.headers["content-disposition"] == 'attachment; filename="payments.csv"'
    assert answer.headers["daybook-position"] == many.get("payments").json()["position"]
    assert "content-length" not in answer.headers


def test_what_a_customer_wrote_is_quoted_and_runs_nowhere(many: Doors) -> None:
    row = rows(ask(many, "payments?limit=1"))[0]
    assert (row["customer.name"], row["customer.email"]) == ('A "b",\nc', "'=cmd|'/c calc'!A0")
    assert (row["status"], row["total_amount"]) == ("succeeded", "-229")
    assert row["status_since"] == "2026-05-03T12:03:49Z"
    assert (row["refund_status"], row["subscription_ids"]) == ("", "[]")


def test_a_negative_balance_is_a_number(many: Doors) -> None:
    content = body(
        "credit.deducted", None, at(1), "l_1", customer_id="cus_8", credit_entitlement_id="cde_1",
        balance_before="0", balance_after="-12.5", created_at=at(1), transaction_type="deducted",
    )  # fmt: skip
    position = deliver(many, content).json()["position"]
    many.service.await_position(many.live, number(position))
    (row,) = rows(ask(many, "credits"))
    assert row["balance"] == "-12.5"


def test_excel_gets_its_byte_order_mark_where_it_is_asked_for(many: Doors) -> None:
    for path in ("payments?limit=1", "metrics/revenue", "search?q=pay_1"):
        join = "&" if "?" in path else "?"
        plain, marked = ask(many, path), ask(many, f"{path}{join}bom=true")
        assert marked.content == b"\xef\xbb\xbf" + plain.content
        assert ask(many, f"{path}{join}bom=false").content == plain.content
    as_json = many.get("payments?limit=1&bom=true")
    assert as_json.content == many.get("payments?limit=1").content
    assert ask(many, "payments?bom=yes").status_code == 400


def test_filters_hold_and_a_limit_asks_for_one_page(many: Doors) -> None:
    assert len(rows(ask(many, "payments?status=succeeded&customer_id=cus_7"))) == MANY
    assert rows(ask(many, "payments?status=failed")) == []
    assert len(rows(ask(many, "payments?limit=7"))) == 7
    thin = rows(ask(many, "payments?fields=status&fields=currency&limit=1"))
    assert thin == [{"status": "succeeded", "currency": "USD"}]


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("events?type=payment.succeeded", "event_position"),
        ("customers/cus_7/timeline", "event_position"),
        ("changes?kind=payment", "event_position"),
    ],
)
def test_events_come_as_tables_too(many: Doors, path: str, column: str) -> None:
    found = [row[column] for row in rows(ask(many, path))]
    assert (len(found), len(set(found))) == (MANY, MANY)


@pytest.mark.parametrize(
    "name",
    [
        "subscriptions", "payments", "refunds", "disputes", "license_keys", "entitlement_grants",
        "payouts", "credits", "checkouts", "dunning", "customers", "events", "changes",
    ],
)  # fmt: skip
def test_every_list_has_a_header_of_its_own(doors: Doors, name: str) -> None:
    header = ask(doors, name).text.partition("\r\n")[0].split(",")
    for key in ("event_position", "customer_id"):
        assert key in header or f"customer.{key}" in header or name == "payouts"


def test_every_list_is_answered_as_a_table(told: Doors) -> None:
    """Whatever answers entries in ``data`` answers them as rows too."""
    lists = 0
    headers = {"authorization": f"Bearer {told.live}"}

    def as_json(path: str) -> Any:  # noqa: ANN401 - as JSON is
        return told.service.client.get(path, headers=headers).raise_for_status().json()

    document = as_json("/schema/openapi.json")
    described = {
        operation["operationId"]: {*operation["responses"]["200"]["content"]}
        for item in document["paths"].values()
        for operation in item.values()
    }
    for operation_id, path in questions(document, as_json).items():
        if not path.startswith("/v1/") or operation_id == "get_event_body":
            continue
        page = as_json(path)
        assert ("text/csv" in described[operation_id]) == ("data" in page), operation_id
        if "data" not in page:
            continue
        lists += 1
        answer = ask(told, path.removeprefix("/v1/"))
        found = rows(answer)
        assert len(found) >= len(page["data"]), operation_id
        for entry, row in zip(page["data"], found, strict=False):
            plain = {n: v for n, v in entry.items() if isinstance(v, str) and n in row}
            assert plain == {name: row[name].removeprefix("'") for name in plain}, operation_id
        assert answer.headers.get("daybook-position") == page.get("position"), operation_id
    assert lists > 35


def test_what_is_wrong_is_said_as_ever(doors: Doors) -> None:
    for path in ("payments?colour=red", "payments?limit=0", "payments?cursor=rubbish",
                 "payments?status=failed&status=succeeded"):  # fmt: skip
        answer = ask(doors, path)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")
        assert answer.headers["content-type"] == "application/problem+json"
    answer = doors.service.client.get("/v1/payments", headers={"accept": "text/csv"})
    assert answer.status_code == 401


def test_a_list_is_json_unless_csv_is_preferred(doors: Doors) -> None:
    for accept in ("*/*", "application/json, text/csv;q=0.5"):
        headers = {"authorization": f"Bearer {doors.live}", "accept": accept}
        answer = doors.service.client.get("/v1/payments", headers=headers)
        assert answer.headers["content-type"] == "application/json"

"""Lists as CSV over HTTP: whole, quoted, harmless in a spreadsheet, and refused where wrong."""

import asyncio
import csv
from io import StringIO
from typing import Any

import httpx
import pytest

from service.database.connections import connect
from service.store.events import append
from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.acceptance.walk import questions
from tests.builders import at, body
from tests.deliveries import delivery

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
    told = [
        body(
            "payment.succeeded", "succeeded", at(n), f"pay_{n}", total_amount=-n, currency="USD",
            customer={"customer_id": "cus_7", "email": "=cmd|'/c calc'!A0", "name": 'A "b",\nc'},
        )
        for n in range(MANY)
    ]  # fmt: skip

    async def recorded() -> None:
        async with await connect(doors.database_url) as conn:
            await append(conn, "live", [delivery(content) for content in told[:-1]])

    asyncio.run(recorded())
    last = deliver(doors, told[-1]).json()["position"]
    doors.service.await_position(doors.live, number(last))
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


def test_a_link_asks_for_a_table_too(many: Doors) -> None:
    table = ask(many, "payments?limit=3")
    assert many.get("payments?limit=3&format=csv").text == table.text
    json = ask(many, "payments?limit=3&format=json")
    assert json.headers["content-type"] == "application/json"
    assert many.get("payments?format=xml").status_code == 400
    # it selects no rows: the cursor of a page of JSON goes on as a table
    cursor = json.json()["next_cursor"]
    rest = rows(many.get(f"payments?limit=3&format=csv&cursor={cursor}"))
    assert [row["payment_id"] for row in rest] == ["pay_226", "pay_225", "pay_224"]


def test_everything_that_is_a_list_is_a_table(told: Doors) -> None:
    document = told.service.client.get("/schema/openapi.json").json()
    schemas = document["components"]["schemas"]

    def ask_json(path: str) -> Any:  # noqa: ANN401 - as JSON is
        headers = {"authorization": f"Bearer {told.live}"}
        return told.service.client.get(path, headers=headers).json()

    paths = questions(document, ask_json)
    lists = []
    for item in document["paths"].values():
        for operation in item.values():
            ref = operation["responses"]["200"]["content"].get("application/json", {})
            name = ref.get("schema", {}).get("$ref", "").rpartition("/")[2]
            listed = "data" in schemas.get(name, {}).get("properties", {})
            if listed and "requestBody" not in operation:
                lists.append(operation["operationId"])
    assert len(lists) > 30
    for operation_id in lists:
        path = paths[operation_id]
        join = "&" if "?" in path else "?"
        answer = told.get(f"{path.removeprefix('/v1/')}{join}format=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8", (path, answer.text)


def test_finance_gets_the_tax_of_a_payment_and_the_payer_of_a_dispute(doors: Doors) -> None:
    payer = {"customer_id": "cus_tax", "email": "tax@example.com", "name": "T. Ax"}
    contents = [
        body(
            "payment.succeeded", "succeeded", at(0), "pay_tax", payer, total_amount=1190, tax=190,
            currency="EUR", settlement_amount=1300, settlement_tax="207", settlement_currency="USD",
        ),
        body("dispute.opened", "opened", at(5), "dp_tax", None, payment_id="pay_tax", amount="9"),
        body("dispute.lost", "lost", at(40 * 86_400), "dp_tax", None, payment_id="pay_tax",
             amount="9"),
        body("refund.succeeded", "succeeded", at(7), "ref_tax", None, refund_id="ref_tax",
             payment_id="pay_tax", amount=5),
        body("dispute.opened", "opened", at(5), "dp_alone", None, amount="7"),
    ]  # fmt: skip
    told = [deliver(doors, content).json()["position"] for content in contents]
    doors.service.await_position(doors.live, number(told[-1]))
    (payment,) = rows(ask(doors, "payments?customer_id=cus_tax"))
    money = ("total_amount", "tax", "settlement_amount", "settlement_tax")
    assert [payment[name] for name in money] == ["1190", "190", "1300", "207"]
    disputes = {row["dispute_id"]: row for row in rows(ask(doors, "disputes"))}
    assert disputes["dp_alone"]["customer.email"] == ""
    for found in (disputes["dp_tax"], rows(ask(doors, "refunds?payment_id=pay_tax"))[0]):
        names = ("customer.customer_id", "customer.email", "customer.name")
        assert [found[name] for name in names] == [*payer.values()]
    # lost in June, though opened in May
    lost = "disputes?status=lost&fields=dispute_id"
    june = doors.get(f"{lost}&status_since_gte=2026-06-01&status_since_lte=2026-06-30").json()
    assert june["data"] == [{"dispute_id": "dp_tax"}]
    assert doors.get(f"{lost}&status_since_lte=2026-05-31").json()["data"] == []

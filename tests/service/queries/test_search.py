"""Search on a real PostgreSQL: what each identifier finds, and by which indexes."""

import re
from typing import Any, LiteralString

import pytest
from psycopg.sql import SQL

from service.api.query import parameters
from service.api.search import SearchQuery
from service.database import statements
from service.database.connections import Connection
from service.problems import Problem
from service.queries.search import find, statement
from service.readmodels.checkpoints import live_tables
from service.readmodels.projector import advance
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.store.events import append, open_books
from tests.builders import at, body
from tests.deliveries import delivery

MANY = 5_000
LONG = "supercalifragilistic" * 20


async def record(conn: Connection) -> None:
    contents = (
        body("subscription.active", "active", identity="sub_1", product_id="pdt_1"),
        body(
            "payment.succeeded", "succeeded", identity="pay_1", invoice_id="inv_1",
            total_amount=1200, currency="USD",
        ),
        body("refund.succeeded", "succeeded", identity="ref_1", refund_id="ref_1", amount=5),
        body("dispute.opened", "opened", identity="dp_1"),
        body("license_key.created", "active", identity="lic_1", key="AAAA-BBBB"),
        body("entitlement_grant.created", "Delivered", identity="ent_1",
             license_key={"id": "lic_2", "key": "CCCC-DDDD", "status": "active"}),
        body("subscription.active", "active", identity="sub_2",
             customer={"customer_id": "cus_2", "email": "Ada.L@Example.com",
                       "name": "Ada Lovelace"}),
        body("subscription.active", "active", identity="sub_3",
             customer={"customer_id": "cus_3", "email": "ÉMILIE@EXAMPLE.COM",
                       "name": f"Zoë {LONG}"}),
    )  # fmt: skip
    await append(conn, "test", [delivery(c, f"msg_{n}") for n, c in enumerate(contents, start=1)])
    while await advance(conn, "test"):
        pass


FOUND = [
    ("sub_1", "subscription", "sub_1", "subscription_id"),
    ("pay_1", "payment", "pay_1", "payment_id"),
    ("inv_1", "payment", "pay_1", "invoice_id"),
    ("ref_1", "refund", "ref_1", "refund_id"),
    (" dp_1 ", "dispute", "dp_1", "dispute_id"),
    ("lic_1", "license_key", "lic_1", "license_key_id"),
    ("AAAA-BBBB", "license_key", "lic_1", "key"),
    ("CCCC-DDDD", "entitlement_grant", "ent_1", "license_key"),
    ("cus_2", "customer", "cus_2", "customer_id"),
    ("ADA.l@example.COM", "customer", "cus_2", "email"),
    ("ada.", "customer", "cus_2", "email_prefix"),
    ("LOVE", "customer", "cus_2", "name"),
    ("ada  lovelace", "customer", "cus_2", "name"),
    ("émilie@example.com", "customer", "cus_3", "email"),
    ("ÉMI", "customer", "cus_3", "email_prefix"),
    ("e\u0301milie@", "customer", "cus_3", "email_prefix"),
    (LONG, "customer", "cus_3", "name"),
    ("zoë", "customer", "cus_3", "name"),
    ("ZOE", "customer", "cus_3", "name"),
    ("msg_7", "event", "7", "webhook_id"),
]
"""What is asked; and the kind and the id of what is found, and by which of its fields."""


async def test_each_identifier_finds_what_carries_it(
    conn: Connection, subtests: pytest.Subtests
) -> None:
    await record(conn)
    for q, kind, identity, matched in FOUND:
        with subtests.test(q):
            found = await find(conn, "test", parameters(SearchQuery)["q"].parse("q", q), 20)
            hits = [(hit.kind, hit.id, hit.matched) for hit in found.data]
            assert hits == [(kind, identity, matched)]
            assert not found.more
            assert found.position.startswith("8-")


async def test_a_hit_says_what_it_is_and_where(conn: Connection) -> None:
    await record(conn)
    (payment,) = (await find(conn, "test", "inv_1", 20)).data
    assert (payment.label, payment.link, payment.customer_id) == (
        "succeeded, 12.00 USD", "/v1/payments/pay_1", "cus_1",
    )  # fmt: skip
    (subscription,) = (await find(conn, "test", "sub_1", 20)).data
    assert subscription.label == "active, pdt_1"
    named = body("subscription.renewed", "active", at(5), "sub_2", product_id="pdt_1",
                 product_name="Pro")  # fmt: skip
    await append(conn, "test", [delivery(named)])
    await advance(conn, "test")
    (subscription,) = (await find(conn, "test", "sub_1", 20)).data
    assert subscription.label == "active, Pro"
    (customer,) = (await find(conn, "test", "ada.l", 20)).data
    assert customer.label == "Ada Lovelace <Ada.L@Example.com>"
    assert customer.link == "/v1/customers/cus_2"
    assert (await find(conn, "test", "ada%", 20)).data == []
    await open_books(conn, {"other": None})
    await open_checkpoints(conn)
    assert (await find(conn, "other", "msg_7", 20)).data == []


async def test_a_customer_is_found_once_by_whatever_begins_so(conn: Connection) -> None:
    await record(conn)
    found = await find(conn, "test", "ada", 20)
    assert [(hit.id, hit.matched) for hit in found.data] == [("cus_1", "name"), ("cus_2", "name")]


async def test_what_a_customer_had_before_finds_them_too(conn: Connection) -> None:
    await record(conn)
    married = {"customer_id": "cus_2", "email": "byron@example.com", "name": "Ada Byron"}
    changed = body("subscription.renewed", "active", at(9), "sub_2", married)
    await append(conn, "test", [delivery(changed)])
    await advance(conn, "test")
    for _ in range(2):
        for q in ("ada.l@example.com", "lovelace", "byron"):
            (hit,) = (await find(conn, "test", q, 20)).data
            assert (hit.id, hit.label) == ("cus_2", "Ada Byron <byron@example.com>")
        await rebuild(conn)


async def test_there_may_be_more_than_was_asked_for(conn: Connection) -> None:
    await fill(conn, 50)
    found = await find(conn, "test", "C", 3)
    assert [hit.id for hit in found.data] == ["cus_1", "cus_2", "cus_3"]
    assert found.more


async def test_an_accent_alone_finds_nobody(conn: Connection) -> None:
    await record(conn)
    assert (await find(conn, "test", "\u0301", 20)).data == []


@pytest.mark.parametrize("q", ["", "  ", "x" * 8_001])
def test_what_nothing_carries_is_refused(q: str) -> None:
    with pytest.raises(Problem, match="1 to 8000"):
        parameters(SearchQuery)["q"].parse("q", q)


async def test_every_look_goes_through_an_index(conn: Connection) -> None:
    tables = await fill(conn, MANY)
    text: Any = re.sub(r"%\((\w+)\)s", _numbered, statement())
    await conn.execute("set plan_cache_mode = force_generic_plan")
    await conn.execute(SQL("prepare s (text, text, text, int, int, text) as ") + SQL(text))
    found = await conn.execute("explain execute s ('test', 'cus_77', 'cus_77', 20, 1, 'cus_77')")
    plan = "\n".join(row["QUERY PLAN"] for row in await found.fetchall())
    scanned = set(re.findall(r"Seq Scan on (\w+)", plan))
    assert scanned & {*(tables[name] for name in FILLED), "event"} == set(), plan


FILLED = ("customers", "search_terms", "payments", "license_keys", "events")


async def fill(conn: Connection, count: int) -> dict[str, str]:
    """Many rows, not of any event: search asks nothing that would show it."""
    tables = await live_tables(conn)
    values: dict[str, LiteralString] = {
        "customers": "'cus_'||n, 'C'||to_char(n, 'FM00000')||'@example.com', 'C', now(), n, n, ''",
        "search_terms": "'cus_'||n, 'c'||to_char(n, 'FM00000')||'@example.com', 'email'",
        "payments": "'pay_'||n, 'cus_1', 'succeeded', now(), now(), '{}', null, 1, 'USD', null,"
        " 'inv_'||n, false, '{}', n, n, ''",
        "license_keys": "'lic_'||n, 'cus_1', 'active', now(), now(), null, null, null, null,"
        " 'key_'||n, n, n, ''",
        "events": "n, 'payment-pay_'||n, 'cus_1', 'payment.succeeded', now(), 'applied', null,"
        " null, false, false, false, false, null, null, null, null, null, null, false",
    }
    for name in FILLED:
        columns = SQL(values[name])
        await conn.execute(
            SQL("insert into {} select 'test', {} from generate_series(1, {}) n").format(
                statements.relation(tables[name]), columns, count
            )
        )
        await conn.execute(SQL("analyze {}").format(statements.relation(tables[name])))
    await conn.execute(
        "insert into store.event select 'test', n, 'webhook', 'msg_'||n, 0, now(), now(), '1',"
        " 'v1,', '{}', null, sha256(n::text::bytea), sha256(n::text::bytea), null, ''"
        " from generate_series(1, %s) n",
        (count,),
    )
    return tables


def _numbered(found: re.Match[str]) -> str:
    numbers = {"book": 1, "q": 2, "term": 3, "limit": 4, "version": 5, "bare": 6}
    return f"${numbers[found[1]]}"

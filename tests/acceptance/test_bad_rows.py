"""``daybook backfill`` from lists of which something cannot be read: the rest is in the book."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.policy import Policy
from service.database.connections import Connection
from service.provider.backfill import Options, Outcome, backfill
from service.queries.access import access_of
from tests.acceptance.filling import events, project
from tests.service.provider.stand_in import Answer, Request, answering, client_of, document
from tests.service.provider.test_page import page

NOW = datetime.now(UTC)
LISTS = Options(lists_only=True)

Answerer = Callable[[Request], Answer | None]


def subscription(name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "subscription_id": f"sub_{name}", "status": "active",
        "customer": {"customer_id": f"cus_{name}", "email": "a@example.com", "name": "N"},
        "created_at": (NOW - timedelta(days=60)).isoformat(), "metadata": {},
        "previous_billing_date": (NOW - timedelta(days=5)).isoformat(),
        "next_billing_date": (NOW + timedelta(days=25)).isoformat(), **fields,
    }  # fmt: skip


GOOD = [json.dumps(subscription(str(n))).encode() for n in range(5)]
BAD = json.dumps(subscription("bad")).encode()
NAMED, EMPTY, WHOSE, ID = b'"N"', b'"metadata": {}', b'"cus_bad"', b'"sub_bad"'

RECORDED = {
    "half of a surrogate pair": BAD.replace(NAMED, b'"Zoe \\ud83d"'),
    "not UTF-8": BAD.replace(NAMED, b'"Zoe \xff"'),
    "NUL in a name": BAD.replace(NAMED, b'"Zoe\\u0000"'),
    "NaN": BAD.replace(EMPTY, b'"metadata": {"x": NaN}'),
    "a number that no float holds": BAD.replace(EMPTY, b'"metadata": {"x": 1e400}'),
    "deep": BAD.replace(EMPTY, b'"metadata": {"x": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "deep objects": BAD.replace(EMPTY, b'"metadata": ' + b'{"x":' * 5000 + b"1" + b"}" * 5000),
    "created_at a word": json.dumps(subscription("bad", created_at="soon")).encode(),
    "created_at a number": json.dumps(subscription("bad", created_at=1_700_000_000)).encode(),
    "created_at without a zone": json.dumps(
        subscription("bad", created_at="2026-10-01T00:00:00")
    ).encode(),
    "status a number": json.dumps(subscription("bad", status=5)).encode(),
    "customer a word": json.dumps(subscription("bad", customer="cus_bad")).encode(),
    "business half of a surrogate pair": BAD.replace(EMPTY, b'"business_id": "\\ud83d"'),
    "business not UTF-8": BAD.replace(EMPTY, b'"business_id": "\xff"'),
    "business an object": BAD.replace(EMPTY, b'"business_id": {"a": NaN}'),
    "NUL in a customer's id": BAD.replace(WHOSE, b'"cus\\u0000"'),
    "a customer's id not UTF-8": BAD.replace(WHOSE, b'"\xff"'),
    "a long customer's id": BAD.replace(WHOSE, b'"' + b"c" * 20_000 + b'"'),
}
NOT_RECORDED = {
    "no id": b'{"status": "active"}',
    "null as an id": BAD.replace(ID, b"null"),
    "a number as an id": BAD.replace(ID, b"7"),
    "an empty id": BAD.replace(ID, b'""'),
    "NUL in an id": BAD.replace(ID, b'"sub\\u0000"'),
    "half of a surrogate pair in an id": BAD.replace(ID, b'"\\ud83d"'),
    "a long id": BAD.replace(ID, b'"' + b"s" * 20_000 + b'"'),
    "null": b"null",
    "a list": b"[]",
    "a text without an end": BAD.replace(NAMED, b'"N'),
    "an object without an end": BAD[:-1],
}


def once(rows: Sequence[bytes]) -> Answerer:
    """A list of these rows, which pages as it is told to."""

    def answer(request: Request) -> Answer:
        number, size = int(request.query["page_number"]), int(request.query["page_size"])
        return Answer(200, page(*rows[number * size : (number + 1) * size]))

    return answer


CUSTOMER = {"customer_id": "cus_0", "business_id": "bus_1", "email": "a@example.com", "name": "N"}


async def fill(url: str, options: Options = LISTS, **paths: Answerer) -> Outcome:
    """Fill the book from lists by path; those that are not named are empty."""
    lists: Mapping[str, Answerer] = {
        "subscriptions": once(GOOD), "customers": once([json.dumps(CUSTOMER).encode()]), **paths,
    }  # fmt: skip

    def answer(request: Request) -> Answer:
        one = lists.get(request.path.strip("/").replace("-", "_").replace("/", "__"))
        return (one(request) if one else None) or document({"items": []})

    with answering(answer) as where:
        async with client_of(where, requests_per_minute=100_000) as provider:
            return await backfill(url, provider, "test", "bus_1", options)


async def entitled(conn: Connection) -> bool:
    await project(conn)
    return (await access_of(conn, "test", "cus_0", datetime.now(UTC), Policy())).entitled


async def bodies(conn: Connection) -> set[bytes]:
    cursor = await conn.execute("select body from store.event where webhook_id like '%/subscr%'")
    return {bytes(row["body"]) for row in await cursor.fetchall()}


@pytest.mark.parametrize("name", RECORDED)
async def test_a_value_that_cannot_be_read_costs_its_field(
    name: str, database_url: str, conn: Connection
) -> None:
    rows = [*GOOD[:3], RECORDED[name], *GOOD[3:]]
    outcome = await fill(database_url, subscriptions=once(rows))
    assert await entitled(conn)
    assert (await bodies(conn), outcome.unread) == ({*rows}, ())
    recorded = await events(conn)
    # what was recorded is known
    await fill(database_url, subscriptions=once(rows))
    assert await events(conn) == recorded


@pytest.mark.parametrize("name", NOT_RECORDED)
async def test_a_row_without_an_id_costs_itself_and_is_named(
    name: str, database_url: str, conn: Connection
) -> None:
    rows = [*GOOD[:3], NOT_RECORDED[name], *GOOD[3:]]
    outcome = await fill(database_url, subscriptions=once(rows))
    assert await entitled(conn)
    assert await bodies(conn) == {*GOOD}
    [unread] = outcome.unread
    assert unread.startswith("a row of subscriptions: ")
    assert outcome.unread_count == 1

"""``daybook backfill`` from lists of which something cannot be read: the rest is in the book."""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given
from hypothesis import strategies as st

from domain.policy import Policy
from service.database.connections import Connection
from service.provider import by_id
from service.provider.backfill import Options, Outcome, backfill
from service.provider.errors import WrongKeyError
from service.queries.access import access_of
from tests.acceptance.filling import events, project
from tests.examples import examples
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


EVERY_DAY = {
    "half of a surrogate pair", "NUL in a name", "deep", "created_at a word", "customer a word",
    "no id", "NUL in an id", "a text without an end", "refused", "not as documented", "no JSON",
}  # fmt: skip
"""One of each way; the others with ``-m slow``."""


def each(rows: Iterable[str]) -> list[ParameterSet]:
    return [
        pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.slow) for name in rows
    ]


@pytest.mark.parametrize("name", each(RECORDED))
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


@pytest.mark.parametrize("name", each(NOT_RECORDED))
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


REFUSALS = {
    "refused": (Answer(403), "refuses the API key"),
    "not there": (Answer(404), "does not have /license_keys"),
    "not as documented": (document({"data": []}), "not as documented"),
    "bad request": (Answer(422), "refuses /license_keys"),
    "no JSON": (Answer(200, b"<html>"), "something else than JSON"),
    "no content": (Answer(204, b""), "not as documented"),
}


@pytest.mark.parametrize("name", each(REFUSALS))
async def test_a_list_that_is_refused_costs_no_other(
    name: str, database_url: str, conn: Connection
) -> None:
    answer, why = REFUSALS[name]
    outcome = await fill(database_url, license_keys=lambda _: answer)
    assert await entitled(conn)
    assert await events(conn) == len(GOOD) + 1
    [unread] = outcome.unread
    assert unread.startswith("the list of license_keys: ")
    assert why in unread


@pytest.mark.parametrize(
    "answer", [Answer(403), pytest.param(document({"data": []}), marks=pytest.mark.slow)]
)
async def test_customers_that_cannot_be_listed_cost_no_subscription(
    answer: Answer, database_url: str, conn: Connection
) -> None:
    outcome = await fill(database_url, customers=lambda _: answer)
    assert await entitled(conn)
    [unread] = outcome.unread
    assert unread.startswith("the list of customers: ")


async def test_a_first_customer_without_an_id_costs_no_subscription(
    database_url: str, conn: Connection
) -> None:
    outcome = await fill(database_url, customers=once([b"{}", json.dumps(CUSTOMER).encode()]))
    assert await entitled(conn)
    assert (outcome.unread_count, outcome.counts["customer"].rows) == (1, 1)


async def test_a_resource_that_may_not_be_read_costs_no_other(
    database_url: str, conn: Connection
) -> None:
    def answer(_: Request) -> Answer:
        return Answer(403)

    read = {f"subscriptions__sub_{number}": answer for number in range(len(GOOD))}
    outcome = await fill(database_url, Options(), **read)
    assert await entitled(conn)
    assert outcome.unread_count == len(GOOD)
    assert outcome.counts["customer"].rows == 1


async def test_a_resource_that_always_fails_costs_no_other(
    database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: Request) -> Answer:
        return Answer(500)

    monkeypatch.setattr(by_id, "_FAILING_SECONDS", 0.3)
    outcome = await fill(database_url, Options(), subscriptions__sub_0=answer)
    assert await entitled(conn)
    (line,) = [line for line in outcome.unread if line.startswith("subscription sub_0:")]
    assert "answers other requests" in line
    # the provider does not have the others
    assert outcome.unread_count == len(GOOD)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_refused_everywhere_is_wrong(status: int, database_url: str) -> None:
    def refused(_: Request) -> Answer:
        return Answer(status)

    with pytest.raises(WrongKeyError):
        await fill(database_url, subscriptions=refused, customers=refused)
    only = Options(lists_only=True, only=("payout",))
    with pytest.raises(WrongKeyError):
        await fill(database_url, only, payouts=refused)
    # the next one begins again
    outcome = await fill(database_url, only, payouts=once([b'{"payout_id":"po_1"}']))
    assert (outcome.unread, outcome.counts["payout"].rows) == ((), 1)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_list_below_another_costs_no_other(status: int, database_url: str) -> None:
    row = b'{"id": "%s", "customer_id": "cus_0", "credit_entitlement_id": "ce_2", "balance": "1"}'
    outcome = await fill(
        database_url,
        entitlements=once([row % b"ent_1", row % b"ent_2"]),
        entitlements__ent_1__grants=lambda _: Answer(status),
        entitlements__ent_2__grants=once([row % b"grant_2"]),
        credit_entitlements=once([row % b"ce_1", row % b"ce_2"]),
        credit_entitlements__ce_1__balances=once([
            row % b"bal_1", b'{"id": "bal_2", "customer_id": null}',
        ]),
        credit_entitlements__ce_2__balances=once([row % b"bal_3"]),
        credit_entitlements__ce_1__balances__cus_0__ledger=lambda _: Answer(status),
        credit_entitlements__ce_2__balances__cus_0__ledger=once([row % b"entry_2"]),
    )  # fmt: skip
    names = [one.partition(": ")[0] for one in outcome.unread]
    assert names == [
        "the entitlement_grants of ent_1", "a row of credits", "the credits of cus_0 of ce_1",
    ]  # fmt: skip
    assert outcome.counts["entitlement_grant"].rows == 1
    assert outcome.counts["credit"].rows == 1


RUNS = itertools.count()
POISON = st.one_of(
    st.sampled_from([*RECORDED.values(), *NOT_RECORDED.values()]),
    st.tuples(st.integers(0, 500), st.sampled_from(list(b'{}[]",:\\ \x00\xff\xedn1e'))),
    st.tuples(st.integers(0, 500), st.just(None)),
)


def _spoilt(row: bytes, poison: bytes | tuple[int, int | None]) -> bytes:
    """A row instead of this one, or this one with a byte that is another or missing."""
    if isinstance(poison, bytes):
        return poison
    place, byte = poison
    place %= len(row)
    return row[:place] + (b"" if byte is None else bytes([byte])) + row[place + 1 :]


@given(poisons=st.dictionaries(st.integers(1, 8), POISON, max_size=3), customers=st.booleans())
@examples(5)
async def test_no_row_stops_a_backfill_or_costs_another(
    poisons: Mapping[int, bytes | tuple[int, int | None]],
    database_url: str,
    conn: Connection,
    *,
    customers: bool,
) -> None:
    run = next(RUNS)
    good = [json.dumps(subscription(f"{run}_{n}")).encode() for n in range(10)]
    rows = [_spoilt(BAD, poisons[n]) if n in poisons else one for n, one in enumerate(good)]
    lists: dict[str, Answerer] = {"subscriptions": once(rows)}
    if customers:
        lists["customers"] = once([_spoilt(BAD, one) for one in poisons.values()])
    outcome = await fill(database_url, Options(), **lists)
    assert {one for n, one in enumerate(good) if n not in poisons} <= await bodies(conn)
    # none of those that other examples left in the book can be read by its id
    assert outcome.unread_count <= 2 * len(poisons) + len(rows) * (run + 1)

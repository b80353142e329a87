"""What was read at the provider, next to what the book knows."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from service.database.connections import Connection
from service.provider.client import Reply
from service.provider.kinds import CREDIT, CUSTOMER, KINDS, SUBSCRIPTION, Kind
from service.provider.readings import Reading
from service.provider.recording import Compared, compare, record
from service.queries.events import counts
from service.readmodels.projector import advance
from service.store import events
from service.store.events import append
from tests.builders import NOON, at, body
from tests.deliveries import delivery

DAY = 86_400
FULL: dict[str, Any] = {
    "subscription_id": "sub_1", "status": "active", "customer": {"customer_id": "cus_1"},
    "product_id": "pdt_1", "next_billing_date": "2026-06-03T12:00:00.000000Z", "quantity": 2,
    "metadata": {"a": "b"}, "addons": [],
}  # fmt: skip


def reply(path: str, moment: datetime) -> Reply:
    begun = moment + timedelta(seconds=0.1)
    return Reply(path, 200, b"", moment, begun, begun + timedelta(seconds=0.3))


def whole(content: Mapping[str, object], second: float = DAY, kind: Kind = SUBSCRIPTION) -> Reading:
    identity = str(content[kind.id_field])
    path = kind.path_of(identity) if kind.read_path else kind.list_path
    return Reading(kind, identity, msgspec.json.encode(content), reply(path, at(second)))


def row(content: Mapping[str, object], second: float = DAY, kind: Kind = SUBSCRIPTION) -> Reading:
    path = f"{kind.list_path}?page_number=0"
    identity = str(content[kind.id_field])
    return Reading(kind, identity, msgspec.json.encode(content), reply(path, at(second)), True)


async def take(conn: Connection, *readings: Reading) -> list[Compared]:
    """Compare, record and project; what was compared."""
    compared = await compare(conn, "test", "bus_1", readings)
    await record(conn, "test", compared, "0123456789abcdef")
    while await advance(conn, "test"):
        pass
    return compared


async def tell(conn: Connection, content: bytes) -> None:
    await append(conn, "test", [delivery(content)])
    while await advance(conn, "test"):
        pass


async def test_what_is_not_known_is_news_once(conn: Connection) -> None:
    (first,), (again,) = await take(conn, whole(FULL)), await take(conn, whole(FULL, DAY + 60))
    assert (first.known, first.is_news) == (None, True)
    assert (again.differing, again.is_news) == ((), False)


async def test_a_first_reading_needs_nobodys_attention(conn: Connection) -> None:
    await take(conn, whole(FULL))
    await tell(conn, body("subscription.frozen", "active", at(0), "sub_2"))
    found = await counts(conn, "test")
    assert [(one.verdict, one.type) for one in found.data] == [("unknown", "subscription.frozen")]


async def test_two_readings_before_the_projector_are_recorded_once(conn: Connection) -> None:
    for second in (DAY, DAY + 1):
        compared = await compare(conn, "test", None, [whole(FULL, second)])
        await record(conn, "test", compared, "0123456789abcdef")
    found = await (await conn.execute("select count(*) as n from store.event")).fetchone()
    assert found == {"n": 1}


async def test_a_resource_that_comes_back_is_news_each_time(conn: Connection) -> None:
    held = {**FULL, "status": "on_hold"}
    found = [(await take(conn, whole(one, DAY + 60 * n)))[0] for n, one in
             enumerate((FULL, held, FULL))]  # fmt: skip
    assert [one.differing for one in found] == [(), ("status",), ("status",)]
    assert all(one.is_news for one in found)


async def test_what_webhooks_told_is_no_news(conn: Connection) -> None:
    fields = {name: FULL[name] for name in FULL.keys() - {"subscription_id", "status", "customer"}}
    await tell(conn, body("subscription.active", "active", NOON, "sub_1", **fields))
    of_webhook = {**FULL, "customer": {"customer_id": "cus_1", "email": "cus_1@example.com",
                                       "name": "Ada"}}  # fmt: skip
    (found,) = await take(conn, whole(of_webhook))
    assert (found.differing, found.is_news) == ((), False)


async def test_a_row_of_a_list_is_compared_by_what_it_shows(conn: Connection) -> None:
    await take(conn, whole(FULL))
    shown = {name: FULL[name] for name in ("subscription_id", "status", "quantity")}
    (same,) = await take(conn, row({**shown, "product_name": "Basic"}, DAY + 60))
    assert not same.is_news
    (other,) = await take(conn, row({**shown, "quantity": 3}, DAY + 120))
    assert other.differing == ("quantity",)
    (again,) = await take(conn, row({**shown, "quantity": 3}, DAY + 180))
    assert not again.is_news
    (last,) = await take(conn, whole({**FULL, "quantity": 3}, DAY + 240))
    assert not last.is_news


async def test_news_of_the_last_minute_may_be_newer_than_a_reading(conn: Connection) -> None:
    await tell(conn, body("subscription.on_hold", "on_hold", at(DAY - 30), "sub_1"))
    soon, later = await compare(
        conn, "test", "bus_1", [whole(FULL), row({**FULL, "quantity": 9}, DAY + 60)]
    )
    assert (soon.in_flight, later.in_flight) == (True, False)


async def test_a_reading_is_no_news_that_makes_the_next_one_wait(conn: Connection) -> None:
    await take(conn, row({"subscription_id": "sub_1", "status": "active"}))
    (found,) = await take(conn, whole(FULL, DAY + 1))
    assert (found.in_flight, found.is_news) == (False, True)


async def test_another_business_is_not_recorded(conn: Connection) -> None:
    payment = {"payment_id": "pay_1", "status": "succeeded", "business_id": "bus_2"}
    (found,) = await take(conn, whole(payment, kind=KINDS["payment"]))
    assert (found.entry.verdict, found.is_news) == ("foreign", False)


async def test_a_customer_is_known_by_address_and_name(conn: Connection) -> None:
    customer: dict[str, object] = {"customer_id": "cus_1", "email": "a@b.example", "name": "Ada"}
    assert (await take(conn, whole(customer, kind=CUSTOMER)))[0].is_news
    assert not (await take(conn, row(customer, DAY + 60, kind=CUSTOMER)))[0].is_news
    changed = {**customer, "email": "c@d.example"}
    (found,) = await take(conn, row(changed, DAY + 120, kind=CUSTOMER))
    assert found.differing == ("email",)


async def test_a_row_that_spells_a_field_otherwise_is_news_once(conn: Connection) -> None:
    listed = {**FULL, "metadata": {"a": 1}}
    assert (await take(conn, row(listed)))[0].is_news
    assert (await take(conn, whole(FULL, DAY + 60)))[0].is_news
    (again,) = await take(conn, row(listed, DAY + 120))
    assert (again.differing, again.is_news) == (("metadata",), False)
    # a field that decides something, or one that changed
    for second, change in ((180, {"status": "on_hold"}), (240, {"metadata": {"a": 2}})):
        assert (await take(conn, row({**listed, **change}, DAY + second)))[0].is_news


async def test_nothing_is_spelled_in_two_ways(conn: Connection) -> None:
    await take(conn, whole({**FULL, "discounts": None}))
    (found,) = await take(conn, row({**FULL, "discounts": []}, DAY + 60))
    assert found.differing == ()


async def test_what_lists_leave_empty_is_no_difference(conn: Connection) -> None:
    await take(conn, whole({**FULL, "brand_id": "brand_1"}))
    (found,) = await take(conn, row({**FULL, "brand_id": None}, DAY + 60))
    assert found.differing == ()


async def test_a_customer_whom_a_payment_named_is_no_news(conn: Connection) -> None:
    customer = {"customer_id": "cus_1", "email": "a@b.example", "name": "Ada"}
    await take(conn, row({**FULL, "customer": customer}))
    shown = {**customer, "created_at": "2026-01-01T00:00:00Z", "business_id": "bus_1"}
    (found,) = await take(conn, row(shown, DAY + 60, kind=CUSTOMER))
    assert not found.is_news


@pytest.mark.parametrize("listed", [False, True])
async def test_a_row_of_a_ledger_is_recorded_once(conn: Connection, *, listed: bool) -> None:
    entry = {
        "id": "led_1", "customer_id": "c", "credit_entitlement_id": "e",
        "created_at": "2026-05-03T12:00:00Z", "balance_before": "0", "balance_after": "5",
    }  # fmt: skip
    make = row if listed else whole
    assert (await take(conn, make({**entry}, DAY, CREDIT)))[0].is_news
    assert not (await take(conn, make({**entry}, DAY + 60, CREDIT)))[0].is_news
    assert (await take(conn, make({**entry, "id": "led_2"}, DAY + 61, CREDIT)))[0].is_news


async def _record_only(conn: Connection, reading: Reading) -> int:
    """Record a reading if it is news, and do not project it; how many were recorded."""
    compared = await compare(conn, "test", "bus_1", [reading])
    receipts = await record(conn, "test", compared, "0123456789abcdef")
    return sum(not receipt.duplicate for receipt in receipts)


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("make", [row, whole])
async def test_what_comes_back_before_the_projector_is_recorded(
    conn: Connection, make: Callable[..., Reading], *, projected: bool
) -> None:
    if projected:
        await take(conn, make(FULL, DAY))
    else:
        assert await _record_only(conn, make(FULL, DAY)) == 1
    hold = body("subscription.on_hold", "on_hold", at(DAY + 100), "sub_1")
    await append(conn, "test", [delivery(hold)])
    assert await _record_only(conn, make(FULL, DAY + 3600)) == 1
    # once is enough
    assert await _record_only(conn, make(FULL, DAY + 3660)) == 0
    while await advance(conn, "test"):
        pass
    (found,) = await compare(conn, "test", "bus_1", [make(FULL, DAY + 3720)])
    assert found.known is not None
    assert found.known.folded is not None
    assert (found.known.folded.status, found.is_news) == ("active", False)


async def test_readings_that_take_turns_before_the_projector_are_recorded(
    conn: Connection,
) -> None:
    held = {**FULL, "status": "on_hold"}
    readings = [whole(FULL), row(held, DAY + 60), whole(FULL, DAY + 120), whole(held, DAY + 180)]
    assert [await _record_only(conn, one) for one in readings] == [1, 1, 1, 1]


async def test_events_of_others_make_no_news(conn: Connection) -> None:
    await take(conn, whole(FULL))
    other = body("subscription.on_hold", "on_hold", at(DAY + 100), "sub_10")
    payment = body("payment.failed", "failed", at(DAY + 100), "pay_1", subscription_id="sub_1")
    await append(conn, "test", [delivery(other), delivery(payment)])
    assert await _record_only(conn, whole(FULL, DAY + 3600)) == 0


async def test_a_webhook_before_the_projector_may_be_newer_than_a_reading(
    conn: Connection,
) -> None:
    await take(conn, whole(FULL))
    hold = body("subscription.on_hold", "on_hold", at(DAY + 100), "sub_1")
    await append(conn, "test", [delivery(hold)])
    (found,) = await compare(conn, "test", "bus_1", [whole(FULL, DAY + 130)])
    assert (found.in_flight, found.is_news) == (True, True)


async def test_a_row_of_a_ledger_is_never_older_than_an_event(conn: Connection) -> None:
    entry = {
        "id": "led_2", "customer_id": "c", "credit_entitlement_id": "e",
        "created_at": "2026-05-03T12:00:30Z", "balance_before": "5", "balance_after": "9",
    }  # fmt: skip
    told = {**entry, "id": "led_1", "created_at": "2026-05-03T12:00:40Z"}
    content = {"business_id": "bus_1", "type": "credit.added", "timestamp": at(40), "data": told}
    await tell(conn, msgspec.json.encode(content))
    (found,) = await take(conn, row(entry, DAY, CREDIT))
    assert (found.known is not None, found.in_flight, found.is_news) == (True, False, True)


async def test_a_row_before_the_projector_is_not_recorded_again_after_the_resource(
    conn: Connection,
) -> None:
    shown = {name: FULL[name] for name in FULL.keys() - {"addons"}}
    readings = [row(shown), whole(FULL, DAY + 60), row(shown, DAY + 120), whole(FULL, DAY + 180)]
    assert [await _record_only(conn, one) for one in readings] == [1, 1, 0, 0]


async def test_where_not_all_that_came_is_looked_at_a_reading_is_news(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_DELIVERIES", 2)
    await take(conn, whole(FULL))
    held = body("subscription.on_hold", "on_hold", at(DAY + 60), "sub_1")
    others = [body("subscription.active", "active", at(DAY), f"sub_{n}") for n in range(5, 8)]
    await append(conn, "test", [delivery(content) for content in (held, *others)])
    for expected in (True, False):
        (one,) = await compare(conn, "test", None, [whole(FULL, 2 * DAY)])
        assert one.is_news is expected
        await record(conn, "test", [one], "0123456789abcdef")
    while await advance(conn, "test"):
        pass
    (again,) = await compare(conn, "test", None, [whole(FULL, 3 * DAY)])
    assert (again.differing, again.is_news) == ((), False)

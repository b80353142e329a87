"""Ledgers of credits: each row is news once, whichever way the book heard of it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from service.database.connections import Connection
from service.store.events import append
from tests.deliveries import delivery
from tests.service.provider.account import DAY, NOW, Account, account
from tests.service.provider.merchant import event_count, found, project

LEDGER = "/credit-entitlements/ce_1/balances/cus_1/ledger"


def entry(number: int, before: int, after: int, at: datetime) -> dict[str, object]:
    return {
        "id": f"cle_{number}", "customer_id": "cus_1", "credit_entitlement_id": "ce_1",
        "transaction_type": "credit_added" if after > before else "credit_deducted",
        "is_credit": after > before, "amount": str(abs(after - before)),
        "balance_before": str(before), "balance_after": str(after), "overage_before": "0",
        "overage_after": "0", "created_at": at,
    }  # fmt: skip


def fill(shop: Account, *rows: dict[str, object]) -> None:
    shop.held["credit-entitlements"] = [{"id": "ce_1"}]
    balance = rows[-1]["balance_after"] if rows else "0"
    shop.pages["/credit-entitlements/ce_1/balances"] = [
        {"id": "bal_1", "customer_id": "cus_1", "credit_entitlement_id": "ce_1",
         "balance": balance, "overage": "0",
         "last_transaction_at": rows[-1]["created_at"] if rows else None},
    ]  # fmt: skip
    shop.pages[LEDGER] = [*reversed(rows)]


async def webhook(conn: Connection, row: dict[str, object]) -> None:
    at = row["created_at"]
    assert isinstance(at, datetime)
    told = {"business_id": "bus_1", "type": "credit.added", "timestamp": at, "data": row}
    await append(conn, "test", [delivery(msgspec.json.encode(told), sent_at=NOW)])
    await project(conn)


OLD = [entry(1, 0, 10, NOW - 90 * DAY), entry(2, 10, 5, NOW - 80 * DAY)]
CLOSED = [*OLD, entry(3, 5, 10, NOW - 70 * DAY)]


@pytest.mark.parametrize(
    ("known", "missing"),
    [([], {"cle_1", "cle_2", "cle_3"}), ([0], {"cle_2", "cle_3"}), ([0, 1], {"cle_3"}),
     ([0, 2], {"cle_2"}), ([0, 1, 2], set())],
)  # fmt: skip
async def test_rows_that_the_book_lacks_are_found_however_old(
    conn: Connection, database_url: str, known: list[int], missing: set[str]
) -> None:
    with account() as shop:
        fill(shop, *CLOSED)
        for number in known:
            await webhook(conn, CLOSED[number])
        run = await shop.reconcile(
            database_url, kinds=("credit",), since=timedelta(days=1), apply=True
        )
        assert {one.id for one in await found(conn, run)} == missing
        await project(conn)
        events = await event_count(conn)
        again = await shop.reconcile(database_url, kinds=("credit",), apply=True)
    assert (again.state, again.differing) == ("in_sync", 0)
    assert await event_count(conn) == events == 3


async def test_a_row_of_this_minute_waits_for_its_webhook(
    conn: Connection, database_url: str
) -> None:
    with account() as shop:
        fill(shop, entry(1, 0, 10, datetime.now(UTC)))
        run = await shop.reconcile(database_url, kinds=("credit",), apply=True)
        (one,) = await found(conn, run)
        assert (one.cause, one.applied) == ("in_flight", False)
        settled = entry(1, 0, 10, datetime.now(UTC) - timedelta(seconds=58))
        fill(shop, settled)
        run = await shop.reconcile(
            database_url, kinds=("credit",), apply=True, settle=timedelta(seconds=3)
        )
        (one,) = await found(conn, run)
    assert (one.cause, one.applied) == ("never_arrived", True)


async def test_one_broken_ledger_costs_no_other(conn: Connection, database_url: str) -> None:
    with account() as shop:
        fill(shop, *OLD)
        shop.pages["/credit-entitlements/ce_1/balances"].insert(0, {"id": "bal_0"})
        run = await shop.reconcile(database_url, kinds=("credit",))
    assert run.state == "incomplete"
    assert {one.id for one in await found(conn, run)} == {"cle_1", "cle_2"}

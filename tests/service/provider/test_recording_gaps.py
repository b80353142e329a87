"""Fields that webhooks left out and a reading shows: whatever is read of a resource is news."""

from typing import Any

import msgspec
import pytest

from domain.catalog import BY_CATEGORY
from projections.catalog import MEMOS
from service.database.connections import Connection
from service.provider.kinds import KINDS, Kind
from service.queries.known import known_resources
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import NOON, body
from tests.deliveries import delivery
from tests.service.provider.test_recording import DAY, row, take, tell, whole

_LATER = "2027-05-03T12:00:00Z"
_PERIOD = {"subscription_id": "sub_9", "starts_at": "2026-05-03T12:00:00Z", "ends_at": _LATER}

# what each kind shows, and the type of a webhook about it
SHOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "subscription": ("subscription.active", {
        "status": "active", "customer": {"customer_id": "cus_1"}, "product_id": "pdt_1",
        "created_at": "2026-05-01T12:00:00Z", "previous_billing_date": "2026-05-03T12:00:00Z",
        "next_billing_date": _LATER, "cancel_at_next_billing_date": True,
        "cancelled_at": "2026-05-03T12:00:00Z", "expires_at": _LATER, "paused_at": _LATER,
        "past_due_ends_at": _LATER, "trial_period_days": 7, "quantity": 2,
        "recurring_pre_tax_amount": 900, "currency": "EUR", "payment_frequency_interval": "Month",
        "payment_frequency_count": 3, "payment_id": "pay_9", "on_demand": True,
        "metadata": {"a": "b"},
    }),
    "payment": ("payment.succeeded", {
        "status": "succeeded", "customer": {"customer_id": "cus_1"}, "subscription_id": "sub_1",
        "created_at": "2026-05-01T12:00:00Z", "total_amount": 900, "currency": "EUR",
        "settlement_amount": 800, "settlement_currency": "USD", "refund_status": "full",
        "invoice_id": "inv_1", "is_update_payment_method": True, "subscription_ids": ["sub_8"],
        "product_cart": [{"product_id": "pdt_1", "quantity": 1}], "tax": 100, "settlement_tax": 90,
        "service_periods": [_PERIOD], "updated_at": "2026-05-03T12:00:00Z",
        "refunds": [{"refund_id": "ref_1"}], "disputes": [{"dispute_id": "dsp_1"}],
        "metadata": {"a": "b"},
    }),
    "refund": ("refund.succeeded", {
        "status": "succeeded", "customer": {"customer_id": "cus_1"}, "payment_id": "pay_1",
        "created_at": "2026-05-01T12:00:00Z", "amount": 900, "currency": "EUR",
        "is_partial": True, "metadata": {"a": "b"},
    }),
    "dispute": ("dispute.opened", {
        "dispute_status": "dispute_opened", "customer": {"customer_id": "cus_1"},
        "payment_id": "pay_1", "dispute_stage": "dispute", "created_at": "2026-05-01T12:00:00Z",
        "amount": "900", "currency": "EUR", "is_resolved_by_rdr": True,
    }),
    "license_key": ("license_key.created", {
        "status": "active", "customer_id": "cus_1", "product_id": "pdt_1",
        "subscription_id": "sub_1", "payment_id": "pay_1", "created_at": "2026-05-01T12:00:00Z",
        "expires_at": _LATER, "key": "K-1",
    }),
    "entitlement_grant": ("entitlement_grant.delivered", {
        "status": "Delivered", "customer_id": "cus_1", "entitlement_id": "ent_1",
        "integration_type": "discord", "subscription_id": "sub_1", "payment_id": "pay_1",
        "created_at": "2026-05-01T12:00:00Z", "updated_at": "2026-05-03T12:00:00Z",
        "delivered_at": "2026-05-03T12:00:00Z", "revoked_at": "2026-05-03T12:00:00Z",
        "license_key": {"key": "K-1"}, "metadata": {"a": "b"},
    }),
}  # fmt: skip


def _webhook(kind: Kind, name: str, fields: dict[str, Any]) -> bytes:
    event, _ = SHOWN[kind.category]
    data = {kind.id_field: name, **fields}
    return msgspec.json.encode(
        {"business_id": "bus_1", "type": event, "timestamp": NOON, "data": data}
    )


async def _tell(conn: Connection, *bodies: bytes) -> None:
    await append(conn, "test", [delivery(content) for content in bodies])
    while await advance(conn, "test"):
        pass


@pytest.mark.parametrize(
    ("category", "listed"),
    [
        (category, listed)
        for category in SHOWN
        for listed in (False, True)
        # a grant can only be read in a list
        if listed or KINDS[category].read_path
    ],
)
async def test_what_a_webhook_left_out_is_news_once(
    conn: Connection, category: str, *, listed: bool
) -> None:
    kind, (_, shown) = KINDS[category], SHOWN[category]
    read = {encoded for _, encoded in BY_CATEGORY[category].fields} - {
        kind.id_field,
        "product_name",
    }
    assert shown.keys() == read
    names = sorted(read - {"status", "dispute_status"})
    make = row if listed else whole
    without = [{k: v for k, v in shown.items() if k != name} for name in names]
    await _tell(conn, *(_webhook(kind, f"x_{n}", f) for n, f in zip(names, without, strict=True)))
    readings = [make({kind.id_field: f"x_{name}", **shown}, DAY, kind) for name in names]
    found = await take(conn, *readings)
    assert {n: one.differing for n, one in zip(names, found, strict=True)} == {
        n: (n,) for n in names
    }
    assert all(one.is_news for one in found)
    again = [make({kind.id_field: f"x_{name}", **shown}, DAY + 90, kind) for name in names]
    assert not any(one.is_news for one in await take(conn, *again))
    # the fold holds all of them
    _, known = await known_resources(conn, "test", MEMOS[category], [f"x_{n}" for n in names])
    states = [one.folded.state for one in known.values() if one.folded]
    assert len({msgspec.structs.astuple(state)[1:] for state in states}) == 1


async def test_a_state_that_no_document_shows_is_compared(conn: Connection) -> None:
    kind, (_, shown) = KINDS["payment"], SHOWN["payment"]
    fields = {**shown, "payment_id": "x_1", "service_periods": [_PERIOD]}
    await _tell(conn, _webhook(kind, "x_1", fields))
    later = {**fields, "service_periods": [{**_PERIOD, "ends_at": "2028-05-03T12:00:00Z"}]}
    assert (await take(conn, row(later, DAY, kind)))[0].is_news
    (found,) = await take(conn, row(fields, DAY + 90, kind))
    assert (found.differing, found.is_news) == (("service_periods",), True)


async def test_a_customer_without_an_address_gets_one(conn: Connection) -> None:
    await tell(conn, body("license_key.created", "active", NOON, "lic_1", "cus_1"))
    customer = {"customer_id": "cus_1", "email": "a@b.example", "name": "Ada"}
    (found,) = await take(conn, row(customer, DAY, KINDS["customer"]))
    assert (found.differing, found.is_news) == (("email", "name"), True)
    (again,) = await take(conn, row(customer, DAY + 90, KINDS["customer"]))
    assert not again.is_news


async def test_what_decides_is_no_matter_of_spelling(conn: Connection) -> None:
    kind, (_, shown) = KINDS["payment"], SHOWN["payment"]
    first = {**shown, "payment_id": "x_1", "service_periods": [_PERIOD]}
    second = {**first, "service_periods": [{**_PERIOD, "ends_at": "2028-05-03T12:00:00Z"}]}
    for second_of_day, reading in enumerate((row, whole, row)):
        content = second if reading is whole else first
        (found,) = await take(conn, reading(content, DAY + 90 * second_of_day, kind))
        assert found.is_news


async def test_a_row_that_shows_what_rows_leave_out(conn: Connection) -> None:
    kind, (_, shown) = KINDS["subscription"], SHOWN["subscription"]
    fields = {**shown, "subscription_id": "x_1", "expires_at": None}
    await _tell(conn, _webhook(kind, "x_1", fields))
    (found,) = await take(conn, row({**fields, "expires_at": _LATER}, DAY, kind))
    assert (found.differing, found.is_news) == (("expires_at",), True)


@pytest.mark.parametrize("category", ["license_key", "entitlement_grant"])
async def test_rows_that_lack_nothing_supply_all_fields(conn: Connection, category: str) -> None:
    kind, (_, shown) = KINDS[category], SHOWN[category]
    moved = {"updated_at": "2026-05-04T12:00:00Z", "revocation_reason": "refund", "note": None}
    ended = {"license_key": "disabled", "entitlement_grant": "Revoked"}[category]
    await _tell(conn, _webhook(kind, "x_1", {**shown, "note": "a", "updated_at": "…"}))
    fields = {kind.id_field: "x_1", **shown, "status": ended, **moved}
    assert (await take(conn, row(fields, DAY, kind)))[0].is_news
    _, known = await known_resources(conn, "test", MEMOS[category], ["x_1"])
    document = known["x_1"].document
    assert {name: document[name] for name in moved} == moved
    assert document["provider_status"] == ended
    assert not (await take(conn, row(fields, DAY + 90, kind)))[0].is_news

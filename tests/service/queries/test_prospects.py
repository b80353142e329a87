"""What access somebody would have if readings were recorded, on a real PostgreSQL."""

from datetime import timedelta

import msgspec
import pytest

from domain.policy import Policy
from domain.reading import read
from service.database.connections import Connection
from service.queries.prospects import prospect
from service.queries.resources import VIEWS
from service.readmodels.projector import advance
from service.readmodels.streams import Target
from service.store.events import append
from tests.builders import NOON, body, observation
from tests.deliveries import delivery

LATER = NOON + timedelta(days=20)


@pytest.mark.parametrize(
    ("category", "identity", "entitled"),
    [
        ("subscription", {"subscription_id": "sub_1"}, [True, False]),
        ("license_key", {"id": "lic_1"}, [False, False]),
    ],
)
async def test_a_reading_that_names_nobody_is_of_those_whose_payments_name_it(
    conn: Connection, category: str, identity: dict[str, str], entitled: list[bool]
) -> None:
    trials = [
        body("payment.succeeded", "succeeded", NOON, f"pay_{n}", f"cus_{n}",
             subscription_id=f"sub_{n}", total_amount=0)
        for n in (1, 2)
    ]  # fmt: skip
    await append(conn, "test", [delivery(content) for content in trials])
    while await advance(conn, "test"):
        pass
    ends = LATER + timedelta(days=10)
    shown = {**identity, "status": "active", "next_billing_date": ends}
    event = observation(category, msgspec.json.encode(shown), LATER, 3)
    policy, target = Policy(license_keys=True), Target("test", None, VIEWS)
    found = [
        await prospect(conn, target, name, [read(event)], LATER, policy)
        for name in ("cus_1", "cus_2")
    ]
    assert [one.before.entitled for one in found] == [False, False]
    assert [one.after.entitled for one in found] == entitled

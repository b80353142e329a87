"""One question of one customer and one of many, on a real PostgreSQL: the same answers."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.past import Past
from domain.policy import Policy
from service.database import statements
from service.database.connections import Connection
from service.problems import Problem
from service.queries import access
from service.queries.access import access_of, access_of_customers
from service.queries.past_access import past_access_of
from service.queries.resources import VIEWS
from service.readmodels.projector import advance
from service.readmodels.streams import Target, park
from service.store.events import append
from tests.acceptance import estate
from tests.builders import at, body
from tests.deliveries import delivery, observation

EVERYONE = ["cus_payer", "cus_none", "cus_1", "cus_held", "cus_2", "cus_given", "cus_parked"]


async def record(conn: Connection) -> None:
    period = {"subscription_id": "sub_held", "starts_at": at(20), "ends_at": at(10**8)}
    contents = (
        *estate.told("cus_1", "1"),
        *estate.told("cus_2", "2"),
        body("subscription.on_hold", "on_hold", at(10), "sub_held", "cus_held"),
        # another customer pays for it
        body("payment.succeeded", "succeeded", at(20), "pay_held", "cus_payer",
             subscription_id="sub_held", total_amount=5, service_periods=[period]),
        body("entitlement_grant.delivered", "Delivered", at(5), "eg_given", "cus_given"),
        body("subscription.active", "active", at(5), "sub_parked", "cus_parked"),
    )  # fmt: skip
    await append(conn, "test", [delivery(content) for content in contents])
    while await advance(conn, "test"):
        pass
    target = Target("test", None, VIEWS)
    await park(conn, target, "subscription-sub_parked", len(contents), "as a test")


async def test_many_are_answered_as_each_is_alone(conn: Connection) -> None:
    await record(conn)
    # also while the database's clock is ahead of ours
    for now in (datetime.now(UTC), datetime.now(UTC) - timedelta(hours=1), at(10**8 + 1)):
        many = await access_of_customers(conn, "test", EVERYONE, now, Policy())
        alone = [await access_of(conn, "test", one, now, Policy()) for one in EVERYONE]
        assert many.data == alone
        assert {answer.position for answer in alone} == {many.position}
    now = datetime.now(UTC)
    answers = (await access_of_customers(conn, "test", EVERYONE, now, Policy())).data
    assert {answer.customer_id: answer.state for answer in answers} == {
        "cus_payer": "lapsed",  # who paid, for a subscription that is another's
        "cus_none": "never",
        "cus_1": "on_hold",
        "cus_held": "active",
        "cus_2": "on_hold",
        "cus_given": "active",
        "cus_parked": "active",
    }
    assert [answer.customer_id for answer in answers if not answer.known] == ["cus_none"]
    assert [answer.customer_id for answer in answers if answer.stale] == ["cus_parked"]


async def test_a_payment_that_a_reading_may_have_missed_is_found(conn: Connection) -> None:
    period = {"subscription_id": "sub_1", "starts_at": at(20), "ends_at": at(10**8)}
    contents = (
        body("subscription.on_hold", "on_hold", at(10), "sub_1", "cus_1"),
        body("payment.succeeded", "succeeded", at(20), "pay_1", "cus_1",
             subscription_id="sub_1", total_amount=5, service_periods=[period]),
    )  # fmt: skip
    shown = msgspec.json.encode({"payment_id": "pay_1", "status": "processing"})
    reading = observation("payment", shown, at(22))
    await append(conn, "test", [*(delivery(content) for content in contents), reading])
    while await advance(conn, "test"):
        pass
    answer = await access_of(conn, "test", "cus_1", datetime.now(UTC), Policy())
    assert [because.rule for because in answer.because] == ["paid"]


async def test_a_subscription_of_nobody_is_the_payers(conn: Connection) -> None:
    period = {"subscription_id": "sub_1", "starts_at": at(10), "ends_at": at(10**8)}
    contents = [
        body("subscription.active", "active", at(10), "sub_1", None, next_billing_date=at(10**8)),
        body("payment.succeeded", "succeeded", at(11), "pay_1", "cus_1",
             subscription_id="sub_1", total_amount=5, service_periods=[period]),
        body("subscription.paused", "paused", at(500), "sub_1", None),
    ]  # fmt: skip
    rules = []
    for content in contents[1:]:
        await append(conn, "test", [delivery(contents[0]), delivery(content)])
        while await advance(conn, "test"):
            pass
        answer = await access_of(conn, "test", "cus_1", datetime.now(UTC), Policy())
        rules += [(because.subscription_id, because.rule) for because in answer.because]
    assert rules == [("sub_1", "active"), ("sub_1", "paused")]
    target = Target("test", None, VIEWS)
    then = Past(as_of=at(400))
    past = await past_access_of(conn, target, "cus_1", then, now=datetime.now(UTC), policy=Policy())
    assert [(because.subscription_id, because.rule) for because in past.because] == [
        ("sub_1", "active"),
    ]  # fmt: skip


def test_both_statements_read_the_same() -> None:
    one, many = (
        " ".join(statements.text(f"queries/{name}").split())
        for name in ("access", "access_of_customers")
    )
    one = one.replace("%(customer_id)s", "w.customer_id")
    tables, rest = one[one.index("with mine") :].split(" select c.position", 1)
    union = rest.partition("left join lateral ( ")[2].partition(" ) r on true")[0]
    assert f"{tables} {union}" in many


async def test_more_than_one_answer_may_rest_on_is_refused(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(conn)
    now = datetime.now(UTC)
    monkeypatch.setattr(access, "MOST_ENTRIES", 8)
    with pytest.raises(Problem, match="Ask for fewer of them at a time") as refused:
        await access_of_customers(conn, "test", EVERYONE, now, Policy())
    assert refused.value.kind.status == 422
    few = await access_of_customers(conn, "test", ["cus_1", "cus_none"], now, Policy())
    assert [answer.customer_id for answer in few.data] == ["cus_1", "cus_none"]


async def test_before_the_read_models_are_built_nobody_is_answered(conn: Connection) -> None:
    with pytest.raises(Problem, match="being built"):
        await access_of_customers(conn, "elsewhere", EVERYONE, datetime.now(UTC), Policy())

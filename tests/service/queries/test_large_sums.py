"""Sums that no column holds: each amount that is summed is one that a provider could send."""

from datetime import date
from typing import Any

from service.database.connections import Connection
from service.queries import metrics, resources
from service.queries.metric_known import Known, MetricQuestion
from service.queries.periods import span
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import NOON, body
from tests.deliveries import delivery

MOST = 2**53
COUNT = 1_030


def moneys(number: int) -> list[bytes]:
    more: dict[str, Any] = {"created_at": NOON, "currency": "JPY"}
    refund: dict[str, Any] = {"refund_id": f"ref_{number}"}
    return [
        body("payment.succeeded", "succeeded", identity=f"pay_{number}", total_amount=MOST, **more),
        body("refund.succeeded", "succeeded", identity="", amount=MOST, **refund, **more),
        body("dispute.lost", "lost", identity=f"dp_{number}", amount=MOST, **more),
        body("payout.success", "success", customer=None, payout_id=f"po_{number}", amount=MOST,
             fee=MOST, **more),
    ]  # fmt: skip


async def test_a_sum_has_as_many_digits_as_it_needs(conn: Connection) -> None:
    told = [delivery(content) for number in range(COUNT) for content in moneys(number)]
    await append(conn, "test", told)
    while await advance(conn, "test"):
        pass
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    target = await resources.target_of(conn, "test")
    total = COUNT * MOST
    assert total > 2**63
    for known in (None, Known(len(told), NOON)):
        question = MetricQuestion(target=target, span=month, known=known)
        (paid,) = await metrics.revenue(conn, question)
        (refunded,) = await metrics.refunds(conn, question)
        (disputed,) = await metrics.disputes(conn, question)
        (paid_out,) = await metrics.payouts(conn, question)
        sums = (paid.amount, refunded.amount, disputed.amount, disputed.lost_amount,
                paid_out.amount, paid_out.fee)  # fmt: skip
        assert sums == (total,) * 6
        assert {type(one) for one in sums} == {int}

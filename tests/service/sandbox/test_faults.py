"""Faults and their limits."""

from datetime import UTC, datetime, timedelta

import pytest

from service.sandbox.errors import ApiError
from service.sandbox.faults import Faults
from service.sandbox.messages import AnswerFaultRequest, WebhookFaultRequest

NOW = datetime(2026, 5, 3, tzinfo=UTC)
AT_ONCE = (timedelta(0),)


def test_a_share_is_hit() -> None:
    faults = Faults(1)
    faults.add_webhook_fault(WebhookFaultRequest(kind="lose", share=0.1), NOW)
    lost = sum(faults.fate(NOW).lost for _ in range(2_000))
    assert 150 < lost < 250


def test_a_fault_ends_after_so_many_hits_or_so_long() -> None:
    faults = Faults(1)
    faults.add_webhook_fault(WebhookFaultRequest(kind="duplicate", next=2), NOW)
    assert [len(faults.fate(NOW).after) for _ in range(3)] == [2, 2, 1]
    assert list(faults.statuses(NOW)) == []
    faults.add_webhook_fault(WebhookFaultRequest(kind="lose", lasts=timedelta(days=1)), NOW)
    assert faults.fate(NOW + timedelta(days=1)).lost
    assert not faults.fate(NOW + timedelta(days=1, seconds=1)).lost


def test_delay_and_disorder_add_up() -> None:
    faults = Faults(1)
    assert faults.fate(NOW).after == AT_ONCE
    faults.add_webhook_fault(WebhookFaultRequest(kind="delay", by=timedelta(hours=1)), NOW)
    faults.add_webhook_fault(WebhookFaultRequest(kind="reorder", by=timedelta(minutes=1)), NOW)
    [after] = faults.fate(NOW).after
    assert timedelta(hours=1) <= after <= timedelta(hours=1, minutes=1)


def test_the_longest_path_decides_on_an_answer() -> None:
    faults = Faults(1)
    faults.add_answer_fault(AnswerFaultRequest(status=500), NOW)
    faults.add_answer_fault(AnswerFaultRequest(status=404, path="/payments/"), NOW)
    found = [faults.answer(path, NOW) for path in ("/payments/pay_1", "/payments", "/refunds")]
    assert [fault and fault.status for fault in found] == [404, 500, 500]
    faults.clear()
    assert faults.answer("/payments/pay_1", NOW) is None


@pytest.mark.parametrize("by", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_impossible_span_is_refused(by: timedelta) -> None:
    with pytest.raises(ApiError, match="A span of time"):
        Faults(1).add_webhook_fault(WebhookFaultRequest(kind="delay", by=by), NOW)

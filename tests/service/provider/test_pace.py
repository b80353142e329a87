"""No minute has more requests than were configured, and the provider's headers are obeyed."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.provider.pace import Pace, answered_date, retry_after

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
DATE = {"date": format_datetime(NOW, usegmt=True)}


@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=1, max_size=200),
)
def test_no_minute_has_more_requests_than_the_limit(
    limit: int, callers: list[tuple[float, bool]]
) -> None:
    pace, now, sent = Pace(limit), 0.0, []
    for pause, urgent in callers:
        now += pause
        while delay := pace.delay(now, urgent=urgent):
            now += delay
        pace.take(now)
        sent.append(now)
    for start in sent:
        assert sum(start <= at < start + 59.999 for at in sent) <= limit
        assert sum(start <= at < start + 0.999 for at in sent) <= max(1, limit // 6)


def test_those_who_can_wait_leave_some_to_those_who_cannot() -> None:
    pace = Pace(20)
    for n in range(18):
        pace.take(n)
    assert pace.delay(20, urgent=False) == 40
    assert pace.delay(20, urgent=True) == 0


@pytest.mark.parametrize(
    "reset", ["30", str(int(NOW.timestamp()) + 30), str(int(NOW.timestamp() + 30) * 1000)]
)
def test_what_the_provider_has_left_is_obeyed(reset: str) -> None:
    pace = Pace(240)
    headers = {**DATE, "x-ratelimit-limit": "240", "x-ratelimit-reset": reset}
    pace.heed({**headers, "x-ratelimit-remaining": "24"}, 200, 100.0)
    assert pace.delay(100.0, urgent=True) == 0
    assert pace.delay(100.0, urgent=False) == pytest.approx(30 / 25)
    pace.heed({**headers, "x-ratelimit-remaining": "0"}, 200, 101.0)
    assert pace.delay(101.0, urgent=True) == 30


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9.0),
        ("999999", 120.0),
        ("-1", None),
        ("nan", None),
        ("soon", None),
    ],
)
def test_every_form_of_retry_after_is_read(header: str, seconds: float | None) -> None:
    assert retry_after({**DATE, "retry-after": header}) == seconds


def test_a_date_that_is_none_is_none() -> None:
    assert answered_date(DATE) == NOW
    for text in ("", "x", "Sun, 99 May 2026 12:00:00 GMT"):
        assert answered_date({"date": text}) is None

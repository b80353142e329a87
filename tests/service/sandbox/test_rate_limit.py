"""The rate limit, without a clock."""

import pytest

from service.sandbox.errors import ApiError
from service.sandbox.rate_limit import RateLimit


def refused(limit: RateLimit, now: float) -> str:
    with pytest.raises(ApiError) as error:
        limit.take(now)
    assert error.value.status == 429
    return error.value.headers["retry-after"]


def test_a_minute_and_a_second_are_limited() -> None:
    limit = RateLimit(per_minute=4, per_second=2)
    assert limit.take(0.0)["x-ratelimit-remaining"] == "3"
    limit.take(0.1)
    assert refused(limit, 0.2) == "1"
    limit.take(1.0)
    assert limit.take(1.1)["x-ratelimit-remaining"] == "0"
    assert refused(limit, 30.0) == "30"
    assert refused(limit, 59.9) == "1"
    # a refused request does not count
    assert limit.take(60.0)["x-ratelimit-limit"] == "4"
    assert limit.requests == 8


def test_no_limit_is_no_limit() -> None:
    limit = RateLimit(per_minute=0, per_second=0)
    assert all(limit.take(0.0) == {} for _ in range(1_000))

"""Bodies that are not verified share one budget, and small ones need none of it."""

import pytest

from service.ingest import unverified
from service.ingest.unverified import FREE_BYTES, Unverified
from service.problems import Problem


def test_large_bodies_share_a_budget_and_give_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unverified, "MAX_BYTES", 1000)
    all_of_them = Unverified(10)
    with all_of_them.body() as first:
        first.add(b"x" * (FREE_BYTES + 900))
        with all_of_them.body() as second:
            second.add(b"y" * FREE_BYTES)
            with pytest.raises(Problem, match="waiting for verification"):
                second.add(b"y" * 101)
            second.add(b"z" * 100)
        assert second.whole() == b"y" * FREE_BYTES + b"z" * 100
        with all_of_them.body() as third:
            third.add(b"x" * FREE_BYTES)
            third.add(b"x" * 100)
    with all_of_them.body() as last:
        last.add(b"x" * (FREE_BYTES + 1000))


def test_the_largest_body_that_is_allowed_finds_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unverified, "MAX_BYTES", 1000)
    with Unverified(1_000_000).body() as body:
        body.add(b"x" * 1_000_000)

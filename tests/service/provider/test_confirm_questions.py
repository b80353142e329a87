"""What was just read at the provider, next to news of the same seconds."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.fold import Fold, fold
from domain.policy import Policy
from service.provider.client import Reply
from service.provider.confirm_kept import (
    ANSWERED_SECONDS,
    FAILED_SECONDS,
    UNANSWERED,
    JustAsked,
    Learned,
)
from service.provider.confirm_questions import Questions, open_ends, with_readings
from service.provider.errors import ProviderError
from service.provider.kinds import SUBSCRIPTION
from service.provider.readings import Reading
from service.provider.recording import Compared, _entry
from service.queries.access import Held, decided
from service.store.positions import Position
from tests.builders import at, entry
from tests.service.provider.stand_in import Answer, Request, answering, client_of

ROW = {
    "subscription_id": "sub_1", "status": "active", "customer": {"customer_id": "cus_1"},
    "next_billing_date": at(86_400),
}  # fmt: skip


def read(second: float, **fields: Any) -> Compared:  # noqa: ANN401
    """A row of a list that shows the subscription, read at a second of the provider's clock."""
    begun: datetime = at(second)
    date = begun.replace(microsecond=0)
    took = timedelta(milliseconds=50)
    body = msgspec.json.encode({**ROW, **fields})
    reply = Reply("/subscriptions?page_number=0", 200, b"", date, begun, begun + took)
    reading = Reading(SUBSCRIPTION, "sub_1", body, reply, listed=True)
    told = _entry(reading, None)
    return Compared(reading, told, None, ("status",), repeated=False, in_flight=True, position=0)


def held(*events: tuple[str, str, float]) -> Held:
    entries = [
        entry(f"subscription.{kind}", status, seconds, position=n, identity="sub_1")
        for n, (kind, status, seconds) in enumerate(events, 1)
    ]
    found = Held("cus_1", known=True)
    if entries:
        found.folds["subscription"].append(fold(entries)[0])
    return found


def is_entitled(found: Held) -> bool:
    return decided(found, at(100), Policy(), Position(0, None)).entitled


def only(found: Held) -> Fold[Any]:
    [folded] = found.folds["subscription"]
    return folded


@pytest.mark.parametrize(
    ("told", "second", "entitled"),
    [
        # a minute later, and later within the same second as far as ``Date`` tells
        (10.0, 70.0, True),
        (10.6, 10.9, True),
        (10.9, 10.6, True),
        # the hold is certainly later
        (12.0, 10.6, False),
    ],
)
def test_a_reading_counts_unless_the_news_are_later(
    told: float, second: float, *, entitled: bool
) -> None:
    known = held(("active", "active", -900), ("on_hold", "on_hold", told))
    assert not is_entitled(known)
    assert is_entitled(with_readings(known, [read(second)])) == entitled


def test_what_the_book_has_folded_changes_nothing() -> None:
    known = held(("active", "active", -900), ("on_hold", "on_hold", 10))
    once = with_readings(known, [read(70)])
    assert only(with_readings(once, [read(70)])) == only(once)
    same = read(10.2, status="on_hold", next_billing_date=None)
    assert only(with_readings(known, [same])) == only(known)


def test_a_newer_date_of_the_same_status_counts() -> None:
    known = held(("active", "active", 10.6))
    paid = read(10.2, next_billing_date=at(99_999))
    found = only(with_readings(known, [paid]))
    assert found.other is not None
    assert (found.other.status, found.other.state.next_billing_date) == ("active", at(99_999))


def test_a_subscription_that_is_not_known_is_new() -> None:
    found = with_readings(Held("cus_1"), [read(70)])
    assert (found.known, is_entitled(found)) == (True, True)


def test_what_the_provider_lacks_or_holds_active_decides_nothing() -> None:
    live = held(("active", "active", -900), ("on_hold", "on_hold", 10))
    over = held(("active", "active", -900), ("expired", "expired", 10))
    assert open_ends(live, [])
    assert not open_ends(over, [])
    assert not open_ends(Held("cus_1"), [])
    assert not open_ends(live, [read(70, status="on_hold").reading])
    assert open_ends(live, [read(70, next_billing_date=at(-5)).reading])


def test_a_failure_is_kept_for_seconds_and_an_answer_for_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("service.provider.confirm_kept.time.monotonic", lambda: now)
    kept, answered = JustAsked(), Learned(answered=True, decides=True)
    kept.put(("test", "cus_1"), answered)
    kept.put(("test", "cus_2"), UNANSWERED)
    assert kept.get(("test", "cus_1")) is answered
    assert kept.get(("test", "cus_2")) is UNANSWERED
    assert kept.get(("live", "cus_1")) is None
    now += FAILED_SECONDS
    assert kept.get(("test", "cus_2")) is None
    assert kept.get(("test", "cus_1")) is answered
    now += ANSWERED_SECONDS
    assert kept.get(("test", "cus_1")) is None


def test_of_more_than_ten_thousand_the_oldest_is_forgotten() -> None:
    kept, answered = JustAsked(), Learned(answered=True, decides=True)
    for n in range(10_001):
        kept.put(("test", f"cus_{n}"), answered)
    assert kept.get(("test", "cus_0")) is None
    assert kept.get(("test", "cus_1")) is answered
    kept.forget()
    assert kept.get(("test", "cus_1")) is None


def test_what_is_over_takes_up_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("service.provider.confirm_kept.time.monotonic", lambda: now)
    kept = JustAsked()
    for n in range(100):
        kept.put(("test", f"cus_{n}"), Learned(answered=n % 2 == 0, decides=True))
    now += ANSWERED_SECONDS
    assert kept.get(("test", "cus_0")) is None
    assert len(kept) == 0


def test_of_what_was_read_the_reply_is_not_kept() -> None:
    kept = JustAsked()
    one = read(70)
    reply = msgspec.structs.replace(one.reading.reply, body=b"x" * 100_000)
    one = msgspec.structs.replace(one, reading=msgspec.structs.replace(one.reading, reply=reply))
    kept.put(("test", "cus_1"), Learned(answered=True, decides=True, compared=(one,)))
    found = kept.get(("test", "cus_1"))
    assert found is not None
    assert found.compared[0].reading.reply.body == b""
    assert is_entitled(with_readings(Held("cus_1"), found.compared))


def test_all_that_is_kept_has_a_limit_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.provider.confirm_kept._MOST_BYTES", 1_000_000)
    kept, one = JustAsked(), read(70, blob="x" * 50_000)
    for n in range(100):
        kept.put(("test", f"cus_{n}"), Learned(answered=True, decides=True, compared=(one,)))
    assert 5 <= len(kept) <= 20
    assert kept.get(("test", "cus_99")) is not None
    # an answer in place of another takes none of the room of others
    before = len(kept)
    for _ in range(50):
        kept.put(("test", "cus_99"), Learned(answered=True, decides=True, compared=(one,)))
    assert len(kept) == before


def listed(*rows: object) -> Answer:
    return Answer(200, msgspec.json.encode({"items": rows}))


def subscriptions(count: int, fails_after: int = 99) -> Callable[[Request], Answer]:
    """A list of subscriptions, of which only so many pages can be read."""

    def answer(request: Request) -> Answer:
        if request.path != "/subscriptions":
            return listed()
        number, size = int(request.query["page_number"]), int(request.query["page_size"])
        if number >= fails_after:
            return Answer(503)
        numbers = range(count)[number * size : (number + 1) * size]
        return listed(*({**ROW, "subscription_id": f"sub_{n}"} for n in numbers))

    return answer


async def ask(answerer: Callable[[Request], Answer]) -> tuple[int, int, bool]:
    """How many were found, with how many requests, and whether that is all."""
    with answering(answerer) as url:
        async with client_of(url, requests_per_minute=100_000) as provider:
            questions = Questions(provider, "cus_1", time.monotonic() + 20)
            found = await questions.subscriptions()
            calls = provider.calls
            _, failure = await questions.others(Held("cus_1"), [], Policy())
            return len(found), calls, failure is None


async def test_all_subscriptions_of_a_customer_are_read() -> None:
    assert await ask(subscriptions(99)) == (99, 1, True)
    assert await ask(subscriptions(100)) == (100, 2, True)
    assert await ask(subscriptions(250)) == (250, 3, True)


async def test_what_is_only_begun_decides_nothing() -> None:
    assert await ask(subscriptions(250, fails_after=2)) == (200, 3, False)
    # a row without an id may be the one that entitles
    answer = listed({**ROW, "subscription_id": None}, ROW)
    found = await ask(lambda r: answer if r.path == "/subscriptions" else listed())
    assert found == (1, 1, False)


async def test_nothing_by_the_deadline_is_no_answer() -> None:
    def late(_: Request) -> Answer:
        time.sleep(0.5)
        return listed()

    with answering(late) as url:
        async with client_of(url) as provider:
            questions = Questions(provider, "cus_1", time.monotonic() + 0.1)
            with pytest.raises(ProviderError):
                await questions.subscriptions()

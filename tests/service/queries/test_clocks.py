"""Both clocks as they are asked: times, days, and the position of an answer."""

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.events import Entry
from domain.past import Past
from service.api.query import parse_query
from service.api.resources import PastQuery
from service.database.connections import Connection
from service.problems import Problem
from service.queries import metrics, resources
from service.queries.clocks import known_by, moment, past
from service.queries.metric_known import MetricQuestion
from service.queries.periods import span
from service.readmodels.projector import advance
from service.store.chain import Delivery
from service.store.events import append
from service.store.positions import Position
from tests.builders import NOON, at, body, entry
from tests.deliveries import delivery


def asked(**given: str) -> PastQuery:
    return parse_query(PastQuery, given.items())


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-05-03T11:00:00Z", at(-3600)),
        ("2026-05-03T13:00:00+02:00", at(-3600)),
        ("2026-05-02", datetime(2026, 5, 2, 23, 59, 59, 999999, UTC)),
        ("2026-05-03", NOON),
    ],
)
def test_a_day_is_its_end_and_today_is_now(given: str, meant: datetime) -> None:
    assert moment("as_of", asked(as_of=given).as_of, NOON) == meant
    known_at = asked(known_at=given).known_at
    assert isinstance(known_at, date)
    assert moment("known_at", known_at, NOON) == meant


@pytest.mark.parametrize("given", ["2026-05-04", "2026-05-03T12:00:01Z"])
def test_the_future_is_refused(given: str) -> None:
    with pytest.raises(Problem, match=r"as_of must not be in the future"):
        moment("as_of", asked(as_of=given).as_of, NOON)


@pytest.mark.parametrize("given", ["2026-02-30", "12", "20260503", "may"])
def test_an_invalid_time_is_refused(given: str) -> None:
    with pytest.raises(Problem, match=r"is not a valid timestamp\. Use RFC 3339"):
        asked(as_of=given)


def test_digits_are_a_position() -> None:
    assert asked(known_at="12").known_at == Position(12)
    position = Position(12, bytes.fromhex("0a1b2c3d"))
    assert asked(known_at="12-0a1b2c3d").known_at == position
    for given in ("1" * 19, "１２", "-1"):  # noqa: RUF001
        with pytest.raises(Problem, match="is not a valid timestamp or position"):
            asked(known_at=given)


def recorded(told: Entry, when: datetime) -> Entry:
    return replace(told, event=replace(told.event, recorded_at=when))


def test_a_position_is_exact_where_a_time_is_not() -> None:
    """The answer at 10 s reflected position 1, since the projector had not come to 2 yet."""
    entries = [
        recorded(entry("subscription.active", "active", 0, position=1), at(1)),
        recorded(entry("subscription.on_hold", "on_hold", 5, position=2), at(6)),
    ]
    assert [s.after for s in Past(known_at=at(10)).steps(entries)] == ["active", "on_hold"]
    assert [s.after for s in Past(as_of=at(10), until=1).steps(entries)] == ["active"]
    assert Past(until=0).steps(entries) == []
    assert bool(Past(until=0))


async def test_a_position_asks_about_the_time_at_which_it_was_recorded(conn: Connection) -> None:
    contents = [body("subscription.active", "active", at(n)) for n in range(3)]
    await append(conn, "test", [delivery(content) for content in contents[:2]])
    await advance(conn, "test")
    await append(conn, "test", [delivery(contents[2])])
    now = datetime.now(UTC)
    question = await past(conn, "test", {"known_at": Position(2)}, now)
    assert question.until == 2
    assert now - question.moment(now) < timedelta(minutes=1)
    assert question.moment(now) < now
    # the same answer again: at a moment after its position was recorded
    both = await past(conn, "test", {"as_of": now, "known_at": Position(2)}, now)
    assert both.moment(now) == now
    first = await past(conn, "test", {"known_at": Position(0)}, now)
    assert (bool(first), first.moment(now)) == (True, now)
    with pytest.raises(Problem, match="Position 3 is not reflected yet") as behind:
        await past(conn, "test", {"known_at": Position(3)}, now)
    assert behind.value.kind.name == "behind"
    with pytest.raises(Problem, match="known_at: position 4 is beyond the end"):
        await past(conn, "test", {"known_at": Position(4)}, now)
    with pytest.raises(Problem, match="as_of must not be after known_at"):
        await past(conn, "test", {"as_of": date(2026, 5, 2), "known_at": date(2026, 5, 1)}, now)


async def test_a_time_is_not_answered_before_all_that_was_recorded_by_then_is_shown(
    conn: Connection,
) -> None:
    def paid(number: int) -> Delivery:
        return delivery(
            body("payment.succeeded", "succeeded", at(number), f"pay_{number}", created_at=at(0),
                 total_amount=500, currency="EUR")
        )  # fmt: skip

    await append(conn, "test", [paid(1)])
    await advance(conn, "test")
    closed = datetime.now(UTC)
    await append(conn, "test", [paid(2)])
    now = datetime.now(UTC)
    tomorrow = now + timedelta(days=1)
    # the end of today is a time that is over
    for known_at in (now, now.date()):
        for ask in (known_by(conn, "test", known_at, tomorrow),
                    past(conn, "test", {"known_at": known_at}, tomorrow)):  # fmt: skip
            with pytest.raises(Problem, match="Position 2 is not reflected yet") as behind:
                await ask
            assert behind.value.kind.name == "behind"
    # nothing was recorded that is not shown; and today is what is shown now
    target = await resources.target_of(conn, "test")
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    for known_at in (closed, now.date()):
        known = await known_by(conn, "test", known_at, now)
        assert known is not None
        assert known.position == 1
        (answer,) = await metrics.revenue(
            conn, MetricQuestion(target=target, span=month, known=known)
        )
        assert answer.amount == 500
    await advance(conn, "test")
    known = await known_by(conn, "test", now, tomorrow)
    assert known is not None
    assert known.position == 2

"""The generator is a witness: complete histories raise no alarm, and chaos changes nothing."""

import random
from collections import defaultdict
from datetime import UTC, datetime

import msgspec
import pytest

from domain.events import Entry, Event, read
from domain.fold import fold
from service.sandbox.simulation import Simulated, line, simulate
from tests.builders import event

UNTIL = datetime(2026, 11, 30, tzinfo=UTC)


def entries(made: list[Simulated]) -> dict[str, list[Entry]]:
    streams: dict[str, list[Entry]] = defaultdict(list)
    known: set[tuple[str, bytes]] = set()
    for one in made:
        if (one.webhook_id, one.body) not in known:
            known.add((one.webhook_id, one.body))
            recorded: Event = event(one.body, len(known), one.webhook_id, one.sent_at)
            entry = read(recorded)
            assert entry.stream
            assert entry.unread == ()
            streams[entry.stream].append(entry)
    return streams


def test_the_same_seed_gives_the_same_bytes() -> None:
    made = [line(one) for one in simulate(20, 7, until=UNTIL, chaos=True)]
    assert made == [line(one) for one in simulate(20, 7, until=UNTIL, chaos=True)]
    assert made != [line(one) for one in simulate(20, 8, until=UNTIL, chaos=True)]


def test_they_arrive_in_order_and_tell_of_the_year_before_the_end() -> None:
    made = list(simulate(20, 7, until=UNTIL))
    assert [one.sent_at for one in made] == sorted(one.sent_at for one in made)
    at = [msgspec.json.decode(one.body)["timestamp"] for one in made]
    assert max(at) < UNTIL.isoformat()
    months = {f"2026-{month:02d}" for month in range(1, 12)}
    assert {one[:7] for one in at} == {"2025-11", "2025-12"} | months


@pytest.mark.parametrize("seed", range(5))
def test_a_complete_history_raises_no_alarm_in_any_order(seed: int) -> None:
    made = list(simulate(60, seed, until=UNTIL))
    random.Random(seed).shuffle(made)  # noqa: S311 - for a test
    verdicts: set[str] = set()
    for stream in entries(made).values():
        folded, steps = fold(stream)
        verdicts |= {step.verdict for step in steps}
        latest = max(stream, key=lambda e: e.key)
        assert latest.status in {None, folded.status}
    assert verdicts == {"applied", "confirmed"}


@pytest.mark.parametrize("seed", range(5))
def test_late_and_double_deliveries_change_no_status(seed: int) -> None:
    made = list(simulate(60, seed, until=UNTIL, chaos=True))
    in_time = entries(made)
    random.Random(seed).shuffle(made)  # noqa: S311 - for a test
    shuffled = entries(made)
    assert in_time.keys() == shuffled.keys()
    for name, stream in in_time.items():
        first, other = fold(stream)[0], fold(shuffled[name])[0]
        assert (first.status, first.since, first.state, first.verdicts) == (
            other.status, other.since, other.state, other.verdicts,
        )  # fmt: skip

"""The generator is a witness: complete histories raise no alarm, and chaos changes nothing."""

import random
from collections import defaultdict

import pytest

from domain.events import Entry, Event
from domain.fold import fold
from domain.reading import read
from service.cli.simulation import Simulated, line, simulate
from tests.builders import event


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
    made = [line(one) for one in simulate(20, 7, chaos=True)]
    assert made == [line(one) for one in simulate(20, 7, chaos=True)]
    assert made != [line(one) for one in simulate(20, 8, chaos=True)]


@pytest.mark.parametrize("seed", range(5))
def test_a_complete_history_raises_no_alarm_in_any_order(seed: int) -> None:
    made = list(simulate(60, seed))
    random.Random(seed).shuffle(made)  # noqa: S311 - for a test
    verdicts: set[str] = set()
    for stream in entries(made).values():
        folded, steps = fold(stream)
        verdicts |= {step.verdict for step in steps}
        latest = max(stream, key=lambda e: e.key)
        assert folded.status == latest.status
    assert verdicts == {"applied", "confirmed"}


@pytest.mark.parametrize("seed", range(5))
def test_late_and_double_deliveries_change_no_status(seed: int) -> None:
    made = list(simulate(60, seed, chaos=True))
    in_time = entries(made)
    random.Random(seed).shuffle(made)  # noqa: S311 - for a test
    shuffled = entries(made)
    assert in_time.keys() == shuffled.keys()
    for name, stream in in_time.items():
        first, other = fold(stream)[0], fold(shuffled[name])[0]
        assert (first.status, first.since, first.state, first.verdicts) == (
            other.status, other.since, other.state, other.verdicts,
        )  # fmt: skip

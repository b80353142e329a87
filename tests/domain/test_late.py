"""What late events changed, found in one walk, is what two folds for each of them find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.late
from domain.events import Entry
from domain.fold import fold
from domain.late import all_changes, changes
from domain.reading import read
from domain.steps import Step
from tests.histories import Told, histories


def naively(entries: list[Entry], late: Step) -> tuple[bool, str]:
    """Whether the fold before a late event differs from the one after it, and the status then."""
    position = late.entry.event.position
    before, old = fold([e for e in entries if e.event.position < position])
    after, new = fold([e for e in entries if e.event.position <= position])
    now = {s.entry.event.position: (s.verdict, s.before, s.after) for s in new}
    seen = {s.entry.event.position: (s.verdict, s.before, s.after) for s in old}
    differs = any(now[place] != was for place, was in seen.items())
    moved = (before.status, before.since) != (after.status, after.since)
    return differs or moved, f"the status is {after.status.replace('_', ' ')}" if moved else ""


@given(histories(lossless=False), st.sampled_from([1, 3, 32]))
def test_one_walk_finds_what_two_folds_each_find(told: Told, every: int) -> None:
    entries = [read(event) for event in told.events]
    late = [step for step in fold(entries)[1] if step.late] if entries else []
    with pytest.MonkeyPatch.context() as patched:
        # short streams too are folded on from kept folds
        patched.setattr(domain.late, "_EVERY", every)
        found = all_changes(entries[::-1], {step.entry.event.position for step in late})
    assert len(found) == len(late)
    for step in late:
        said = found[step.entry.event.position]
        assert said == changes(entries, step)
        changed, status = naively(entries, step)
        assert bool(said) == changed
        assert status in " ".join(said)

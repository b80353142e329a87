"""The fold against the simulator: histories by the thousand, and the truth of each."""

from collections.abc import Iterable

import pytest

from tests.domain.complaints import complaints
from tests.simulator.history import History

_SHOWN = 3
"""How many failing histories are listed, the shortest first."""


def failures(seeds: Iterable[int]) -> list[str]:
    """The complaints about each history that has any, with its listing, shortest first."""
    found = []
    for seed in seeds:
        history = History(seed)
        wrong = list(complaints(history))
        if wrong:
            found.append("\n".join([*wrong, *history.listing()]))
    return sorted(found, key=len)


def test_the_fold_agrees_with_the_truth() -> None:
    found = failures(range(4_000))
    assert not found, f"{len(found)} histories, of which:\n\n" + "\n\n".join(found[:_SHOWN])


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_the_fold_agrees_with_the_truth_again_and_again(part: int) -> None:
    found = failures(range(part * 10_000, (part + 1) * 10_000))
    assert not found, f"{len(found)} histories, of which:\n\n" + "\n\n".join(found[:_SHOWN])

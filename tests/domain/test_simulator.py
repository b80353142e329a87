"""The fold against the simulator: histories by the thousand, and the truth of each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.domain.complaints import complaints
from tests.simulator.history import History

PROPERTIES = {
    "order": "no order of arrival changes what is concluded",
    "batches": "no cut into batches changes what is concluded",
    "status": "a complete history ends in the true status",
    "since": "a complete history tells since when",
    "fields": "a complete history ends in the true fields",
    "alarm": "a complete history alarms nobody",
    "as of": "a complete history tells the past as it was",
    "revenue": "closed months bring what they brought, where payloads are rendered within seconds",
    "restated": "a replay changes nothing that was said of the past",
    "access": "on a complete history the entitled come in, and nobody else",
    "state": "on a complete history those who bought nothing, and nobody else, are told `never`",
    "credit": "a balance is its last row's, and a gap is a missing row",
    "followed": "with losses the newest snapshot is followed, if it was sent at once",
    "replay": "with losses a replay with the truth of today is followed",
    "paid": "with losses nobody is denied for whom the book holds a payment for the moment",
}
"""What the fold is held to, each by the name that a complaint begins with."""

_LISTED = 3
"""How many histories are listed for a property that is broken, the shortest first."""

Failures = Mapping[str, list[str]]


def failures(seeds: Iterable[int]) -> Failures:
    """The histories that break a property, by property: complaints and listing of each."""
    broken: dict[str, list[str]] = defaultdict(list)
    for seed in seeds:
        history = History(seed)
        wrong: dict[str, list[str]] = defaultdict(list)
        for complaint in complaints(history):
            wrong[complaint.partition(":")[0]].append(complaint)
        for name, some in wrong.items():
            broken[name].append("\n".join([*history.listing(), *some]))
    return broken


def verdict(broken: Failures, name: str) -> str:
    """What to print of a property that is broken; empty where it holds."""
    found = sorted(broken.get(name, ()), key=len)
    if not found:
        return ""
    return "\n\n".join([f"{name}: {len(found)} histories, of which", *found[:_LISTED]])


@pytest.fixture(scope="module")
def broken() -> Failures:
    # enough for every day; a hundred thousand below
    return failures(range(500))


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_fold_agrees_with_the_truth(name: str, broken: Failures) -> None:
    assert not verdict(broken, name), PROPERTIES[name]


def test_every_complaint_is_of_a_property(broken: Failures) -> None:
    assert broken.keys() <= PROPERTIES.keys()


def test_the_simulator_knows_nothing_of_ours() -> None:
    for path in (Path(__file__).parents[1] / "simulator").glob("*.py"):
        lines = path.read_text().splitlines()
        imports = [line for line in lines if line.startswith(("from ", "import "))]
        ours = ("domain", "projections", "service", "sql")
        assert path.stem == "__main__" or not [
            line for line in imports if line.split()[1].partition(".")[0] in ours
        ]


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_the_fold_agrees_with_the_truth_a_hundred_thousand_times(part: int) -> None:
    broken = failures(range(part * 10_000, (part + 1) * 10_000))
    assert not broken, "\n\n".join(verdict(broken, name) for name in broken)

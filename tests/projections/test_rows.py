"""Adding a read model: a projection in the catalog is enough to get its rows."""

from typing import Any

import pytest
from msgspec import Struct

from domain.catalog import BY_CATEGORY
from domain.fold import fold
from domain.reading import read
from projections import catalog
from projections.catalog import BY_SOURCE, PROJECTIONS
from projections.customers import known_after
from projections.events import placed
from projections.projection import Projection, Source
from projections.rows import Folded, rows_of
from tests.builders import entry, event

NAMES = {p.name for p in PROJECTIONS}


class Row(Struct):
    """A row of a toy read model."""

    thing: str
    number: int


def toy(source: Source, name: str) -> Projection[Any]:
    """A read model with two rows for each thing."""
    return Projection(
        name="toys", source=source, key="thing", further=("number",), columns=Row,
        rows=lambda thing: [Row(f"{name} {type(thing).__name__}", number) for number in (1, 2)],
    )  # fmt: skip


def folded() -> Folded:
    entries = [
        entry("subscription.active", "active", 5, position=1),
        entry("subscription.on_hold", "on_hold", 9, position=2),
    ]
    after, steps = fold(entries)
    unreadable = read(event(b"not JSON", 3))
    return Folded(
        [*placed(after, steps), unreadable], {"subscription": [after]}, known_after(entries, {})
    )


def test_everything_that_was_folded_is_shown_by_the_read_models_of_its_source() -> None:
    counts = {p.name: len([*rows]) for p, rows in rows_of(folded(), NAMES)}
    assert counts == {
        "events": 3, "movements": 2, "subscriptions": 1, "customers": 1, "search_terms": 2
    }  # fmt: skip


def test_only_the_read_models_that_are_written_get_rows() -> None:
    assert [p.name for p, _ in rows_of(folded(), {"events", "payments"})] == ["events"]
    assert [*rows_of(Folded(), NAMES)] == []


@pytest.mark.parametrize(
    ("source", "things"),
    [("event", ["Placed", "Placed", "Entry"]), (BY_CATEGORY["subscription"], ["Fold"]),
     ("customer", ["Known"]), (BY_CATEGORY["payment"], [])],
)  # fmt: skip
def test_a_read_model_is_added_by_its_source(
    source: Source, things: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    added = toy(source, "toy")
    name = added.source_name
    monkeypatch.setitem(BY_SOURCE, name, (*BY_SOURCE[name], added))
    rows = [row for p, rows in rows_of(folded(), {*NAMES, "toys"}) if p is added for row in rows]
    assert rows == [Row(f"toy {thing}", number) for thing in things for number in (1, 2)]


def test_every_source_has_read_models_and_every_stored_memo_one_place() -> None:
    assert set(BY_SOURCE) == {*BY_CATEGORY, "event", "customer", "read model"}
    assert sorted(p.name for some in BY_SOURCE.values() for p in some) == sorted(NAMES)
    with_memo = {p.source_name: p for p in PROJECTIONS if "memo" in p.column_names}
    assert with_memo == catalog.MEMOS


def test_counts_go_together_with_what_they_count() -> None:
    names = ["payments", "payments_by_day"]
    for name in names:
        assert [p.name for p in catalog.together([catalog.BY_NAME[name]])] == names
    assert [p.name for p in catalog.together([catalog.BY_NAME["customers"]])] == ["customers"]
    assert catalog.together(PROJECTIONS) == PROJECTIONS

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.customer import Sightings, State, gather, note, see, state_of
from domain.events import Entry
from domain.payload import Customer
from tests.builders import entry


def merged(entries: Iterable[Entry]) -> State:
    known: dict[str, State] = {}
    for one in entries:
        assert one.customer is not None
        see(known, one.customer, one.key, one.event.position)
    (state,) = known.values()
    return state


def told(position: int, happened: float, sent: float, **details: str | None) -> Entry:
    """An entry that names the customer ``c``, with these details."""
    customer: dict[str, Any] = {"customer_id": "c", **details}
    return entry(
        "subscription.updated", "active", happened, position=position, sent=sent, customer=customer
    )


SIGHTINGS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([0, 5, 6, 30]), st.integers(0, 30)),
    min_size=1,
    max_size=40,
)
"""When something happened, how long after it was sent, and which address it shows."""


@given(SIGHTINGS, st.sampled_from([3, 31]), st.data())
def test_neither_order_nor_repetition_changes_a_customer(
    seen: list[tuple[int, int, int]], addresses: int, data: st.DataObject
) -> None:
    entries = [
        told(n, second, second + delay, email=f"{number % addresses}@x" if n % 4 else "")
        for n, (second, delay, number) in enumerate(seen, start=1)
    ]
    shuffled = data.draw(st.permutations(entries))
    assert merged(entries) == merged(shuffled) == merged([*entries, *shuffled])

    # seen by several, and put together
    known: dict[str, State] = {}
    cuts = data.draw(st.lists(st.integers(0, len(entries)), max_size=4))
    edges = sorted({0, *cuts, len(entries)})
    parts = [shuffled[a:b] for a, b in pairwise(edges)]
    for part in data.draw(st.permutations(parts)):
        gather(known, merged(part))
    assert [*known.values()] == [merged(entries)]
    assert len(merged(entries).emails) <= 16

    # noted once a description, as a rebuild does
    noted: dict[Customer, Sightings] = {}
    for one in shuffled:
        assert one.customer is not None
        note(noted, one.customer, one.key, one.event.position)
    put_together: dict[str, State] = {}
    for customer, sightings in noted.items():
        gather(put_together, state_of(customer, sightings))
    assert put_together == known


def test_address_and_name_each_come_from_the_latest_that_has_them() -> None:
    state = merged([
        told(1, 0, 0, email="old@x", name="Ada"),
        told(2, 10, 10, email="new@x"),
        told(3, 20, 20, name="Ada L."),
        told(4, 30, 30, email=None, name=""),
    ])  # fmt: skip
    assert (state.email, state.name, state.emails) == ("new@x", "Ada L.", ("new@x", "old@x"))
    assert (state.position, state.details_position) == (4, 3)


def test_an_id_alone_has_no_details() -> None:
    state = merged([entry("license_key.created", "active", 9, position=2)])
    assert (state.email, state.name, state.emails, state.details_position) == (None, None, (), None)


def test_what_was_sent_late_and_never_seen_before_is_newer() -> None:
    renewed = told(1, 1, 1, email="old@x")
    paid = told(2, 0, 9_000, email="new@x")
    assert merged([renewed, paid]).emails == ("new@x", "old@x")
    # but for what was pinned since it was sent
    changed = told(3, 10_000, 10_000, email="third@x")
    assert merged([renewed, paid, changed]).email == "third@x"


def test_what_was_sent_late_and_had_been_seen_stands_at_its_event() -> None:
    renewed = told(1, 0, 0, email="old@x")
    changed = told(2, 100, 100, email="new@x")
    rendered_at_creation = told(3, 50, 9_000, email="old@x")
    assert merged([renewed, changed, rendered_at_creation]).email == "new@x"
    # one that happened after the change shows that it was taken back
    assert merged([renewed, changed, told(3, 150, 9_000, email="old@x")]).email == "old@x"


def test_five_seconds_are_no_delay() -> None:
    renewed = told(1, 4, 4, email="new@x")
    assert merged([renewed, told(2, 0, 5, email="old@x")]).email == "new@x"
    assert merged([renewed, told(2, 0, 6, email="old@x")]).email == "old@x"


def test_of_many_addresses_the_latest_are_kept() -> None:
    entries = [told(n, n * 10, n * 10, email=f"{n}@x", name="Ada") for n in range(1, 41)]
    state = merged(entries)
    assert state.emails == tuple(f"{n}@x" for n in range(40, 24, -1))
    # the first one again: it is not known any more that it had been seen
    state = merged([*entries, told(41, 395, 9_000, email="1@x")])
    assert state.emails[:2] == ("1@x", "40@x")

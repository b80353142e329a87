from hypothesis import given
from hypothesis import strategies as st

from domain.customer import State, gather, see
from domain.events import Entry
from tests.builders import entry


def merged(entries: list[Entry]) -> State:
    known: dict[str, State] = {}
    for one in entries:
        assert one.customer is not None
        see(known, one.customer, one.key, one.event.position)
    (state,) = known.values()
    return state


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.booleans(), st.text("ab", max_size=2)),
        min_size=1,
        max_size=6,
    ),
    st.data(),
)
def test_neither_order_nor_repetition_changes_a_customer(
    seen: list[tuple[int, bool, str]], data: st.DataObject
) -> None:
    entries = [
        entry(
            "subscription.updated", "active", second, position=n,
            customer={"customer_id": "c", "email": email} if detailed else {"customer_id": "c"},
        )
        for n, (second, detailed, email) in enumerate(seen, start=1)
    ]  # fmt: skip
    shuffled = data.draw(st.permutations(entries))
    assert merged(entries) == merged(list(shuffled)) == merged([*entries, *shuffled])

    # seen by several, and put together
    cut = data.draw(st.integers(1, len(entries)))
    known: dict[str, State] = {}
    for part in filter(None, (shuffled[cut:], shuffled[:cut])):
        gather(known, merged(part))
    assert [*known.values()] == [merged(entries)]


def test_the_latest_details_win_and_an_id_alone_does_not_erase_them() -> None:
    known = entry("subscription.active", "active", 0, position=1)
    bare = entry("license_key.created", "active", 9, position=2)
    state = merged([bare, known])
    assert (state.email, state.position, state.details and state.details[1]) == (
        "cus_1@example.com", 2, 1,
    )  # fmt: skip

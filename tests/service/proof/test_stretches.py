"""The roots of a chain that is recomputed in stretches are those of its tree."""

import pytest

from service.database.connections import Connection
from service.proof import tree
from service.proof.merkle import BLOCK, Frontier
from service.proof.stretches import Stretch, recompute
from tests.service.proof.books import fill


@pytest.mark.parametrize("blocks", [1, 2, 3])
async def test_a_stretch_may_begin_after_any_block(
    conn: Connection, database_url: str, blocks: int
) -> None:
    last = 6 * BLOCK + 9
    await fill(conn, last)
    await tree.extend(conn, "test")
    after, sizes = blocks * BLOCK, (5 * BLOCK + 7, last)
    first = recompute(database_url, Stretch("test", 0, after), [])
    second = recompute(database_url, Stretch("test", after, last, sizes), [])
    whole = Frontier([])
    for level, subtree in first.subtrees:
        whole.push(level, subtree)
    found = [whole.root(second.ends[size]) for size in sizes]
    assert found == await tree.roots(conn, "test", sizes)
    assert whole.root(second.subtrees) == found[-1]

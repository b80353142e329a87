"""The tree against the definitions of RFC 6962, section 2.1."""

import os
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.proof import merkle
from service.proof.merkle import BITS, BLOCK, Hashes, Range, leaf_hash, node_hash
from tests.examples import examples

LINKS = [os.urandom(32) for _ in range(700)]
NODES = {
    0: [leaf_hash(link) for link in LINKS],
    BITS: [
        merkle.perfect_root([leaf_hash(link) for link in LINKS[n : n + BLOCK]])
        for n in range(0, 512, BLOCK)
    ],
}


def known() -> Hashes:
    made = Hashes()
    for level, hashes in NODES.items():
        made.add(level, 0, hashes)
    return made


def split(size: int) -> int:
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def mth(links: Sequence[bytes]) -> bytes:
    if not links:
        return merkle.EMPTY
    if len(links) == 1:
        return leaf_hash(links[0])
    k = split(len(links))
    return node_hash(mth(links[:k]), mth(links[k:]))


def path(m: int, links: Sequence[bytes]) -> list[bytes]:
    if len(links) == 1:
        return []
    k = split(len(links))
    if m < k:
        return [*path(m, links[:k]), mth(links[k:])]
    return [*path(m - k, links[k:]), mth(links[:k])]


def subproof(m: int, links: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if m == len(links):
        return [] if whole else [mth(links)]
    k = split(len(links))
    if m <= k:
        return [*subproof(m, links[:k], whole=whole), mth(links[k:])]
    return [*subproof(m - k, links[k:], whole=False), mth(links[:k])]


SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 513, 700])


@examples(30)
@given(SIZES, st.data())
def test_an_inclusion_proof_is_the_path_of_the_definition(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashes = known()
    found = [merkle.range_hash(one, hashes) for one in merkle.inclusion(index, size)]
    assert found == path(index, LINKS[:size])
    root = merkle.range_hash(Range(0, size), hashes)
    assert root == mth(LINKS[:size])
    assert merkle.root_from_inclusion(NODES[0][index], index, size, found) == root
    if size > 1:
        assert merkle.root_from_inclusion(NODES[0][index], index, size, found[:-1]) is None
        assert merkle.root_from_inclusion(LINKS[0], index, size, found) != root


@examples(30)
@given(SIZES, st.data())
def test_a_consistency_proof_is_that_of_the_definition(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    found = [merkle.range_hash(one, known()) for one in merkle.consistency(old, size)]
    assert found == subproof(old, LINKS[:size], whole=True)
    roots = mth(LINKS[:old]), mth(LINKS[:size])
    assert merkle.is_consistent(old, roots[0], size, roots[1], found)
    if found:
        assert not merkle.is_consistent(old, roots[1], size, roots[1], found)
        assert not merkle.is_consistent(old, roots[0], size, LINKS[0], found)
        assert not merkle.is_consistent(old, roots[0], size, roots[1], found[1:])


def test_full_blocks_are_computed_from_their_leaves() -> None:
    leaves = Hashes()
    # in two runs, between which a subtree lies
    leaves.add(0, 0, NODES[0][:300])
    leaves.add(0, 300, NODES[0][300:])
    assert [leaves[BITS, n] for n in (0, 1)] == NODES[BITS]
    with pytest.raises(KeyError):
        leaves[BITS, 2]


def test_no_proof_leads_out_of_the_tree() -> None:
    with pytest.raises(ValueError, match="3"):
        merkle.inclusion(3, 3)
    with pytest.raises(ValueError, match="0"):
        merkle.consistency(0, 3)
    assert merkle.root_from_inclusion(LINKS[0], 5, 3, []) is None
    assert not merkle.is_consistent(4, LINKS[0], 3, LINKS[0], [])

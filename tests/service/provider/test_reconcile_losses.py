"""Whatever webhooks are lost: after ``--apply`` the book says what the provider says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from domain.catalog import BY_CATEGORY as AGGREGATES
from domain.policy import Policy
from projections.catalog import BY_CATEGORY
from service.database.connections import Connection
from service.provider.kinds import KINDS
from service.queries.known import known_resources
from service.queries.prospects import prospect
from service.queries.resources import VIEWS
from service.readmodels.rebuild import preview
from service.readmodels.streams import Target
from service.sandbox.client import SandboxError
from tests.service.provider.merchant import Merchant, deliver, fill, found, merchant, project

pytestmark = pytest.mark.scenario

DAY = timedelta(days=1)
ACTS = (
    ("subscription", "pause"), ("subscription", "cancel"), ("subscription", "fail-next-renewal"),
    ("subscription", "renew"), ("subscription", "unpause"), ("subscription", "recover"),
    ("subscription", "expire"), ("payment", "open-dispute"), ("payment", "refund"),
    ("license_key", "disable-license-key"),
)  # fmt: skip


@pytest.fixture(scope="module")
def shop() -> Iterator[Merchant]:
    with merchant(customers=5, behind="400d") as made:
        yield made


def happen(shop: Merchant, chance: Random) -> None:
    """Let some things happen, of those that can."""
    for kind, act in chance.choices(ACTS, k=8):
        if held := sorted(shop.control.resources(kind)):
            try:
                shop.control.act(act, chance.choice(held))
            except SandboxError:
                continue
    # not by whole days: what recurs at this time of day would happen while the book is compared
    shop.control.move(chance.choice([1, 3, 20]) * DAY + timedelta(minutes=47))


async def statuses(conn: Connection, shop: Merchant) -> dict[str, tuple[str | None, str | None]]:
    """Where the book's status and the provider's differ, by resource."""
    differing = {}
    for category in KINDS.keys() & AGGREGATES.keys() - {"credit"}:
        held, aggregate = shop.control.resources(category), AGGREGATES[category]
        _, known = await known_resources(conn, "test", BY_CATEGORY[category], sorted(held))
        for name, one in held.items():
            field = "dispute_status" if category == "dispute" else "status"
            theirs = one[field] and one[field].lower().removeprefix(aggregate.status_prefix)
            folded = known[name].folded if name in known else None
            ours = folded.status if folded else None
            if ours != theirs:
                differing[f"{category} {name}"] = (ours, theirs)
    return differing


async def entitled(conn: Connection, shop: Merchant) -> set[str]:
    """The customers who have access, by the book."""
    target, now = Target("test", None, VIEWS), datetime.now(UTC)
    held = shop.control.resources("customer")
    found = [await prospect(conn, target, name, (), now, Policy()) for name in held]
    return {one.customer_id for one in found if one.before.entitled}


async def lose_and_apply(
    conn: Connection, url: str, shop: Merchant, chance: Random, share: float
) -> None:
    happen(shop, chance)
    kept = [one for one in shop.sent() if chance.random() >= share]
    if chance.random() < 0.5:
        chance.shuffle(kept)
    late = [one for one in kept if chance.random() < 0.2]
    await deliver(conn, [one for one in kept if one not in late])
    while True:
        before = await entitled(conn, shop)
        run = await shop.reconcile(url, apply=True, accept_losses=True)
        await project(conn)
        after = await entitled(conn, shop)
        assert set(run.gains) == after - before
        assert set(run.losses) == before - after
        left = [one for one in await found(conn, run) if not one.applied]
        if not left:
            break
        assert {one.cause for one in left} == {"in_flight"}
        shop.control.move(DAY / 24)
        await deliver(conn, [one for one in shop.sent() if chance.random() >= share])
    assert await statuses(conn, shop) == {}
    # what comes after the reading happened before it
    await deliver(conn, late)
    assert await statuses(conn, shop) == {}
    again = await shop.reconcile(url)
    assert await found(conn, again) == []


@pytest.mark.parametrize(
    ("seed", "shares"),
    [(1, (0.5,)), *(pytest.param(n, (0.3, 1.0), marks=pytest.mark.slow) for n in (1, 2))],
)
async def test_after_apply_the_book_agrees(
    conn: Connection, database_url: str, shop: Merchant, seed: int, shares: tuple[float, ...]
) -> None:
    await fill(conn, database_url, shop)
    chance = Random(seed)  # noqa: S311 - no secret
    for share in shares:
        await lose_and_apply(conn, database_url, shop, chance, share)
    differences = await preview(conn)
    assert [one.rows for one in differences if one.rows] == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 30))
async def test_after_apply_the_book_agrees_for_long(
    conn: Connection, database_url: str, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - no secret
    with merchant(customers=5, seed=seed, behind="1000d") as shop:
        await fill(conn, database_url, shop)
        for _ in range(8):
            share = chance.choice([0.05, 0.3, 0.7, 1.0])
            await lose_and_apply(conn, database_url, shop, chance, share)

"""What a comparison found: judged customer by customer, kept, and applied on request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from domain.drift import HELD, Cause
from domain.policy import Policy
from projections.catalog import BY_CATEGORY
from service.database.connections import Connection
from service.provider.reconciliation import judgement, keeping
from service.provider.reconciliation.comparison import Comparison
from service.provider.reconciliation.evidence import Records, is_difference
from service.provider.reconciliation.finds import PARTITIONS, Found, batches
from service.provider.reconciliation.guards import StoppedError, check_losses, payers
from service.provider.recording import Compared, compare, record
from service.queries.known import known_resources
from service.queries.reconcile import Difference, Skipped
from service.readmodels import spill
from service.readmodels.streams import Target
from service.store.audit import Act, record_act

_APART = timedelta(hours=2)
"""A resource is gone if the provider does not have it twice, so far apart."""

_NAMED = 1000
"""The most customers who are named in the head of a run."""

_ABSENT_NAMED = 50
_ABSENT = (
    "The provider does not have it (404). It counts as gone if a run hours later finds the same."
)


class Outcome:
    """The differences of a run.

    Attributes:
        drift: how many there are by kind and cause.
        review: how many a person decides on.
        applied: how many were recorded.
        gaining, losing: how many customers gain and lose access.
        gains, losses: the first of them.
        skipped: what does not count yet.
    """

    def __init__(  # noqa: PLR0913 - all that it works with
        self,
        conn: Connection,
        target: Target,
        policy: Policy,
        comparison: Comparison,
        run_id: str,
        *,
        accept: bool,
    ) -> None:
        self._conn = conn
        self._target = target
        self._policy = policy
        self._comparison = comparison
        self._run_id = run_id
        self._accept = accept
        self._records = Records()
        self._held: set[str] = set()
        self.drift: Counter[tuple[str, Cause]] = Counter()
        self.review = self.applied = self.gaining = self.losing = 0
        self.gains: list[str] = []
        self.losses: list[str] = []
        self.skipped: list[Skipped] = []

    async def judge(self) -> None:
        """Find causes and effects, customer by customer, and keep the differences."""
        self._records = await Records.load(self._conn, self._target.book)
        for partition in range(PARTITIONS):
            await self._judge(partition)
        await self._judge_absent()

    async def apply(self, key_fingerprint: str, act: Act) -> str | None:
        """Record what differs; a reason if that was not done."""
        if not self._accept:
            try:
                check_losses(self.losing, await payers(self._conn, self._target.book))
            except StoppedError as error:
                return str(error)
        if self.drift.total():
            await record_act(self._conn, self._target.book, act, "apply", self._run_id)
        for partition in range(PARTITIONS):
            found = self._comparison.finds.differing(partition)
            for chunk in batches(one for one in found if one.counts):
                await self._record(chunk, key_fingerprint)
        return None

    async def _judge(self, partition: int) -> None:
        counted = set[tuple[str, str]]()
        differing: list[tuple[Compared, Found]] = []
        for chunk in batches(self._comparison.finds.differing(partition)):
            counted |= {one.name for one in chunk if one.counts}
            differing += await self._still(chunk)
        judged = await judgement.judge(
            self._conn, self._target, self._policy, self._records,
            [one for one, _ in differing], [found.concern for _, found in differing],
        )  # fmt: skip
        await self._keep([d for d in judged.differences if (d.kind, d.id) in counted])
        gains = [*_in_partition(judged.gains, partition)]
        losses = [*_in_partition(judged.losses, partition)]
        self.gaining += len(gains)
        self.losing += len(losses)
        self.gains += gains[: _NAMED - len(self.gains)]
        self.losses += losses[: _NAMED - len(self.losses)]

    async def _judge_absent(self) -> None:
        """Keep what the provider does not have; it is gone if it was absent hours before too."""
        now, name = datetime.now(UTC), self._target.book
        for found in dict.fromkeys(self._comparison.returned):
            await keeping.forget_absence(self._conn, name, found)
        known = await keeping.absences(self._conn, name)
        first: list[str] = []
        for absent in dict.fromkeys(self._comparison.absent):
            await keeping.keep_absence(self._conn, name, absent, now)
            if now - known.get(absent, now) >= _APART:
                await self._keep([await self._gone(*absent)])
            else:
                first.append(" ".join(absent))
        self.skipped += [Skipped(one, _ABSENT) for one in first[:_ABSENT_NAMED]]
        if more := len(first[_ABSENT_NAMED:]):
            self.skipped.append(Skipped(f"{more} more", _ABSENT))

    async def _gone(self, kind: str, resource_id: str) -> Difference:
        projection = BY_CATEGORY[kind]
        _, known = await known_resources(self._conn, self._target.book, projection, [resource_id])
        folded = known[resource_id].folded if resource_id in known else None
        customer = getattr(folded.state, "customer_id", None) if folded else None
        return judgement.gone(kind, resource_id, folded.status if folded else None, customer)

    async def _keep(self, found: Sequence[Difference]) -> None:
        number = self.drift.total() + 1
        await keeping.add(self._conn, self._target.book, self._run_id, number, found)
        self.drift.update((one.kind, one.cause) for one in found)
        self._held |= {
            f"{d.kind}-{d.id}" for d in found if d.cause in HELD or (d.review and not self._accept)
        }
        self.review += sum(d.review for d in found)

    async def _record(self, chunk: Sequence[Found], key_fingerprint: str) -> None:
        found = [
            one
            for one, _ in await self._still(chunk)
            # a webhook that came meanwhile may be newer than the reading
            if not one.in_flight
            and f"{one.reading.kind.category}-{one.reading.id}" not in self._held
        ]
        name = self._target.book
        await record(self._conn, name, found, key_fingerprint)
        names = [f"{one.reading.kind.category}-{one.reading.id}" for one in found]
        await keeping.mark_applied(self._conn, name, self._run_id, names)
        self.applied += len(names)

    async def _still(self, chunk: Sequence[Found]) -> list[tuple[Compared, Found]]:
        """Those that still differ: meanwhile webhooks may have come."""
        target = self._target
        readings = [one.reading for one in chunk]
        compared = await compare(self._conn, target.book, target.business_id, readings)
        pairs = zip(compared, chunk, strict=True)
        return [(one, found) for one, found in pairs if is_difference(one, self._records)]


def _in_partition(customers: Sequence[str], partition: int) -> Iterator[str]:
    """The customers whose home a partition is: the others are judged in their own."""
    return (c for c in customers if spill.partition_of(c, PARTITIONS) == partition)

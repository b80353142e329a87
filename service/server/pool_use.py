"""How much the connections of a worker are used."""

from service.database.connections import Pool
from service.database.reader import Reader
from service.telemetry import metrics


class PoolUse:
    """Counts what a pool and the readers know of their use."""

    def __init__(self, *readers: Reader) -> None:
        self._readers = readers

    async def flush(self, pool: Pool) -> None:
        """Add their use since the last time."""
        uses = [reader.pop_use() for reader in self._readers]
        statements, seconds = sum(u.statements for u in uses), sum(u.seconds for u in uses)
        metrics.count_pool_use(pool.pop_stats(), statements, seconds)

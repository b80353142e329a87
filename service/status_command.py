"""``daybook status``: where everything stands."""

from service import reads, refusal_reads, roles, screens
from service.cli import OUT, Config, DataDir, ask
from service.postgres import Connection
from service.settings import load


def status(config: Config = None, data_dir: DataDir = None) -> None:
    """How far each book and its read models have come, what is parked, and what was refused."""

    async def show(conn: Connection) -> None:
        screens.status(OUT, await reads.checkpoints(conn), await reads.parked(conn))
        screens.refusals(OUT, await refusal_reads.counts(conn, book=None))
        screens.database_access(OUT, await roles.access(conn))

    ask(load(config, data_dir=data_dir), show)

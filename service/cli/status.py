"""``daybook status``: where everything stands."""

from service.cli import screens
from service.cli.options import OUT, Config, DataDir, ask
from service.database.connections import Connection
from service.queries import refusals, resources
from service.settings import load
from service.store import roles


def status(config: Config = None, data_dir: DataDir = None) -> None:
    """How far each book and its read models have come, what is parked, and what was refused."""

    async def show(conn: Connection) -> None:
        screens.status(OUT, await resources.checkpoints(conn), await resources.parked(conn))
        screens.refusals(OUT, await refusals.counts(conn, book=None))
        screens.database_access(OUT, await roles.access(conn))

    ask(load(config, data_dir=data_dir), show)

"""The whole service over distributed tables: what it sends, and to how many shards.

The database has the stand-in of ``tests/citus.py``: tables partitioned by book, and the server logs
the plan of each statement. A statement that touches one shard is one that Citus sends to one node
as it is. It is not shown here that Citus plans the few others, nor anything else of a cluster.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from service.console import sessions
from service.database.connections import connect
from service.database.statements import text
from service.store.api_keys import Caller, list_keys
from tests import citus, forkserver, servers
from tests.acceptance import compared, estate, previewed
from tests.acceptance.doors import CONFIG, Doors
from tests.acceptance.service import Service, command, environment, new_key
from tests.acceptance.walk import POSTED, questions
from tests.builders import SECRET
from tests.conftest import as_owner, as_service, fresh_database

pytestmark = pytest.mark.slow
"""``tests/service/store/test_distribution.py`` is quick."""

ACROSS = {
    "store/heads": "the books; one row each",
    "queries/checkpoints": "the books; joined by book",
    "proof/book_after": "the books that have events",
    "store/keys/find": "the hash does not tell the book",
    "store/keys/list": "of all books",
    "store/keys/revoke": "the id does not tell the book",
    "console/find": "the cookie does not tell the books; joined by book",
    "console/find_link": "the link does not tell the book",
    "console/rename": "one session opens several books",
    "console/use": "one session opens several books",
    "console/close": "one session opens several books",
    "console/forget": "of all books",
    "console/forget_links": "of all books",
    "readmodels/stream": "without statistics, the book would mislead the planner of one server",
    "readmodels/parked": "of all books",
    "readmodels/adopt_parked": "of all books",
    "readmodels/forget_parked": "of all books",
    "readmodels/forget_lag": "of all books",
    "readmodels/borrow_checkpoints": "of all books; each row to where it comes from",
    "queries/refusals/counts": "of all books",
    "proof/problems": "of all books",
    "server/verdict_counts": "of all books, by book",
    "server/unread_counts": "of all books, by book",
}
"""Statements that Citus sends to several shards, and why; none of them is a question of a book."""


class Cluster:
    """A service on distributed tables, and the log of its server."""

    def __init__(self, doors: Doors, here: Path, log: Path) -> None:
        self.doors, self.here, self.log = doors, here, log
        self.begins = log.stat().st_size

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run a command; with a wide terminal, so that no sentence breaks."""
        return forkserver.run(
            [sys.executable, "-m", "service", *args],
            env=environment({"DAYBOOK_DATABASE_URL": self.doors.database_url, "COLUMNS": "300"}),
            cwd=self.here, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def planned(self) -> list[citus.Planned]:
        """What was executed in this database since the service was started."""
        with self.log.open(errors="replace") as log:
            log.seek(self.begins)
            return list(citus.planned(log.read()))


@pytest.fixture(scope="module")
def cluster(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    here = tmp_path_factory.mktemp("cluster")
    (here / "daybook.toml").write_text(CONFIG)
    owner = as_owner(fresh_database(postgres, "template1"))
    citus.install(owner)
    url = as_service(owner)
    settings = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_OWNER_URL": owner}
    said = command("migrate", env=settings, cwd=here)
    assert "distributed store.event\ndistributed read.checkpoint\n" in said
    assert command("migrate", env=settings, cwd=here).endswith("The schema is up to date.\n")
    with psycopg.connect(owner, autocommit=True) as conn:
        # with the values in them, as Citus sees them
        statement = SQL("alter database {} set plan_cache_mode = force_custom_plan")
        conn.execute(statement.format(Identifier(conn.info.dbname)))
    log = servers.explained(owner)
    service = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
    live, test = (new_key(url, book, "read,audit,admin") for book in ("live", "test"))
    made = Cluster(Doors(service, live, test, url), here, log)
    contents = estate.told()
    for content in contents:
        assert service.deliver("live", SECRET, content).is_success
    service.await_position(live, len(contents))
    compared.keep(url, "live")
    previewed.keep(url, "live")
    yield made
    assert service.stop() == 0
    assert "unhandled exception" not in (here / "serve.err").read_text()


def test_every_question_is_answered(cluster: Cluster) -> None:
    client = cluster.doors.service.client
    headers = {"authorization": f"Bearer {cluster.doors.live}"}
    document = client.get("/schema/openapi.json").json()
    asked = questions(document, lambda path: client.get(path, headers=headers).json())
    assert len(asked) > 40
    refused = {
        path: answer.text
        for path in asked.values()
        if (answer := client.get(path, headers=headers)).status_code not in {200, 404}
    }
    assert refused == {}
    for path, content in POSTED.values():
        answer = client.post(path, json=content, headers=headers)
        assert answer.status_code == 200, answer.text
    assert client.get("/readyz").json()["status"] == "ready"
    assert "daybook_database_up 1.0" in client.get("/metrics").text
    past = "customers/cus_1/access?known_at=5"
    assert cluster.doors.get(past).status_code == 200


def test_every_command_works(cluster: Cluster) -> None:
    for typed, said in {
        "status": "Connected as daybook_service",
        "rebuild": "live",
        "rebuild --preview": "",
        "rebuild --undo": "live",
        "verify": "The chain holds",
        "keys list": "live",
        "parked list": "",
        "books list": "live",
        "evidence customer cus_1 --book live -o cus_1.zip": "cus_1.zip",
    }.items():
        done = cluster.run(*typed.split())
        assert done.returncode == 0, (typed, done.stdout, done.stderr)
        assert said in done.stdout, (typed, done.stdout)


def test_doctor_says_that_it_is_distributed(cluster: Cluster) -> None:
    assert "distributed by Citus 13.0-1" in cluster.run("doctor").stdout
    with psycopg.connect(as_owner(cluster.doors.database_url), autocommit=True) as conn:
        conn.execute("create table store.novelty (book text not null)")
        found = cluster.run("doctor")
        conn.execute("drop table store.novelty")
    assert found.returncode == 1
    assert "There is Citus 13.0-1, which does not distribute store.novelty" in found.stdout
    assert "Run: daybook migrate." in found.stdout


def test_a_backup_is_refused_with_a_sentence(cluster: Cluster) -> None:
    done = cluster.run("backup", str(cluster.here / "no.backup"))
    assert done.returncode == 2
    assert "distributed by Citus" in done.stderr
    assert "Back up all nodes" in done.stderr
    assert not (cluster.here / "no.backup").exists()


def test_a_session_of_the_console_opens_and_ends(cluster: Cluster) -> None:
    async def used() -> None:
        async with await connect(cluster.doors.database_url) as conn:
            (key,) = await list_keys(conn, "live")
            caller = Caller("live", key.id, key.scopes)
            assert await sessions.take_link(conn, await sessions.make_link(conn, caller)) == caller
            before = await sessions.open_session(conn, caller, None)
            identity = await sessions.open_session(conn, caller, before)
            session, _ = await sessions.find(conn, identity)
            assert session is not None
            await sessions.use(conn, session)
            await sessions.close(conn, identity)
            assert (await sessions.find(conn, identity))[0] is None

    asyncio.run(used())


def test_a_statement_touches_the_shard_of_its_book(cluster: Cluster) -> None:
    """Last, since it looks at what all tests before it had executed."""
    executed = cluster.planned()
    across = {one.purpose or one.text for one in executed if len(one.shards) > 1}
    assert across <= {purpose(name) for name in ACROSS}
    assert len({one.purpose for one in executed if len(one.shards) == 1}) > 70


def purpose(name: str) -> str:
    """The first line of a statement, as ``Planned.purpose`` has it."""
    return text(name).partition("\n")[0].removeprefix("-- ")

"""Questions are answered by a streaming replica, as far as it has what they need."""

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service.store.roles import SERVICE
from tests import forkserver, servers
from tests.acceptance.doors import CONFIG
from tests.acceptance.examined import Examined
from tests.acceptance.service import Service, command, environment, new_key, number
from tests.builders import SECRET, at, body
from tests.conftest import as_service
from tests.servers import Standby

pytestmark = pytest.mark.scenario


class Replicated:
    """A service, its primary, and a standby that can be paused and stopped."""

    def __init__(self, here: Path, primary: str, standby: Standby) -> None:
        self.here, self.standby = here, standby
        (here / "daybook.toml").write_text(CONFIG)
        self.env = {"DAYBOOK_DATABASE_URL": as_service(primary),
                    "DAYBOOK_REPLICA_URL": as_service(standby.url)}  # fmt: skip
        command("migrate", "--owner", primary, cwd=here, env=self.env)
        self.service = Service(here, env=self.env).start()
        self.key = new_key(as_service(primary), "live", "read,audit")

    def tell(self, name: str) -> str:
        """Deliver an event; its position, once the primary shows it."""
        content = body("subscription.active", "active", at(0), name, customer=f"cus_{name}")
        answer = self.service.deliver("live", SECRET, content).raise_for_status()
        position: str = answer.json()["position"]
        self.get(f"subscriptions/{name}?min_position={position}")
        return position

    def get(self, path: str) -> Any:  # noqa: ANN401 - as JSON is
        return self.service.ask(path, self.key)

    def shown(self) -> str:
        """The position that a question reflects which asks for none."""
        return str(self.get("subscriptions?limit=1")["position"])

    def pause(self) -> None:
        self._replay("select pg_wal_replay_pause()")
        self._replay("select pg_wal_replay_pause()")

    def resume(self) -> None:
        self._replay("select pg_wal_replay_resume()")

    def metric(self, line: str) -> bool:
        return f"\n{line}\n" in self.service.client.get("/metrics").text

    def _replay(self, statement: str) -> None:
        with psycopg.connect(self.standby.url, autocommit=True) as conn:
            conn.execute(statement)


@pytest.fixture(scope="module")
def replicated() -> Iterator[Replicated]:
    here = Path(tempfile.mkdtemp(prefix="daybook-replica-"))
    bin_dir = max(servers.installed().items())[1]
    with servers.running(bin_dir) as primary, servers.standby(bin_dir, primary) as standby:
        made = Replicated(here, primary, standby)
        yield made
        assert made.service.stop() == 0
    shutil.rmtree(here, ignore_errors=True)


def eventually(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_question_goes_to_the_replica_unless_that_lacks_its_position(
    replicated: Replicated,
) -> None:
    early = replicated.tell("sub_1")
    eventually(lambda: replicated.shown() == early)
    eventually(lambda: replicated.metric("daybook_replica_up 1.0"))
    eventually(
        lambda: replicated.metric(f'daybook_replica_position{{book="live"}} {number(early)}.0')
    )
    replicated.pause()
    late = replicated.tell("sub_2")
    # whose lag shows in an answer that needs nothing
    assert replicated.shown() == early
    assert replicated.get("customers/cus_sub_1/access")["position"] == early
    # and in none that needs more
    for path in (
        f"subscriptions?limit=1&min_position={late}",
        f"changes?after={late}",
        f"customers/cus_sub_1/access?min_position={late}",
        f"customers/cus_sub_1/access?known_at={late}",
        f"events/{late}",
    ):
        assert replicated.get(path)["position"] == late, path
    page = replicated.get(f"subscriptions?limit=1&min_position={late}")
    following = replicated.get(f"subscriptions?limit=1&cursor={page['next_cursor']}")
    assert following["position"] == late
    # a lag denies nobody
    access = replicated.get("customers/cus_sub_2/access")
    assert (access["entitled"], access["position"]) == (True, late)
    many = replicated.service.client.post(
        "/v1/access", json={"customer_ids": ["cus_sub_1", "cus_sub_2"]},
        headers={"authorization": f"Bearer {replicated.key}"},
    )  # fmt: skip
    assert [one["entitled"] for one in many.json()["data"]] == [True, True]
    # and a lag that stays has an end: no answer is older than seconds
    eventually(lambda: replicated.shown() == late)
    assert replicated.get("customers/cus_sub_1/access")["position"] == late
    assert replicated.metric("daybook_replica_up 0.0")
    assert "lacks 1 events there" in replicated.service.log()
    replicated.resume()
    eventually(lambda: replicated.metric("daybook_replica_up 1.0"))
    eventually(lambda: replicated.shown() == late)


def test_a_position_of_another_history_is_refused_there_too(replicated: Replicated) -> None:
    position = replicated.tell("sub_3")
    eventually(lambda: replicated.shown() == position)
    headers = {"authorization": f"Bearer {replicated.key}"}
    wrong = f"{number(position)}-00000000"
    answer = replicated.service.client.get(f"/v1/changes?after={wrong}", headers=headers)
    assert answer.json()["type"] == "/problems/book-was-restored"


def test_connections_that_are_lost_in_the_middle_cost_no_answer(replicated: Replicated) -> None:
    position = replicated.tell("sub_m")
    eventually(lambda: replicated.shown() == position)
    ended = threading.Event()

    def disturb() -> None:
        lost = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s"
        with psycopg.connect(replicated.standby.url, autocommit=True) as conn:
            while not ended.wait(0.005):
                conn.execute(lost, [SERVICE])

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for _ in range(20):
            for path in ("subscriptions", "customers/cus_sub_m/access", "subscriptions/sub_m"):
                assert replicated.get(path)["position"] == position
    finally:
        ended.set()
        thread.join()


def test_a_replica_that_is_away_costs_no_answer(replicated: Replicated) -> None:
    replicated.standby.stop()
    late = replicated.tell("sub_4")
    for path in ("subscriptions/sub_4", "subscriptions", "customers/cus_sub_4/access", "changes"):
        assert replicated.get(path)["position"] == late, path
    eventually(lambda: replicated.metric("daybook_replica_up 0.0"))
    assert replicated.service.client.get("/readyz").is_success
    assert "replica unavailable; asking the primary" in replicated.service.log()
    assert "does not answer" in finding(replicated)
    replicated.standby.start()
    eventually(lambda: replicated.metric("daybook_replica_up 1.0"))
    eventually(lambda: replicated.shown() == late)
    assert "The replica answers" in finding(replicated)
    assert "Traceback" not in replicated.service.log()


def finding(replicated: Replicated) -> str:
    """What the doctor says about the replica."""
    done = forkserver.run(
        [sys.executable, "-m", "service", "doctor", "--book", "live", "--format", "json"],
        env=environment(replicated.env), cwd=replicated.here, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    examined = Examined(done.returncode, done.stdout, done.stderr)
    [found] = [one["found"] for one in examined.findings if one["check"] == "replica"]
    return str(found)

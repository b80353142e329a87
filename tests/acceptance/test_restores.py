"""The database is restored to an earlier moment, and its clock was once ahead."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.acceptance.doors import CONFIG, Doors, deliver
from tests.acceptance.service import Service, command, new_key, number
from tests.builders import body
from tests.conftest import as_owner, fresh_database

pytestmark = pytest.mark.scenario

BEGINNING = "0-00000000"


class Restorable(Doors):
    """A service on a database that can be saved, and restored under it while it runs."""

    def __init__(self, service: Service, live: str, url: str, here: Path) -> None:
        super().__init__(service, live, "", url)
        self.here, self.env = here, {"DAYBOOK_DATABASE_URL": url}
        self.url = as_owner(url)
        self._admin = re.sub(r"@/\w+\?", "@/postgres?", self.url)
        self._name = re.findall(r"@/(\w+)\?", self.url)[0]

    def save(self) -> None:
        self._offline(SQL("create database saved template {}").format(Identifier(self._name)))

    def restore(self) -> None:
        name = Identifier(self._name)
        self._offline(
            SQL("drop database {}").format(name),
            SQL("alter database saved rename to {}").format(name),
        )
        self._await(lambda: self.service.client.get("/readyz").is_success)

    def tell(self, *contents: bytes) -> str:
        """Deliver and wait until it shows; the position of the last."""
        answers = [deliver(self, content).raise_for_status() for content in contents]
        position: str = answers[-1].json()["position"]
        self.service.await_position(self.live, number(position))
        return position

    def _offline(self, *statements: Any) -> None:  # noqa: ANN401
        """Run statements for which nobody may be connected."""
        name = Identifier(self._name)
        gone = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        with psycopg.connect(self._admin, autocommit=True) as admin:
            admin.execute(SQL("alter database {} allow_connections false").format(name))
            admin.execute(gone, [self._name])
            self._await(
                lambda: (
                    not admin.execute(
                        "select from pg_stat_activity where datname = %s", [self._name]
                    ).fetchall()
                )
            )
            for statement in statements:
                admin.execute(statement)
            admin.execute(SQL("alter database {} allow_connections true").format(name))

    @staticmethod
    def _await(true: Any) -> None:  # noqa: ANN401
        deadline = time.monotonic() + 60
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture(scope="module")
def book(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restorable]:
    here = tmp_path_factory.mktemp("restored")
    (here / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    env = {"DAYBOOK_DATABASE_URL": url}
    service = Service(here, env=env).start()
    key = new_key(url, "live", "read,audit,admin")
    yield Restorable(service, key, url, here)
    assert service.stop() == 0


def subscription(identity: str, status: str, **fields: Any) -> bytes:  # noqa: ANN401
    kind = {"active": "subscription.active", "on_hold": "subscription.on_hold"}[status]
    return body(kind, status, datetime.now(UTC), identity, **fields)


def follow(book: Restorable, last: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The changes that a stream tells after a position, until it ends."""
    headers = {"authorization": f"Bearer {book.live}", "last-event-id": last}
    with book.service.client.stream("GET", "/v1/changes/stream", headers=headers) as stream:
        assert stream.status_code == 200
        place = last
        for line in stream.iter_lines():
            if line.startswith("id: "):
                place = line[4:]
            elif line.startswith("data: "):
                yield place, json.loads(line[6:])


def refused(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 409, answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == "/problems/book-was-restored"
    assert problem["go_on_from"] == BEGINNING
    return problem


def test_nobody_who_followed_a_lost_history_goes_on_silently(book: Restorable) -> None:
    early = book.tell(subscription("sub_1", "active"), subscription("sub_2", "active"))
    assert re.fullmatch(r"2-[0-9a-f]{8}", early)
    book.save()
    following = follow(book, early)
    book.tell(subscription("sub_1", "on_hold"), subscription("sub_3", "active"))
    late = book.tell(subscription("sub_4", "active"))
    last_id, change = [next(following) for _ in range(3)][-1]
    assert (last_id, change["id"]) == (late, "sub_4")
    page = book.get("subscriptions?limit=1").json()
    assert page["position"] == late
    held, kept = book.get("subscriptions/sub_1"), book.get("subscriptions/sub_2")
    history = book.get("changes?after=0").json()
    assert history["next"] == history["position"] == late
    lost = {
        f"changes?after={late}",
        f"events?after={late}",
        f"events/{late}",
        f"events/{late}/body",
        f"customers/cus_1/access?min_position={late}",
        f"customers/cus_1/access?min_position={late}&stale=ok",
        f"customers/cus_1/access?known_at={late}",
        f"subscriptions?limit=1&cursor={page['next_cursor']}",
    }
    for path in lost:
        assert book.get(path).is_success, path

    book.restore()
    for path in lost:  # its number is beyond the end
        assert refused(book.get(path))["head"] == early, path
    assert book.get(f"changes?after={late.partition('-')[0]}").status_code == 400

    now = book.tell(*(subscription(f"sub_{n}", "active") for n in (5, 6, 7)))
    assert number(now) == number(late)
    for path in lost:  # its number names another event
        assert refused(book.get(path))["head"] == now, path
    stream = {"authorization": f"Bearer {book.live}", "last-event-id": late}
    refused(book.service.client.get("/v1/changes/stream", headers=stream))

    # what the answers told is told again, or told once more
    for path, answer, status in (("sub_1", held, 200), ("sub_2", kept, 304)):
        headers = {"authorization": f"Bearer {book.live}", "if-none-match": answer.headers["etag"]}
        again = book.service.client.get(f"/v1/subscriptions/{path}", headers=headers)
        assert (again.status_code, again.headers["daybook-position"]) == (status, now)

    # both ways on: from a position of before, and from the beginning
    after = book.get(f"changes?after={early}").json()
    assert [change["id"] for change in after["data"]] == ["sub_5", "sub_6", "sub_7"]
    assert after["next"] == now
    assert len(book.get(f"changes?after={BEGINNING}").json()["data"]) == 5
    # an open stream reads on when the book has more than it knew, and is ended
    now = book.tell(subscription("sub_8", "active"))
    assert list(following) == []
    # a person's number is not checked
    assert book.get(f"events/{number(now)}").json()["position"] == now
    assert book.get(f"events/{now}").json()["position"] == now


def test_a_store_restored_without_its_read_models_is_not_projected_upon(
    book: Restorable,
) -> None:
    book.tell(subscription("sub_x", "active"))
    late = book.tell(subscription("sub_9", "active"))
    with psycopg.connect(book.url) as owner:
        owner.execute("alter table store.event disable trigger all")
        owner.execute("alter table store.head disable trigger all")
        owner.execute("delete from store.event where book = 'live' and position > 2")
        owner.execute(
            "update store.head h set position = 2, link = e.link from store.event e"
            " where h.book = 'live' and e.book = 'live' and e.position = 2"
        )
        owner.execute("alter table store.event enable trigger all")
        owner.execute("alter table store.head enable trigger all")
    unready = book.service.client.get("/readyz")
    assert unready.status_code == 503
    assert "stand at position" in unready.json()["detail"]
    assert "the store ends at 2" in unready.json()["detail"].replace("; ", " ")
    assert "daybook rebuild" in unready.json()["detail"]
    assert 'daybook_checkpoint_lost{book="live"} 1.0' in metrics(book)
    # also where the book has grown beyond the checkpoint again
    for n in range(number(late)):
        assert deliver(book, subscription(f"sub_n{n}", "active")).is_success
    assert book.service.client.get("/readyz").status_code == 503
    for path in (
        "changes?after=0",
        "subscriptions/sub_1",
        "subscriptions",
        "events/1",
        "search?q=x",
    ):
        assert book.get(path).status_code == 503, path
    assert book.get("projections").is_success
    assert book.get("customers/cus_1/access").json()["position"] == late

    command("rebuild", "payments", cwd=book.here, env=book.env)
    assert book.service.client.get("/readyz").is_success
    assert 'daybook_checkpoint_lost{book="live"} 0.0' in metrics(book)
    listed = book.get("subscriptions?limit=100").json()
    assert number(listed["position"]) == number(late) + 2
    assert {one["subscription_id"] for one in listed["data"]} >= {"sub_1", "sub_2", "sub_n0"}
    assert "sub_x" not in {one["subscription_id"] for one in listed["data"]}
    refused(book.get(f"changes?after={late}"))
    said = (book.here / "serve.err").read_text()
    assert "history lost" in said
    assert "projector failed" not in said


def test_a_clock_that_was_ahead_locks_nobody_out(book: Restorable) -> None:
    ahead = timedelta(hours=3)
    with psycopg.connect(book.url) as owner:
        owner.execute("update store.head set recorded_at = now() + %s", [ahead])
    soon = datetime.now(UTC) + timedelta(hours=1)
    begun = soon - timedelta(days=30)
    fields = {"previous_billing_date": begun, "created_at": begun}
    book.tell(
        subscription("sub_s", "active", customer="cus_s", next_billing_date=soon, **fields),
        subscription("sub_l", "active", customer="cus_l",
                     next_billing_date=soon + timedelta(days=30), **fields),
    )  # fmt: skip
    for customer, later in (("cus_s", False), ("cus_l", True)):
        answer = book.get(f"customers/{customer}/access").json()
        assert answer["entitled"]
        at = datetime.fromisoformat(answer["at"])
        assert (at > datetime.now(UTC) + timedelta(hours=2)) is later, customer
        both = f"as_of={answer['at']}&known_at={answer['position']}".replace("+", "%2B")
        again = book.get(f"customers/{customer}/access?{both}")
        assert again.json() == answer
        today = datetime.now(UTC).date()
        # in the last hours of a day, the clock recorded on the next one
        days = [today] if (datetime.now(UTC) + ahead).date() == today else []
        for known in (answer["position"], *days):
            assert book.get(f"customers/{customer}/access?known_at={known}").json()["entitled"]
    told = re.findall(r'daybook_head_ahead_of_clock_seconds{book="live"} (\S+)', metrics(book))
    assert 10_000 < float(told[0]) <= ahead.total_seconds()
    err = book.here / "serve.err"
    book._await(lambda: "head ahead of clock" in err.read_text())
    assert err.read_text().count("head ahead of clock") == 1


def metrics(book: Restorable) -> str:
    return book.service.client.get("/metrics").text

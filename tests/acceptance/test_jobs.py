"""Rebuilds, their previews and comparisons that the API is asked for; and keys that it revokes."""

import os
import signal
import time
from typing import Any

import httpx
import psycopg
import pytest

from tests.acceptance.doors import Doors
from tests.acceptance.processes import children_of, pid_of
from tests.acceptance.service import new_key
from tests.conftest import as_owner

pytestmark = pytest.mark.scenario


def post(doors: Doors, path: str, content: Any, key: str | None = None) -> httpx.Response:  # noqa: ANN401
    headers = {"authorization": f"Bearer {key or doors.live}", "x-request-id": "ticket-8"}
    return doors.service.client.post(f"/v1/{path}", headers=headers, json=content)


def job(doors: Doors, identity: str) -> dict[str, Any]:
    answer = doors.get(f"jobs/{identity}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(doors: Doors, identity: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (found := job(doors, identity))["ended_at"] is None:
        assert time.monotonic() < deadline, found
        time.sleep(0.03)
    return found


def asked(doors: Doors, path: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = post(doors, path, content)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["state"] in {"queued", "running"}
    assert (found["actor"], found["who"]) == ("key", doors.live.split("_")[2])
    return ended(doors, found["job_id"])


def entry(doors: Doors, action: str) -> dict[str, Any]:
    found: dict[str, Any] = doors.get(f"audit?action={action}&limit=1").json()["data"][0]
    return found


def live(doors: Doors, name: str) -> str:
    with psycopg.connect(doors.database_url) as conn:
        row = conn.execute("select live from read.projection where name = %s", (name,)).fetchone()
    assert row
    return str(row[0])


def test_a_preview_tells_what_would_change_in_this_book_and_changes_nothing(doors: Doors) -> None:
    table = live(doors, "subscriptions")
    with psycopg.connect(as_owner(doors.database_url), autocommit=True) as conn:
        name = doors.get("projections").json()["data"][0]["version"]
        conn.execute(
            f"update read.subscriptions_v{name}_g{table} set status = 'paused'"  # noqa: S608
            " where subscription_id in ('sub_1', 'sub_2')"
        )
    found = asked(doors, "projections/rebuild", projections=["subscriptions"], preview=True)
    assert (found["state"], found["subject"], found["problem"]) == ("done", "subscriptions", None)
    (change,) = found["changes"]
    assert (change["name"], change["rows"], change["fields"]) == ("subscriptions", 2, ["status"])
    assert change["statuses"] == [{"before": "paused", "after": "active", "rows": 2}]
    assert change["keys"] == ["sub_1", "sub_2"]
    assert live(doors, "subscriptions") == table
    assert entry(doors, "preview")["subject"] == "subscriptions"
    # of another book nothing is told, and it does not see the job
    other = post(
        doors, "projections/rebuild", {"preview": True, "projections": ["customers"]}, doors.test
    ).json()
    assert doors.get(f"jobs/{other['job_id']}").status_code == 404
    headers = {"authorization": f"Bearer {doors.test}"}
    deadline = time.monotonic() + 60
    while True:
        mine = doors.service.client.get(f"/v1/jobs/{other['job_id']}", headers=headers).json()
        if mine["ended_at"] or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert {one["rows"] for one in mine["changes"]} == {0}


def test_a_rebuild_switches_and_its_undo_goes_back(doors: Doors) -> None:
    table = live(doors, "subscriptions")
    found = asked(doors, "projections/rebuild", projections=["subscriptions"], reason="Repaired.")
    assert (found["state"], found["problem"], found["changes"]) == ("done", None, None)
    assert live(doors, "subscriptions") != table
    assert doors.get("subscriptions/sub_1").json()["status"] == "active"
    recorded = entry(doors, "rebuild")
    assert (recorded["subject"], recorded["reason"], recorded["request_id"]) == (
        "subscriptions", "Repaired.", "ticket-8",
    )  # fmt: skip
    assert asked(doors, "projections/undo", reason="Too early.")["state"] == "done"
    assert live(doors, "subscriptions") == table
    assert entry(doors, "undo_rebuild")["reason"] == "Too early."
    listed = doors.get("jobs?limit=2").json()
    assert [one["kind"] for one in listed["data"]] == ["undo", "rebuild"]
    assert listed["next_cursor"]


def test_what_cannot_be_done_says_why(doors: Doors) -> None:
    with psycopg.connect(as_owner(doors.database_url), autocommit=True) as conn:
        conn.execute("update read.projection set previous = null")
    found = asked(doors, "projections/undo")
    assert (found["state"], found["problem"]) == (
        "failed", "There are no tables from before the last rebuild.",
    )  # fmt: skip
    answer = post(doors, "projections/rebuild", {"projections": ["money"]})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "projections")
    answer = post(doors, "reconcile/compare", {"apply": True})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-configured")
    assert "books.live.provider.api_key" in answer.json()["detail"]


def test_one_waits_or_runs_at_a_time_and_a_dead_one_is_interrupted(doors: Doors) -> None:
    """As a process that was killed leaves it, and while a service of another version is stopped."""
    with psycopg.connect(doors.database_url, autocommit=True) as conn:
        conn.execute(
            "insert into store.job (book, job_id, kind, lane, subject, state, actor, who, began_at)"
            " values ('live', 'gone', 'later', 'read models', 'all', 'running', 'key', 'x', now())"
        )
        answer = post(doors, "projections/rebuild", {})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/already-running")
        conn.execute(
            "update store.job set began_at = now() - '1 m'::interval where job_id = 'gone'"
        )
    found = ended(doors, "gone")
    assert (found["state"], found["problem"]) == (
        "interrupted", "The process that did it has ended.",
    )  # fmt: skip
    found = asked(doors, "projections/rebuild", projections=["refunds"], preview=True)
    assert found["state"] == "done"


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_a_process_that_is_ended_changes_nothing(doors: Doors, number: int) -> None:
    table = live(doors, "subscriptions")
    version = doors.get("projections").json()["data"][0]["version"]
    with psycopg.connect(doors.database_url) as reader:
        # a reader in the way: it cannot switch
        reader.execute(f"select from read.subscriptions_v{version}")
        found = post(doors, "projections/rebuild", {}).json()
        deadline = time.monotonic() + 30
        while doors.get("projections").json()["rebuild"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        projector = pid_of(doors.service, "projector")
        os.kill(children_of(projector)["rebuild"], number)
        done = ended(doors, found["job_id"])
    assert done["state"] == "failed"
    assert "was killed" in done["problem"]
    assert live(doors, "subscriptions") == table
    if number == signal.SIGTERM:
        # after the other its lease has to run out first
        assert asked(doors, "projections/rebuild")["state"] == "done"


@pytest.mark.parametrize(
    "path", ["projections/rebuild", "projections/undo", "reconcile/compare", "keys/revoke"]
)
def test_only_an_operator_asks(doors: Doors, path: str) -> None:
    reader = new_key(doors.database_url, "live", "read,audit")
    assert post(doors, path, {}, reader).json()["scope"] == "admin"
    for question in ("jobs", "jobs/x", "keys"):
        assert doors.get(question, reader).json()["scope"] == "admin"


def test_a_key_is_listed_and_revoked_in_its_own_book(doors: Doors) -> None:
    key = new_key(doors.database_url, "live", "read")
    identity = key.split("_")[2]
    (before,) = [one for one in doors.get("keys").json()["data"] if one["key_id"] == identity]
    assert (before["scopes"], before["revoked_at"]) == (["read"], None)
    assert key not in doors.get("keys").text
    content = {"key_id": identity, "reason": "Lost."}
    assert post(doors, "keys/revoke", content, doors.test).status_code == 404
    answer = post(doors, "keys/revoke", content)
    assert answer.json() == {**before, "revoked_at": answer.json()["revoked_at"]}
    assert answer.json()["revoked_at"]
    assert post(doors, "keys/revoke", content).status_code == 404
    assert doors.get("subscriptions", key).status_code == 401
    recorded = entry(doors, "revoke_key")
    assert (recorded["subject"], recorded["reason"]) == (identity, "Lost.")

"""Who did what, when and why: every action leaves a row, in the transaction of the action."""

import getpass
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.acceptance.doors import CONFIG, Doors, deliver
from tests.acceptance.service import command, new_key, number
from tests.builders import at, body

ACCOUNT = f"{getpass.getuser()}@{socket.gethostname()}"


def post(doors: Doors, path: str, content: Any, key: str | None = None) -> httpx.Response:  # noqa: ANN401
    headers = {"authorization": f"Bearer {key or doors.live}", "x-request-id": "ticket-7"}
    return doors.service.client.post(f"/v1/{path}", headers=headers, json=content)


def daybook(doors: Doors, here: Path, *args: str) -> str:
    (here / "daybook.toml").write_text(CONFIG)
    return command(*args, env={"DAYBOOK_DATABASE_URL": doors.database_url}, cwd=here)


def entries(doors: Doors, query: str = "") -> list[dict[str, Any]]:
    answer = doors.get(f"audit?{query}")
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def park(doors: Doors, stream: str) -> None:
    with psycopg.connect(doors.database_url, autocommit=True) as conn:
        conn.execute(
            "insert into read.parked (book, build, stream, position, error)"
            " values ('live', 'live', %s, 1, 'ValueError: no')",
            (stream,),
        )


def test_a_key_leaves_its_making_and_its_end(doors: Doors, tmp_path: Path) -> None:
    key = daybook(doors, tmp_path, "keys", "create", "--book", "live", "--label", "audited",
                  "--reason", "For the auditor.").strip()  # fmt: skip
    daybook(doors, tmp_path, "keys", "revoke", key)
    identity = key.split("_")[2]
    revoked, created = entries(doors, f"subject={identity}")
    assert (created["action"], created["actor"], created["who"]) == (
        "create_key", "account", ACCOUNT,
    )  # fmt: skip
    assert (created["reason"], created["request_id"], created["label"]) == (
        "For the auditor.", None, None,
    )  # fmt: skip
    assert (revoked["action"], revoked["reason"]) == ("revoke_key", None)
    with pytest.raises(subprocess.CalledProcessError):
        daybook(doors, tmp_path, "keys", "revoke", key)
    assert len(entries(doors, f"subject={identity}")) == 2


def test_a_retry_through_the_api_names_the_key_and_the_request(doors: Doors) -> None:
    key = new_key(doors.database_url, "live", "admin,read")
    park(doors, "subscription-sub_1")
    given = {"stream": "subscription-sub_1", "reason": "The cause is fixed."}
    refused = post(doors, "parked/retry", {**given, "stream": "subscription-none"}, key)
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/not-found")
    answer = post(doors, "parked/retry", given, key)
    assert (answer.status_code, answer.json()) == (
        200, {"stream": "subscription-sub_1", "error": None},
    )  # fmt: skip
    assert doors.get("parked").json()["data"] == []
    (entry,) = entries(doors, "action=retry")
    assert entry == {
        "audit_id": entry["audit_id"], "at": entry["at"], "action": "retry", "actor": "key",
        "who": key.split("_")[2], "label": None, "subject": "subscription-sub_1",
        "reason": "The cause is fixed.", "request_id": "ticket-7",
    }  # fmt: skip


def test_a_rebuild_its_undo_and_a_retry_by_a_command_are_recorded(
    doors: Doors, tmp_path: Path
) -> None:
    daybook(doors, tmp_path, "rebuild", "refunds", "--reason", "A new version.")
    daybook(doors, tmp_path, "rebuild", "--undo")
    park(doors, "subscription-sub_2")
    daybook(doors, tmp_path, "parked", "retry", "--book", "live", "--reason", "Fixed.")
    retried, undone, rebuilt = entries(doors, f"who={ACCOUNT}")[:3]
    assert (retried["action"], retried["subject"]) == ("retry", "subscription-sub_2")
    assert (undone["action"], undone["subject"]) == ("undo_rebuild", "refunds")
    assert (rebuilt["action"], rebuilt["subject"], rebuilt["reason"]) == (
        "rebuild", "refunds", "A new version.",
    )  # fmt: skip


def test_what_needs_attention_is_acknowledged_up_to_a_position(doors: Doors) -> None:
    def told(n: int) -> str:
        content = body("subscription.lent", "active", at(n), f"sub_l{n}")
        position: str = deliver(doors, content).json()["position"]
        doors.service.await_position(doors.live, number(position))
        return position

    def group() -> dict[str, Any]:
        data = doors.get("attention").json()["data"]
        found: dict[str, Any] = next(one for one in data if one["type"] == "subscription.lent")
        return found

    told(200)
    second = told(201)
    before = group()
    assert (before["verdict"], before["count"], before["fresh"]) == ("unknown", 2, 2)
    assert before["acknowledged"] is None
    given = {"verdict": "unknown", "type": "subscription.lent", "until": second, "note": "A loan."}
    answer = post(doors, "attention/acknowledge", given)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        **before,
        "fresh": 0,
        "acknowledged": {
            **answer.json()["acknowledged"],
            "event_position": str(number(second)), "actor": "key", "note": "A loan.",
        },
    }  # fmt: skip
    told(202)
    assert (group()["count"], group()["fresh"]) == (3, 1)
    (entry,) = entries(doors, "action=acknowledge")
    assert (entry["subject"], entry["reason"], entry["request_id"]) == (
        f"unknown subscription.lent up to {number(second)}", "A loan.", "ticket-7",
    )  # fmt: skip
    assert entry["at"] == answer.json()["acknowledged"]["at"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"type": "subscription.nobody"}, "not-found"),
        ({"until": "1"}, "not-found"),
        ({"until": "1-00000000"}, "book-was-restored"),
        ({"until": "the last"}, "invalid-parameter"),
        ({"verdict": "applied"}, "invalid-parameter"),
        ({"note": ""}, "invalid-parameter"),
        ({"note": "a\0b"}, "invalid-parameter"),
        ({"reason": "why"}, "invalid-parameter"),
        (None, "bad-request"),
    ],
)
def test_an_acknowledgement_that_says_nothing_is_refused(
    doors: Doors, change: dict[str, str] | None, kind: str
) -> None:
    last = deliver(doors, body("subscription.leased", "active", at(300), "sub_leased")).json()
    doors.service.await_position(doors.live, number(last["position"]))
    given = {
        "verdict": "unknown", "type": "subscription.leased", "until": last["position"], "note": "-",
    }  # fmt: skip
    answer = post(doors, "attention/acknowledge", None if change is None else given | change)
    assert answer.json()["type"] == f"/problems/{kind}", answer.text
    data = doors.get("attention").json()["data"]
    assert not [g for g in data if g["type"] == "subscription.leased" and g["acknowledged"]]


def test_only_an_operator_acts_and_only_an_auditor_reads_who_did(doors: Doors) -> None:
    reader = new_key(doors.database_url, "live", "read")
    assert doors.get("attention", reader).status_code == 200
    assert doors.get("audit", reader).json()["scope"] == "audit"
    for path in ("attention/acknowledge", "parked/retry"):
        assert post(doors, path, {}, reader).json()["scope"] == "admin"
    # a key sees its own book, whatever was done to others
    made = doors.get("audit?action=create_key", doors.test).json()["data"]
    assert [one["subject"] for one in made] == [doors.test.split("_")[2]]


def test_the_log_is_paged_filtered_and_a_table(doors: Doors) -> None:
    everything = entries(doors, "limit=100")
    seen, cursor = list[dict[str, Any]](), ""
    while True:
        page = doors.get(f"audit?limit=2{cursor}").json()
        seen += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == everything
    assert sorted(seen, key=lambda one: one["at"], reverse=True) == seen
    day = everything[0]["at"][:10]
    assert entries(doors, f"at_gte={day}&at_lte={day}&limit=100") == everything
    assert entries(doors, "at_lte=2026-01-01") == []
    headers = {"authorization": f"Bearer {doors.live}", "accept": "text/csv"}
    table = doors.service.client.get("/v1/audit", headers=headers).text
    assert table.startswith("audit_id,at,action,actor,who,label,subject,reason,request_id\r\n")
    assert len(table.splitlines()) == len(everything) + 1

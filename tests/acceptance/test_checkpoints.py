"""Checkpoints and proofs of a running service, and what becomes of them after a restore."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.proof.notes import open_checkpoint, parse_key
from service.proof.tlog_proof import check_proof
from tests import forkserver
from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, environment, new_key, number
from tests.acceptance.test_restores import Restorable, subscription
from tests.builders import at, body
from tests.conftest import fresh_database


@pytest.fixture(scope="module")
def book(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restorable]:
    here = tmp_path_factory.mktemp("signed")
    (here / "bucket").mkdir()
    anchors = f'[[anchors]]\nkind = "directory"\nname = "bucket"\npath = "{here / "bucket"}"\n'
    (here / "daybook.toml").write_text(CONFIG + anchors)
    url = fresh_database(postgres, template)
    env = {"DAYBOOK_DATABASE_URL": url, "DAYBOOK_DATA_DIR": str(here / "data")}
    service = Service(here, env=env, hasty=True).start()
    yield Restorable(service, new_key(url, "live", "read,audit,admin"), url, here)
    assert service.stop() == 0


def eventually(look: Callable[[], Any]) -> Any:  # noqa: ANN401 - what was looked for
    """What a look finds as soon as it finds something."""
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def listed(book: Restorable) -> dict[str, Any]:
    answer: dict[str, Any] = book.get("checkpoints").json()
    return answer


def proof(book: Restorable, position: str) -> str | None:
    answer = book.get(f"events/{position}/proof")
    return answer.text if answer.is_success else None


def test_an_event_is_proved_without_the_service(book: Restorable) -> None:
    position = book.tell(subscription("sub_1", "active"), subscription("sub_2", "active"))
    text = eventually(lambda: proof(book, position))
    key = listed(book)["origins"][0]["public_key"]
    proved = check_proof(text, [parse_key(key)])
    assert proved.columns["position"] == str(number(position))
    event = book.get(f"events/{position}").json()
    assert (event["link"], event["body_sha256"]) == (proved.link.hex(), proved.body_sha256.hex())
    file = book.here / "event.tlog-proof"
    file.write_text(text)
    assert daybook(book, "proof", "check", str(file), "--key", key) == 0


def test_everybody_reads_the_last_checkpoint_without_a_key(book: Restorable) -> None:
    position = book.tell(subscription("sub_3", "active"))
    eventually(lambda: proof(book, position))
    key = parse_key(listed(book)["origins"][0]["public_key"])
    bare = httpx.get(f"{book.service.client.base_url}/checkpoints/live")
    assert bare.headers["content-type"].startswith("text/plain")
    size = open_checkpoint(bare.text, [key]).size
    assert size >= number(position)
    assert book.get(f"checkpoints/{size}").text == bare.text
    assert httpx.get(f"{book.service.client.base_url}/checkpoints/none").status_code == 404
    first = listed(book)["data"][-1]["size"]
    hashes = book.get(f"checkpoints/{size}/consistency?from={first}")
    assert hashes.status_code == 200
    files = {"older": book.get(f"checkpoints/{first}").text, "newer": bare.text}
    for name, text in {**files, "hashes": hashes.text, "none": ""}.items():
        (book.here / name).write_text(text)
    older, newer, proof_, none = (
        str(book.here / name) for name in ("older", "newer", "hashes", "none")
    )
    check = ("proof", "consistency")
    assert daybook(book, *check, older, newer, proof_, "--key", str(key)) == 0
    assert daybook(book, *check, older, newer, none, "--key", str(key)) == 1
    assert daybook(book, *check, newer, older, proof_, "--key", str(key)) == 1
    assert daybook(book, *check, older, newer, proof_) == 2
    for path in ("checkpoints/x", "checkpoints/99999", "events/99999/proof"):
        assert book.get(path).status_code == 404
    assert book.get(f"checkpoints/{size}/consistency").status_code == 400
    assert book.get(f"checkpoints/{size}/consistency?from={size + 1}").status_code == 404


def test_a_page_of_checkpoints_leads_to_the_next(book: Restorable) -> None:
    position = book.tell(subscription("sub_4", "active"))
    eventually(lambda: proof(book, position))
    every = [one["size"] for one in listed(book)["data"]]
    sizes, path = [], "checkpoints?limit=1"
    while True:
        page = book.get(path).json()
        sizes += [one["size"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        path = f"checkpoints?limit=1&cursor={page['next_cursor']}"
    assert sizes == every
    assert sizes == sorted(sizes, reverse=True)


def test_a_proof_needs_the_scope_audit(book: Restorable) -> None:
    headers = {"authorization": f"Bearer {new_key(book.env['DAYBOOK_DATABASE_URL'], 'live')}"}
    refused = book.service.client.get("/v1/events/1/proof", headers=headers)
    assert refused.status_code == 403


def post(book: Restorable, content: Any, key: str | None = None) -> httpx.Response:  # noqa: ANN401
    headers = {"authorization": f"Bearer {key or book.live}"}
    return book.service.client.post("/v1/evidence", json=content, headers=headers)


def test_evidence_is_made_signed_and_checked_without_the_service(book: Restorable) -> None:
    paid = body("payment.succeeded", "succeeded", at(1), "pay_1", total_amount=1900, currency="EUR")
    disputed = body("dispute.opened", "opened", at(9), "dp_1", customer=None, payment_id="pay_1")
    position = book.tell(paid, disputed)
    question = {"kind": "dispute", "id": "dp_1", "min_position": position}
    made = post(book, question)
    assert made.status_code == 200, made.text
    assert made.headers["content-type"] == "application/zip"
    assert number(made.headers["daybook-position"]) >= number(position)
    assert made.headers["daybook-evidence-uncovered"] == "0"
    assert "etag" not in made.headers
    assert post(book, question).content == made.content
    file = book.here / "dp_1.zip"
    file.write_bytes(made.content)
    key, digest = listed(book)["origins"][0]["public_key"], made.headers["daybook-evidence-digest"]
    assert daybook(book, "evidence", "verify", str(file), "--key", key, "--digest", digest) == 0


def test_a_question_for_evidence_that_makes_no_sense_is_refused(book: Restorable) -> None:
    for content, status in (
        ({"kind": "refund", "id": "ref_1"}, 400),
        ({"kind": "dispute"}, 400),
        ({"kind": "dispute", "id": ""}, 400),
        ({"kind": "dispute", "id": "dp_1", "min_position": "x"}, 400),
        ([], 400),
        ({"kind": "dispute", "id": "dp_none"}, 404),
    ):
        answer = post(book, content)
        assert answer.status_code == status, answer.text
    refused = post(book, {"kind": "refund", "id": "x"}).json()
    assert (refused["parameter"], "dispute" in refused["allowed"]) == ("kind", True)
    reader = new_key(book.env["DAYBOOK_DATABASE_URL"], "live")
    assert post(book, {"kind": "dispute", "id": "dp_1"}, reader).status_code == 403


def metric(book: Restorable, line: str) -> bool:
    return f"\n{line}\n" in book.service.client.get("/metrics").text


@pytest.mark.slow
def test_after_a_restore_it_signs_under_a_new_origin_only(book: Restorable) -> None:
    eventually(lambda: proof(book, book.tell(subscription("sub_5", "active"))))
    book.save()
    last = book.tell(subscription("sub_lost", "active"))
    eventually(lambda: proof(book, last))
    eventually(lambda: listed(book)["data"][0]["anchors"])
    old = listed(book)["origins"][0]
    book.restore()
    problems = eventually(lambda: listed(book)["problems"])
    assert "daybook books continue --book live" in problems[0]["explanation"]
    assert metric(book, 'daybook_signing_failing{book="live"} 1.0')
    assert book.get(f"changes?after={last}").status_code == 409
    shown = examined(book)
    assert (shown["chain"]["state"], shown["restore"]["state"]) == ("ok", "problem")
    assert f"{number(last)} events was signed (it is in an anchor)" in shown["restore"]["found"]
    for step in ("replay it", "daybook connect", "book-was-restored", "books continue"):
        assert step in shown["restore"]["remedy"]
    # webhooks and questions go on
    position = book.tell(subscription("sub_6", "active"))
    assert daybook(book, "books", "continue", "--book", "live") == 0
    eventually(lambda: not listed(book)["problems"])
    shown = examined(book)
    assert "is signed as" in shown["restore"]["found"]
    assert "books continue" not in shown["restore"]["remedy"]
    new, before = listed(book)["origins"]
    assert before == old
    assert new["origin"] == f"{old['origin']}/2"
    assert 0 < new["parted_at"] < number(position)
    text = eventually(lambda: proof(book, position))
    assert check_proof(text, [parse_key(new["public_key"])]).checkpoint.origin == new["origin"]
    eventually(lambda: listed(book)["data"][0]["anchors"])
    assert daybook(book, "verify", "chain", "--book", "live") == 0
    assert daybook(book, "verify", "against", str(book.here / "bucket")) == 0


def daybook(book: Restorable, *args: str) -> int:
    """Run a command where the service runs; its exit status."""
    done = run(book, *args)
    sys.stderr.write(done.stdout + done.stderr)
    return done.returncode


def run(book: Restorable, *args: str) -> subprocess.CompletedProcess[str]:
    env = book.env | {"DAYBOOK_DATA_DIR": str(Path(book.here) / "data")}
    return forkserver.run(
        [sys.executable, "-m", "service", *args], env=environment(env), cwd=book.here,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def examined(book: Restorable) -> dict[str, dict[str, str]]:
    """What the doctor finds about the book, by check."""
    findings = json.loads(run(book, "doctor", "--format", "json").stdout)["findings"]
    return {one["check"]: one for one in findings if one["book"] == "live"}

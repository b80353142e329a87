"""A customer's life over HTTP, with real signatures, on a service started as a user starts it."""

import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from projections.catalog import BY_CATEGORY
from tests import forkserver
from tests.acceptance.service import Service, command, environment, number
from tests.builders import body

NOW = datetime.now(UTC)
RESOURCES = {category: projection.name for category, projection in BY_CATEGORY.items()}
SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_a_newcomer_sees_a_customers_life(service: Service) -> None:
    secret, key = service.find(r"SECRET=(\S+)"), service.find(r"KEY=(\S+)")
    paid_until = NOW + timedelta(days=20)

    def told(kind: str, status: str, days: float, **fields: Any) -> int:  # noqa: ANN401
        identity = "sub_1" if "sub" in kind else "pay_1"
        usual = {"product_id": "pdt_1", "next_billing_date": paid_until}
        content = body(kind, status, ago(days), identity, **{**usual, **fields})
        answer = service.deliver("test", secret, content)
        assert answer.status_code == 200
        assert answer.json()["duplicate"] is False
        return number(answer.json()["position"])

    told("subscription.active", "active", 40)
    told("subscription.renewed", "active", 40, payment_id="pay_1")
    told("payment.succeeded", "succeeded", 40, total_amount=1900, currency="EUR")
    service.await_position(key, told("subscription.on_hold", "on_hold", 10))
    held = service.ask("customers/cus_1/access", key)
    assert (held["entitled"], held["because"][0]["rule"]) == (False, "on_hold")

    service.await_position(key, told("subscription.active", "active", 9))
    active = service.ask("customers/cus_1/access", key)
    assert active["entitled"] is True
    assert datetime.fromisoformat(active["until"]) == paid_until

    service.await_position(key, told("subscription.cancelled", "cancelled", 1))
    cancelled = service.ask("customers/cus_1/access", key)
    assert (cancelled["entitled"], cancelled["because"][0]["rule"]) == (True, "paid_through")

    one = service.ask("subscriptions/sub_1", key)
    assert (one["status"], one["product_id"], one["customer"]["email"]) == (
        "cancelled", "pdt_1", "cus_1@example.com",
    )  # fmt: skip
    assert one["verdicts"] == {"applied": 4, "confirmed": 1}
    assert (one["event_position"], number(one["position"])) == ("6", 6)

    entries = service.ask("subscriptions/sub_1/history", key)["data"]
    assert [(e["from"], e["to"], e["verdict"]) for e in entries] == [
        ("pending", "active", "applied"),
        ("active", "active", "confirmed"),
        ("active", "on_hold", "applied"),
        ("on_hold", "active", "applied"),
        ("active", "cancelled", "applied"),
    ]
    raw = service.client.get(entries[0]["body"], headers={"authorization": f"Bearer {key}"})
    assert raw.content == body(
        "subscription.active", "active", ago(40), "sub_1",
        product_id="pdt_1", next_billing_date=paid_until,
    )  # fmt: skip
    assert service.stop() == 0


def test_the_commands_share_the_private_database_with_the_service(
    service: Service, scratch: Path
) -> None:
    here = ("--data-dir", str(scratch / "data"))
    file = scratch / "body.json"
    file.write_bytes(body("subscription.active", "active", ago(1), "sub_1"))
    url = f"http://127.0.0.1:{service.port}/webhooks/test"
    sent = command("send", str(file), "--to", url, *here, cwd=scratch)
    assert sent.startswith('200 body.json {"position":"1-')

    key = command("keys", "create", "--book", "test", *here, cwd=scratch).strip()
    service.await_position(key, 1)
    before = service.ask("subscriptions", key)
    assert "switched at position 1" in command("rebuild", *here, cwd=scratch)
    assert service.ask("subscriptions", key) == before
    history = command("history", "subscription-sub_1", *here, cwd=scratch)
    assert "subscription sub_1 was activated" in history
    assert "read models at" in command("status", *here, cwd=scratch)

    identity = key.split("_")[2]
    assert identity in command("keys", "list", *here, cwd=scratch)
    command("keys", "revoke", identity, *here, cwd=scratch)
    # within seconds: a process remembers a key that it has seen for as long
    asked = {"authorization": f"Bearer {key}"}
    deadline = time.monotonic() + 30
    while service.client.get("/v1/subscriptions", headers=asked).status_code != 401:
        assert time.monotonic() < deadline, "a revoked key still opens"
        time.sleep(0.1)


@pytest.mark.slow
def test_the_trial_book_stays_the_same_after_a_restart(service: Service) -> None:
    pattern = r"SECRET=(\S+)"
    secret, key = service.find(pattern), service.find(r"KEY=(\S+)")
    assert service.signal(15) == 0
    service.start()
    assert (service.find(pattern), service.find(r"KEY=(\S+)")) == (secret, key)


def test_it_says_its_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", command("--version"))


def test_the_demo_tells_its_story() -> None:
    said = command("demo", "--once", "--port", "0")
    assert "cus_demo_ada is entitled until" in said
    for word in ("paid_through", "sent again", "late", "unknown", "subscription.gifted"):
        assert word in said


@pytest.mark.parametrize(
    ("args", "status", "reason"),
    [
        (["history", "invoice-1"], 1, "the categories are subscription"),
        (["history", "subscription-1"], 2, "Configured books: none"),
        (["status"], 2, "There is no database in"),
        (["send", "."], 2, "is a directory"),
        (["send", "/dev/null", "--to", "foo", "--secret", "whsec_AAAA"], 2, "--to"),
        (["rebuild", "subscription"], 2, "Use any of events, movements"),
        (["keys", "create", "--book", "nope"], 2, "not configured"),
        (["serve", "--config", "nowhere.toml"], 2, "file does not exist"),
        (["send"], 2, "Missing argument"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_a_mistake_on_the_command_line_is_explained(
    args: list[str], status: int, reason: str, scratch: Path
) -> None:
    done = forkserver.run(
        [sys.executable, "-m", "service", *args],
        env=environment({"DAYBOOK_DATA_DIR": str(scratch / "data")}),
        cwd=scratch, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (status, False)
    assert reason in done.stderr


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the official samples are not part of the project")
def test_every_official_sample_is_stored_and_answered(service: Service, scratch: Path) -> None:
    secret, key = service.find(r"SECRET=(\S+)"), service.find(r"KEY=(\S+)")
    files = sorted(SAMPLES.glob("*.json"))
    url = f"http://127.0.0.1:{service.port}/webhooks/test"
    sent = command("send", *map(str, files), "--to", url, "--secret", secret, cwd=scratch)
    assert len([line for line in sent.splitlines() if line.startswith("200 ")]) == len(files) > 40
    service.await_position(key, len(files))
    for position, file in enumerate(files, start=1):
        event = service.ask(f"events/{position}", key)
        assert event["type"] == msgspec.json.decode(file.read_bytes())["type"]
        category, _, identity = event["stream"].partition("-")
        found = service.ask(f"{RESOURCES[category]}/{identity}/history", key)["data"]
        assert str(position) in [entry["event_position"] for entry in found]

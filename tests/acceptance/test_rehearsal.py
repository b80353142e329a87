"""The rehearsal of the README: Daybook next to a stand-in for the provider."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.catalog import AGGREGATES
from service.cli.commands.trigger import TYPES
from tests.acceptance.service import Service, command, number
from tests.acceptance.test_readme import shell
from tests.acceptance.walks import Step, shows, steps
from tests.documents import SERVICE
from tests.sandbox import Sandbox, sandbox

BLOCKS = re.findall(r"^```bash\n(.*?)^```", SERVICE.read_text(), re.DOTALL | re.MULTILINE)
ASK = 'ask() { curl -s -H "Authorization: Bearer $KEY" "$@"; }\n'


@pytest.fixture
def telling(service: Service) -> Iterator[Sandbox]:
    """A sandbox that tells the trial book."""
    url = f"http://127.0.0.1:{service.port}/webhooks/test"
    with sandbox(webhooks_to=url, secret=service.find(r"SECRET=(\S+)")) as made:
        yield made


@pytest.mark.slow
def test_the_rehearsal_shows_what_is_shown(
    service: Service, telling: Sandbox, scratch: Path
) -> None:
    key = service.find(r"KEY=(\S+)")
    env = {
        "DAYBOOK_DATA_DIR": str(scratch / "data"),
        "DAYBOOK_SANDBOX_URL": telling.url,
        "URL": f"http://127.0.0.1:{service.port}",
        "KEY": key,
    }
    for step in (step for block in BLOCKS for step in steps(block)):
        said = ""
        for line in step.commands.splitlines():
            if line.startswith("ask"):
                # a person asks later than a program: once the last webhook has been sent
                service._await(lambda: telling.control.status().waiting == 0, "sent all")
                service.await_position(key, telling.control.status().webhooks["delivered"])
            [said] = shell([Step(f"{ASK}{line}\n", "")], scratch, env)
        assert not step.shown or shows(step.shown, said), (step, said)


@pytest.mark.slow
def test_a_book_that_heard_everything_agrees_with_the_sandbox(
    service: Service, telling: Sandbox
) -> None:
    key = service.find(r"KEY=(\S+)")
    status = telling.control.move(timedelta(days=30))
    assert status.webhooks.keys() == {"delivered"}
    service.await_position(key, status.webhooks["delivered"])
    held = telling.control.resources("subscription")
    told = {attempt.resource for attempt in telling.control.attempts()} & held.keys()
    assert len(told) > 5
    for name in told:
        assert service.ask(f"subscriptions/{name}", key)["status"] == held[name]["status"]
    for doubt in ("verdict=unexpected", "verdict=unknown", "undecided=true", "unread=true"):
        assert service.ask(f"events?{doubt}", key)["data"] == [], doubt


def test_every_type_can_be_triggered(service: Service, scratch: Path) -> None:
    assert len(TYPES) == len(set(TYPES)) == 48
    assert set(TYPES) == {name for a in AGGREGATES for name in a.lifecycle.events}
    key = service.find(r"KEY=(\S+)")
    to = f"http://127.0.0.1:{service.port}/webhooks/test"
    args = ("--to", to, "--data-dir", str(scratch / "data"))
    sent = [
        command("trigger", kind, "--customer", "cus_1", *args)
        for kind in ("subscription.on_hold", "credit.balance_low", "payout.success")
    ]
    last = max(number(re.findall(r'"position":"([^"]+)"', said)[0]) for said in sent)
    service.await_position(key, last)
    assert service.ask("customers/cus_1/access", key)["because"][0]["rule"] == "on_hold"

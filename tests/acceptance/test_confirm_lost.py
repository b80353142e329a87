"""Whatever webhooks are lost: who has a subscription at the provider is not denied."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from service.sandbox.client import SandboxError
from service.sandbox.messages import AnswerFaultRequest, WebhookFaultRequest
from tests.acceptance.shop import Shop, shop
from tests.acceptance.test_confirm import buy, holders, rules

_DEEDS = ("pause", "unpause", "cancel", "renew", "recover", "keep", "fail-next-renewal")


def payers(running: Shop) -> set[str]:
    """Whom the provider holds active: by a subscription, or by a grant of what was bought once."""
    grants = running.control.resources("entitlement_grant").values()
    return {*holders(running)} | {
        grant["customer_id"]
        for grant in grants
        if grant["status"] == "Delivered" and grant["subscription_id"] is None
    }


def denied_payers(running: Shop) -> dict[str, list[str]]:
    """Who is denied now, and active at the provider, with the rules that deny."""
    before = payers(running)
    customers = [*running.control.resources("customer")]
    answers = running.access_of_all(customers)
    # the sandbox's clock runs on
    wrong = (before & payers(running)) - {i for i in customers if answers[i]["entitled"]}
    return {customer: rules(answers[customer]) for customer in wrong}


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(1, marks=pytest.mark.slow),
        *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 8)),
    ],
)
def test_no_payer_is_denied(tmp_path: Path, database_url: str, seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - no secret
    rules_of_book = "confirm_denials = true, renewal_allowance_days = 0"
    with shop(
        tmp_path, database_url, access=rules_of_book, customers=40, seed=seed, behind="2402h"
    ) as running:
        # two hours remain: no news are of the last minute
        for days in (33, 33, 34):
            share = WebhookFaultRequest(kind="lose", share=rng.choice([0.2, 0.5, 1.0]))
            running.control.add_webhook_fault(share)
            running.control.move(timedelta(days=days))
        running.settle()
        assert payers(running)
        assert denied_payers(running) == {}
        asked = running.counted("daybook_denial_answers_total")
        assert asked['{book="test",result="yes"}']
        for _ in range(3):
            lose = WebhookFaultRequest(kind="lose", share=rng.choice([0.3, 0.7, 1.0]))
            running.control.add_webhook_fault(lose)
            for subscription in running.control.resources("subscription"):
                try:
                    running.control.act(rng.choice(_DEEDS), subscription)
                except SandboxError:
                    # it is not of the status that this takes
                    continue
            running.settle()
            running.reload()
            assert denied_payers(running) == {}


@pytest.fixture
def long_ago(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    access = "confirm_denials = true, renewal_allowance_days = 0"
    with shop(tmp_path, database_url, access=access, behind="1442h") as running:
        yield running


def test_a_renewal_that_nobody_told_of(long_ago: Shop) -> None:
    running = long_ago
    renewed = buy(running, "cus_renewed")
    buy(running, "cus_yearly", "pdt_yearly")
    ending = buy(running, "cus_ending")
    running.act("cancel", ending, at_period_end=True)
    running.control.add_webhook_fault(WebhookFaultRequest(kind="lose"))
    running.control.move(timedelta(days=60))
    asked = running.requests
    assert running.access("cus_yearly")["entitled"]
    assert running.requests == asked
    # the last known period ended a month ago
    running.control.add_answer_fault(AnswerFaultRequest(status=500))
    for setting, entitled in (("recent", True), ("deny", False), ("allow", True)):
        access = {"confirm_denials": "true", "renewal_allowance_days": 0}
        running.configure(**access, unconfirmed=f"'{setting}'")
        answer = running.access("cus_renewed")
        assert rules(answer) == ["unconfirmed", "renewal_missed"]
        assert answer["entitled"] == entitled, setting
    running.control.clear_faults()
    running.reload()
    answer = running.access("cus_renewed")
    assert (answer["entitled"], rules(answer)) == (True, ["active"])
    history = running.get(f"subscriptions/{renewed}/history").json()["data"]
    assert [entry["source"] for entry in history][-1] == "api"
    answer = running.access("cus_ending")
    assert (answer["entitled"], rules(answer)) == (False, ["cancelled"])

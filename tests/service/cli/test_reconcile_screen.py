"""What a person sees of a comparison with the provider."""

from msgspec.structs import replace

from service.cli import reconcile_screen
from service.cli.screens import Screen
from service.queries.reconcile import Drift
from tests.acceptance.compared import DIFFERENCE, RUN
from tests.service.cli.test_screens import HOSTILE, printed


def test_the_head_names_who_would_lose_access() -> None:
    run = replace(RUN, gaining=3, gains=("cus_2",), review=2)
    text = printed(
        show=lambda out: reconcile_screen.head(out, run, {"cus_1": "Ada, ada@example.com"})
    )
    for part in (
        "drift", RUN.run_id, "120 looked at, 119 in sync, 1 differs; 14 requests",
        "1 never_arrived", "1 would lose access: cus_1 (Ada, ada@example.com)",
        "3 would gain access: cus_2 and 2 more", "2 for a person", "--apply",
        "not looked at: payout: The provider refuses", "not subscribed to: subscription.on_hold",
        "Replay missing",
    ):  # fmt: skip
        assert part in text, part


def test_what_was_applied_is_told_as_done() -> None:
    run = replace(RUN, apply=True, applied=1)
    text = printed(show=lambda out: reconcile_screen.head(out, run, {}))
    assert "1 lost access: cus_1" in text
    assert "1 applied" in text
    refused = replace(run, applied=0, reason="6 customers would lose access")
    text = printed(show=lambda out: reconcile_screen.head(out, refused, {}))
    assert "1 would lose access: cus_1" in text


def test_after_applying_all_the_head_says_that_it_was_applied() -> None:
    run = replace(RUN, state="in_sync", apply=True, applied=1, rate_limit_remaining=1_000)
    text = printed(show=lambda out: reconcile_screen.head(out, run, {}))
    assert "1 difference applied: the book says what the provider says" in text
    assert "Nothing was applied" not in text
    assert "14 requests, 1,000 left for now by the provider's limit" in text
    unchanged = replace(run, differing=0, applied=0)
    text = printed(show=lambda out: reconcile_screen.head(out, unchanged, {}))
    assert text.startswith("in sync")


def test_who_loses_access_comes_first() -> None:
    rows = [
        replace(DIFFERENCE, id="sub_none", effect="none", review=True),
        replace(DIFFERENCE, id="sub_gains", effect="gains"),
        replace(DIFFERENCE, id="sub_loses"),
    ]
    text = printed(show=lambda out: reconcile_screen.differences(out, RUN, rows))
    assert text.index("sub_loses") < text.index("sub_gains") < text.index("sub_none")
    assert "review" in text
    assert text.count("never_arrived: ") == 1


def test_what_is_not_printed_is_counted_with_the_way_to_it() -> None:
    drift = (
        Drift("subscription", "never_arrived", 1_200), Drift("subscription", "gone", 34),
        Drift("payment", "never_arrived", 1),
    )  # fmt: skip
    rows = [*[DIFFERENCE] * 10, replace(DIFFERENCE, kind="payment")]
    run = replace(RUN, drift=drift)
    text = printed(show=lambda out: reconcile_screen.differences(out, run, rows))
    assert "Not shown: 1,224 more of subscription. All that were kept are" in text
    assert f"/v1/reconcile/runs/{RUN.run_id}/differences" in text
    assert "--format csv" in text
    whole = replace(RUN, drift=drift[2:])
    text = printed(show=lambda out: reconcile_screen.differences(out, whole, rows[-1:]))
    assert "Not shown" not in text


def test_nothing_is_printed_of_no_difference() -> None:
    assert not printed(show=lambda out: reconcile_screen.differences(out, RUN, []))


def test_data_drives_no_terminal() -> None:
    text = "".join(HOSTILE)
    run = replace(RUN, losses=(text,), reason=text)
    row = replace(DIFFERENCE, id=text, customer_id=text, ours=text, evidence=text, remedy=text)

    def show(out: Screen) -> None:
        reconcile_screen.head(out, run, {text: text})
        reconcile_screen.differences(out, run, [row])

    shown = printed(show=show)
    assert "[bold]" in shown
    assert not {"\x1b", "\u202e", "\r"} & set(shown)

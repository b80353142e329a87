"""How values are written, and that every rule, verdict and mark has its sentence."""

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from msgspec import Raw

from domain.access_state import STATES
from domain.events import Verdict
from projections.catalog import STREAMS
from projections.customers import CUSTOMERS
from service.console import facts, pieces, rules, wording
from service.console.attention import count_of, fresh_of
from service.console.facts import Fact
from service.console.frame import Frame
from service.queries.attention import AttentionGroup
from service.queries.snapshots import FieldChange
from tests.builders import NOON, at


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (1900, "EUR", "19.00 EUR"),
        (-5, "usd", "\u22120.05 USD"),
        (123456789, "EUR", "1\u202f234\u202f567.89 EUR"),
        (1900, "JPY", "1\u202f900 JPY"),
        (1900, "KWD", "1.900 KWD"),
        (2**60, "EUR", "11\u202f529\u202f215\u202f046\u202f068\u202f469.76 EUR"),
        (1900, None, "1\u202f900 minor units"),
        (None, "EUR", "—"),
    ],
)
def test_money(amount: int | None, currency: str | None, written: str) -> None:
    assert wording.money(amount, currency) == written


def test_a_moment_is_written_in_utc_and_read_by_machines() -> None:
    paris = timezone(timedelta(hours=2))
    written = wording.moment(datetime(2026, 3, 1, 1, 5, 9, tzinfo=paris))
    assert written == (
        '<time datetime="2026-02-28T23:05:09Z">28\u00a0Feb\u00a02026\u00a023:05&nbsp;'
        '<span class="zone">UTC</span></time>'
    )
    assert wording.moment("2026-02-28T23:05:09Z") == written
    assert wording.moment(None) == "—"
    assert wording.minute(datetime(2026, 3, 1, 1, 5, 9, tzinfo=paris)) == "28 Feb 2026 23:05"
    assert wording.minute(datetime(2026, 3, 1, 1, 5, tzinfo=UTC)) == "1 Mar 2026 01:05"


def test_the_moments_of_a_sentence_are_written_as_others_are() -> None:
    moment = wording.moment("2026-05-03T12:00:00Z")
    assert wording.timed("on hold since 3 May 2026 12:00 UTC; <it>") == (
        f"on hold since {moment}; &lt;it&gt;"
    )
    assert wording.timed("since 3 May 2026 12:00:10.5 UTC") == (
        'since <time datetime="2026-05-03T12:00:10.5Z">3\u00a0May\u00a02026\u00a012:00:10.5&nbsp;'
        '<span class="zone">UTC</span></time>'
    )
    assert wording.timed("99 Abc 2026 12:00 UTC") == "99 Abc 2026 12:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (200_000, "2 d")],
)
def test_a_duration_in_its_largest_unit(seconds: float, written: str) -> None:
    assert wording.ago(seconds).replace("\u202f", " ") == written
    assert wording.ago(timedelta(seconds=seconds)) == wording.ago(seconds)


def test_every_rule_verdict_and_state_has_its_sentence() -> None:
    named = {rule for row in STATES for rule in row.rules}
    assert named - rules.RULES.keys() == set()
    assert set(get_args(Verdict)) == wording.VERDICTS.keys()
    sentences = (*rules.RULES.values(), *wording.VERDICTS.values(), *wording.MARKS.values())
    assert all(sentence.endswith(".") for sentence in sentences)


def test_every_kind_of_resource_has_facts_and_columns() -> None:
    names = {projection.name for projection in (*STREAMS, CUSTOMERS)}
    assert facts.SHOWN.keys() == facts.LISTED.keys() == names


def test_a_fact_is_written_by_what_it_is() -> None:
    document = facts.plain({
        "total_amount": 5, "currency": "EUR", "amount": "22.61",
        "created_at": at(0), "payment_id": "pay_1", "on_demand": False,
        "quantity": 2, "tax": "none", "expires_at": "soon",
    })  # fmt: skip
    shown = {one.name: (one.kind, one.about) for one in facts.facts(document, document)}
    assert shown == {
        "total_amount": ("money", "EUR"), "currency": ("text", None), "amount": ("money", "EUR"),
        "created_at": ("moment", None), "payment_id": ("id", "payment"),
        "on_demand": ("flag", None), "quantity": ("text", None), "tax": ("text", None),
        "expires_at": ("text", None),
    }  # fmt: skip
    assert at(0) == datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "customer"),
    [
        ({"customer": {"customer_id": "c", "name": "Ada", "email": "a@b"}}, ("c", "Ada")),
        ({"customer": {"customer_id": "c", "name": ""}}, ("c", "c")),
        ({"customer_id": "c"}, ("c", "c")),
        ({"customer": "Ada"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_whose_a_document_is(document: dict[str, object], customer: tuple[str, str]) -> None:
    assert facts.customer_of(document) == customer


def test_a_figure_leaves_out_the_currency_of_its_table() -> None:
    assert wording.figure(1900, "EUR") == "19.00"
    assert wording.figure(-5, "eur") == "\u22120.05"
    assert wording.figure(1500, "JPY") == "1\u202f500"
    assert wording.figure(1500, None) == "1\u202f500"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("21 Mar 2026 09:00: refund ref_1 succeeded.", "Refund ref_1 succeeded."),
        ("1 Dec 2026 00:30: the customer opened dp_1.", "The customer opened dp_1."),
        (
            "1 Dec 2026 00:30: subscription.gifted of sub_1 is not an event",
            "subscription.gifted of sub_1 is not an event",
        ),
        ("Not folded: it names another business.", "Not folded: it names another business."),
        (
            "1 Dec 2026 00:30: refund ref_1,5 of 1,234,567.89 EUR succeeded, 1,2.",
            "Refund ref_1,5 of 1\u202f234\u202f567.89 EUR succeeded, 1,2.",
        ),
    ],
)  # fmt: skip
def test_what_happened_is_written_as_what_stands_beside_it(what: str, said: str) -> None:
    assert wording.untimed(what) == said


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_utc_does_not_have_is_shown_as_it_came(at: str) -> None:
    assert facts.fact({"next_billing_date": at}, "next_billing_date").kind == "text"


def test_a_number_that_no_float_is_is_shown_as_it_came() -> None:
    assert facts.plain({"amount": Raw(b"1e999"), "tax": Raw(b"1.5")}) == {
        "amount": "1e999", "tax": 1.5,
    }  # fmt: skip


def test_a_count_that_ended_early_says_so() -> None:
    assert wording.counted(wording.MOST_COUNTED - 1) == "999"
    assert wording.counted(wording.MOST_COUNTED) == "1\u202f000+"


def test_groups_of_which_not_all_were_counted_say_so_together() -> None:
    def group(fresh: int, count: int) -> AttentionGroup:
        return AttentionGroup("unknown", "a.b", count, fresh, "1", NOON, "9", NOON, None)

    few, many, seen = group(7, 8), group(1000, 1500), group(0, 5000)
    assert (fresh_of([few]), count_of([few])) == ("7", "8")
    assert (fresh_of([seen]), count_of([seen])) == ("", "5\u202f000")
    assert (fresh_of([few, many]), count_of([few, many])) == ("1\u202f007+", "1\u202f508+")


def test_what_stands_in_a_payload_is_escaped_in_every_piece() -> None:
    hostile = "<script>\"'&"
    change = FieldChange(hostile, hostile, hostile)
    for made in (
        pieces.status(hostile),
        pieces.identity(hostile, hostile),
        pieces.diff([change]),
        pieces.fact(Frame(now=NOON), Fact("text", "text", hostile)),
        pieces.fact(Frame(now=NOON), Fact("id", "id", hostile, "payment")),
    ):
        assert "<script>" not in made
        assert "&lt;script&gt;" in made
        assert "\"'" not in made

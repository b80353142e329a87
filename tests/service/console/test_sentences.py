"""What pages say, rendered of answers that were made up."""

import re
from html import unescape

import pytest
from msgspec import Struct
from msgspec.structs import replace

from service.console import reconcile
from service.console.attention import AttentionPage, Judged
from service.console.find import SearchPage
from service.console.frame import Frame
from service.console.operations import OperationsPage
from service.console.proof import ProofPage
from service.console.reconcile import RunsPage
from service.console.rendering import TEMPLATES
from service.console.sessions import Holder
from service.queries.projections import ProjectionAnswer, ProjectionPage
from service.queries.search import Hit
from tests.acceptance.compared import RUN
from tests.builders import NOON

assert reconcile.RECONCILE, "its actions are known to the templates"
assert TEMPLATES.instance is not None
ENVIRONMENT = TEMPLATES.instance.engine
HOLDER = Holder("shop", "5f0c8a21", ("read",), "Ada")
FRAME = Frame(book="shop", mode="test", holder=HOLDER, now=NOON)


def said(template: str, page: Struct) -> str:
    """The text of a page, without its markup and with single spaces."""
    shown = ENVIRONMENT.get_template(template).render(frame=FRAME, page=page)
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", "", shown)))


def test_a_comparison_says_what_applying_it_would_do() -> None:
    page = RunsPage(is_configured=True, every="6h", runs=[RUN], next_cursor=None, asked=None)
    text = said("reconcile.html", page)
    assert "If that were applied, 1 customer would lose access, and 0 would gain it." in text
    assert "The book is compared every 6h." in text
    text = said("reconcile.html", replace(page, every="never", runs=[replace(RUN, losing=2)]))
    assert "2 customers would lose access" in text
    assert "every never" not in text
    assert "compared only when somebody asks" in text


@pytest.mark.parametrize(
    ("events", "signed", "anchored", "sentence"),
    [
        (1, 1, 1, "All of 1 event signed, and kept in an anchor."),
        (9, 7, 5, "5 of 9 events signed, and kept in an anchor: nobody can change them unseen."),
        (1, 1, 0, "1 of 1 event signed. No anchor has a checkpoint: somebody with"),
        (9, 0, 0, "9 events. Not signed yet"),
    ],
)
def test_how_much_is_signed(events: int, signed: int, anchored: int, sentence: str) -> None:
    page = ProofPage(events, signed, anchored, [], 1.0, "", [], None, [], [], None, is_first=True)
    assert sentence in said("proof.html", page)


def test_a_search_says_for_what_and_how_much_was_found() -> None:
    hit = Hit("customer", "cus_1", None, "name", "Ada", "/v1/customers/cus_1")
    one = said("search.html", SearchPage("ada", [hit], more=False))
    assert "Found for “ada”" in one
    assert "1 match " in one
    assert "2 matches" in said("search.html", SearchPage("ada", [hit, hit], more=False))
    assert "The first 1 " in said("search.html", SearchPage("ada", [hit], more=True))
    assert "Nothing in the book shop matches bob." in said(
        "search.html", SearchPage("bob", [], more=False)
    )


def test_the_only_event_to_look_at_is_no_share_of_many() -> None:
    one, three = AttentionPage([Judged("unknown", [], "")], "1", "1"), "Nobody has looked at 1 of 3"
    assert "Nobody has looked at the only event yet." in said("attention.html", one)
    assert three in said("attention.html", replace(one, count="3"))


@pytest.mark.parametrize(
    ("events", "seconds", "sentence"),
    [
        (0, 0.0, "Yes: every event is reflected, up to position 5."),
        (1, 2.0, "They lack the latest 1 event; the oldest of these came 2\u202fs ago."),
        (4, 90.0, "No: they lack the latest 4 events;"),
    ],
)
def test_a_lag_that_is_too_long_says_what_to_do(events: int, seconds: float, sentence: str) -> None:
    model = ProjectionAnswer("payments", 1, "live", "5", events, seconds)
    standing = ProjectionPage([model], None, 0, "5")
    text = said("operations.html", OperationsPage(standing, "minute", [], [], [], None))
    assert re.sub(r"\s+", " ", sentence) in text
    assert ("daybook doctor" in text) == (seconds > 60)


def test_operations_says_that_parked_streams_do_not_keep_up() -> None:
    model = ProjectionAnswer("payments", 1, "live", "5", 0, 0.0)
    standing = ProjectionPage([model], None, 1, "5")
    text = said("operations.html", OperationsPage(standing, "minute", [], [], [], None))
    assert "Yes, except in 1 parked stream: every other event is reflected, up to" in text
    assert "1 stream is parked." in text

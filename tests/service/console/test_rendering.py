"""What templates are rendered with: what they call, and the addresses of their links."""

import html
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError
from jinja2.runtime import Context
from markupsafe import Markup, escape

from service.console import pieces, wording
from service.console.charts import Column, bars
from service.console.frame import Frame
from service.console.ledgers import Cell, Line
from service.console.rendering import TEMPLATES
from tests.builders import NOON

assert TEMPLATES.instance is not None
ENVIRONMENT: Environment = TEMPLATES.instance.engine
FRAME = Frame(book="live", now=NOON)


@given(st.text())
def test_an_identifier_may_be_any_text_in_a_link(identity: str) -> None:
    expected = f"/console/live/customers/{quote(identity, safe=':@')}".removesuffix("/")
    assert FRAME.href("customers", identity) == expected


def test_what_templates_call_wants_nothing_of_the_context() -> None:
    """Their context hands on only what they give themselves."""
    own = [*ENVIRONMENT.filters.values(), *ENVIRONMENT.globals.values()]
    called = [one for one in own if callable(one) and one.__module__.startswith("service")]
    assert called
    assert [one for one in called if hasattr(one, "jinja_pass_arg")] == []


@pytest.mark.parametrize(
    "template",
    [
        "{% macro b(x) %}<b>{{ x }}</b>{% endmacro %}{{ b(given) }}",
        "{% macro b() %}<b>{{ caller() }}</b>{% endmacro %}{% call b() %}{{ given }}{% endcall %}",
        "{% for x in [given] %}{% macro b() %}<b>{{ x }}</b>{% endmacro %}{{ b() }}{% endfor %}",
        "{% block b %}{% for x in [given] %}<b>{{ x.format() }}</b>{% endfor %}{% endblock %}",
    ],
)
def test_a_call_gives_what_the_library_gives_and_escapes(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ENVIRONMENT.context_class is not Context
    shown = ENVIRONMENT.from_string(template).render(given="<script>")
    assert shown == "<b>&lt;script&gt;</b>"
    monkeypatch.setattr(ENVIRONMENT, "context_class", Context)
    assert ENVIRONMENT.from_string(template).render(given="<script>") == shown


class Shown:
    """An object that is markup in its own way."""

    def __html__(self) -> str:
        return "<b>&</b>"


@given(st.text() | st.integers() | st.floats() | st.none() | st.text().map(Markup))
@example(Shown())
@example("<a href='x\"'>&amp;")
def test_what_a_page_shows_is_escaped_as_the_library_does(value: object) -> None:
    shown = ENVIRONMENT.from_string('<a title="{{ value }}">{{ value }}</a>').render(value=value)
    expected = html.unescape(escape(value))
    assert shown.count(wording.escaped(value)) >= 2
    assert html.unescape(wording.escaped(value)) == expected
    if not hasattr(value, "__html__"):
        assert not set(wording.escaped(value)) & set("<>\"'")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nobody"):
        ENVIRONMENT.from_string("{{ nobody }}").render()


def test_figures_that_are_nothing_look_alike_and_sound_different() -> None:
    nothing = [
        Cell("0.00", "revenue", "", leads=False, now="", is_zero=True),
        Cell("\N{EM DASH}", "churn", "churned", leads=False, now="", is_zero=False),
    ]
    shown = pieces.figure_cells(
        FRAME, Line("May 2026", is_open=False, query="currency=EUR", cells=nothing)
    )
    assert shown.count(">\N{EN DASH}</span>") == 2
    assert shown.count('<span class="unseen">0</span>') == 1
    assert shown.count('<span class="unseen">none</span>') == 1


def test_no_label_of_a_chart_is_cut_off_at_its_edges() -> None:
    columns = [Column(f"0{n}:00", (), "") for n in range(9)]
    shown = pieces.drawn(bars(columns, width=180))
    assert '<text x="0" y="126" text-anchor="start">00:00<' in shown
    assert '<text x="90" y="126" text-anchor="middle">04:00<' in shown
    assert '<text x="180" y="126" text-anchor="end">08:00<' in shown


def test_what_a_chart_says_is_text() -> None:
    columns = [Column("<i>", (("ink", 3),), "<b>3</b>", (("bad", 1),)), Column("", (), "nothing")]
    shown = pieces.drawn(bars(columns))
    assert shown.count("<rect ") == 2
    assert shown.count("<title>&lt;b&gt;3&lt;/b&gt;</title>") == 2
    assert shown.count("<text ") == 1
    assert ">&lt;i&gt;</text>" in shown

"""What stands in tables and stories by the hundred, as markup that no template has to put together.

``macros.html`` hands these on under their names, so templates call them as they call macros: each
takes a tenth of the time. Whatever comes from a payload is escaped here.
"""

from collections.abc import Iterable
from functools import lru_cache

from markupsafe import Markup, escape

from service.console import wording
from service.console.charts import Chart
from service.console.facts import Fact
from service.console.frame import Frame
from service.console.ledgers import Line
from service.console.wording import escaped, made
from service.queries.answers import EventAnswer, HistoryEntry, IndexedEvent
from service.queries.snapshots import FieldChange

_ABSENT = Markup('<span class="quiet">absent</span>')
_DASH = '<span class="quiet" aria-hidden="true">\N{EN DASH}</span>'
_ZERO = f'{_DASH}<span class="unseen">0</span>'
_NO_RATE = f'{_DASH}<span class="unseen">none</span>'
_HALF_LETTER = 6.0
"""Half the width of a letter below a chart, in its units, as a narrow window shows it."""
_NONE = Markup('<span class="quiet">—</span>')


Event = HistoryEntry | IndexedEvent | EventAnswer
"""An event with its type, its verdict and its marks."""


@lru_cache(1024)
def status(name: str | None, tone: str | None = None) -> Markup:
    """A status by shape and word, and by colour only in addition."""
    shown = escaped(tone or wording.tone(name))
    return made(f'<span class="status {shown}">{escaped(wording.words(name))}</span>')


def identity(value: object, href: str) -> Markup:
    """An identifier that leads to its page."""
    return made(f'<a class="id" href="{escaped(href)}">{escaped(value)}</a>')


def kind(event: Event) -> Markup:
    """The type of an event."""
    said = event.type or ("read at the provider" if event.source == "api" else "no type")
    return made(f"<code>{escaped(said)}</code>")


def verdict(event: Event) -> Markup:
    """The verdict on an event and its marks, explained on hover."""
    return _verdict(event.verdict, marks(event))


@lru_cache(256)
def _verdict(judged: str | None, marked: tuple[str, ...]) -> Markup:
    tone, why = wording.tone(judged), escaped(wording.VERDICTS.get(judged or "", ""))
    said = f'<span class="status {tone}" title="{why}">{escaped(judged or "")}</span>'
    for mark in marked:
        said += f' <span class="mark" title="{escaped(wording.MARKS[mark])}">{mark}</span>'
    return made(said)


def marks(event: Event) -> tuple[str, ...]:
    """The names of the marks that an event has."""
    return tuple(mark for mark in wording.MARKS if getattr(event, mark))


def explained(event: Event) -> Markup:
    """The verdict and the marks, each in a sentence."""
    said = [wording.VERDICTS[event.verdict]] if event.verdict else []
    return escape(" ".join((*said, *(wording.MARKS[mark] for mark in marks(event)))))


def told(frame: Frame, event: HistoryEntry | IndexedEvent) -> Markup:
    """One event of a story: when, what in words, the verdict, and a link to all of it."""
    place = escaped(event.event_position)
    return made(
        f'<p class="when">{wording.moment(event.occurred_at)} {kind(event)} {verdict(event)}'
        f' <a href="{escaped(frame.href("events", place))}">event {place}</a></p>\n'
        f'<p class="what">{escaped(wording.untimed(event.what))}</p>'
    )


def figure_cells(frame: Frame, line: Line) -> Markup:
    """The figures of a period, each leading to what it is made of.

    One that was closed is followed by what it is now, where that differs.
    """
    money, query = escaped(frame.href("money")), escaped(line.query)
    parts = []
    for cell in line.cells:
        if cell.leads:
            figure = f"&amp;figure={cell.figure}" * bool(cell.figure)
            shown = f'<a href="{money}/{cell.metric}?{query}{figure}">{escaped(cell.text)}</a>'
        elif cell.is_zero:
            shown = _ZERO
        else:
            # of nothing that could be lost
            shown = _NO_RATE
        if cell.now:
            now = escaped(cell.now)
            shown += f' <span class="now"><span class="unseen">, </span>now {now}</span>'
        parts.append(f'<td class="figure">{shown}</td>')
    return made("".join(parts))


def drawn(chart: Chart) -> Markup:
    """The bars of a chart, and the labels beneath them."""
    parts = [
        f'<rect class="bar {bar.tone}" x="{bar.x}" y="{bar.y}" width="{bar.width}"'
        f' height="{bar.height}"><title>{escaped(bar.title)}</title></rect>'
        for bar in chart.bars
    ]
    below = chart.height + 6
    for tick in chart.ticks:
        # a label at an edge would be cut off
        x, anchor, half = tick.x, "middle", _HALF_LETTER * len(tick.text)
        if x < half:
            x, anchor = 0, "start"
        elif x > chart.width - half:
            x, anchor = chart.width, "end"
        text = escaped(tick.text)
        parts.append(f'<text x="{x:g}" y="{below:g}" text-anchor="{anchor}">{text}</text>')
    return made("\n".join(parts))


def fact(frame: Frame, one: Fact) -> Markup:
    """A fact of a document: money, moment, link or text."""
    if one.value is None:
        return _NONE
    if one.kind == "money":
        return escape(wording.money(one.value, one.about))
    if one.kind == "moment":
        return wording.moment(one.value)
    if one.kind == "id":
        return identity(one.value, frame.resource(one.about or "", one.value))
    if one.kind == "flag":
        return escape("yes" if one.value else "no")
    return escape(wording.as_json(one.value))


def diff(changes: Iterable[FieldChange]) -> Markup:
    """What changed in a snapshot."""
    parts = ['<dl class="facts diff">']
    for one in changes:
        before = _ABSENT if one.before is None else f"<del>{escaped(one.before)}</del>"
        after = _ABSENT if one.after is None else f"<ins>{escaped(one.after)}</ins>"
        parts.append(f"<dt>{escaped(one.name)}</dt><dd>{before} → {after}</dd>")
    return made("\n".join((*parts, "</dl>")))

"""Charts as geometry, for a template that writes it as SVG; the table beneath has the figures."""

from collections.abc import Sequence

from msgspec import Struct

WIDTH, HEIGHT = 1160.0, 120.0
_GAP = 0.2
_LEAST = 1.5


class Bar(Struct, frozen=True):
    """One part of a column: where it stands, and what it says."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


class Tick(Struct, frozen=True):
    """A label below the columns."""

    x: float
    text: str


class Column(Struct, frozen=True):
    """What a column shows: its label, its parts from the bottom as (tone, value), its title."""

    label: str
    parts: tuple[tuple[str, float], ...]
    title: str


class Chart(Struct, frozen=True):
    """Bars above a line, with their labels; ``highest`` is the value at the top."""

    width: float
    height: float
    bars: list[Bar]
    ticks: list[Tick]
    highest: int


def bars(columns: Sequence[Column], every: int = 1, least: float = 1) -> Chart:
    """Columns of stacked bars, as high as their values; each ``every``-th shows its label.

    A value that is not zero is seen, however small. The line at the top stands for ``least`` or
    more, so that what is small all along does not look high.
    """
    highest = max([least, *(sum(value for _, value in c.parts) for c in columns)])
    step = WIDTH / max(1, len(columns))
    width = round(step * (1 - _GAP), 2)
    made: list[Bar] = []
    for place, column in enumerate(columns):
        top, left = HEIGHT, round(step * (place + _GAP / 2), 2)
        for tone, value in column.parts:
            if value <= 0:
                continue
            height = max(_LEAST, value / highest * HEIGHT)
            top -= height
            made.append(Bar(left, round(top, 2), width, round(height, 2), tone, column.title))
    ticks = [
        Tick(round(step * (place + 0.5), 2), column.label)
        for place, column in enumerate(columns)
        if place % every == 0 and column.label
    ]
    return Chart(WIDTH, HEIGHT, made, ticks, round(highest))

"""Charts as geometry, for a template that writes it as SVG; the table beneath has the figures."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

WIDTH, HEIGHT = 1160.0, 120.0
_GAP = 0.3
_WIDEST = 44.0
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
    """What a column shows: its label, its parts as (tone, value), its title.

    ``parts`` stand on the line, the first one lowest; ``below`` hang from it, the first one
    highest.
    """

    label: str
    parts: tuple[tuple[str, float], ...]
    title: str
    below: tuple[tuple[str, float], ...] = ()


class Chart(Struct, frozen=True):
    """Bars above and below a line at ``zero``, with their labels.

    ``highest`` is the value at the top, ``lowest`` the one at the bottom, both without a sign.
    """

    width: float
    height: float
    zero: float
    bars: list[Bar]
    ticks: list[Tick]
    highest: int
    lowest: int


def bars(
    columns: Sequence[Column], every: int = 1, width: float = WIDTH, least: float = 0
) -> Chart:
    """Columns of stacked bars, as high as their values; each ``every``-th shows its label.

    A value that is not zero is seen, however small. The line at the top stands for ``least`` or
    more, so that what is small all along does not look high.
    """
    highest = max([least, *(_total(c.parts) for c in columns)])
    lowest = max((_total(c.below) for c in columns), default=0)
    scale = HEIGHT / (highest + lowest or 1)
    zero = HEIGHT - lowest * scale
    step = width / max(1, len(columns))
    wide = round(min(step * (1 - _GAP), _WIDEST), 2)
    made: list[Bar] = []
    for place, column in enumerate(columns):
        left = round(step * (place + 0.5) - wide / 2, 2)
        top = bottom = zero
        for tone, value in _seen(column.parts):
            height = max(_LEAST, value * scale)
            top -= height
            made.append(Bar(left, round(top, 2), wide, round(height, 2), tone, column.title))
        for tone, value in _seen(column.below):
            height = max(_LEAST, value * scale)
            made.append(Bar(left, round(bottom, 2), wide, round(height, 2), tone, column.title))
            bottom += height
    ticks = [
        Tick(round(step * (place + 0.5), 2), column.label)
        for place, column in enumerate(columns)
        if place % every == 0 and column.label
    ]
    return Chart(width, HEIGHT, round(zero, 2), made, ticks, round(highest or 1), round(lowest))


def _total(parts: Iterable[tuple[str, float]]) -> float:
    return sum(value for _, value in _seen(parts))


def _seen(parts: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    return [(tone, value) for tone, value in parts if value > 0]

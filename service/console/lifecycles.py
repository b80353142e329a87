"""The lifecycle of a resource as a drawing: a lane for each status, and the way through them."""

from collections.abc import Sequence

from msgspec import Struct

from domain.machine import START, Lifecycle
from service.console.wording import tone
from service.queries.answers import HistoryEntry

MOST_STEPS = 60
"""The last steps that are drawn."""

_LANE = 26
_LETTER, _BESIDE = 6.25, 12
"""The width of a letter of a lane's name, and the space before and after it."""

_BEFORE = "before the first event"
_STEP, _FEW = 34, 3
_MOST_LANES = 9


class Lane(Struct, frozen=True):
    """A status; those that were never reached are drawn faintly."""

    name: str
    y: int
    is_visited: bool


class Stop(Struct, frozen=True):
    """An event on the way: where it led, and what it says; ``x`` in percent of the way's width."""

    x: float
    y: int
    tone: str
    position: str
    title: str


class Drawing(Struct, frozen=True):
    """Lanes, the way as the points of a line, and the stops on it; ``left_out`` earlier steps.

    The way is as wide as there is room: its points count in ``steps``, and ``least`` is the width
    in which its stops can be told apart and touched. Heights and the names' width are in pixels.
    """

    steps: int
    least: int
    height: int
    label: int
    lanes: list[Lane]
    way: str
    stops: list[Stop]
    left_out: int


def draw(lifecycle: Lifecycle, history: Sequence[HistoryEntry]) -> Drawing:
    """The drawing of a history in the order in which things happened."""
    steps = history[-MOST_STEPS:]
    visited = {s for step in steps for s in (step.status_from, step.status_to) if s}
    known = list(lifecycle.statuses)
    if len(known) > _MOST_LANES:
        known = [status for status in known if status in visited]
    # a status that this version does not know has a lane too
    names = [START] * any(s.status_from is None for s in steps) + known
    names += sorted(visited - {*names})
    lanes = {name: _LANE * place + _LANE // 2 for place, name in enumerate(names)}
    label = int(_BESIDE + _LETTER * max(len(_name(name)) for name in names))
    places = max(_FEW, len(steps)) + 1
    stops, points = list[Stop](), list[str]()
    if steps:
        points.append(f"0,{lanes[steps[0].status_from or START]}")
    for place, step in enumerate(steps, 1):
        here, before = lanes[step.status_to or START], lanes[step.status_from or START]
        points += [f"{place - 0.5},{before}", f"{place},{here}"]
        stops.append(
            Stop(
                round(100 * place / places, 2),
                here,
                _tone(step, is_last=place == len(steps)),
                step.event_position,
                step.what,
            )
        )
    return Drawing(
        steps=places,
        least=_STEP * places,
        height=_LANE * len(names),
        label=label,
        lanes=[
            Lane(_name(name), y, name in visited)
            for name, y in lanes.items()
        ],
        way=" ".join(points),
        stops=stops,
        left_out=len(history) - len(steps),
    )  # fmt: skip


def _name(status: str) -> str:
    return _BEFORE if status == START else status


def _tone(step: HistoryEntry, *, is_last: bool) -> str:
    judged = "wait" if step.undecided else tone(step.verdict)
    if judged != "plain":
        return judged
    return "now" if is_last else "plain"

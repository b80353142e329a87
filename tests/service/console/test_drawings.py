"""Charts and lifecycles as geometry."""

from domain import payment, subscription
from domain.past import Past
from service.console.charts import HEIGHT, WIDTH, Column, bars
from service.console.lifecycles import MOST_STEPS, draw
from service.console.wording import tone
from service.queries.answers import HistoryEntry, history_entry
from tests.builders import entry


def history(*statuses: str) -> list[HistoryEntry]:
    kinds = {name: f"subscription.{name}" for name in ("active", "on_hold", "cancelled")}
    entries = [
        entry(kinds.get(status, "subscription.updated"), status, n, position=n)
        for n, status in enumerate(statuses, 1)
    ]
    return [history_entry(step, ()) for step in Past().steps(entries)]


def test_the_highest_column_fills_the_height_and_a_small_part_is_seen() -> None:
    chart = bars([
        Column("a", (("plain", 1000.0), ("wait", 1.0)), "first"),
        Column("b", (), "second"),
        Column("c", (("plain", 500.5),), "third"),
    ])  # fmt: skip
    plain, wait, half = chart.bars
    assert chart.highest == 1001
    assert wait.height >= 1
    assert abs(half.height - HEIGHT / 2) < 0.1
    assert plain.y + plain.height == HEIGHT
    assert half.x + half.width <= WIDTH
    assert [tick.text for tick in chart.ticks] == ["a", "b", "c"]


def test_what_was_lost_hangs_below_the_line() -> None:
    chart = bars([
        Column("a", (("good", 30.0),), "", (("bad", 10.0), ("bad-2", 5.0))),
        Column("b", (("good", 45.0), ("plain", -1.0)), ""),
    ])  # fmt: skip
    assert (chart.highest, chart.lowest, chart.zero) == (45, 15, HEIGHT * 0.75)
    good, bad, worse, whole = chart.bars
    assert good.y + good.height == bad.y == chart.zero
    assert bad.y + bad.height == worse.y
    assert abs(worse.y + worse.height - HEIGHT) < 0.1
    assert whole.y == 0


def test_few_columns_stay_narrow() -> None:
    (bar,) = bars([Column("a", (("ink", 1.0),), "")]).bars
    assert bar.width < WIDTH / 10
    assert bar.x + bar.width / 2 == WIDTH / 2


def test_nothing_is_drawn_of_nothing() -> None:
    assert bars([]).bars == []
    assert bars([Column("a", (("plain", 0.0),), "")]).bars == []
    assert draw(subscription.LIFECYCLE, []).stops == []


def test_the_way_visits_a_lane_for_each_status() -> None:
    drawing = draw(subscription.LIFECYCLE, history("active", "on_hold", "active"))
    lanes = {lane.name: lane.y for lane in drawing.lanes}
    assert [stop.y for stop in drawing.stops] == [
        lanes["active"], lanes["on_hold"], lanes["active"],
    ]  # fmt: skip
    assert {lane.name for lane in drawing.lanes if lane.is_visited} == {
        "pending", "active", "on_hold",
    }  # fmt: skip
    assert [stop.tone for stop in drawing.stops] == ["plain", "plain", "now"]
    # a way in as much room as there is, and never so little that a finger cannot tell stops apart
    assert [stop.x for stop in drawing.stops] == [25, 50, 75]
    assert drawing.least / 4 >= 24


def test_a_stop_looks_as_its_verdict_does() -> None:
    steps = history("active", "cancelled", "active")
    drawing = draw(subscription.LIFECYCLE, steps)
    assert steps[-1].verdict == "unexpected"
    assert drawing.stops[-1].tone == tone("unexpected")


def test_a_status_that_nobody_knows_has_a_lane_of_its_own() -> None:
    drawing = draw(subscription.LIFECYCLE, history("active", "dormant"))
    assert drawing.stops[-1].tone == "wait"


def test_a_long_lifecycle_shows_what_was_visited_and_a_long_way_its_end() -> None:
    entries = [entry("payment.succeeded", "succeeded", 0, position=1)]
    steps = [history_entry(step, ()) for step in Past().steps(entries)]
    drawing = draw(payment.LIFECYCLE, steps)
    assert [lane.name for lane in drawing.lanes] == ["before the first event", "succeeded"]
    many = draw(subscription.LIFECYCLE, history(*["active"] * (MOST_STEPS + 7)))
    assert (len(many.stops), many.left_out) == (MOST_STEPS, 7)

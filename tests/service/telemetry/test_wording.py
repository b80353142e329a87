"""Numbers in sentences."""

import pytest

from service.telemetry.wording import number_of, span_of


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 events"), (1, "1 event"), (2, "2 events"), (2000, "2,000 events")]
)
def test_one_thing_is_no_plural(count: int, text: str) -> None:
    assert number_of(count, "event") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 seconds"), (1, "1 second"), (119, "119 seconds"), (120, "2 minutes"),
     (7_200, "2 hours"), (7_776_004, "90 days")],
)  # fmt: skip
def test_a_span_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert span_of(seconds) == text

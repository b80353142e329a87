"""How numbers and spans of time read in a sentence."""


def number_of(count: int, noun: str) -> str:
    """A number of things, such as "1 event" or "2,000 events"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def span_of(seconds: float) -> str:
    """A span of time in its largest unit, such as "1 second" or "90 days"."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return number_of(round(seconds / size), unit)
    return number_of(round(seconds), "second")

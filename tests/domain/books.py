"""A book of deliveries that are told with the fields that matter."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from domain.access import Access, access
from domain.events import Entry
from domain.fold import Fold, fold
from domain.past import fold_until
from domain.reading import read
from domain.steps import Step
from tests.builders import body, event

YEAR = 2026


def day(number: int, hour: float = 0, month: int = 11) -> datetime:
    """A moment of November, or of another month."""
    minutes = round(hour * 60)
    return datetime(YEAR, month, number, minutes // 60, minutes % 60, tzinfo=UTC)


def iso(number: int, month: int) -> str:
    return day(number, month=month).isoformat()


class Book:
    """The events of a book, in the order in which they were recorded."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._tellings: Counter[str] = Counter()

    def tell(  # noqa: PLR0913 - as many things can differ
        self,
        kind: str,
        status: str | None,
        at: datetime,
        *,
        sent: datetime | None = None,
        webhook_id: str | None = None,
        identity: str = "sub_1",
        **fields: Any,  # noqa: ANN401
    ) -> Entry:
        """Record one delivery."""
        position = len(self._entries) + 1
        name = webhook_id or f"msg_{position}"
        content = body(kind, status, at, identity, **fields)
        entry = read(event(content, position, name, sent or at, self._tellings[name]))
        self._tellings[name] += 1
        self._entries.append(entry)
        return entry

    def entries(self, category: str = "subscription") -> list[Entry]:
        return [e for e in self._entries if (e.stream or "").startswith(category)]

    def fold(self, category: str = "subscription") -> Fold[Any]:
        return fold(self.entries(category))[0]

    def steps(self, category: str = "subscription") -> list[Step]:
        return fold(self.entries(category))[1]

    def step(self, entry: Entry) -> Step:
        """The step that an entry took."""
        steps = fold(self.entries((entry.stream or "").partition("-")[0]))[1]
        return next(s for s in steps if s.entry.event.position == entry.event.position)

    def as_of(self, moment: datetime) -> Fold[Any]:
        folded = fold_until(self.entries(), moment)
        assert folded is not None
        return folded

    def access(self, at: datetime) -> Access:
        folds: dict[str, dict[str, list[Entry]]] = {}
        for entry in self._entries:
            category = (entry.stream or "").partition("-")[0]
            folds.setdefault(category, {}).setdefault(entry.stream or "", []).append(entry)
        folded = {c: [fold(s)[0] for s in streams.values()] for c, streams in folds.items()}
        return access(
            folded.get("subscription", []),
            at,
            payments=folded.get("payment", []),
            refunds=folded.get("refund", []),
            grants=folded.get("entitlement_grant", []),
        )


def period(ends: str, starts: str = "2026-10-01T00:00:00Z") -> list[dict[str, str]]:
    return [{"subscription_id": "sub_1", "starts_at": starts, "ends_at": ends}]

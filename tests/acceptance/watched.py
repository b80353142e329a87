"""A service whose alerts are watched, and what Prometheus keeps of it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from msgspec.structs import replace

from service.queries.reconcile import Drift
from tests.acceptance import compared
from tests.acceptance.alerting import Samples, firing, scraped, series
from tests.acceptance.doors import Doors
from tests.acceptance.service import Service
from tests.conftest import as_owner


class Watched(Doors):
    """A service whose disks are small, with its superuser's connection."""

    def __init__(self, service: Service, live: str, url: str, here: Path) -> None:
        super().__init__(service, live, "", url)
        self.here = here
        self.admin = psycopg.connect(as_owner(url), autocommit=True)

    def fires(self, before: Samples, after: Samples, steps: int = 2) -> set[str]:
        return firing(self.here, before, after, steps)

    def settled(self) -> Samples:
        """A scrape in which every task runs, and all that is recorded is projected and anchored."""
        return self.awaited(
            lambda samples: (
                len({of(samples, name) for name in REACHED}) == 1
                and samples.get(LIVE_ANCHOR) == of(samples, "head_position")
                and of(samples, "lag_seconds") == 0
                and all(up for name, up in samples.items() if "task_up" in name)
            )
        )

    def awaited(self, true: Callable[[Samples], bool]) -> Samples:
        deadline = time.monotonic() + 60
        while not true(samples := scraped(self.service)):
            assert time.monotonic() < deadline, samples
            time.sleep(0.1)
        return samples


REACHED = ("head_position", "signed_position")


LIVE_ANCHOR = series("daybook_anchored_position", {"book": "live", "anchor": "directory"})


def named(name: str, **labels: str) -> str:
    return series(f"daybook_{name}", {"book": "live"} | labels)


def of(samples: Samples, name: str) -> float:
    return samples[named(name)]


def keep_comparison(url: str, run_id: str, drift: tuple[Drift, ...]) -> None:
    """Keep a comparison with the provider that has just ended."""
    now = datetime.now(UTC)
    run = replace(compared.RUN, run_id=run_id, began_at=now, ended_at=now, drift=drift)
    compared.keep(url, "live", run)

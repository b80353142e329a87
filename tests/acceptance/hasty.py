"""``daybook`` that waits less, for tests of what it does when it has waited long enough.

``python -m tests.acceptance.hasty`` takes the arguments of ``daybook``. The processes that it
starts import this module too, and wait as little.
"""

from datetime import timedelta
from types import ModuleType

from service.__main__ import main
from service.api import endpoint
from service.ingest import webhooks
from service.proof import checkpoints
from service.provider.reconciliation import schedule

BODY_SECONDS = 4
"""For a webhook's body, where ``daybook`` gives half a minute."""

RECONCILE_SECONDS = 1
"""Before the first comparison with the provider, where ``daybook`` waits half a minute."""

POSITION_SECONDS = 2
"""For a position, where ``daybook`` gives five seconds."""

CHECKPOINT_SECONDS = 1
"""Between two checkpoints, where ``daybook`` leaves an hour."""


def _shorten(module: ModuleType, name: str, seconds: int) -> None:
    assert getattr(module, name) > seconds
    setattr(module, name, seconds)


if __name__ in {"__main__", "__mp_main__"}:
    _shorten(webhooks, "_BODY_SECONDS", BODY_SECONDS)
    _shorten(endpoint, "_WAIT_SECONDS", POSITION_SECONDS)
    _shorten(schedule, "_FIRST_SECONDS", RECONCILE_SECONDS)
    checkpoints.EVERY = timedelta(seconds=CHECKPOINT_SECONDS)

if __name__ == "__main__":
    main()

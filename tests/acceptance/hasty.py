"""``daybook`` that waits less, for tests of what it does when it has waited long enough.

``python -m tests.acceptance.hasty`` takes the arguments of ``daybook``. The processes that it
starts import this module too, and wait as little.
"""

from datetime import timedelta
from importlib import import_module
from multiprocessing import current_process

from service.__main__ import main

BODY_SECONDS = 4
"""For a webhook's body, where ``daybook`` gives half a minute."""

RECONCILE_SECONDS = 1
"""Before the first comparison with the provider, where ``daybook`` waits half a minute."""

POSITION_SECONDS = 2
"""For a position, where ``daybook`` gives five seconds."""

CHECKPOINT_SECONDS = 1
"""Between two checkpoints, where ``daybook`` leaves an hour."""


_WAITS: dict[str, dict[tuple[str, str], int | timedelta]] = {
    "worker": {
        ("service.ingest.webhooks", "_BODY_SECONDS"): BODY_SECONDS,
        ("service.api.endpoint", "_WAIT_SECONDS"): POSITION_SECONDS,
    },
    "projector": {
        ("service.proof.checkpoints", "EVERY"): timedelta(seconds=CHECKPOINT_SECONDS),
    },
    "reconciler": {
        ("service.provider.reconciliation.schedule", "_FIRST_SECONDS"): RECONCILE_SECONDS,
    },
}
"""What waits in which process; the others need not load it."""


def _shorten() -> None:
    _, _, title = current_process().name.partition("daybook ")
    for (module, name), wait in _WAITS.get(title.partition(" ")[0], {}).items():
        found = import_module(module)
        assert getattr(found, name) > wait
        setattr(found, name, wait)


if __name__ == "__mp_main__":
    _shorten()

if __name__ == "__main__":
    main()

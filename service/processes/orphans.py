"""No process outlives the one that started it."""

import multiprocessing
import os
import signal
import time

GRACE_SECONDS = 25.0
"""How long a process may take to end."""


def end_with_parent() -> None:
    """End this process when the one that started it is gone; blocks, so run it in a thread."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)

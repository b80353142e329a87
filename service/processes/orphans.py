"""Ends a process whose parent is gone."""

import multiprocessing
import os
import signal
import time

GRACE_SECONDS = 25.0
"""How long a process may take to end before it is killed."""


def end_with_parent() -> None:
    """End this process when its parent has ended; blocks, so run it in a thread."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)

"""A signal is taken whichever thread of the process it reaches."""

import subprocess
import sys

PARENT = """
import signal, threading, time
from service.server.run import Signals

signals = Signals()
signals.catch(signal.SIGTERM)

def reached():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(30)

threading.Thread(target=reached, daemon=True).start()
print(signals.next())
"""


def test_a_signal_that_reaches_another_thread_is_taken() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "15\n"

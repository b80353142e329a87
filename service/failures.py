"""How a failure is kept, so that a person can mend its cause."""

import traceback


def described(error: Exception) -> str:
    """An error with its traceback, as ``read.parked`` keeps it."""
    return "".join(traceback.format_exception(error)).replace("\0", "")

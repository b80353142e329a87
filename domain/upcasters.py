"""Older shapes of the provider's events, read as the newer ones.

An upcaster changes what is read, never what is stored. The next one is a function here, or a line
of ``RENAMED``.
"""

RENAMED = {
    # the provider's guide "Payout" webhooks: renamed when payout events were released
    "payout.not_initiated": "payout.created",
}


def current_type(kind: str) -> str:
    """The type's name as of today."""
    return RENAMED.get(kind, kind)

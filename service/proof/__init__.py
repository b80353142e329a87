"""The proof that the events are what was recorded: recomputed, signed, and kept elsewhere.

- ``verify`` recomputes the chain of each book in stretches (``stretches``), which parallel
  processes read; ``rows`` recomputes one event, and ``diagnosis`` says what is wrong with one.

``rows``, ``quick``, ``diagnosis`` and ``merkle`` are pure: they run without a database.
"""

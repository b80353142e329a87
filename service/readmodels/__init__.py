"""The read models: made from the events, live and by rebuilding.

- ``process`` runs a ``follower`` for each book; ``projector`` writes the next events' rows, and
  retries parked streams. A ``batch`` is read, folded and written.
- ``rebuild`` fills fresh tables (``fill``), in parallel ``passes`` that leave entries on disk
  (``spill``), brings them up to date (``catch_up``), and switches to them or ``compare``s them.
- ``jobs``: rebuilds that a request asked for, each in a process of its own; ``lag`` keeps how far
  the read models lagged.
- ``tables`` creates, publishes and drops tables; ``locks`` changes them without stopping readers.
- ``checkpoints``: the positions reached; ``streams``: the entries of streams, and parked streams;
  ``folding``: long folds in threads; ``errors``: messages for people.

All rows come from ``projections.rows``.
"""

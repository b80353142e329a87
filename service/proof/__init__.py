"""The proof that the events are what was recorded: recomputed, signed, and kept elsewhere.

- ``verify`` recomputes the chain of each book in stretches (``stretches``), which parallel
  processes read; ``rows`` recomputes one event, and ``diagnosis`` says what is wrong with one.
- ``ends``: where each book ends
- ``tree`` keeps the Merkle tree over the links (``merkle``), and ``checkpoints`` signs its state
  as notes (``notes``) with the key of the installation (``keys``), in the projector's ``process``.
- ``anchors`` carry checkpoints elsewhere: to a directory, or to a timestamp authority
  (``timestamps``).
- ``restored`` finds what others know of a book that was restored to an earlier moment.
- ``tlog_proof``: one event's proof as one file; ``consistency``: that a checkpoint goes on from
  another.

``rows``, ``quick``, ``diagnosis``, ``merkle``, ``notes``, ``tlog_proof`` and ``consistency`` are
pure: they run without a database.
"""

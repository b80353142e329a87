"""The only room that does anything: network, database, clock, files.

The three doors: ``webhooks`` (in), ``api`` (out), ``__main__`` (the command line).
A webhook's way: ``webhooks`` → ``ingest`` (verify) → ``writer`` (group commit) → ``store``.
From there: ``projector`` (live) and ``rebuild`` write the read models, ``reads`` asks them.
Below all of them: ``settings``, ``postgres``, ``sql``, ``migrations``, ``embedded``.
``app`` puts the parts together.
"""

"""The running service: its processes, its HTTP server and the composition root.

``run`` is the parent process, which supervises ``worker`` processes and the projector. ``app``
builds what a worker serves; ``health`` and ``prometheus`` are its routes outside the API.
``database`` provides the URL of the database, ``trial`` a book to try without a configuration.
``restoring`` fills a database from a backup and switches to it. ``doctor`` checks an installation,
also while none of this runs.
"""

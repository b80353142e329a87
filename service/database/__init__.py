"""PostgreSQL, and nothing of ours: connections, statements, encodings.

- ``connections``: opens and pools connections with their timeouts; recognises an outage
- ``reader``: executes quick queries over pipelined connections (``pipeline``), or over a pool
- ``statements``: loads the statements of ``sql/``
- ``binary``: encodes rows and columns in PostgreSQL's binary format
- ``notifications``: wakes other processes by ``NOTIFY``
- ``lease``: lets one process at a time do some work
- ``blocking``: finds the connections that block a writer
- ``embedded``: runs a private PostgreSQL, from ``binaries``, as one of ``accounts``
- ``dumps``: dumps and fills a database with PostgreSQL's own programs; ``older`` runs a data
  directory of another major version
"""

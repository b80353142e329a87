"""Every statement that the service speaks, one a file; the first line says what it is for.

``migrations/`` is the event store, ``store/`` appends to it and reads it, ``keys/`` are the API
keys, ``read/`` the read models: their tables, and the statements that all of them share, with
``{table}`` and its like filled in by the service.
"""

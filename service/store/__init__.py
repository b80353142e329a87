"""The event store: append and read events, its schema, its roles and its API keys.

- ``chain``: new events, and the hash chain
- ``events``: appends new events to the store, and reads events
- ``positions``: writes and parses positions as clients see them
- ``scan``: reads all events in bulk, for a rebuild
- ``prepare``: brings a database to this version: ``migrations``, ``roles``, the books
- ``backups``: the file of a backup
- ``jobs``: work that a request asks for and a process of the service does
- ``api_keys``: creates, lists, revokes and looks up API keys
"""

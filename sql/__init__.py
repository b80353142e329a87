"""Every statement of the service, one per file; the first line says what it does.

Each folder holds the statements of the room of ``service/`` with the same name. The event store's
schema is ``store/migrations``; the tables of a read model are in its folder of ``readmodels``.
``{placeholders}`` are filled in by ``service.database.statements``.
"""

"""The service: everything with a network, a database, a clock or files.

A room may import only those below it; the doors ``api``, ``ingest`` and ``sandbox`` do not know
each other.

``cli``         what a person types and sees
``server``      processes, HTTP server, composition root
``api``         the REST API
``ingest``      the webhook endpoint: verify, group commit
``sandbox``     a stand-in for the provider
``http``        the HTTP protocol, and middleware of both doors
``queries``     typed queries on the read models
``readmodels``  read models from events, live and rebuilt
``store``       the event store: append, scan, schema, keys
``database``    PostgreSQL, and nothing of ours
``processes``   child processes and tasks
``telemetry``   logs, metrics, traces

A webhook's way in: ``ingest.webhooks`` → ``ingest.writer`` → ``store.events``. From there,
``readmodels.projector`` keeps the read models up to date, and ``queries`` answers from them.
"""

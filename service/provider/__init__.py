"""The provider's REST API, as a client: what the provider holds, read as exact bytes.

``client`` sends requests at the ``pace`` that the provider allows and returns replies; ``errors``
has its failures. ``kinds`` is the table of what can be read, ``lists`` reads whole lists without
skipping a row. ``recording`` compares what was read with the book, and records it.
``reconciliation`` compares the whole book with the provider.
"""

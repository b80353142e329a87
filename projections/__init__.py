"""What each read model shows. Pure: from a fold to whole rows; the service writes them.

- ``projection``: the shape of a projection; ``streams``: those with a row for each stream.
- ``events``: the index of all events; ``customers``, and the ``search_terms`` that they are found
  by; one module for each aggregate.
- ``catalog``: the one list of projections.
"""

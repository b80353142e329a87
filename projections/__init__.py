"""The read models: what each one shows. Pure: from folds to whole rows; the service writes them.

- ``projection``: the definition of a read model, with its source.
- ``events``, the index of all events; ``movements`` of recurring revenue; ``customers``, and their
  ``search_terms``; one module for each aggregate, whose rows ``streams`` makes.
- ``by_day``: the counts of what metrics add up.
- ``catalog``: the list of all projections. ``rows``: from folded things to everybody's rows.

To add a read model, write its module here, list it in ``catalog``, and declare its table and
indexes in ``sql/readmodels/<name>/``. Raise ``projection.VERSION`` so that it is built.
"""

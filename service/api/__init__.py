"""The REST API under ``/v1``.

- ``router`` lists the routes of ``access``, ``events``, ``changes``, ``search``, ``disputes``,
  ``metrics``, ``operations`` and ``resources``.
- ``auth`` and ``rate_limit`` let a key in; ``open_streams`` counts what it keeps open.
- ``query`` and ``parameters`` parse and describe what a route accepts, one struct a route.
- ``access_body`` does so for the one question by POST.
- ``endpoint`` turns a request into a query and a document into a response; ``lists`` does so for
  pages, as JSON or, with ``csv_export`` and ``csv_cells``, as one table.
- ``openapi``, ``schemas`` and ``descriptions`` describe all of it; ``problem_pages`` the errors.
"""

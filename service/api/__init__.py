"""The REST API under ``/v1``.

- ``router`` lists the routes of ``access``, ``events``, ``changes``, ``search``, ``disputes``,
  ``metrics``, ``operations``, ``rebuilds``, ``jobs``, ``keys``, ``reconcile``, ``audit`` and
  ``resources``; ``action_body`` parses what changes something.
- ``auth`` checks the key of a request, and how much it may use.
- ``query`` and ``parameters`` parse and describe what a route accepts, one struct a route.
- ``access_body`` does so for the one question by POST.
- ``endpoint`` turns a request into a query and a document into a response; ``lists`` does so for
  pages, as JSON or, with ``csv_export``, as one table. ``fields`` knows the fields of an answer.
- ``openapi``, ``schemas``, ``descriptions`` and ``operation_descriptions`` describe all of it,
  ``pages`` shows it to people; ``problem_pages`` describes the errors.
"""

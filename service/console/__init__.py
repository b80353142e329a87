"""The console at ``/console``: pages for people, over the same queries as the API.

- ``router`` lists the pages. ``view`` makes a route of a function that reads what a page shows;
  ``frame`` is what stands around it: the book, the navigation, the search.
- ``sessions`` are opened by ``sign_in``, by an API key or a link; ``sso`` opens books by a proxy's
  assertion. ``door`` looks at both for each request, and refuses what another site sends.
  ``responses`` has the headers of all.
- ``actions`` makes a route of a function that changes something, and a form; ``notices`` carries a
  sentence about it to the next page.
- ``rendering`` turns a page into HTML by the templates of ``templates/``: values as ``wording``
  writes them, documents as ``facts``, access in the sentences of ``rules``, drawings by ``charts``
  and ``lifecycles``. ``static_files`` serves ``static/``; ``errors`` makes a page of any error.
- Each page is a module: ``home`` with its ``checks``, ``find``, ``lists``, ``customer``,
  ``resource``, ``events`` with its ``tail``, ``event``, ``attention``, ``operations``,
  ``reconcile``, ``audit``. ``clocks`` is the date box of some.
- ``money`` shows ``ledgers``, ``money_rows`` what a figure is made of, ``money_files`` both as CSV;
  ``money_query`` is what all of them are asked. ``disputes`` and ``proof`` lead to ``evidence``.
"""

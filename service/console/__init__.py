"""The console at ``/console``: pages for people, over the same queries as the API.

- ``router`` lists the pages. ``view`` makes a route of a function that reads what a page shows;
  ``frame`` is what stands around it: the book, the navigation, the way back.
- ``sessions`` are opened by ``sign_in``, with an API key; ``door`` looks up the session of each
  request, and refuses those that another site sends.
- ``rendering`` turns a page into HTML by the templates of ``templates/``, with the words of
  ``wording``, the drawings of ``charts`` and ``lifecycles``, and the headers of ``responses``.
- Each page is a module: ``home``, ``find``, ``customer``, ``resource``, ``events``, ``event``.
"""

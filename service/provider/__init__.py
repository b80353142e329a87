"""The provider's REST API, as a client: what the provider holds, read as exact bytes.

``client`` sends requests at the ``pace`` that the provider allows and returns replies; ``answers``
judges them, ``errors`` has the failures. ``kinds`` is the table of what can be read, ``lists``
reads whole lists without skipping a row, ``by_id`` single resources; ``readings`` are what they
show. ``recording`` compares readings with the book, and records them; ``balances`` has which
ledgers to read. ``endpoints`` has the webhook endpoints, of which ``connecting`` makes or completes
one.
``checks`` compares a book's settings with the provider; its results are ``findings``.
``backfill`` fills a book: ``backfill_lists`` reads lists, ``backfill_reads`` what they leave out,
and ``backfill_run`` records both and keeps the progress.
``confirming`` asks before a customer is denied: ``confirm_questions`` has what, ``confirm_kept``
remembers it. ``reconciliation`` compares the whole book with the provider. ``documents`` keeps the
invoice and the mails of each dispute, for its evidence.
"""

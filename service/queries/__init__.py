"""Typed queries on the read models, without HTTP: functions in, structs out.

``access`` and ``past_access`` answer who is and was entitled; ``resources`` and ``documents`` the
state of resources, ``events`` histories, timelines and single events, ``changes`` what a follower
missed, ``disputes`` and ``metrics`` (over ``periods``) work and money, ``search`` identifiers,
``refusals``, ``projections``, ``activity``, ``jobs`` and ``keys`` the operation.
``known`` is what the book knows, to be compared;
``prospects`` the access that readings of the provider would give or take; ``reconcile`` what
comparisons found, which ``comparisons`` asks for.
``answers`` has the documents that several of them return, ``csv_cells`` the cells of a table.
``clocks``, ``paging``, ``restores`` and ``freshness`` are for queries about the past, for keyset
cursors, for positions of a history that a restore ended, and for read-your-writes; ``replica`` asks
a standby in place of the primary. ``one_reading`` lets several statements see the same book.
"""

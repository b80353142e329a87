"""Compares a book with the provider, says what differs and why, and applies it on request.

``run`` is the way through: ``guards`` read a canary and stop a run that reads the wrong account;
``candidates`` has what is looked at, of theirs and of ours; ``comparison`` reads and compares;
``finds`` keeps what differs on disk, with whom it ``concerns``; ``outcome`` is what comes of it:
``judgement`` finds causes (``evidence``) and effects on access, ``keeping`` stores runs and
differences. ``options`` say what a run does; ``schedule`` runs it in ``serve``,
``asked`` when a person asks for it.
"""

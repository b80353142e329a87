"""Evidence: one ZIP with which a stranger checks what a book says of a dispute or a payment.

- ``gathering`` reads the events that concern a resource, and ``case`` chooses and folds them.
- ``proving`` adds the proof of each event, the checkpoints and their timestamp tokens.
- ``page`` makes the page that a person reads and prints, out of ``markup`` and ``wording``;
  ``parts``, ``documents`` and ``record`` are its sections.
- ``bundle`` puts all files into a ZIP whose bytes follow from the book; ``making`` does it all.
- ``signing`` signs the book first where a bundle has events that no checkpoint covers.
- ``verify`` is a script that lies in the ZIP. It is run, and never imported.

``case``, ``page`` and what it is made of, and ``bundle`` are pure.
"""

"""The webhook endpoint: verify a delivery and record it by group commit.

``webhooks`` is the ASGI application that runs the steps and answers. ``signature`` verifies,
``unverified`` bounds the memory of bodies before that, ``writer`` commits. ``refusals`` counts what
was refused, and ``other_books`` recognises a webhook that was sent to the wrong book.
"""

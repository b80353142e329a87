"""Single sign-on: whom a proxy's assertion names, and what that opens.

- ``sign_on`` is the door of this room: from a request to the books that it opens, or a refusal.
- ``assertions`` checks a signed assertion against the keys of ``issuer_keys``, which reads them
  from the issuer. ``admitting`` finds what the configuration opens to a person, ``refusals`` what
  is said to one whom it opens nothing.
"""

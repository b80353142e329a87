"""HTTP in front of every route: a hardened protocol, the middleware and what all doors share.

``accepting`` spreads connections over the workers. ``protocol`` limits what a client can send or
withhold, ``sending`` what it can leave unread.
``request_heads`` refuses ambiguous heads, ``segments`` keeps encoded slashes within identifiers,
``routes`` names routes for metrics and traces, and measures durations. ``services`` are what the
routes of all doors share, with the ``limits`` of a key; ``errors`` makes a problem of any error.
"""

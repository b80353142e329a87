"""HTTP in front of every route: a hardened protocol and the middleware of both doors.

``protocol`` limits what a client can send or withhold, ``sending`` what it can leave unread.
``request_heads`` refuses ambiguous heads, ``segments`` keeps encoded slashes within identifiers,
``routes`` names routes for metrics and traces, and measures durations.
"""

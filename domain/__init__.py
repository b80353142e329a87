"""What the provider's events mean. Pure: no network, no database, no clock, no files.

The reading order, each module importing only from those above it:

- ``machine``: a lifecycle table becomes a checked, drawable state machine.
- ``payload``: what all payloads share, and how a field that cannot be read is set aside.
- ``subscription``, ``payment``, ``refund``, ``dispute``, ``license_key``, ``entitlement_grant``,
  ``payout``, ``credit``, ``abandoned_checkout``, ``dunning``: one aggregate a file, always in the
  order Status, LIFECYCLE, Payload, State, evolve.
- ``catalog``: the one list of aggregates.
- ``upcasters``: older shapes of events, read as the newer ones.
- ``events``: from the bytes of a delivery to an entry of a stream.
- ``fold``: from the entries of a stream to its state and the verdict on each entry.
- ``customer``: what all events together say of a customer.
- ``access``: is this customer entitled, until when, because of what.
- ``phrases``, ``story``: one plain sentence for each step; ``late``: what a late event changed.
"""

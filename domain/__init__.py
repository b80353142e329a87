"""What the provider's events mean. Pure: no network, no database, no clock, no files.

The reading order, each module importing only from those above it:

- ``machine``: a lifecycle table becomes a checked, drawable state machine.
- ``payload``: what all payloads share, and how an unreadable field is skipped.
- ``currency``: amounts as minor units; ``legible``: bodies that no tokenizer takes, made readable.
- ``subscription``, ``payment``, ``refund``, ``dispute``, ``license_key``, ``entitlement_grant``,
  ``payout``, ``credit``, ``abandoned_checkout``, ``dunning``: one aggregate a file, always in the
  order Status, LIFECYCLE, Payload, State, evolve.
- ``ledger``: rows of one instant as a trail, for ``credit``.
- ``catalog``: the one list of aggregates.
- ``upcasters``: older shapes of events, read as the newer ones.
- ``events``: events as the store holds them, and entries of streams.
- ``observation``: resources that were read at the provider; ``reading``: from the bytes of an event
  to an entry of a stream.
- ``steps``: what an entry did to its stream.
- ``rendering``: when a snapshot was rendered, by what it shows; ``carried``, ``under_way``: one
  that was rendered later than its event, until it counts; ``carrying``: the fold of whatever does
  not simply follow the lifecycle.
- ``fold``: from the entries of a stream to its state and the verdict on each entry; ``past``: the
  same as of a moment.
- ``customer``: what all events together say of a customer.
- ``paid``: what payments prove; ``policy``: the rules of access, as a table and as code;
  ``access_state``: what a page shows for each rule, likewise; ``access``: is this customer
  entitled, until when, because of what; ``confirming``: when the provider is asked before a "no".
- ``drift``: why the book differs from what the provider shows, and what to do.
- ``story``: one plain sentence for each step; ``late``: what a late event changed.
"""

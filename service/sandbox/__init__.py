"""A stand-in for the provider: its REST API and its webhooks over a world of made-up customers.

``app`` puts the parts together, and ``process`` runs them.

- ``timeline`` moves the world's clock, ``deliveries`` sends its webhooks to the ``endpoints``.
- ``rest`` answers as the provider does, with the rows of ``lists``, behind the ``gate``;
  ``documents`` has invoices and mails.
- ``control`` takes commands, for which ``client`` is the client, and ``faults`` what goes wrong.

``world`` has the clock, the resources and the commands that let things happen; it speaks to no
network and reads no clock.

- ``business`` puts the parts together on one ``account``: resources, a schedule, chance.
- ``billing``, ``subscriptions``, ``payments``, ``benefits``, ``credits``, ``dunning`` and
  ``payouts`` do what the provider does; ``shapes`` has its resources field by field, ``catalog``
  what is sold.
- ``arrivals``, ``habits`` and ``regrets`` do what customers do.
- ``triggers`` lets one event of any type happen; ``simulation`` makes a year's webhooks.
"""

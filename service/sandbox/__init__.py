"""A stand-in for the provider: a world of made-up customers.

``world`` has its clock, its resources and the commands that make things go wrong; it speaks to no
network and reads no clock.

- ``business`` puts the parts together on one ``account``: resources, a schedule, chance.
- ``billing``, ``subscriptions``, ``payments``, ``benefits``, ``credits``, ``dunning`` and
  ``payouts`` do what the provider does; ``shapes`` has its resources field by field, ``catalog``
  what is sold.
- ``arrivals``, ``habits`` and ``regrets`` do what customers do.
- ``triggers`` lets one event of any type happen; ``simulation`` makes a year's webhooks.
"""

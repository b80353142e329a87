"""A simulator of the provider, written from its documentation and not from our code.

``world`` and the lives in it are the truth: what happened. ``deliveries`` is how the provider
tells it. ``oracles`` answers the questions of the service from the truth, in plain code. Nothing
here imports domain/, projections/ or service/; tests/domain/readings.py holds the two together.
"""

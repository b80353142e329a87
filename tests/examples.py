"""How many examples a property is shown: enough for every day, and many with ``-m long``."""

from hypothesis import HealthCheck, settings

EVERY_DAY, MANY = "every day", "many"
"""The profiles."""

FEW = 15
"""Of a property that names no number of its own."""

TIMES = 30
"""As often with ``-m long``, so that what is left out every day is still tried."""

settings.register_profile(
    EVERY_DAY,
    max_examples=FEW,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile(MANY, settings.get_profile(EVERY_DAY), max_examples=2 * FEW * TIMES)


def examples(few: int) -> settings:
    """So many examples, or with ``-m long`` many more."""
    many = settings.get_current_profile_name() == MANY
    return settings(max_examples=few * TIMES if many else few)

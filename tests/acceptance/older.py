"""``daybook`` as the version before this one: its read models have a lower version.

``python -m tests.acceptance.older`` takes the arguments of ``daybook``. The processes that it
starts import this module too. It is this version's code otherwise: a real older version is tried as
``test_upgrade`` says.
"""

import projections.projection as shape

if __name__ in {"__main__", "__mp_main__"}:
    # before anything else imports it
    shape.VERSION -= 1

from service.__main__ import main

if __name__ == "__main__":
    main()

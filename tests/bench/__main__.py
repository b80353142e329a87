"""The figures of tests/README.md: ``python -m tests.bench fold``.

Every figure stands beside a baseline measured in the same run, since machines differ and are noisy:
the ratio is what carries over. Nothing here asserts a time.
"""

import sys

from tests.bench import fold, ingest, live, reads, rebuild

BENCHES = {
    "fold": fold.run,
    "ingest": ingest.run,
    "live": live.run,
    "reads": reads.run,
    "rebuild": rebuild.run,
}


def main() -> None:
    """Run the benches that are named, or all."""
    for name in sys.argv[1:] or BENCHES:
        BENCHES[name]()


if __name__ == "__main__":
    main()

"""One history by its seed, and what is wrong with our answer: ``python -m tests.simulator 7``.

Without a seed: how often each property is broken by the first ``--count`` histories, and the
shortest that break it.
"""

import argparse
import time
from collections import defaultdict

from tests.domain.complaints import complaints
from tests.simulator.history import History


def main() -> None:
    """Run histories and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int, nargs="?")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--only", default="", help="the property, by the beginning of its name")
    asked = parser.parse_args()
    if asked.seed is not None:
        history = History(asked.seed)
        wrong = list(complaints(history))
        print("\n".join([*history.listing(), *wrong]))  # noqa: T201
        return
    summarise(asked.count, asked.only)


def summarise(count: int, only: str) -> None:
    """How often each property is broken, and by which histories."""
    broken: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    started = time.process_time()
    for seed in range(count):
        history = History(seed)
        for one in complaints(history):
            broken[one.partition(":")[0]].append((len(history.recorded), seed, one))
    print(f"{count} histories, {time.process_time() - started:.1f} s")  # noqa: T201
    for name, found in sorted(broken.items()):
        if name.startswith(only):
            seeds = sorted(found)
            print(f"{name}: {len({seed for _, seed, _ in found})} histories")  # noqa: T201
            for length, seed, one in seeds[:5]:
                print(f"    seed {seed} ({length} deliveries): {one}")  # noqa: T201


if __name__ == "__main__":
    main()

"""The figures of tests/README.md: ``python -m tests.bench fold``.

Every figure stands next to a baseline of the same run, since machines differ and are noisy: the
ratio is what carries over. Nothing here asserts a time.
"""

import argparse
from importlib import import_module
from inspect import getdoc
from types import ModuleType

NAMES = ("backfill", "console", "fold", "ingest", "live", "proof", "reads", "rebuild", "reconcile")


def main() -> None:
    """Run the benches that are named, or all."""
    listed = "\n".join(f"  {name:<8} {getdoc(_bench(name))}" for name in NAMES)
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=f"Run the benches that are named, or all:\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known, help="a bench to run")
    for name in parser.parse_args().names or NAMES:
        _bench(name).run()


def _bench(name: str) -> ModuleType:
    # not at the top: every process that a bench starts imports this module again, which would count
    return import_module(f"tests.bench.{name}")


def _known(name: str) -> str:
    if name not in NAMES:
        raise argparse.ArgumentTypeError(
            f"{name!r} is not a bench. Choose from: {', '.join(NAMES)}."
        )
    return name


if __name__ == "__main__":
    main()

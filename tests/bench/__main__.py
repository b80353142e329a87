"""The figures of tests/README.md: ``python -m tests.bench fold``.

Every figure stands next to a baseline of the same run, since machines differ and are noisy: the
ratio is what carries over. Nothing here asserts a time.
"""

import argparse
from inspect import getdoc

from tests.bench import backfill, console, fold, ingest, live, proof, reads, rebuild, reconcile

BENCHES = {
    module.__name__.rpartition(".")[2]: module
    for module in (backfill, console, fold, ingest, live, proof, reads, rebuild, reconcile)
}


def main() -> None:
    """Run the benches that are named, or all."""
    listed = "\n".join(f"  {name:<8} {getdoc(module)}" for name, module in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=f"Run the benches that are named, or all:\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known, help="a bench to run")
    for name in parser.parse_args().names or BENCHES:
        BENCHES[name].run()


def _known(name: str) -> str:
    if name not in BENCHES:
        raise argparse.ArgumentTypeError(
            f"{name!r} is not a bench. Choose from: {', '.join(BENCHES)}."
        )
    return name


if __name__ == "__main__":
    main()

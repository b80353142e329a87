"""``python -m service``, and the command ``daybook``."""

import sys


def main() -> None:
    """Run the command line."""
    # this module alone must be readable for an older Python, so that the sentence comes
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.stderr.write(
            "Daybook needs Python 3.11 or newer; this is %d.%d.%d.\n" % sys.version_info[:3]  # noqa: UP031
        )
        raise SystemExit(2)
    # not at the top: each process that is started imports this module again, and few need all that
    from service.cli.main import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()

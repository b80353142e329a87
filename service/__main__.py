"""The command ``daybook``, also as ``python -m service``."""

import sys


def main() -> None:
    """Run the command line."""
    # this module must compile on older Pythons, so that the message is printed
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.stderr.write(
            "Daybook needs Python 3.11 or newer; this is %d.%d.%d.\n" % sys.version_info[:3]  # noqa: UP031
        )
        raise SystemExit(2)
    # not at the top: every child process imports this module again, and few need the command line
    from service.cli.main import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()

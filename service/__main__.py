"""``python -m service``, and the command ``daybook``."""


def main() -> None:
    """Run the command line."""
    # not at the top: each process that is started imports this module again, and few need all that
    from service.commands import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()

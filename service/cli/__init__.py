"""The command line: what a person types and sees.

``main`` runs one command; ``exit_reports`` turns its errors into a message and an exit status.
``app`` has the program and its global options; every module of ``commands`` adds its own command.
``options`` has what commands share: flags, consoles, a database connection; ``settings_help``
describes the settings. ``screens`` prints answers. ``sending`` signs webhooks and
sends them.
"""

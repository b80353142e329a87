"""The command line: what a person types and sees.

``main`` runs one command; ``exit_reports`` turns its errors into a message and an exit status.
``app`` has the program, its global options and the exit statuses; every module of ``commands`` adds
the command of its name, and is imported only if that command is named.
``options`` has what commands share: flags, consoles, a database connection; ``settings_help``
describes the settings. ``screens`` prints answers. ``sending`` signs webhooks and sends them.
"""

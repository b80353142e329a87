"""Processes and tasks: who runs, who watches them, and when they are restarted.

- ``supervisor``: runs child processes, and restarts those that exit or freeze
- ``child``: starts, signals and dumps one child process; ``link`` is its side of the connection
- ``scoreboard``: shares heartbeats and restarts between the processes
- ``tasks``: supervises the background tasks of one process
- ``apart``: runs a coroutine in a process of its own
- ``workers``: runs calls in parallel processes, for a rebuild
- ``backoff``: pauses between retries; ``orphans``: ends processes whose parent is gone
"""

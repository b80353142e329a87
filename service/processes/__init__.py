"""Processes and tasks: who runs beside whom, and who is started again."""

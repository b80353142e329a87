"""Logs, metrics and traces; imports nothing of ours."""

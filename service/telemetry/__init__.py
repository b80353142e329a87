"""Logs, metrics and traces; imports nothing of ours.

- ``logs``: configures logging: plain lines in a terminal, JSON elsewhere
- ``sanitize``: makes foreign text safe to log and to print: escaped, masked, truncated
- ``throttle``: limits repeated log lines to one every ten seconds
- ``tracebacks``: formats errors without personal data
- ``metrics``: counts for Prometheus, and never fails; ``instruments`` declares the metrics,
  ``shared_metrics`` sums them over all processes
- ``request_ids``: gives each request an id
- ``tracing``: exports OpenTelemetry traces, if configured
"""

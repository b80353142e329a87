"""The running service: its processes, its HTTP server and the composition root."""

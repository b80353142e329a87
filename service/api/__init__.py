"""The REST API under /v1: routes, parameters, documents and their description."""

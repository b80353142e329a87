"""Typed questions to the read models; nothing here knows HTTP."""

"""The read models: filled live, rebuilt beside the old ones, compared."""

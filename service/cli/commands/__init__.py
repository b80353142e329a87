"""One module for each command; ``main`` imports them all, and each adds itself to ``app``."""

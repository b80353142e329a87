"""One module for each command. ``main`` imports all; each adds itself to ``app``."""

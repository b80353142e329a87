"""How HTTP comes in: the protocol with its limits, request heads, durations."""

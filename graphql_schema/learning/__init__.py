"""Learning as clients see it."""

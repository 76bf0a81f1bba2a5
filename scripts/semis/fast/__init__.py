"""The fast engine, for runs with `engine: fast` alone."""

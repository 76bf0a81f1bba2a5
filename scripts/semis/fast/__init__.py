"""The fast engine. Only runs with `engine: fast` import it."""

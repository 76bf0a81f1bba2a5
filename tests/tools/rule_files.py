"""Inputs and outputs of a rule, in the form that its script gets, made without Snakemake."""


class Files(list):
    """Like Snakemake's: a list of all paths, with a name for each path or for a list of paths."""

    def __init__(self, **named):
        self._named = named
        lists = [part if isinstance(part, list) else [part] for part in named.values()]
        super().__init__(path for part in lists for path in part)

    def __getattr__(self, name):
        try:
            return self.__dict__["_named"][name]
        except KeyError:
            raise AttributeError(name) from None

    def get(self, name, default=None):
        """Return the path or paths with this name, or `default`."""
        return self._named.get(name, default)

"""Inputs and outputs of a rule as its script knows them, made without Snakemake."""


class Files(list):
    """As Snakemake's: a list of all paths, with names for one path or for a list of them."""

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
        """What has this name, or `default`."""
        return self._named.get(name, default)

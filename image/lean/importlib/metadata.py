"""In the place of the standard library's: the image has no distributions, and so no versions and no entry points."""


class PackageNotFoundError(ModuleNotFoundError):
    """No distribution of this name, as of any."""


def version(name: str) -> str:
    """The version of a distribution; always raises."""
    raise PackageNotFoundError(name)


def entry_points(**_wanted: object) -> tuple[()]:
    """What distributions offer: nothing."""
    return ()


def distributions() -> tuple[()]:
    """All distributions: none."""
    return ()

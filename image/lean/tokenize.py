"""In the place of the standard library's: `inspect` names it, for sources, of which the image has none."""


class TokenError(Exception):
    """Never raised."""

"""In the place of the standard library's: pydantic knows a type of this name, which no model of lunix has."""


class Decimal:
    """Cannot be made."""

    def __init__(self, *_arguments: object) -> None:
        raise NotImplementedError("there are no decimals on this machine")

"""In the place of the standard library's: pydantic knows a type of this name, which no model of lunix has."""


class Fraction:
    """Cannot be made."""

    def __init__(self, *_arguments: object) -> None:
        raise NotImplementedError("there are no fractions on this machine")

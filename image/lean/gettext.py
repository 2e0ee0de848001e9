"""In the place of the standard library's: the image speaks one language. For argparse."""


def gettext(message: str) -> str:
    """The message."""
    return message


def ngettext(one: str, many: str, number: int) -> str:
    """One of the messages, by the number."""
    return one if number == 1 else many

"""In the place of the standard library's, with its tables of names: the image has one locale. For subprocess."""


def getencoding() -> str:
    """The encoding of musl's locales."""
    return "utf-8"

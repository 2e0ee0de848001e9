"""In the place of the standard library's, of which paho-mqtt asks for proxies alone: there are none."""


def getproxies() -> dict[str, str]:
    """The proxies of the environment."""
    return {}

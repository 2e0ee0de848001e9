"""``resolv.conf``, as the C library reads it: resolv.conf(5). Pure."""

from typing import NamedTuple

_COMMENTS = (b"#", b";")


class Resolv(NamedTuple):
    """What it says."""

    servers: tuple[str, ...]
    search: tuple[str, ...]
    options: tuple[str, ...]


def parse(raw: bytes) -> Resolv:
    """Read it: of several lines ``search`` or ``domain`` the last counts; what is unknown is passed over."""
    servers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    for line in raw.splitlines():
        if line.startswith(_COMMENTS):
            continue
        words = [word.decode("utf-8", "backslashreplace") for word in line.split()]
        keyword, values = (words[0], words[1:]) if words else ("", [])
        match keyword:
            case "nameserver":
                servers += values[:1]
            case "domain":
                search = values[:1]
            case "search":
                search = values
            case "options":
                options += values
            case _:
                pass
    return Resolv(tuple(servers), tuple(search), tuple(options))

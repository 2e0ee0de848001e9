"""Who may come in, by the head of a request alone: the path, ``Host``, ``Origin`` and ``Authorization``.

A page of another site in the same browser can open websockets to this machine, and with DNS rebinding (a name of its
own that suddenly means 127.0.0.1) it can even read pages from it. So the ``Host`` of every request has to be one of
ours, and a browser's ``Origin`` as well. Without an ``Origin`` it is a program, which needs a token as everybody does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from lunix_websocket.frames import basic_password, is_subject

Kind = Literal["bus", "sub", "pub", "file"]
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Refused(Exception):
    """A request that is turned away, with a status of HTTP."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True)
class Place:
    """What a path means."""

    kind: Kind
    subject: str = ""
    """Of ``/sub/`` and ``/pub/``; the path itself of a file."""


class Door:
    """The names by which this server may be reached."""

    def __init__(self, address: str, port: int, origins: Iterable[str] = (), *, tls: bool = False) -> None:
        """``address`` is where it listens; ``origins`` are more ways to it, such as ``https://lunix.example``."""
        scheme = "https" if tls else "http"
        names = LOOPBACK if address in ("127.0.0.1", "::1") else (bracketed(address),)
        self.origins = {f"{scheme}://{name}:{port}" for name in names} | {origin.lower() for origin in origins}
        self.hosts = {urlsplit(origin).netloc for origin in self.origins}

    def check(self, method: str, hosts: Sequence[str], origins: Sequence[str]) -> None:
        """Raise ``Refused`` for a request that is none for us; these are all the values of its headers."""
        if method != "GET":
            raise Refused(405, f"the method is {method[:16]}")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            raise Refused(421, f"the Host {', '.join(hosts)[:128]!r} is none of ours")
        if len(origins) > 1 or (origins and origins[0].lower() not in self.origins):
            raise Refused(403, f"the Origin {', '.join(origins)[:128]!r} is foreign")


def bracketed(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def is_origin(text: str) -> bool:
    """Whether this is what a browser sends as an origin: a scheme, a name and perhaps a port."""
    parts = urlsplit(text)
    return bool(parts.scheme in ("http", "https") and parts.hostname and text == f"{parts.scheme}://{parts.netloc}")


def place(target: str) -> Place:
    """What is asked for; raise ``Refused`` where a subject is none."""
    path = target.partition("?")[0]
    if path == "/bus":
        return Place("bus")
    for kind in ("sub", "pub"):
        if path.startswith(f"/{kind}/"):
            subject = unquote(path.removeprefix(f"/{kind}/"), errors="replace")
            if not is_subject(subject, wildcards=True):
                raise Refused(400, "the path names no subject")
            return Place(kind, subject)
    return Place("file", path)


def secret(authorizations: Sequence[str]) -> str | None:
    """The secret that a program shows with its request, ``None`` where it shows none (yet); raise ``Refused``.

    Basic is taken too, whatever the user is called: that is how curl and what takes ``ws://:TOKEN@host`` send it.
    """
    if not authorizations:
        return None
    scheme, _, value = authorizations[0].strip().partition(" ")
    shown = {"bearer": value.strip(), "basic": basic_password(value.strip())}.get(scheme.lower())
    if not shown or len(authorizations) > 1:
        raise Refused(401, "the Authorization is neither Bearer nor Basic with a token")
    return shown

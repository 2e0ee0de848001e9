"""What plain HTTP requests get: the page, what there is on the bus, and whether all is well."""

import json
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from pathlib import Path

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from lunix_common import __version__
from lunix_common.access.tokens import Token
from lunix_common.subjects import Kind, Subject, Table
from lunix_websocket.door import Place, Refused
from lunix_websocket.policy import Policy

_PAGE = Path(__file__).parent / "page"
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_JSON = "application/json"
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


def content_security_policy(host: str) -> str:
    """Nothing but our own files and websockets; ``host`` is one of ours. Safari's 'self' takes in no ``ws:``."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


class Site:
    """Answers what is no websocket."""

    def __init__(
        self, table: Table, policy: Callable[[Token], Policy], health: Callable[[], dict[str, object]]
    ) -> None:
        self._table = table
        self._policy = policy
        self._health = health

    def answer(self, place: Place, request: Request, token: Token | None) -> Response:
        """The answer to a request that has passed the door; raise ``Refused``."""
        path = place.subject
        if path in _FILES:
            name, kind = _FILES[path]
            return respond(HTTPStatus.OK, _file(name), kind, request.headers.get("Host", ""))
        if path == "/health":
            health = self._health()
            good = HTTPStatus.OK if health["bus"] else HTTPStatus.SERVICE_UNAVAILABLE
            return respond(good, json.dumps(health).encode(), _JSON)
        if path not in ("/subjects", "/asyncapi.json"):
            raise Refused(404, "there is no such page")
        if token is None:
            raise Refused(401, "this takes a token: Authorization: Bearer …")
        rows = list(self._visible(self._policy(token)))
        if path == "/subjects":
            return respond(HTTPStatus.OK, json.dumps(self._told(rows)).encode(), _JSON)
        return respond(HTTPStatus.OK, json.dumps(self._document(rows)).encode(), _JSON)

    def _visible(self, policy: Policy) -> Iterable[Subject]:
        """The rows that a token may use."""
        for row in self._table:
            if policy.may_hear(row.wildcard) if row.kind is Kind.EVENT else policy.may_send(_literal(row)):
                yield row

    def _told(self, rows: list[Subject]) -> dict[str, object]:
        """The rows, and of their domains what a mirror has to know."""
        names = {row.domain for row in rows}
        domains = [
            {"name": one.name, "doc": one.doc, "gone": sorted(one.gone), "passing": sorted(one.passing)}
            for one in self._table.domains
            if one.name in names
        ]
        return {"subjects": [_row(row) for row in rows], "domains": domains}

    def _document(self, rows: list[Subject]) -> dict[str, object]:
        from lunix_websocket.asyncapi import (
            document,  # and with it every model: 30 ms and some MB, where it is asked for
        )

        return document(Table(tuple(rows), self._table.domains), __version__)


def _literal(row: Subject) -> str:
    return row.literal(**dict.fromkeys(row.parameters, "x"))


def _row(row: Subject) -> dict[str, object]:
    return {
        "subject": row.pattern,
        "wildcard": row.wildcard,
        "kind": row.kind.value,
        "daemon": row.daemon,
        "role": row.role.value,
        "bare": row.bare,
        "doc": row.doc,
    }


@cache
def _file(name: str) -> bytes:
    return (_PAGE / name).read_bytes()


def respond(status: HTTPStatus, body: bytes, kind: str, host: str = "", more: dict[str, str] | None = None) -> Response:
    """A whole answer, after which the connection ends. ``host`` is for the page, which opens websockets to it."""
    headers = Headers(
        {
            "Date": formatdate(usegmt=True),
            "Connection": "close",
            "Content-Length": str(len(body)),
            "Content-Type": kind,
            "Content-Security-Policy": content_security_policy(host) if host else "default-src 'none'; sandbox",
            **_SAFE,
            **(more or {}),
        }
    )
    return Response(status.value, status.phrase, headers, body)


def refuse(refused: Refused) -> Response:
    """The answer to who is turned away."""
    more = {"Allow": "GET"} if refused.status == 405 else {}
    body = json.dumps({"error": {"code": refused.status, "message": refused.why}}).encode()
    return respond(HTTPStatus(refused.status), body, _JSON, more=more)

"""The subjects of websocket: who is connected through it."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "websocket",
        "websocket",
        "Browsers, scripts and flows that are on the bus through a websocket.",
        item="websocket.Client",
        gone=frozenset({"closed"}),
    ),
)

SUBJECTS = (
    event("websocket.opened", "websocket", "websocket.ClientEvent", "Somebody came, with a token.", Role.ADMIN),
    event("websocket.closed", "websocket", "websocket.ClientEvent", "Somebody went.", Role.ADMIN),
    Subject(
        "websocket.list",
        Kind.QUERY,
        "websocket",
        "websocket.ListRequest",
        "Who is connected.",
        reply="websocket.ClientList",
        role=Role.ADMIN,
        bare="token",
    ),
)

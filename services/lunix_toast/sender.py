"""Who asks for a toast over the bus: pure."""

import json


def sender_of(request_info: str) -> str:
    """The identity that the server names, as ``user`` or ``user-mqtt``; ``bus`` where it names none, as for daemons."""
    try:
        return str(json.loads(request_info)["acc"]).lower()[:128]
    except (KeyError, RecursionError, TypeError, ValueError):
        return "bus"

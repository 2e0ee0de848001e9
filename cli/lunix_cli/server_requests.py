"""What nats-server itself is asked on the bus: of its account ``$SYS``, or of the one that keeps a history.

Requests: https://docs.nats.io/running-a-nats-service/configuration/sys_accounts,
https://docs.nats.io/reference/reference-protocols/nats_api_reference.
"""

import json
from typing import Any

from lunix_cli.server import RELOADS, UNCHANGED
from lunix_common.bus.session import Session

Json = dict[str, Any]
_WAIT_S = 10.0


async def ask(session: Session, subject: str, body: Json, refused: str = "the server refuses") -> Json:
    """The object that it answers; raise ``OSError``, which begins with ``refused``, where that is an error.

    Raises what ``Session.request`` does besides.
    """
    answer: Json = json.loads((await session.request(subject, json.dumps(body).encode(), _WAIT_S)).data)
    if "error" in answer:
        raise OSError(f"{refused}: {answer['error'].get('description')}")
    return answer


async def reload(session: Session, server: str) -> None:
    """Have the server of this id read its configuration again; raise ``OSError`` where it goes on with the old one."""
    for _ in range(RELOADS):
        await ask(session, f"$SYS.REQ.SERVER.{server}.RELOAD", {}, UNCHANGED)

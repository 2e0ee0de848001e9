"""``lunix env``: the environment by which any NATS client in any language finds the bus and its key."""

import os
import shlex
from argparse import Namespace
from pathlib import Path

from lunix_cli import web
from lunix_cli.place import fresh, options
from lunix_cli.server import websocket_listener
from lunix_common.errors import UsageError
from lunix_common.role import RANKED, Role


def run(arguments: Namespace) -> int:
    """Print ``export`` lines for a shell; raise ``UsageError`` where there is no key to tell."""
    role, found = options(arguments.role, arguments.bus, arguments.state, fresh(os.environ))
    if found.key is None:
        raise UsageError("there is no key that you may read: `lunix up` makes the keys when it first starts")
    lines = {"NATS_URL": found.url, "NATS_NKEY": str(found.key.absolute()), "LUNIX_BUS": found.url}
    if arguments.state:
        lines["LUNIX_STATE"] = str(Path(arguments.state).absolute())
    assert found.state is not None
    # An identity of its own may be less than any token.
    most = Role(role) if role in RANKED else Role.OBSERVER
    if (page := web.address(found.state)) and (secret := web.secret(found.state, most)):
        lines |= {"LUNIX_WEBSOCKET": f"ws{page.removeprefix('http')}bus", "LUNIX_WEBSOCKET_TOKEN": secret}
    if url := websocket_listener(found.state):
        lines["NATS_WEBSOCKET"] = url
    for name, value in lines.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0

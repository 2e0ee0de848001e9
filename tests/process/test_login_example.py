"""The story of lunix-login: somebody comes from elsewhere, and the person in front of the machine sees it."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from nats.aio.msg import Msg

from lunix_testing.command import LunixUp, environ
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.login import Files
from lunix_testing.tree import ROOT

DEAD_PROCESS = 8
EXAMPLE = "examples/python/toast_on_login.py"


async def test_a_toast_for_each_login_from_elsewhere(lunix_up: Callable[..., LunixUp], tmp_path: Path) -> None:
    files = Files(tmp_path)
    daemon = {"UTMP": files.utmp, "BTMP": files.btmp, "PAM_SOCKET": files.socket, "LOGIND": "false"}
    up = lunix_up(
        *("--port", "0", "--only", "login,toast"),
        env={f"LUNIX_LOGIN_{name}": str(value) for name, value in daemon.items()},
    )
    said = up("env", "--role", "user").out.replace("'", "")
    env = environ(dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines()))
    toasts, logins = Inbox[Msg](), Inbox[Msg]()
    client = await up.connect("user")
    await client.subscribe("toast.shown", cb=toasts.put_async)
    await client.subscribe("login.opened", cb=logins.put_async)
    await client.subscribe("login.closed", cb=logins.put_async)
    await client.flush()
    process = await asyncio.create_subprocess_exec(sys.executable, ROOT / EXAMPLE, env=env)
    try:
        async with deadline("a toast", 60):
            # The example tells nobody when it listens.
            while not toasts.items:
                assert process.returncode is None, "the example has ended"
                files.log_in("pts/0", os.getpid(), "ada", "192.0.2.7")
                await logins.next()
                files.log_in("pts/0", os.getpid(), "", kind=DEAD_PROCESS)
                await logins.next()
        assert json.loads(toasts.items[0].data)["summary"] == "ada is here from 192.0.2.7"
    finally:
        process.terminate()
        await process.wait()
        await client.close()

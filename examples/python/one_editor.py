"""Bring a program's window to the front, or start the program: python one_editor.py XTerm xterm.

Before: pip install nats-py nkeys; lunix access add desk --grant wm.exec; NATS_NKEY is the path that it prints.
"""

import asyncio
import json
import os
import sys

import nats


async def main(app: str, *command: str) -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    found = json.loads((await bus.request("wm.list", json.dumps({"app": app}).encode(), timeout=5)).data)["items"]
    if found:
        await bus.request("wm.focus", found[0]["id"].encode(), timeout=5)
        print(f"{app} comes to the front")
    else:
        started = json.loads((await bus.request("wm.exec", json.dumps({"argv": command}).encode(), timeout=10)).data)
        print(f"{app} is started as {started['pid']}" if "pid" in started else started["error"]["message"])
    await bus.close()


asyncio.run(main(*sys.argv[1:]))

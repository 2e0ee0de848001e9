"""Open a terminal when a phone connects: terminal_on_phone.py [ADDRESS] [PROGRAM...]. Without an address, any phone.

Before: pip install nats-py nkeys; lunix access add phone --role user --grant wm.exec; eval "$(lunix env --role phone)".
"""

import asyncio
import json
import os
import sys

import nats


async def main(address: str = "", *argv: str) -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    connected = await bus.subscribe("bluetooth.connected")
    async for event in connected.messages:
        device = json.loads(event.data)
        # Decide by the address of a device that is paired: anybody can call a device "phone".
        if device["paired"] and (device["address"] == address if address else device.get("icon") == "phone"):
            program = {"argv": list(argv) or ["x-terminal-emulator"]}
            started = json.loads((await bus.request("wm.exec", json.dumps(program).encode(), timeout=10)).data)
            print(started.get("pid") or started["error"]["message"], flush=True)


asyncio.run(main(*sys.argv[1:]))

"""A toast when somebody logs in from elsewhere. Before: pip install nats-py nkeys; eval "$(lunix env --role user)"."""

import asyncio
import json
import os

import nats


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    logins = await bus.subscribe("login.opened")
    async for event in logins.messages:
        session = json.loads(event.data)
        if "remote_host" in session:
            await bus.publish("toast.in", f"{session['user']} is here from {session['remote_host']}".encode())


asyncio.run(main())

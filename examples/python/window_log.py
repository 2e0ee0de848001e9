"""What windows come, go and take the focus. Before: pip install nats-py nkeys; eval "$(lunix env --role user)"."""

import asyncio
import json
import os

import nats


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    events = await bus.subscribe("wm.window.*")
    listing = json.loads((await bus.request("wm.list", timeout=5)).data)
    print(f"{len(listing['items'])} windows", flush=True)
    async for event in events.messages:
        window = json.loads(event.data)
        # A title is what a stranger wrote: as JSON it is harmless to a terminal.
        print(event.subject.rpartition(".")[2], window.get("app"), json.dumps(window["title"]), flush=True)


asyncio.run(main())

"""A toast for each serious message. Before: pip install nats-py nkeys; eval "$(lunix env --role admin)"."""

import asyncio
import json
import os

import nats
from nats.aio.msg import Msg


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])

    async def alarm(message: Msg) -> None:
        entry = json.loads(message.data)
        toast = {"summary": entry.get("app") or entry["facility"], "body": entry["text"], "urgency": "critical"}
        await bus.publish("toast.in", json.dumps(toast).encode())

    for severity in ("emerg", "alert", "crit"):
        await bus.subscribe(f"log.*.{severity}", cb=alarm)
    await asyncio.Event().wait()


asyncio.run(main())

"""What is plugged in and out, by a websocket instead of NATS: eval "$(lunix env)" first."""

import asyncio
import json
import os
import sys

from websockets.asyncio.client import connect


async def main(topic="hardware.*.*"):
    async with connect(os.environ["LUNIX_WEBSOCKET"]) as bus:
        await bus.send(json.dumps({"op": "auth", "token": os.environ["LUNIX_WEBSOCKET_TOKEN"]}))
        await bus.send(json.dumps({"op": "subscribe", "topic": topic}))
        async for text in bus:
            frame = json.loads(text)
            print(frame.get("op", "event"), frame.get("topic"), frame.get("payload", ""), flush=True)


asyncio.run(main(*sys.argv[1:]))

"""Six automations. Before: pip install nats-py nkeys; eval "$(lunix env --role admin)"."""

import asyncio
import json
import os

import nats
from nats.aio.msg import Msg


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])

    async def plugged(_: Msg) -> None:
        await bus.publish("toast.in", b"a USB stick was plugged in!")

    async def unplugged(_: Msg) -> None:
        await bus.publish("toast.in", b"a USB stick was removed!")

    async def mount(event: Msg) -> None:
        await bus.publish(
            "mount.mount", json.dumps({"device": json.loads(event.data)["id"], "where": "/myplace"}).encode()
        )

    async def terminal(event: Msg) -> None:
        if json.loads(event.data).get("icon") == "phone":
            await bus.publish("wm.exec", b"x-terminal-emulator")

    async def cold(reading: Msg) -> None:
        if float(reading.data) < 18 and json.loads((await bus.request("ps.calibre", timeout=5)).data)["running"]:
            await bus.publish("toast.in", f"only {float(reading.data):g} °C".encode())

    async def doorbell(_: Msg) -> None:
        await bus.publish("toast.in", b"somebody is at the door")

    await bus.subscribe("hardware.usb.add", cb=plugged)
    await bus.subscribe("hardware.usb.add", cb=mount)
    await bus.subscribe("hardware.usb.remove", cb=unplugged)
    await bus.subscribe("bluetooth.connected", cb=terminal)
    await bus.subscribe("mqtt.temperature0", cb=cold)
    await bus.subscribe("mqtt.doorbell", cb=doorbell)
    await asyncio.Event().wait()


asyncio.run(main())

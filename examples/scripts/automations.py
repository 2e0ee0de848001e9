#!/usr/bin/env python3
# lunix: uses hardware.usb.* bluetooth.connected mqtt.temperature0 mqtt.doorbell toast.in mount.mount wm.exec ps.calibre
"""Six automations: put this file into ~/.config/lunix/scripts, then `lunix script grant automations`."""

from lunix_common.script import Event, ask, on, run, send


@on("hardware.usb.add")
def plugged(event: Event) -> None:
    send("toast.in", "a USB stick was plugged in!")
    send("mount.mount", {"device": event["id"], "where": "/myplace"})


@on("hardware.usb.remove")
def unplugged(event: Event) -> None:
    send("toast.in", "a USB stick was removed!")


@on("bluetooth.connected")
def terminal(event: Event) -> None:
    if event.get("icon") == "phone":
        send("wm.exec", "x-terminal-emulator")


@on("mqtt.temperature0")
async def cold(event: Event) -> None:
    if float(event.text) < 18 and (await ask("ps.calibre"))["running"]:
        send("toast.in", f"only {float(event.text):g} °C")


@on("mqtt.doorbell")
def doorbell(event: Event) -> None:
    send("toast.in", "somebody is at the door")


run()

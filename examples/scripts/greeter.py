#!/usr/bin/env python3
# lunix: uses hardware.net.add toast.in ps.*
"""A toast for each network interface that comes, which says whether a program runs."""

from lunix_common.script import Event, ask, on, run, send


@on("hardware.net.add")
async def came(event: Event) -> None:
    asked = await ask("ps.firefox")
    browsing = "while you browse" if asked["running"] else "and nobody browses"
    send("toast.in", f"{event['name']} is there, {browsing}")


run()

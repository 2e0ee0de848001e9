"""What ``lunix script new`` writes: a script that works as it is, in each language. Pure data."""

PYTHON = '''\
#!/usr/bin/env python3
# lunix: uses hardware.usb.add toast.in
"""NAME: a toast for each USB device that is plugged in."""

from lunix_common.script import Event, on, run, send


@on("hardware.usb.add")
def plugged(event: Event) -> None:
    send("toast.in", f"{event.get('product') or 'a USB device'} was plugged in")


run()
'''
SHELL = """\
#!/bin/sh
# lunix: uses hardware.usb.add toast.in
# NAME: a toast for each USB device that is plugged in
lunix sub --json hardware.usb.add | while read -r event; do
  echo "$event"
  lunix pub toast.in 'a USB device was plugged in'
done
"""
NODE = """\
#!/usr/bin/env node
// lunix: uses hardware.usb.add toast.in
// NAME: a toast for each USB device that is plugged in. Needs: npm install @nats-io/transport-node
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const seed = readFileSync(process.env.NATS_NKEY);
const bus = await connect({ servers: process.env.NATS_URL, authenticator: nkeyAuthenticator(seed) });
for await (const event of bus.subscribe("hardware.usb.add")) {
  bus.publish("toast.in", `${event.json().product ?? "a USB device"} was plugged in`);
}
"""
TEMPLATES = {"python": (".py", PYTHON), "shell": (".sh", SHELL), "node": (".mjs", NODE)}
"""The ending of the file's name and its text, by language; NAME stands for the name."""

"""A toast for each USB device that is plugged in; the five lines of the README, run as a service."""

from typing import NoReturn

from lunix_common.script import Event, on, run, send


@on("hardware.usb.add")
def plugged(event: Event) -> None:
    """Say what it is, once for each device and not for each of its interfaces."""
    if event.get("devtype") == "usb_device":
        send("toast.in", f"{event.get('product') or 'a USB device'} was plugged in")


def main() -> NoReturn:
    """Wait for devices until it is ended."""
    run()

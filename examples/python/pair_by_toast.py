"""Confirm Bluetooth pairings by a toast. Before: pip install nats-py nkeys; eval "$(lunix env --role user)"."""

import asyncio
import json
import os
from typing import Any

import nats
from nats.aio.msg import Msg

QUESTIONS = {
    "confirm": "Does it show {passkey}?",
    "authorize": "It wants to pair, and shows no passkey.",
    "service": "It wants to use the service {service}.",
    "show_passkey": "Type {passkey} on it.",
    "show_pin": "Type {pin} on it.",
}
YES_OR_NO = [{"key": "yes", "label": "Yes"}, {"key": "no", "label": "No"}]


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    toasts: dict[str, str] = {}

    async def ask(subject: str, payload: object = None) -> Any:
        return json.loads((await bus.request(subject, json.dumps(payload or {}).encode(), timeout=10)).data)

    async def show(asked: dict[str, Any]) -> None:
        # The name is what the device calls itself; a toast without markup shows it as it is.
        toast = {
            "summary": f"Bluetooth: {asked.get('name', asked['device'])}",
            "body": QUESTIONS.get(asked["kind"], "It has to be answered with what is typed.").format_map(asked),
            "icon": "bluetooth",
            "urgency": "critical",
            "tag": f"pair-{asked['id']}",
            "actions": YES_OR_NO if asked["kind"] in ("confirm", "authorize", "service") else [],
        }
        toasts[asked["id"]] = (await ask("toast.in", toast))["id"]

    async def requested(event: Msg) -> None:
        await show(json.loads(event.data))

    async def ended(event: Msg) -> None:
        if toast := toasts.pop(json.loads(event.data)["id"], None):
            await ask("toast.close", {"id": toast})

    async def chosen(event: Msg) -> None:
        action = json.loads(event.data)
        kind, _, id_ = action.get("tag", "").partition("-")
        if kind == "pair":
            await ask("bluetooth.pair.answer", {"id": id_, "accept": action["action"] == "yes"})

    await bus.subscribe("bluetooth.pair.requested", cb=requested)
    await bus.subscribe("bluetooth.pair.ended", cb=ended)
    await bus.subscribe("toast.action", cb=chosen)
    await bus.flush()
    # What was asked before we listened; the same tag replaces the toast of one that came twice.
    for asked in (await ask("bluetooth.list"))["pairing"]:
        await show(asked)
    await asyncio.Event().wait()


asyncio.run(main())

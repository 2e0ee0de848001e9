#!/usr/bin/env python3
"""Ask a question with a toast and print the answer: ask_by_toast.py 'Mount the stick?' Yes No

Exits with 0 and the chosen label, or with 1 when nobody answers before the toast is gone. Needs nats-py, nkeys, and
`eval "$(lunix env --role user)"`.
"""

import asyncio
import json
import os
import sys

import nats


async def main(question: str, *answers: str) -> int:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    chosen = await bus.subscribe("toast.action")
    gone = await bus.subscribe("toast.closed")
    await bus.flush()
    actions = [{"key": str(number), "label": label} for number, label in enumerate(answers)]
    toast = {"summary": question, "actions": actions, "timeout_ms": 60_000}
    accepted = json.loads((await bus.request("toast.in", json.dumps(toast).encode(), timeout=5)).data)
    if "error" in accepted:
        sys.exit(accepted["error"]["message"])
    # An action is told before the end that it brings, so what was chosen is there when the toast is gone.
    async for closed in gone.messages:
        if json.loads(closed.data)["id"] == accepted["id"]:
            break
    while chosen.pending_msgs:
        action = json.loads((await chosen.next_msg()).data)
        if action["id"] == accepted["id"]:
            print(answers[int(action["action"])])
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))

"""The lunix-init of a guest that has it as PID 1: asking it, and waiting for its services by its events."""

import json
from typing import Any

from lunix_testing.vm.machine import Machine

INIT = "/opt/lunix/bin/lunix-init"
PYTHON = "/opt/lunix/bin/python"
CONNECT = """
import json, sys, time
from lunix_init.control import Control

def connect():
    while True:  # the guest obeys before lunix-init has its socket, of which nothing tells
        try:
            return Control.connect("/run/lunix", timeout_s=240)
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.05)
"""
"""What a program of the guest asks lunix-init by."""
_ASK = f"""{CONNECT}
with connect() as control:
    print(json.dumps(control.do(sys.argv[1], **json.loads(sys.argv[2]))))
"""
_UNTIL = f"""{CONNECT}
name, *states = sys.argv[1:]
with connect() as stream, connect() as control:
    events = stream.events()
    while (found := control.do("get", name=name))["state"] not in states:
        next(events)
print(json.dumps(found))
"""
_UNTIL_LINE = f"""{CONNECT}
name, text = sys.argv[1:]
with connect() as follow, connect() as control:
    follow.send("logs", name=name, most=0, follow=True)
    lines = [line["text"] for line in control.do("logs", name=name)["lines"]]
    messages = follow.messages()
    while not any(text in line for line in lines):
        lines.append(next(messages).get("log", {{}}).get("text", ""))
"""


def patient(unit: str) -> str:
    """The text of a unit that has five minutes to say that it is ready, unless it knows itself how long it may take."""
    return f'start_timeout = "5min"\n{unit}' if "ready =" in unit and "start_timeout" not in unit else unit


async def ask(vm: Machine, verb: str, **args: object) -> Any:
    """Ask one thing on the control socket."""
    return json.loads((await vm.run(PYTHON, "-c", _ASK, verb, json.dumps(args))).stdout)


async def until(vm: Machine, name: str, *states: str) -> dict[str, Any]:
    """Wait until a service is in one of these states; return what is told about it."""
    found: dict[str, Any] = json.loads((await vm.run(PYTHON, "-c", _UNTIL, name, *states)).stdout)
    return found


async def until_line(vm: Machine, name: str, text: str) -> None:
    """Wait until a service has written a line with this text."""
    await vm.run(PYTHON, "-c", _UNTIL_LINE, name, text)

"""The guest's side of the control channel: starts programs on request and carries their input and output.

One JSON object a line both ways, bytes in base64; ``id`` names a process by the host's choice.

    host:  {"id", "start": [argv], "env": {…} | null, "cwd": path | null, "user": [uid, gid] | null}
           {"id", "input": bytes}      an empty one closes the standard input
           {"id", "signal": number}    goes to the process group
    guest: {"id": 0, "hello": python version}
           {"id", "pid": n} or {"id", "refused": errno, "path": name}
           {"id", "out": bytes} {"id", "err": bytes}
           {"id", "exit": code}        negative for a signal; all output written before the exit has been sent

It needs the standard library alone and runs under any init, also when /proc and /dev are not mounted.
"""

import base64
import contextlib
import json
import os
import selectors
import signal
import subprocess
from typing import Any, BinaryIO, cast

PORT_IN, PORT_OUT = 0, 1
CHUNK = 65536

Message = dict[str, Any]


def send(message: Message) -> None:
    """Write one message; the port blocks until the host has connected and reads."""
    view = memoryview(json.dumps(message).encode() + b"\n")
    while view:
        view = view[os.write(PORT_OUT, view) :]


class Child:
    """One started program, its pipes without blocking, and its pidfd."""

    def __init__(self, number: int, message: Message) -> None:
        user, group = message["user"] or (None, None)
        self.number = number
        self.pending = bytearray()
        self.closing = False
        self.process = subprocess.Popen(
            message["start"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | (message["env"] or {}),
            cwd=message["cwd"],
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            start_new_session=True,
        )
        self.stdin = cast("BinaryIO", self.process.stdin)
        self.outputs = {
            "out": cast("BinaryIO", self.process.stdout),
            "err": cast("BinaryIO", self.process.stderr),
        }
        self.pidfd = os.pidfd_open(self.process.pid)
        for stream in (self.stdin, *self.outputs.values()):
            os.set_blocking(stream.fileno(), False)


class Agent:
    """Serves the port until the host closes it."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.children: dict[int, Child] = {}
        self.received = bytearray()
        self.served = True

    def serve(self) -> None:
        """Run the loop: every wait is on a descriptor."""
        send({"id": 0, "hello": os.uname().release})
        self.selector.register(PORT_IN, selectors.EVENT_READ, self.on_port)
        while self.served:
            for key, _ in self.selector.select():
                # An earlier callback of this round may have closed it.
                if key.fd in self.selector.get_map():
                    key.data()

    def on_port(self) -> None:
        """Take what came from the host, by whole lines."""
        data = os.read(PORT_IN, CHUNK)
        self.served = bool(data)
        self.received += data
        *lines, rest = self.received.split(b"\n")
        self.received = bytearray(rest)
        for line in lines:
            self.on_message(json.loads(line))

    def on_message(self, message: Message) -> None:
        """Do what one message asks; a process that is gone already is no error."""
        number = message["id"]
        if "start" in message:
            self.start(number, message)
        elif (child := self.children.get(number)) is None:
            return
        elif "signal" in message:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, message["signal"])
        else:
            self.feed(child, base64.b64decode(message["input"]))

    def start(self, number: int, message: Message) -> None:
        """Start a program, or tell with errno why not."""
        try:
            child = Child(number, message)
        except OSError as error:
            send({"id": number, "refused": error.errno, "path": error.filename or ""})
            return
        self.children[number] = child
        for name, stream in child.outputs.items():
            self.selector.register(
                stream,
                selectors.EVENT_READ,
                lambda name=name, stream=stream: self.on_output(child, name, stream),
            )
        self.selector.register(child.pidfd, selectors.EVENT_READ, lambda: self.on_exit(child))
        send({"id": number, "pid": child.process.pid})

    def feed(self, child: Child, data: bytes) -> None:
        """Queue input; an empty piece closes it once all before it is written."""
        if child.stdin.closed:
            return
        child.pending += data
        child.closing = child.closing or not data
        if child.stdin not in self.selector.get_map():
            self.selector.register(child.stdin, selectors.EVENT_WRITE, lambda: self.on_writable(child))

    def on_writable(self, child: Child) -> None:
        """Write queued input; a program that closed its input loses the rest, as in a pipe."""
        try:
            done = os.write(child.stdin.fileno(), child.pending) if child.pending else 0
        except BrokenPipeError:
            child.pending.clear()
            child.closing = True
            done = 0
        del child.pending[:done]
        if child.pending:
            return
        self.selector.unregister(child.stdin)
        if child.closing:
            child.stdin.close()

    def on_output(self, child: Child, name: str, stream: BinaryIO) -> None:
        """Carry what one pipe holds; close it at its end."""
        try:
            data = os.read(stream.fileno(), CHUNK)
        except BlockingIOError:
            return
        if data:
            send({"id": child.number, name: base64.b64encode(data).decode()})
        else:
            self.selector.unregister(stream)
            stream.close()

    def on_exit(self, child: Child) -> None:
        """Send what the program left in its pipes, then its code.

        A descendant may hold the pipes open for ever: what it writes later is still carried.
        """
        self.selector.unregister(child.pidfd)
        os.close(child.pidfd)
        code = child.process.wait()
        for name, stream in child.outputs.items():
            while not stream.closed and self.has_input(stream):
                self.on_output(child, name, stream)
        if not child.stdin.closed:
            if child.stdin in self.selector.get_map():
                self.selector.unregister(child.stdin)
            child.stdin.close()
        del self.children[child.number]
        send({"id": child.number, "exit": code})

    def has_input(self, stream: BinaryIO) -> bool:
        """Whether a read of the pipe would not block (data or its end)."""
        with selectors.PollSelector() as one:
            one.register(stream, selectors.EVENT_READ)
            return bool(one.select(0))


if __name__ == "__main__":
    # The init of the guest may ignore signals, and that is inherited by every program.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(ignored, signal.SIG_DFL)
    Agent().serve()

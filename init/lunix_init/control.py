"""The client's side of the control socket, for programs: blocking, without dependencies.

    with Control.connect("/run/lunix") as control:
        control.do("restart", name="bus", wait=True)
        for message in control.events():
            ...

`Refused` is raised where init says no. Where there is no init, `connect` raises `OSError`.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SOCKET = "control.sock"


class Refused(Exception):
    """Init did not do what it was asked: a code in HTTP's sense and a sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Control:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")
        self._next = 0

    @classmethod
    def connect(cls, run: str | Path, timeout_s: float | None = 10.0) -> Self:
        """Connect to the init whose run directory this is."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)
            sock.connect(str(Path(run) / SOCKET))
        except OSError:
            sock.close()
            raise
        return cls(sock)

    def do(self, verb: str, **args: object) -> Any:
        """Ask one thing and wait for its answer."""
        self.send(verb, **args)
        for message in self.messages():
            if message.get("id") == self._next:
                if message["ok"]:
                    return message["result"]
                raise Refused(message["error"]["code"], message["error"]["message"])
        raise ConnectionResetError("init closed the connection")

    def send(self, verb: str, **args: object) -> None:
        """Ask one thing; its answer comes among the `messages`."""
        self._next += 1
        request = {"id": self._next, "do": verb, **args}
        self._sock.sendall(json.dumps(request).encode() + b"\n")

    def events(self, since: int | None = None, boot: str | None = None) -> Iterator[dict[str, Any]]:
        """Stream `{"event": …}` and `{"lost": …}` messages, from after an event on."""
        given = {"since": since, "boot": boot}
        self.do("events", **{key: value for key, value in given.items() if value is not None})
        return self.messages()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Return what comes, one message after the other, until init closes."""
        while line := self._file.readline():
            if not line.endswith(b"\n"):
                raise ConnectionResetError("init closed the connection within a line")
            yield json.loads(line)

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

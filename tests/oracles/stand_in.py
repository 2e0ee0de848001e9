"""lunix-bus behind the arguments and the configuration format of nats-server, for suites that start a nats-server.

It answers ``/varz`` on the monitoring port too, because such suites wait for that.
"""

import argparse
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TOKENS = re.compile(r"""\s*(?:[#].*|//.*|([{}\[\]:=,])|"([^"]*)"|'([^']*)'|([^\s{}\[\]:=,#]+))""")
PR_SET_PDEATHSIG = 1


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """The marks and words of a configuration: ``("mark", "{")``, ``("text", "a b")``, ``("word", "4222")``."""
    for mark, double, single, word in _TOKENS.findall(text):
        if mark:
            yield "mark", mark
        elif word:
            yield "word", word
        elif double or single:
            yield "text", double or single


def parse(text: str) -> dict[str, Any]:
    """A configuration in nats-server's format, as far as the suites use it."""
    found = list(tokens(text))
    place = 0

    def value() -> Any:
        nonlocal place
        kind, one = found[place]
        place += 1
        if one == "{" and kind == "mark":
            return block()
        if one == "[" and kind == "mark":
            items: list[Any] = []
            while found[place] != ("mark", "]"):
                if found[place] == ("mark", ","):
                    place += 1
                else:
                    items.append(value())
            place += 1
            return items
        if kind == "word" and one.lstrip("-").isdigit():
            return int(one)
        return one == "true" if kind == "word" and one in ("true", "false") else one

    def block() -> dict[str, Any]:
        nonlocal place
        made: dict[str, Any] = {}
        while place < len(found) and found[place] != ("mark", "}"):
            kind, name = found[place]
            place += 1
            if kind == "mark":
                continue
            if found[place] in (("mark", ":"), ("mark", "=")):
                place += 1
            made[name] = value()
        place += 1
        return made

    return block()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("-p", "--port", type=int, default=4222)
    parser.add_argument("-m", "--http_port", type=int)
    parser.add_argument("-a", "--addr", default="127.0.0.1")
    parser.add_argument("-c", "--config", type=Path)
    parser.add_argument("-DV", action="store_true")
    for name in ("--user", "--pass", "--auth", "--tlscert", "--tlskey", "--tlscacert", "--ports_file_dir"):
        parser.add_argument(name, default="")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--tlsverify", action="store_true")
    return parser.parse_args()


def monitor(port: int, bus: int) -> None:
    """Answer on the monitoring port as long as the server lives, and with success once it takes connections."""
    listener = socket.create_server(("127.0.0.1", port))
    if os.fork():
        listener.close()
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", bus)) == 0:
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def main() -> None:
    given = arguments()
    configuration = parse(given.config.read_text()) if given.config else {}
    port = given.port if "port" not in configuration or "-p" in sys.argv else configuration["port"]
    if given.tls:
        tls = {"cert_file": given.tlscert, "key_file": given.tlskey, "verify": given.tlsverify}
        configuration["tls"] = tls | {"ca_file": given.tlscacert or None}
    if given.http_port:
        monitor(given.http_port, port)
    path = Path(f"/tmp/stand-in-{os.getpid()}.json")
    path.write_text(json.dumps(configuration))
    words = ["-c", str(path), "-p", str(port), "-a", given.addr]
    for name in ("user", "pass", "auth", "ports_file_dir"):
        if getattr(given, name):
            words += [f"--{name}", getattr(given, name)]
    # In this process: a suite gives a server one second to come back.
    from lunix_bus.__main__ import main as serve

    serve(words)


if __name__ == "__main__":
    main()

"""One table of what clients send, hostile ones too, to nats-server and to lunix-bus: both answer the same bytes."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from lunix_cli import server

SECONDS = 30.0
PLAIN = {"server_name": "oracle", "host": "127.0.0.1", "port": -1, "max_payload": 1024, "max_control_line": 256}
CLOSED = PLAIN | {
    "accounts": {
        "A": {
            "users": [
                {"user": "all", "password": "x"},
                {
                    "user": "some",
                    "password": "x",
                    "permissions": {
                        "publish": {"allow": ["a.>", "_INBOX.>"], "deny": ["a.secret"]},
                        "subscribe": {"allow": ["a.>", "b.*", "q workers", "_INBOX.>"], "deny": ["a.secret", "b.no"]},
                    },
                },
            ],
            "mappings": {"m.in.>": "a.out.>"},
        },
        "B": {"users": [{"user": "other", "password": "x"}]},
    }
}
EXCHANGE = PLAIN | {
    "accounts": {
        "LUNIX": {
            "users": [{"user": "daemon", "password": "x"}],
            "exports": [
                {"stream": "event.>", "accounts": ["ADMIN"]},
                {"service": "do.*", "accounts": ["ADMIN"]},
                {"service": "many", "response_type": "stream"},
            ],
        },
        "ADMIN": {
            "users": [{"user": "admin", "password": "x"}],
            "imports": [
                {"stream": {"account": "LUNIX", "subject": "event.>"}, "to": "seen.>"},
                {"service": {"account": "LUNIX", "subject": "do.*"}, "to": "ask.*", "share": True},
                {"service": {"account": "LUNIX", "subject": "many"}},
            ],
        },
    }
}


class Pair(NamedTuple):
    """The ports of the two servers that read one configuration."""

    real: int
    ours: int


class Running:
    def __init__(self, words: tuple[str, ...], folder: Path) -> None:
        self.process = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True)
        started = server.Started()
        assert self.process.stderr is not None
        while not started.ready:
            line = self.process.stderr.readline()
            assert line, started.complaints
            started.read(line.rstrip())
        self.port = int(started.url.rpartition(":")[2])

    def end(self) -> None:
        self.process.terminate()
        self.process.communicate()


def pair(folder: Path, configuration: Mapping[str, object]) -> Iterator[Pair]:
    path = folder / "server.conf"
    path.write_text(json.dumps(configuration))
    words = [(*server.find(embedded=embedded).words, "-c", str(path)) for embedded in (False, True)]
    running = [Running(one, folder) for one in words]
    try:
        yield Pair(*(one.port for one in running))
    finally:
        for one in running:
            one.end()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from pair(tmp_path_factory.mktemp("plain"), PLAIN)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from pair(tmp_path_factory.mktemp("closed"), CLOSED)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from pair(tmp_path_factory.mktemp("exchange"), EXCHANGE)


class Wire:
    """A connection as bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pings = 0

    def send(self, data: bytes) -> None:
        self.pings += len(re.findall(rb"^PING", data, re.MULTILINE | re.IGNORECASE))
        try:
            self.socket.sendall(data)
        except ConnectionError:  # it has been disconnected already
            return

    def heard(self) -> bytes:
        """All until the server has dealt with what was sent, or has ended the connection; ids are made alike."""
        self.send(b"PING\r\nSUB \xff\xff.end 999\r\nUNSUB 999\r\nPUB \xff\xff.none 0\r\n\r\nPING\r\n")
        got = b""
        while got.count(b"PONG\r\n") < self.pings:
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                got += b"<END>"
                break
            got += piece
        self.pings = 0
        got = re.sub(rb"INFO \{.*\} ?\r\n", b"INFO\r\n", got)
        return re.sub(rb"_R_\.\S+", b"_R_", got)

    def close(self) -> None:
        self.socket.close()


def answers(ports: Pair, *pieces: bytes) -> Iterator[bytes]:
    """What each of the servers answers to a client that sends these, one after the other."""
    for port in ports:
        wire = Wire(port)
        for piece in pieces:
            wire.send(piece)
        yield wire.heard()
        wire.close()


HELLO = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n'
BRIEF = b'CONNECT {"verbose":false,"pedantic":false}\r\n'
ONE = b"PUB a 1\r\nx\r\n"
CASES = {
    "no CONNECT": b"SUB a 1\r\nPUB a 1\r\nx\r\n",
    "nothing": b"",
    "first ping": HELLO + b"PING\r\nPING\r\n",
    "publish": BRIEF + b"SUB a 1\r\nPUB a 5\r\nhello\r\n",
    "lower case": b'connect {"verbose":false}\r\nsub a 1\r\npub a 1\r\nx\r\nping\r\n',
    "tabs and blanks": BRIEF + b"SUB\ta  1\r\nPUB \t a\t\t1 \r\nx\r\n",
    "line feed alone": b'CONNECT {"verbose":false}\nSUB a 1\nPUB a 1\nx\r\nPING\n',
    "size with noughts": BRIEF + b"SUB a 1\r\nPUB a 0003\r\nabc\r\n",
    "reply": BRIEF + b"SUB a 1\r\nPUB a r.x 1\r\nx\r\n",
    "no payload": BRIEF + b"SUB a 1\r\nPUB a 0\r\n\r\n",
    "wildcards": BRIEF + b"SUB a.* 1\r\nSUB a.> 2\r\nPUB a.b 1\r\nx\r\nPUB a.b.c 1\r\ny\r\nPUB a 1\r\nz\r\n",
    "everything": BRIEF + b"SUB > 1\r\nPUB a.b 1\r\nx\r\n",
    "verbose": b'CONNECT {"verbose":true,"pedantic":false}\r\nSUB a 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\n',
    "pedantic": b'CONNECT {"verbose":false,"pedantic":true}\r\nSUB > 1\r\nPUB a.* 1\r\nx\r\nPUB a 1\r\ny\r\n',
    "empty tokens": BRIEF + b"SUB > 1\r\nSUB a..b 2\r\nPUB a..b 1\r\nx\r\nPUB .a 1\r\nx\r\n",
    "bad patterns": BRIEF + b"SUB a.>.b 1\r\nSUB .a 2\r\nSUB a. 3\r\nSUB foo* 4\r\nPUB foo* 1\r\nx\r\n",
    "publish to a pattern": BRIEF + b"SUB a.b 1\r\nSUB a.* 2\r\nPUB a.* 1\r\nx\r\nPUB a.> 1\r\ny\r\n",
    "a number twice": BRIEF + b"SUB a 1\r\nSUB b 1\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\n",
    "unsubscribe": BRIEF + b"SUB a 1\r\nUNSUB 1\r\nPUB a 1\r\nx\r\nUNSUB 7\r\n",
    "unsubscribe after": BRIEF + b"SUB a 1\r\nUNSUB 1 2\r\n" + b"PUB a 1\r\nx\r\n" * 4,
    "unsubscribe after what has come": BRIEF
    + b"SUB a 1\r\n"
    + b"PUB a 1\r\nx\r\n" * 3
    + b"UNSUB 1 2\r\nPUB a 1\r\nx\r\n",
    "unsubscribe after more": BRIEF
    + b"SUB a 1\r\n"
    + b"PUB a 1\r\nx\r\n" * 3
    + b"UNSUB 1 4\r\n"
    + b"PUB a 1\r\ny\r\n" * 3,
    "unsubscribe after nonsense": BRIEF + b"SUB a 1\r\nUNSUB 1 x\r\nPUB a 1\r\nx\r\n",
    "queue": BRIEF + b"SUB a g 1\r\nSUB a 2\r\nPUB a 1\r\nx\r\n",
    "no echo": b'CONNECT {"verbose":false,"echo":false}\r\nSUB a 1\r\nPUB a 1\r\nx\r\n',
    "headers": HELLO + b"SUB a 1\r\nHPUB a 18 19\r\nNATS/1.0\r\nA: b\r\n\r\nx\r\n",
    "headers and reply": HELLO + b"SUB a 1\r\nHPUB a r 18 18\r\nNATS/1.0\r\nA: b\r\n\r\n\r\n",
    "headers of nothing": HELLO + b"SUB a 1\r\nHPUB a 0 1\r\nx\r\n",
    "headers unannounced": BRIEF + b"HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    "headers longer than all": HELLO + b"HPUB a 12 3\r\nabc\r\n",
    "nobody": HELLO + b"SUB _INBOX.x 1\r\nPUB a.b _INBOX.x 1\r\nx\r\n",
    "nobody without an inbox": HELLO + b"PUB a.b _INBOX.x 1\r\nx\r\n",
    "no responders without headers": b'CONNECT {"verbose":false,"no_responders":true}\r\n',
    "strange protocol": b'CONNECT {"verbose":false,"protocol":7}\r\n',
    "empty CONNECT": b"CONNECT {}\r\nPING\r\n",
    "CONNECT without a blank": b'CONNECT{"verbose":false}\r\n',
    "CONNECT twice": BRIEF + b"SUB a 1\r\n" + BRIEF + b"PUB a 1\r\nx\r\n",
    "CONNECT of nothing": b"CONNECT \r\n",
    "CONNECT of no JSON": b"CONNECT {verbose}\r\n",
    "CONNECT of a list": b"CONNECT []\r\n",
    "CONNECT with a strange type": b'CONNECT {"verbose":"no"}\r\n',
    "CONNECT with null": b'CONNECT {"verbose":null}\r\nSUB a 1\r\n',
    "CONNECT in another case": b'CONNECT {"VERBOSE":false}\r\nSUB a 1\r\n',
    "CONNECT with an account": b'CONNECT {"verbose":false,"account":"x"}\r\n',
    "unknown verb": BRIEF + b"HELLO\r\n",
    "another server's verb": BRIEF + b"RS+ a b\r\n",
    "a message": BRIEF + b"MSG a 1 1\r\nx\r\n",
    "NUL": BRIEF + b"\0",
    "NUL in a subject": BRIEF + b"SUB > 1\r\nPUB a\0b 1\r\nx\r\n",
    "no UTF-8": BRIEF + b"SUB > 1\r\nPUB \xfe\xff 1\r\nx\r\n",
    "empty line": BRIEF + b"\r\n",
    "garbage": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "INFO": BRIEF + b'INFO {"a":1}\r\nPING\r\n',
    "OK": BRIEF + b"+OK\r\nPING\r\n",
    "error": BRIEF + b"-ERR 'no'\r\n",
    "ping with more": BRIEF + b"PING and more\r\n",
    "PUB of nothing": BRIEF + b"PUB\r\n",
    "PUB of a blank": BRIEF + b"PUB a\r\n",
    "PUB of five": BRIEF + b"PUB a b c d 1\r\n",
    "SUB of one": BRIEF + b"SUB a\r\n",
    "SUB of four": BRIEF + b"SUB a b c d\r\n",
    "UNSUB of three": BRIEF + b"UNSUB 1 2 3\r\n",
    "negative size": BRIEF + b"PUB a -1\r\n",
    "huge size": BRIEF + b"PUB a 99999999999999999999\r\n",
    "size of no digits": BRIEF + b"PUB a 1x\r\nx\r\n",
    "too much": BRIEF + b"SUB a 1\r\nPUB a 1025\r\n" + b"x" * 1025 + b"\r\n",
    "as much as may be": BRIEF + b"SUB a 1\r\nPUB a 1024\r\n" + b"x" * 1024 + b"\r\n",
    "too short": BRIEF + b"PUB a 3\r\nabcde\r\n",
    "no end": BRIEF + b"PUB a 3\r\nabc\nx\r\n",
    "long line": BRIEF + b"SUB " + b"a" * 300 + b" 1\r\n",
    "line as long as may be": BRIEF + b"SUB " + b"a" * 254 + b" 1\r\n",
    "long line without an end": BRIEF + b"PUB " + b"a" * 300,
    "reserved reply": BRIEF + b"PUB a _R_.x 1\r\nx\r\n",
    "100 tokens": BRIEF + b"SUB > 1\r\nPUB " + b"a." * 100 + b"a 1\r\nx\r\n",
}


@pytest.mark.parametrize("sent", CASES.values(), ids=CASES)
def test_a_client_is_answered_alike(plain: Pair, sent: bytes) -> None:
    real, ours = answers(plain, sent)
    assert ours == real


@pytest.mark.parametrize("name", ["publish", "headers", "long line", "too short", "garbage", "unsubscribe after"])
def test_a_client_that_sends_byte_by_byte_is_answered_alike(plain: Pair, name: str) -> None:
    sent = CASES[name]
    real, ours = answers(plain, *(sent[place : place + 1] for place in range(len(sent))))
    assert ours == real


def login(user: str, **more: object) -> bytes:
    options = {"user": user, "pass": "x", "verbose": False, "pedantic": False, "headers": True, "no_responders": True}
    return b"CONNECT " + json.dumps(options | more).encode() + b"\r\n"


CLOSED_CASES = {
    "nobody": BRIEF,
    "CONNECT again without a word": login("some") + BRIEF + b"SUB c 1\r\nSUB a.b 2\r\nPUB a.b 1\r\nx\r\n",
    "CONNECT again as another": login("some") + login("all") + b"SUB c 1\r\nPUB c 1\r\nx\r\n",
    "CONNECT again with a wrong password": login("some") + b'CONNECT {"pass":"y"}\r\n',
    "wrong password": b'CONNECT {"user":"all","pass":"y"}\r\n',
    "another word first": b"PING\r\n",
    "may publish": login("some") + b"SUB a.> 1\r\nPUB a.b 1\r\nx\r\n",
    "may not publish": login("some") + b'PUB b.x 1\r\nx\r\nPUB a.secret 1\r\nx\r\nPUB \xff"\\\x01 1\r\nx\r\n',
    "may not subscribe": login("some") + b"SUB c 1\r\nSUB > 2\r\nSUB a.secret 4\r\nSUB b.* 5\r\nSUB b.no 6\r\n",
    "may subscribe in a group": login("some") + b"SUB q 1\r\nSUB q workers 2\r\nSUB q others 3\r\n",
    "is kept from what it subscribed": login("some") + b"SUB a.* 1\r\n" + login("all") + b"PUB a.secret 1\r\nx\r\n",
}


@pytest.mark.parametrize("sent", CLOSED_CASES.values(), ids=CLOSED_CASES)
def test_permissions_are_told_alike(closed: Pair, sent: bytes) -> None:
    real, ours = answers(closed, sent)
    assert ours == real


def both(ports: Pair, steps: list[tuple[str, bytes]]) -> list[list[bytes]]:
    """What each user of a server has heard after each step, on both servers; each logs in at first."""
    found: list[list[bytes]] = []
    for port in ports:
        wires: dict[str, Wire] = {}
        heard: list[bytes] = []
        for user, sent in steps:
            if user not in wires:
                wires[user] = Wire(port)
                wires[user].send(login(user, name="<n&>", lang="l", version="v"))
            wires[user].send(sent)
            # Who sent comes first: what the others hear of it is on its way then.
            names = sorted(wires, key=lambda name: (name != user, name))
            heard += [b"%b: %b" % (name.encode(), wires[name].heard()) for name in names]
        for wire in wires.values():
            wire.close()
        found.append(heard)
    return found


STEPS = {
    "accounts are apart": [("all", b"SUB > 1\r\n"), ("other", b"PUB a 1\r\nx\r\n")],
    "another's inbox": [("some", b"SUB _INBOX.> 1\r\n"), ("all", b"PUB _INBOX.x 1\r\nx\r\n")],
    "a mapping": [("all", b"SUB > 1\r\n"), ("all", b"PUB m.in.y.z 1\r\nx\r\n")],
    "a mapping decides what may be published": [("some", b"SUB a.> 1\r\n"), ("some", b"PUB m.in.y 1\r\nx\r\n")],
    "the denied is not delivered": [
        ("some", b"SUB a.> 1\r\nSUB b.* 2\r\n"),
        ("all", b"PUB a.secret 1\r\nx\r\nPUB b.no 1\r\ny\r\nPUB b.c 1\r\nz\r\n"),
    ],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_clients_meet_alike(closed: Pair, steps: list[tuple[str, bytes]]) -> None:
    real, ours = both(closed, steps)
    assert ours == real


BLOCK = b"NATS/1.0\r\nNats-Request-Info: forged\r\nA: b\r\n\r\n"
CHAINED = b'NATS/1.0\r\nNats-Request-Info: {"acc":"ADMIN","ID":3,"x":1}\r\n\r\n'
EXCHANGES = {
    "an event": [
        ("admin", b"SUB seen.* 1\r\nSUB > 2\r\nSUB event.a 3\r\n"),
        ("daemon", b"PUB event.a 1\r\nx\r\nPUB other 1\r\ny\r\n"),
    ],
    "a request": [
        ("daemon", b"SUB do.it 1\r\n"),
        ("admin", b"SUB in.box 1\r\nPUB ask.it in.box 1\r\nx\r\nPUB ask.it 1\r\ny\r\n"),
    ],
    "a request with headers": [
        ("daemon", b"SUB do.* 1\r\n"),
        ("admin", b"HPUB ask.it %d %d\r\n%bx\r\n" % (len(BLOCK), len(BLOCK) + 1, BLOCK)),
    ],
    "a request to nobody": [("admin", b"SUB in.box 1\r\nPUB ask.it in.box 1\r\nx\r\nPUB many in.box 1\r\ny\r\n")],
    "no share": [("daemon", b"SUB many 1\r\n"), ("admin", b"PUB many 1\r\nx\r\n")],
    "a forged answer": [("admin", b"SUB in.box 1\r\nPUB _R_.x 1\r\nx\r\nPUB ask.it _R_.x 1\r\ny\r\n")],
    "not exported": [("daemon", b"SUB secret 1\r\n"), ("admin", b"PUB secret 1\r\nx\r\nPUB do.it 1\r\ny\r\n")],
}


def same(found: bytes) -> bytes:
    """Without what differs from one run to the next: the moment, the port, the time that an answer took."""
    found = re.sub(rb'"start":"[^"]*Z"', b'"start":""', found)
    found = re.sub(rb'"(id|rtt)":\d+', rb'"\1":0', found)
    return re.sub(rb"HMSG (.*?) \d+ \d+\r", rb"HMSG \1 # #\r", found)


@pytest.mark.parametrize("steps", EXCHANGES.values(), ids=EXCHANGES)
def test_accounts_exchange_alike(exchange: Pair, steps: list[tuple[str, bytes]]) -> None:
    real, ours = both(exchange, steps)
    assert [same(one) for one in ours] == [same(one) for one in real]


def test_an_answer_comes_back_once_and_a_chain_is_told(exchange: Pair) -> None:
    """A daemon answers a request; then one whose reply subject names another request."""
    told: list[list[bytes]] = []
    for port in exchange:
        daemon, admin = Wire(port), Wire(port)
        daemon.send(login("daemon") + b"SUB do.* 1\r\nSUB many 2\r\n")
        daemon.heard()
        admin.send(login("admin") + b"SUB in.box 1\r\n")
        heard: list[bytes] = []
        for ask, times in ((b"ask.one in.box", 2), (b"many in.box", 2), (b"ask.one ask.two", 1)):
            admin.send(b"PUB " + ask + b" 1\r\nx\r\n")
            admin.heard()
            daemon.socket.sendall(b"PING\r\n")
            raw = daemon.socket.recv(65536)
            while b"PONG" not in raw:
                raw += daemon.socket.recv(65536)
            found = re.search(rb"_R_\.\S+", raw)
            assert found is not None
            reply = found[0]
            for _ in range(times):
                daemon.send(b"HPUB %b %d %d\r\n%by\r\n" % (reply, len(CHAINED), len(CHAINED) + 1, CHAINED))
            heard += [same(daemon.heard()), same(admin.heard())]
        told.append(heard)
        daemon.close()
        admin.close()
    assert told[1] == told[0]


def test_a_pattern_wider_than_what_is_allowed_is_refused(closed: Pair) -> None:
    """The only answer that differs: nats-server takes ``b.>`` for one of the subjects of ``b.*``, and delivers more."""
    for port, refused in zip(closed, (False, True), strict=True):
        wire = Wire(port)
        wire.send(login("some") + b"SUB b.> 1\r\n")
        assert (b'Permissions Violation for Subscription to "b.>"' in wire.heard()) is refused
        wire.close()

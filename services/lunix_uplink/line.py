"""One connection to a NATS server, ours or the hub's, from the first byte to its end.

It is a client of its own beside ``lunix_common.bus``: headers pass through it as they are, an nkey signs without
PyNaCl, and it says ``echo: false``, so that a server never sends back what it was told.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse

from lunix_common import __version__
from lunix_common.bus.os_peer import is_loopback, peer_uid
from lunix_uplink import ed25519, protocol
from lunix_uplink.protocol import Broken, Message, Parser, Told

OPEN_S, CLOSE_S = 10.0, 1.0
ANSWER_S = 10.0
"""A server that does not answer a PING within this is gone."""
SILENCE_S = 120.0
"""After so long without a word it is asked whether it is there; a hub asks sooner."""
READ_BYTES = 65536


class Away(OSError):
    """There is no connection, and perhaps there is one soon."""


class Refused(OSError):
    """The server is there and does not take us, or is another one: somebody has to do something about it."""


@dataclass(frozen=True)
class Way:
    """Where a server is, and as whom we come."""

    url: str
    identity: str
    """Who we say we are; on a unix socket the kernel vouches for it."""
    seed: Callable[[], str] | None = field(default=None, repr=False)
    """Reads the seed of the key that we show."""
    authority: str | None = None
    """The certificate (PEM) that vouches for a server by TLS; without one it has to be on this machine."""
    uids: frozenset[int] = frozenset()
    """Whose server it may be, on this machine."""


class Line:
    """A connection that is opened anew by each ``run``."""

    def __init__(self, way: Way, take: Callable[[Message], None]) -> None:
        self._way, self._take = way, take
        self.subjects: Sequence[str] = ()
        """Subscribed to in each session; the number of a subscription is its place, from 0."""
        self.up: asyncio.Event = asyncio.Event()
        self.on_up: Callable[[], None] = lambda: None
        self.on_pong: Callable[[], None] = lambda: None
        """Called for the answer to each ``ask``."""
        self.on_refused: Callable[[str], None] = lambda _text: None
        """Called with what the server does not let us say or hear."""
        self.pressed: Callable[[], Any] | None = None
        """Awaited after each read: whoever takes what is read may be slow."""
        self.max_payload = 0
        self.was_up = False
        """Whether this run, or the last one, came so far."""
        self._writer: asyncio.StreamWriter | None = None
        self._parser = Parser()
        self._entering = False
        self._asked: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._heard_s = 0.0

    @property
    def url(self) -> str:
        """Where it leads."""
        return self._way.url

    @property
    def waiting_bytes(self) -> int:
        """How much the connection has not taken yet."""
        return self._writer.transport.get_write_buffer_size() if self._writer else 0

    def write(self, frames: bytes) -> None:
        """Send, where there is a connection."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(frames)

    async def drain(self) -> None:
        """Return when the connection has room, or is over."""
        if self._writer is not None:
            try:
                await self._writer.drain()
            except OSError:
                return  # the reader meets it too

    def ask(self) -> None:
        """Have the server answer when it has all that was written before; one question at a time."""
        if self._asked is None and self._writer is not None:
            self.write(b"PING\r\n")
            self._asked = asyncio.get_running_loop().call_later(ANSWER_S, self._writer.transport.abort)

    @property
    def asking(self) -> bool:
        """Whether an answer is awaited."""
        return self._asked is not None

    async def run(self) -> None:
        """Be connected until that is over; raise ``Away`` or ``Refused``, and never return."""
        self.was_up, self._parser = False, Parser()
        try:
            async with asyncio.timeout(OPEN_S):
                reader = await self._dial()
                await self._enter(reader)
            self._look()
            await self._read(reader)
        except (Broken, EOFError) as error:
            raise Away(f"{self._way.url}: {error}") from error
        except TimeoutError as error:
            raise Away(f"{self._way.url} does not answer") from error
        except (Away, Refused):
            raise
        except OSError as error:
            raise _sorted(self._way.url, error) from error
        except asyncio.CancelledError:
            if self._writer is not None:  # asked to stop: what was written goes out
                self._writer.close()
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(CLOSE_S):
                        await self._writer.wait_closed()
            raise
        finally:
            self._end()

    def _end(self) -> None:
        self.up.clear()
        for timer in (self._asked, self._silence):
            if timer is not None:
                timer.cancel()
        self._asked = self._silence = None
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    async def _dial(self) -> asyncio.StreamReader:
        """A connection to a server that may be told who we are, and told nothing yet."""
        address = urlparse(self._way.url)
        host = address.hostname or ""
        if address.scheme == "unix":
            reader, writer = await asyncio.open_unix_connection(address.path, limit=READ_BYTES)
        else:
            reader, writer = await asyncio.open_connection(host, address.port or 4222, limit=READ_BYTES)
        self._writer = writer
        info = await _greeting(reader)
        self.max_payload = int(info.get("max_payload", 0)) or 1024 * 1024
        if self._way.authority is not None:
            await _secure(writer, info, host, self._way.authority)
        elif address.scheme == "unix" or is_loopback(host):
            uid = peer_uid(writer.get_extra_info("socket"))
            if uid not in self._way.uids:
                raise Refused(f"the server at {self._way.url} is run by uid {uid}: it gets nothing from us")
        else:
            raise Refused(f"{self._way.url} is on another machine: an uplink stands beside the bus that it joins")
        writer.write(_connect(self._way, str(info.get("nonce", "")), unix=address.scheme == "unix"))
        return reader

    async def _enter(self, reader: asyncio.StreamReader) -> None:
        """Return when the server has taken us and our subscriptions."""
        # One after the other: what is written to a server that has refused us would hide what it said.
        for words in ((), (protocol.subscribe(subject, sid) for sid, subject in enumerate(self.subjects))):
            self._entering = True
            self.write(b"".join(words) + b"PING\r\n")
            while self._entering:
                await self._fed(reader)
        self.was_up = True
        self.up.set()
        self.on_up()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            await self._fed(reader)
            if self.pressed is not None:
                await self.pressed()

    async def _fed(self, reader: asyncio.StreamReader) -> None:
        data = await reader.read(READ_BYTES)
        if not data:
            raise EOFError("the server closed the connection")
        self._heard_s = asyncio.get_running_loop().time()
        for one in self._parser.feed(data):
            if isinstance(one, Message):
                self._take(one)
            else:
                self._told(one)

    def _told(self, told: Told) -> None:
        if told.verb == b"PING":
            self.write(b"PONG\r\n")
        elif told.verb == b"PONG" and self._entering:
            self._entering = False
        elif told.verb == b"PONG" and self._asked is not None:
            self._asked.cancel()
            self._asked = None
            self.on_pong()
        elif told.verb == b"-ERR":
            self._error(told.text.decode("utf-8", "replace").strip("' "))

    def _error(self, text: str) -> None:
        if text.lower().startswith("permissions violation"):
            self.on_refused(text)
        elif "leaf node port" in text.lower():
            raise Refused(f"{self._way.url} is for leaf nodes of nats-server: join the hub's other port, 4223 mostly")
        elif "authorization" in text.lower() or "authentication" in text.lower():
            raise Refused(f"{self._way.url} refuses {self._way.identity}: {text}")
        else:
            raise Away(f"{self._way.url}: {text}")

    def _look(self) -> None:
        """Ask a silent server whether it is there."""
        loop = asyncio.get_running_loop()
        left = self._heard_s + SILENCE_S - loop.time()
        if left <= 0:
            self.ask()
        self._silence = loop.call_later(left if left > 0 else SILENCE_S, self._look)


async def _greeting(reader: asyncio.StreamReader) -> Mapping[str, Any]:
    line = await reader.readline()
    if not line:
        raise EOFError("the server closed the connection")
    verb, _, rest = line.partition(b" ")
    try:
        info: Any = json.loads(rest)
    except (RecursionError, ValueError) as error:
        raise Broken("it speaks no NATS") from error
    if verb.upper() != b"INFO" or not isinstance(info, dict):
        raise Broken("it speaks no NATS")
    return info  # pyright: ignore[reportUnknownVariableType]


async def _secure(writer: asyncio.StreamWriter, info: Mapping[str, Any], host: str, authority: str) -> None:
    if not (info.get("tls_required") or info.get("tls_available")):
        raise Refused(f"the hub at {host} offers no TLS")
    await writer.start_tls(tls(authority), server_hostname=host)


def tls(authority: str) -> Any:
    """What believes this certificate alone; raise ``Refused`` where Python has no TLS."""
    try:
        import ssl

        return ssl.create_default_context(cadata=authority)
    except (ImportError, NotImplementedError) as error:
        raise Refused("this Python was built without ssl: a hub is reached by TLS alone") from error
    except (OSError, ValueError) as error:
        raise Refused(f"the credential's certificate is none: {error}") from error


def _connect(way: Way, nonce: str, *, unix: bool) -> bytes:
    about: dict[str, Any] = {
        "verbose": False,
        "pedantic": False,
        "echo": False,
        "headers": True,
        "no_responders": True,
        "protocol": 1,
        "lang": "lunix",
        "version": __version__,
        "name": f"lunix-uplink {way.identity}",
    }
    if way.seed is not None:
        secret = ed25519.decode_seed(way.seed())
        signature = b64encode(ed25519.sign(secret, nonce.encode())).decode()
        about |= {"nkey": ed25519.encode_public(ed25519.public(secret)), "sig": signature}
    elif unix:
        about |= {"user": way.identity, "pass": "-"}
    return b"CONNECT " + json.dumps(about).encode() + b"\r\n"


def _sorted(url: str, error: OSError) -> OSError:
    """Whether somebody has to do something: a certificate that is not believed will not be believed soon."""
    if type(error).__name__ == "SSLCertVerificationError":
        why = getattr(error, "verify_message", "") or str(error)
        return Refused(f"{url} is not the hub of this machine's credential: {why}")
    return Away(f"{url}: {error.strerror or error}")

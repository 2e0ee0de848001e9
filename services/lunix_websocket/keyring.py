"""The tokens as they are on disk; read again when one is shown that is not known: `lunix token` made it then."""

import logging
from pathlib import Path

from lunix_common.access import serverconf, tokens
from lunix_common.access.roles import Client
from lunix_common.access.tokens import Token

log = logging.getLogger("websocket")


class Keyring:
    """Who may come in."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._stamp: tuple[int, int] | None = None
        self._tokens: dict[bytes, Token] = {}

    def find(self, secret: str) -> Token | None:
        """Whose secret this is."""
        digest = tokens.digest(secret)
        if digest not in self._tokens:
            self.read()
        return self._tokens.get(digest)

    def has(self, client: Client) -> bool:
        """Whether the token of this identity is still there."""
        return any(token.client == client for token in self._tokens.values())

    @property
    def names(self) -> list[str]:
        """What the tokens are called."""
        return sorted(token.name for token in self._tokens.values())

    def read(self, *, always: bool = False) -> None:
        """Read them where the file has changed; one that makes no sense changes nothing."""
        try:
            found = (self._state / serverconf.CLIENTS).stat()
            stamp = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            stamp = (0, 0)
        if stamp == self._stamp and not always:
            return
        self._stamp = stamp
        try:
            self._tokens = tokens.load(self._state)
        except (OSError, ValueError) as error:
            log.error("the tokens stay as they were", extra={"error": str(error)})

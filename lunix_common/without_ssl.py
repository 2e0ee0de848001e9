"""What stands in for ``ssl`` where Python was built without it: nats-py names its types while it is imported.

Importing this module makes it so.

A board without OpenSSL speaks to its own server, and needs no TLS for that. Whoever asks for it is told that there is
none; all else that looks for ``ssl`` (asyncio, paho) uses these names in ``except`` and ``isinstance`` alone.
"""

import sys
from types import ModuleType
from typing import NoReturn


class SSLError(OSError):
    """Never raised."""


class SSLContext:
    """Cannot be made."""

    def __init__(self, *_arguments: object, **_more: object) -> None:
        absent()


def absent(*_arguments: object, **_more: object) -> NoReturn:
    """Say so."""
    raise NotImplementedError("there is no TLS here: Python was built without ssl")


module = ModuleType("ssl", __doc__)
for _name in ("SSLError", "SSLWantReadError", "SSLWantWriteError", "SSLSyscallError", "SSLCertVerificationError"):
    setattr(module, _name, SSLError)
for _name in ("SSLContext", "SSLSocket", "SSLObject", "MemoryBIO"):
    setattr(module, _name, SSLContext)
module.create_default_context = absent  # type: ignore[attr-defined]
sys.modules["ssl"] = module

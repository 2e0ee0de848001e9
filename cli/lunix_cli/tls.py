"""Whom to believe that a server reached by TLS is the one that is meant: this machine's authorities, or its own."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lunix_common.errors import UsageError

# OpenSSL reads it as a context with the machine's authorities is made, as nats-py does for each connection.
_OPENSSL = "SSL_CERT_FILE"


def obey(certificate: str | None) -> None:
    """Believe this certificate (PEM) alone, from now on, where one is named; raise ``UsageError`` where there is none.

    It stands in ``NATS_CA``, as for the ``nats`` command: a variable that no other program of the same shell obeys.
    """
    if certificate:
        if not os.access(certificate, os.R_OK):
            raise UsageError(f"NATS_CA: {certificate} cannot be read")
        os.environ[_OPENSSL] = certificate


@contextmanager
def vouched_for_by(certificate: Path) -> Generator[None]:
    """Believe this certificate alone meanwhile."""
    before = os.environ.get(_OPENSSL)
    os.environ[_OPENSSL] = str(certificate)
    try:
        yield
    finally:
        del os.environ[_OPENSSL]
        if before is not None:
            os.environ[_OPENSSL] = before

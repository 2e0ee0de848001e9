"""The hub's certificate, made by openssl(1): it signs itself, and a credential carries it, so nobody else can vouch."""

import shutil
import subprocess
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from lunix_common.errors import UsageError

DAYS = 3650
_HERE = ("localhost", "127.0.0.1", "::1")


def ensure(folder: Path, names: Iterable[str]) -> tuple[Path, Path]:
    """The paths of the certificate and of its key, which are made where they are missing.

    ``names`` are the hosts and addresses by which machines reach the hub. Raises ``UsageError`` without openssl.
    """
    certificate, key = folder / "cert.pem", folder / "key.pem"
    if not (certificate.exists() and key.exists()):
        _make(certificate, key, alternatives((*_HERE, *names)))
    return certificate, key


def alternatives(names: Iterable[str]) -> str:
    """The names as X.509 has them: ``DNS:hub.example,IP:192.0.2.1``; raise ``UsageError`` for what is no name."""
    return ",".join(dict.fromkeys(_alternative(name) for name in names))


def _alternative(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        labels = name.rstrip(".").split(".")
        if all(label.isascii() and label.replace("-", "a").isalnum() for label in labels) and len(name) < 254:
            return f"DNS:{name}"
    raise UsageError(f"{name!r} is no host name and no address")


def _make(certificate: Path, key: Path, names: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise UsageError("openssl makes the certificate, and is not installed: apt install openssl, or give --cert")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(DAYS))
    about = ("-subj", "/CN=lunix-hub", "-addext", f"subjectAltName={names}")
    words = (program, "req", "-x509", *curve, *about, "-keyout", str(key), "-out", str(certificate))
    # It makes the key with the mode 0600 by itself.
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - checked words, no shell
    if done.returncode:
        raise OSError(f"openssl made no certificate: {done.stderr.strip().rpartition(chr(10))[2]}")

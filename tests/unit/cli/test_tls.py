"""Whom a command believes that a server is the one that is meant."""

import os
from pathlib import Path

import pytest

from lunix_cli import tls
from lunix_common.errors import UsageError


def test_a_certificate_that_is_named_counts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    tls.obey(None)
    tls.obey("")
    assert "SSL_CERT_FILE" not in os.environ
    with pytest.raises(UsageError, match="NATS_CA: /no/such cannot be read"):
        tls.obey("/no/such")
    certificate = tmp_path / "ca.pem"
    certificate.touch()
    monkeypatch.setenv("SSL_CERT_FILE", "before")
    tls.obey(str(certificate))
    assert os.environ["SSL_CERT_FILE"] == str(certificate)


@pytest.mark.parametrize("before", [None, "/its/own"])
def test_meanwhile_is_not_for_ever(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if before:
        monkeypatch.setenv("SSL_CERT_FILE", before)
    with tls.vouched_for_by(Path("/hub.pem")):
        assert os.environ["SSL_CERT_FILE"] == "/hub.pem"
    assert os.environ.get("SSL_CERT_FILE") == before

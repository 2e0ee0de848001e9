"""Where it listens, and what of that is refused before anything is opened."""

import resource
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from lunix_websocket import os_limits, os_listen
from lunix_websocket.settings import STANDARD_PORT, Settings


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"address": "box.lan"}, "IPv4 or IPv6"),
        ({"address": "0.0.0.0"}, "needs certificate"),
        ({"origins": ["box.example"]}, "is no origin"),
        ({"origins": ["https://box.example/"]}, "is no origin"),
        ({"publish": {"user": ["a b"]}}, "is no subject"),
        ({"subscribe": {"king": []}}, "observer"),
        ({"port": 65536}, "65535"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, object], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Settings.model_validate(fields)


def test_another_address_goes_with_a_certificate() -> None:
    assert Settings(address="192.0.2.1", certificate=Path("box.pem")).address == "192.0.2.1"


def test_a_named_port_is_taken_or_an_error_and_the_standard_one_gives_way() -> None:
    with os_listen.listen(Settings(port=0)) as first:
        port: int = first.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}"):
            os_listen.listen(Settings(port=port))
    with os_listen.listen(Settings()) as standard, os_listen.listen(Settings()) as other:
        assert other.getsockname()[1] not in (STANDARD_PORT, standard.getsockname()[1])


def test_it_listens_on_ipv6_too() -> None:
    with os_listen.listen(Settings(address="::1", port=0)) as found:
        assert found.family == socket.AF_INET6


def test_a_certificate_that_is_none_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "box.pem"
    with pytest.raises(OSError, match=r"box\.pem"):
        os_listen.certificate(path, None)
    path.write_text("no certificate", encoding="ascii")
    with pytest.raises(OSError, match=r"box\.pem"):
        os_listen.certificate(path, None)
    assert os_listen.certificate(None, None) is None


def test_as_many_files_may_be_open_as_the_hard_limit_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        raised = os_limits.raise_open_files()
        assert raised > 512
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == raised
        assert os_limits.raise_open_files() == raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

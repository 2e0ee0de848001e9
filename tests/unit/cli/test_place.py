"""Where a running lunix keeps its things, and with whose key a command speaks."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lunix_cli import place
from lunix_common.errors import UsageError

Keys = Callable[..., Path]


@contextmanager
def as_nobody() -> Generator[None]:
    """Be an ordinary user for a while."""
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def state(tmp_path: Path) -> Keys:
    """A state directory with keys of these identities."""

    def make(*identities: str) -> Path:
        (tmp_path / "keys").mkdir()
        for identity in identities:
            (tmp_path / "keys" / f"{identity}.nk").write_text("seed")
        return tmp_path

    return make


def test_a_state_directory_holds_the_runtime_directory() -> None:
    assert place.runtime_directory(Path("/s"), {}) == Path("/s/run")
    assert place.runtime_directory(None, {"LUNIX_STATE": "/e"}) == Path("/e/run")


@pytest.mark.root
def test_an_ordinary_user_has_a_runtime_directory_of_the_session() -> None:
    with as_nobody():
        assert place.runtime_directory(None, {"XDG_RUNTIME_DIR": "/run/user/1000"}) == Path("/run/user/1000/lunix")
        assert place.runtime_directory(None, {"XDG_STATE_HOME": "/h"}) == Path("/h/lunix/run")


@pytest.mark.root
def test_root_has_the_one_of_the_machine() -> None:
    assert place.runtime_directory(None, {}) == Path("/run/lunix")


@pytest.mark.parametrize(
    ("own", "machines", "named", "found"),
    [
        (False, False, {}, "own/lunix"),
        (False, True, {}, "machine"),
        (True, True, {}, "own/lunix"),
        (False, True, {"LUNIX_STATE": "/named"}, "/named"),
    ],
)
@pytest.mark.root
def test_who_has_no_bus_of_ones_own_finds_the_machines(
    monkeypatch: pytest.MonkeyPatch, own: bool, machines: bool, named: dict[str, str], found: str
) -> None:
    with TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        monkeypatch.setattr(place, "MACHINE", top / "machine")
        for there, folder in ((own, top / "own" / "lunix"), (machines, top / "machine")):
            folder.mkdir(parents=True)
            if there:
                (folder / "bus.json").write_text('{"url": "nats://127.0.0.1:4222"}')
        environ = {"XDG_STATE_HOME": f"{top}/own", **named}
        with as_nobody():
            assert place.state_of_bus(None, environ) == top / found
            assert place.state_of_bus(Path("/said"), environ) == Path("/said")
            assert place.options(None, None, None, environ)[1].state == top / found


@pytest.mark.parametrize(
    ("there", "role"),
    [(("observer", "user", "admin"), "admin"), (("user", "observer"), "user"), (("observer", "toast"), "observer")],
)
def test_the_highest_role_is_taken(state: Keys, there: tuple[str, ...], role: str) -> None:
    folder = state(*there)
    who, options = place.options(None, None, folder, {})
    assert (who, options.key) == (role, folder / "keys" / f"{role}.nk")


def test_without_a_key_we_are_nobody(state: Keys) -> None:
    who, options = place.options(None, "nats://127.0.0.1:7", state(), {})
    assert (who, options.key, options.url) == ("nobody", None, "nats://127.0.0.1:7")


def test_the_environment_names_a_key_unless_a_role_is_asked_for(state: Keys) -> None:
    folder = state("admin", "user")
    environ = {"LUNIX_STATE": str(folder), "NATS_NKEY": "/elsewhere/script.nk", "NATS_URL": "nats://127.0.0.1:9"}
    who, options = place.options(None, None, None, environ)
    assert (who, options.key, options.url) == ("script", Path("/elsewhere/script.nk"), "nats://127.0.0.1:9")
    who, options = place.options("user", None, None, environ)
    assert (who, options.key) == ("user", folder / "keys" / "user.nk")


def test_a_state_directory_that_is_named_counts_more_than_the_environment(state: Keys) -> None:
    environ = {"NATS_NKEY": "/elsewhere/script.nk", "LUNIX_BUS": "nats://127.0.0.1:9"}
    who, options = place.options(None, None, state("user"), environ)
    assert who == "user"
    assert options.url != "nats://127.0.0.1:9"


def test_a_role_without_a_key_is_told_with_those_there_are(state: Keys) -> None:
    with pytest.raises(UsageError, match=r"there is no key for 'king' in .*: there are admin, user"):
        place.options("king", None, state("admin", "user"), {})


def test_before_the_first_start_no_role_has_a_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`lunix up` makes the keys"):
        place.options("user", None, tmp_path, {})


@pytest.mark.root
@pytest.mark.parametrize("mode", [0o700, 0o711, 0o755], ids=oct)
def test_a_key_that_is_closed_to_us_is_told_as_such(mode: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "keys").mkdir()
        (folder / "keys" / "admin.nk").touch(mode=0o600)
        folder.chmod(0o755)
        (folder / "keys").chmod(mode)
        with as_nobody(), pytest.raises(UsageError, match="the group lunix-admin"):
            place.options("admin", None, folder, {})


def test_an_environment_that_makes_no_sense_is_a_mistake_of_usage(state: Keys) -> None:
    with pytest.raises(UsageError, match="LUNIX_SERVER_UID=root: give the number of a user"):
        place.options(None, None, state(), {"LUNIX_SERVER_UID": "root"})


def test_a_shell_that_names_a_place_which_the_bus_has_left_is_told_its_new_one(tmp_path: Path) -> None:
    (tmp_path / "bus.json").write_text('{"url": "nats://127.0.0.1:40017"}')
    stale = {"LUNIX_STATE": str(tmp_path), "NATS_URL": "nats://127.0.0.1:4222"}
    assert place.moved(None, None, stale | {"LUNIX_BUS": "nats://127.0.0.1:4222"}) == (
        "LUNIX_BUS of this shell names that, and the bus is at nats://127.0.0.1:40017: "
        'eval "$(lunix env)" tells the shell'
    )
    assert place.moved(None, None, stale).startswith("NATS_URL of this shell")
    assert place.moved("nats://127.0.0.1:1", None, stale) == place.moved(None, tmp_path, stale) == ""
    hub = stale | {"LUNIX_BUS": "tls://hub.example:4223"}
    assert place.moved(None, None, hub) == place.moved(None, None, {"LUNIX_STATE": str(tmp_path)}) == ""
    (tmp_path / "bus.json").write_text('{"url": "nats://127.0.0.1:4222"}')
    assert place.moved(None, None, stale) == ""
    (tmp_path / "bus.json").unlink()
    assert place.moved(None, None, stale) == ""

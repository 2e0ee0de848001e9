"""Seed files: made once, whole, never overwritten, and refused when others could use them."""

import grp
import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import nkeys
import pytest

from lunix_common.access import identities


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_each_identity_gets_a_seed_of_its_own_that_only_we_may_read(keys: Path) -> None:
    public = identities.ensure(keys, ["natsdev", "toast", "observer"])
    seeds = {name: identities.path_of(keys, name).read_bytes() for name in public}
    assert set(public) == {"natsdev", "toast", "observer"}
    assert len(set(seeds.values())) == len(set(public.values())) == 3
    assert {mode(identities.path_of(keys, name)) for name in public} == {0o600}
    assert all(seed.startswith(b"SU") and len(seed) == 58 for seed in seeds.values())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_no_umask_opens_or_locks_the_keys(umask: int, keys: Path) -> None:
    before = os.umask(umask)
    try:
        identities.ensure(keys, ["user"])
    finally:
        os.umask(before)
    assert mode(keys) == (0o711 if os.geteuid() == 0 else 0o700)
    assert mode(identities.path_of(keys, "user")) == 0o600
    assert mode(keys / "public.json") == 0o644


def test_the_public_key_is_that_of_the_seed(keys: Path) -> None:
    public = identities.ensure(keys, ["natsdev"])
    pair = nkeys.from_seed(bytearray(identities.read(identities.path_of(keys, "natsdev"))))  # pyright: ignore[reportUnknownMemberType]
    assert bytes(pair.public_key).decode() == public["natsdev"]
    assert public["natsdev"].startswith("U")


def test_public_keys_are_written_for_people_and_programs(keys: Path) -> None:
    public = identities.ensure(keys, ["natsdev", "toast"])
    assert json.loads((keys / "public.json").read_text()) == public
    assert mode(keys / "public.json") == 0o644


def test_a_seed_stays_when_more_are_made(keys: Path) -> None:
    first = identities.ensure(keys, ["natsdev"])
    content = identities.path_of(keys, "natsdev").read_bytes()
    second = identities.ensure(keys, ["natsdev", "toast"])
    assert second["natsdev"] == first["natsdev"]
    assert identities.path_of(keys, "natsdev").read_bytes() == content


def test_two_that_make_the_same_identities_at_once_end_with_the_same(keys: Path) -> None:
    names = [f"daemon{number}" for number in range(8)]
    make = f"identities.ensure(Path({str(keys)!r}), {names!r})"
    script = f"from lunix_common.access import identities; from pathlib import Path; {make}"
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    public = json.loads((keys / "public.json").read_text())
    assert identities.ensure(keys, names) == public
    assert sorted(path.name for path in keys.iterdir()) == sorted(["public.json", *(f"{name}.nk" for name in names)])


@pytest.mark.parametrize("wrong", [0o644, 0o640, 0o604, 0o620, 0o660, 0o601])
def test_a_seed_that_others_may_use_is_refused_with_the_remedy(wrong: int, keys: Path) -> None:
    identities.ensure(keys, ["natsdev"])
    path = identities.path_of(keys, "natsdev")
    path.chmod(wrong)
    with pytest.raises(PermissionError, match=f"has mode {wrong:04o}.*run chmod 600 {path}"):
        identities.ensure(keys, ["natsdev"])
    path.chmod(0o400)
    assert identities.read(path).startswith(b"SU")


@pytest.mark.root
def test_a_seed_of_another_user_is_refused(keys: Path) -> None:
    identities.ensure(keys, ["natsdev"])
    path = identities.path_of(keys, "natsdev")
    os.chown(path, 65534, -1)
    with pytest.raises(PermissionError, match="belongs to uid 65534"):
        identities.read(path)
    with pytest.raises(PermissionError, match="belongs to uid 65534"):
        identities.ensure(keys, ["natsdev"], {"natsdev": 65533})


@pytest.mark.root
def test_a_seed_may_belong_to_the_user_whose_identity_it_is(keys: Path) -> None:
    first = identities.ensure(keys, ["anna"], {"anna": 65534})
    assert identities.path_of(keys, "anna").stat().st_uid == 65534
    assert identities.ensure(keys, ["anna"], {"anna": 65534}) == first


def test_a_link_or_a_pipe_in_the_place_of_a_seed_is_refused(keys: Path, tmp_path: Path) -> None:
    identities.ensure(keys, ["natsdev"])
    (keys / "link.nk").symlink_to(identities.path_of(keys, "natsdev"))
    with pytest.raises(OSError, match="symbolic links"):
        identities.read(keys / "link.nk")
    os.mkfifo(keys / "pipe.nk", 0o600)
    with pytest.raises(PermissionError, match="is no file"):
        identities.read(keys / "pipe.nk")


@pytest.mark.parametrize("content", [b"", b"hello", b"SU" + b"A" * 56, b"\xff" * 58, b"SUA=", "SUÄ".encode()])
def test_a_file_that_holds_no_seed_is_told_as_such(content: bytes, keys: Path) -> None:
    identities.ensure(keys, [])
    path = identities.path_of(keys, "natsdev")
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"natsdev\.nk holds no nkey seed: remove it"):
        identities.ensure(keys, ["natsdev"])


@pytest.mark.root
def test_the_seed_of_a_role_is_for_the_group_of_that_role(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = grp.getgrgid(65534)

    def known(name: str) -> grp.struct_group:
        if name != "lunix-user":
            raise KeyError(name)
        return group

    monkeypatch.setattr(grp, "getgrnam", known)
    identities.ensure(keys, ["user", "admin", "natsdev"])
    found = {name: identities.path_of(keys, name).stat() for name in ("user", "admin", "natsdev")}
    assert {name: stat.S_IMODE(one.st_mode) for name, one in found.items()} == {
        "user": 0o640,
        "admin": 0o600,
        "natsdev": 0o600,
    }
    assert found["user"].st_gid == 65534
    assert identities.read(identities.path_of(keys, "user")).startswith(b"SU")
    assert mode(keys) == 0o711
    os.chown(identities.path_of(keys, "user"), 0, 0)
    with pytest.raises(PermissionError, match="run chmod 600"):
        identities.read(identities.path_of(keys, "user"))


def test_signing_is_not_imported_by_those_who_need_no_key() -> None:
    script = (
        "import sys, lunix_common.access.serverconf, lunix_common.access.roles; "
        "sys.exit(any(name in sys.modules for name in ('nacl', 'nkeys', 'pydantic', 'nats')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_what_systemd_hands_to_a_service_shows_its_access_list_as_a_group_s(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities.ensure(keys, ["ps"])
    path = identities.path_of(keys, "ps")
    path.chmod(0o440)
    with pytest.raises(PermissionError):
        identities.read(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(keys))
    assert identities.read(path).startswith(b"SU")
    path.chmod(0o444)
    with pytest.raises(PermissionError):
        identities.read(path)


def test_a_seed_that_is_kept_nowhere_is_as_good_as_others() -> None:
    seed, public = identities.make()
    assert bytes(nkeys.from_seed(seed.encode()).public_key).decode() == public  # pyright: ignore[reportUnknownMemberType]
    assert identities.make() != (seed, public)


def test_a_disk_without_room_is_told_with_the_path_and_gets_no_fuller(keys: Path) -> None:
    keys.mkdir(parents=True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            identities.replace(keys / "public.json", b"x" * 100, 0o644)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.filename == str(keys / "public.json")
    assert [*keys.iterdir()] == []

"""Identities: one nkey seed a file, made once, never overwritten, refused when others could read it.

Format of a seed: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth.
"""

import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

from lunix_common.os_group import group_of

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def path_of(keys: Path, identity: str) -> Path:
    """The seed file of an identity."""
    return keys / f"{identity}.nk"


def ensure(keys: Path, identities: Iterable[str], owners: Mapping[str, int] | None = None) -> dict[str, str]:
    """Make the seeds that are missing, and return the public key of each identity; ``public.json`` says the same.

    ``owners`` are the users (uid) whose identities are not ours: they read and may replace their own seed.
    Raises ``PermissionError`` for a seed file that others may read and ``ValueError`` for one that holds no seed.
    """
    make_folder(keys)
    public: dict[str, str] = {}
    if find_spec("nacl") is None:  # without it there are no keys: lunix-bus goes by the kernel's word, and by names
        public, identities = {name: name for name in identities}, ()
    for identity in identities:
        path = path_of(keys, identity)
        owner = (owners or {}).get(identity)
        if not path.exists():
            with suppress(FileExistsError):  # another `lunix up` was faster: its seed counts
                _create(path, _new_seed(), owner, group_of(identity) if os.geteuid() == 0 else None)
        public[identity] = _public(path, read(path, owner))
    replace(keys / "public.json", json.dumps(public, indent=1, sort_keys=True).encode() + b"\n", 0o644)
    return public


def make_folder(keys: Path) -> None:
    """Make the folder of seeds, where it is missing: others pass through root's to theirs, and cannot list it."""
    if not keys.exists():
        keys.mkdir(parents=True, exist_ok=True)
        keys.chmod(0o711 if os.geteuid() == 0 else 0o700)  # whatever the umask


def make() -> tuple[str, str]:
    """A new seed that is kept nowhere, and its public key."""
    seed = _new_seed()
    return seed.decode("ascii"), _public(Path("a new seed"), seed)


def read(path: Path, owner: int | None = None) -> bytes:
    """The seed in a file; raise ``PermissionError`` where somebody else than us and ``owner`` may read or change it."""
    # Not blocking: a pipe in its place would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        mode = stat.S_IMODE(found.st_mode)
        group = group_of(path.stem)
        allowed = 0o640 if group is not None and found.st_gid == group else 0o600
        if path.parent == Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere")):
            # systemd's copy for this service alone: its access control list shows as the group's bits.
            allowed = 0o640
        if not stat.S_ISREG(found.st_mode):
            raise PermissionError(f"{path} is no file")
        if mode & ~allowed:
            hint = f"others could use this identity; run chmod {allowed:o} {path}"
            raise PermissionError(f"{path} has mode {mode:04o}: {hint}")
        if found.st_uid not in (0, os.geteuid(), owner):
            raise PermissionError(
                f"{path} belongs to uid {found.st_uid}, who could change it; run chown {os.geteuid()} {path}"
            )
        return file.read(1024).strip()


def _new_seed() -> bytes:
    import nkeys  # brings PyNaCl, 20 ms and 4 MB: only where a key is made or used

    seed: bytes = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)  # pyright: ignore[reportUnknownMemberType]
    return seed


def _public(path: Path, seed: bytes) -> str:
    import nkeys

    try:
        _prefix, raw = nkeys.decode_seed(seed)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        # It looks at neither the kind of the key nor its checksum.
        if nkeys.encode_seed(bytes(raw), nkeys.PREFIX_BYTE_USER) != seed:  # pyright: ignore[reportUnknownMemberType]
            raise ValueError("not a user's seed")
        pair = nkeys.from_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    except (nkeys.NkeysError, ValueError) as error:
        raise ValueError(f"{path} holds no nkey seed: remove it, and a new one is made") from error
    return bytes(pair.public_key).decode()


def _create(path: Path, content: bytes, owner: int | None, group: int | None) -> None:
    """Make a whole file appear at once; raise ``FileExistsError`` rather than overwrite one."""
    draft = _draft(path, content, 0o600 if group is None else 0o640, owner, group)
    try:
        path.hardlink_to(draft)
    finally:
        draft.unlink()


def replace(path: Path, content: bytes, mode: int) -> None:
    """Write a whole file in one step; raise ``OSError`` with its path, and leave nothing behind."""
    _draft(path, content, mode).replace(path)


def _draft(path: Path, content: bytes, mode: int, owner: int | None = None, group: int | None = None) -> Path:
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, _NEW, 0o600), "wb") as file:
            file.write(content)
            if owner is not None or group is not None:
                os.fchown(file.fileno(), -1 if owner is None else owner, -1 if group is None else group)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):  # each try has a name of its own, and would make a full disk fuller
            draft.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error
    return draft

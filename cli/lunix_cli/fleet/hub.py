"""The hub's directory: settings, members, keys and certificate, and the configuration that follows from them."""

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lunix_cli import declared
from lunix_cli.fleet import certificate, control, hubconf, keeper, members
from lunix_cli.fleet.members import Fleet
from lunix_cli.streams import Bounds
from lunix_common.access import identities
from lunix_common.access.history import KEEPER
from lunix_common.bus.options import BusOptions
from lunix_common.errors import UsageError

CONFIGURATION = "server.conf"


@dataclass(frozen=True)
class Settings:
    """What ``lunix fleet hub`` was told; it is kept for the next start."""

    host: str = "0.0.0.0"  # noqa: S104 - machines and operators are elsewhere; TLS and a key are asked of all
    port: int = members.PORT
    leaf_port: int = members.LEAF_PORT
    names: tuple[str, ...] = ()
    """Hosts and addresses by which machines and operators reach it."""
    cert: str | None = None
    key: str | None = None
    """Given ones; else they are made."""
    ping_s: int = 20
    history: str | None = None
    """The folder that the machines' events are kept in, if they are."""
    history_max_bytes: int = Bounds.max_bytes
    history_max_age_s: int = Bounds.max_age_s


@dataclass(frozen=True)
class Hub:
    """A hub's directory."""

    folder: Path
    settings: Settings = field(default_factory=Settings)
    fleet: Fleet = field(default_factory=Fleet)

    @property
    def certificate(self) -> Path:
        """The certificate that its clients are to believe."""
        return Path(self.settings.cert) if self.settings.cert else self.folder / "cert.pem"

    @property
    def leaves(self) -> list[control.Leaf] | None:
        """The machines' connections; ``None`` where it does not run."""
        return control.leaves(self._server, self.certificate)

    @property
    def _server(self) -> BusOptions:
        return control.options(self.folder, self.settings.host, self.settings.port)

    def write(self) -> Path:
        """Make what is missing, keep the members and write the server's configuration; return its path."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pair = self._pair()
        system = identities.ensure(self.folder / "keys", [control.KEY])[control.KEY]
        one = self.settings
        listening = hubconf.Listening(one.host, one.port, one.leaf_port, str(pair[0]), str(pair[1]), one.ping_s)
        configuration = hubconf.configuration(self.fleet, declared.table(), system, listening, self._history())
        kept = {"settings": asdict(self.settings), **self.fleet.to_json()}
        identities.replace(self.folder / "hub.json", json.dumps(kept, indent=1).encode() + b"\n", 0o600)
        path = self.folder / CONFIGURATION
        identities.replace(path, json.dumps(configuration, indent=1).encode() + b"\n", 0o600)
        return path

    def _history(self) -> hubconf.History | None:
        if self.settings.history is None:
            return None
        Path(self.settings.history).mkdir(parents=True, exist_ok=True, mode=0o700)
        key = identities.ensure(self.folder / "keys", [KEEPER])[KEEPER]
        return hubconf.History(self.settings.history, key)

    def settle_history(self) -> None:
        """Have the running server keep what it is to keep, if anything; say on stderr where that fails."""
        one = self.settings
        if one.history is not None:
            where = control.options(self.folder, one.host, one.port, KEEPER)
            bounds = Bounds(one.history_max_bytes, one.history_max_age_s)
            keeper.settle(where, self.certificate, self.fleet, bounds)

    def _pair(self) -> tuple[Path, Path]:
        one = self.settings
        if (one.cert is None) is not (one.key is None):
            raise UsageError("--cert and --key go together: the certificate (PEM) and its private key")
        if one.cert is None or one.key is None:
            wildcards = ("0.0.0.0", "::")  # noqa: S104 - it has no such name
            return certificate.ensure(self.folder, [*one.names, *({one.host} - {*wildcards})])
        for path in (one.cert, one.key):
            Path(path).open("rb").close()
        return Path(one.cert), Path(one.key)

    def change(self, fleet: Fleet) -> "Hub":
        """Have other members, at once where it runs: who was removed, or has a new key, is cut off.

        Raises ``OSError`` where the running server refuses; all is as it was then.
        """
        changed = replace(self, fleet=fleet)
        try:
            changed.write()
            control.renew(self._server, self.certificate, self._gone(fleet))
        except OSError:
            self.write()
            raise
        changed.settle_history()
        return changed

    def _gone(self, fleet: Fleet) -> set[str]:
        """The accounts whose key is no longer what it was."""
        return {
            machine.account(role)
            for machine in self.fleet.machines.values()
            for role, key in machine.keys.items()
            if (now := fleet.machines.get(machine.name)) is None or now.keys.get(role) != key
        }


def load(state: Path) -> Hub:
    """The hub of a state directory; raise ``UsageError`` where there is none or its file makes no sense."""
    folder = state / "hub"
    try:
        text = (folder / "hub.json").read_bytes()
        settings = json.loads(text)["settings"]
        return Hub(folder, Settings(**settings | {"names": tuple(settings["names"])}), members.parse(text))
    except FileNotFoundError:
        raise UsageError(f"there is no hub in {state}: `lunix fleet hub` makes it") from None
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder / 'hub.json'}: {error}") from error


@contextmanager
def held(state: Path) -> Generator[None]:
    """Keep others from changing the hub meanwhile; they wait."""
    (state / "hub").mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(state / "hub" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

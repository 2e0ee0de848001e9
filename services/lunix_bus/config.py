"""The configuration: nats-server's own settings as JSON, as ``lunix_common.access.serverconf`` writes them for both.

https://docs.nats.io/running-a-nats-service/configuration. A setting that is not known here is an error: a server that
silently leaves out a permission would be open.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lunix_bus.access import User, Users, rules
from lunix_bus.accounts import GLOBAL
from lunix_bus.hub import Limits

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LIMITS = {one.name.removesuffix("_s"): one.name for one in fields(Limits) if one.name != "auth_timeout_s"}
"""Settings, and the limits that they are; the time to say who one is stands with the users."""
_OTHERS = {"server_name", "host", "port", "accounts", "authorization", "no_auth_user", "tls"}


@dataclass(frozen=True)
class Names:
    """What stands beside a configuration: the nkey of each identity, and the user (uid) to whom one belongs."""

    keys: Mapping[str, str]
    owners: Mapping[str, int]


@dataclass(frozen=True)
class Tls:
    """Certificates, and whether clients need one or begin with the handshake. The names are those of nats-server."""

    cert_file: str
    key_file: str
    ca_file: str | None = None
    verify: bool = False
    handshake_first: bool = False
    timeout: float = 2.0


@dataclass(frozen=True)
class Settings:
    """What a configuration says."""

    host: str = "127.0.0.1"
    port: int = 4222
    """-1 is any that is free."""
    server_name: str = "lunix"
    accounts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    authorization: Mapping[str, Any] = field(default_factory=dict[str, Any])
    nobody: str = ""
    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None

    def users(self, identities: Mapping[str, str], verify: Callable[[str, str, bytes], bool]) -> Users:
        """Everybody who may connect; raise ``ValueError`` for a user that is none."""
        everybody = [_user(one, GLOBAL) for one in self.authorization.get("users", ())]
        everybody += [_user(one, name) for name, found in self.accounts.items() for one in found.get("users", ())]
        if self.authorization.get("user"):
            everybody.append(_user({key: self.authorization.get(key) for key in ("user", "password", "pass")}, GLOBAL))
        token = str(self.authorization.get("token", ""))
        return Users(everybody, token=token, nobody=self.nobody, identities=identities, verify=verify)


def _user(one: Mapping[str, Any], account: str) -> User:
    unknown = one.keys() - {"user", "username", "password", "pass", "nkey", "permissions"}
    if unknown:
        raise ValueError(f"a user with {', '.join(sorted(unknown))}, which is not known here")
    permissions: Mapping[str, Any] = one.get("permissions") or {}
    if unknown := permissions.keys() - {"publish", "subscribe"}:
        raise ValueError(f"permissions for {', '.join(sorted(unknown))}, which are not known here")
    password = str(one.get("password") or one.get("pass") or "")
    if password.startswith("$2"):
        raise ValueError("a password hashed by bcrypt, which is not known here")
    return User(
        account=account,
        name=str(one.get("user") or one.get("username") or ""),
        password=password,
        nkey=str(one.get("nkey", "")),
        publish=rules(permissions.get("publish")),
        subscribe=rules(permissions.get("subscribe")),
    )


def load(path: Path) -> Settings:
    """Read a configuration; raise ``OSError`` or ``ValueError``."""
    found: Any = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return parse(found)  # pyright: ignore[reportUnknownArgumentType]


def parse(found: Mapping[str, Any]) -> Settings:
    """The settings in a configuration; raise ``ValueError`` for one that is not known or makes no sense."""
    unknown = found.keys() - _OTHERS - _LIMITS.keys()
    if unknown:
        raise ValueError(f"lunix-bus has no setting {', '.join(sorted(unknown))}")
    authorization: Mapping[str, Any] = found.get("authorization", {})
    tls: dict[str, Any] = found.get("tls") or {}
    given = {name: found[key] for key, name in _LIMITS.items() if key in found}
    if "timeout" in authorization:
        given["auth_timeout_s"] = authorization["timeout"]
    limits: dict[str, Any] = {name: seconds(one) if name.endswith("_s") else int(one) for name, one in given.items()}
    return Settings(
        host=found.get("host", Settings.host),
        port=int(found.get("port", Settings.port)),
        server_name=found.get("server_name", Settings.server_name),
        accounts=found.get("accounts", {}),
        authorization=authorization,
        nobody=found.get("no_auth_user", ""),
        limits=Limits(**limits),
        tls=Tls(**dict[str, Any](tls, timeout=seconds(tls.get("timeout", Tls.timeout)))) if tls else None,
    )


def seconds(found: str | float) -> float:
    """A duration: a number of seconds, or ``"2m"``."""
    if not isinstance(found, str):
        return float(found)
    parts = _DURATION.findall(found)
    if not parts or "".join(number + unit for number, unit in parts) != found:
        raise ValueError(f"{found!r} is no duration")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def bounded(limits: Limits, memory: int) -> Limits:
    """The same on a machine with so many bytes of memory: nobody may hold more than a sixteenth of it."""
    return replace(limits, max_pending=max(2 * limits.max_payload, min(limits.max_pending, memory // 16)))

"""Where lunix-websocket is, and with which token one comes in: for `up`, `env`, `status` and `token`."""

from pathlib import Path

from lunix_common.access import tokens
from lunix_common.bus.options import announced
from lunix_common.role import Role


def address(state: Path) -> str | None:
    """The URL of the page of a lunix-websocket that runs on this state directory."""
    return announced(state / "websocket.json")


def names(state: Path) -> list[str]:
    """What the tokens are called, the first one first."""
    found = (client.name.removeprefix(tokens.PREFIX) for client in tokens.clients(state))
    return sorted(found, key=lambda name: (name != tokens.FIRST, name))


def secret(state: Path, role: Role = Role.ADMIN) -> str | None:
    """The secret of the first token that this user may read, and that may no more than a role."""
    try:
        within = {one.name.removeprefix(tokens.PREFIX) for one in tokens.clients(state) if role.includes(one.role)}
        for name in filter(within.__contains__, names(state)):
            return tokens.secret_of(state, name)
    except (OSError, ValueError):
        return None
    return None


def link(state: Path, found: str | None) -> str | None:
    """The page's address with a secret in its fragment, which a browser sends to nobody."""
    url = address(state)
    return f"{url}#token={found}" if url and found else None

"""The groups of a machine whose members may be a role."""

import grp

from lunix_common.role import RANKED


def group_of(identity: str) -> int | None:
    """The number of the group ``lunix-<role>``; ``None`` for other identities, and where there is no such group."""
    if identity not in RANKED:
        return None
    try:
        return grp.getgrnam(f"lunix-{identity}").gr_gid
    except KeyError:
        return None
